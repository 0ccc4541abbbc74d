#include "pipeline/delivery/delivery_config.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "pipeline/fields.h"

namespace sextant::pipeline {

namespace {

using config::Node;
using core::Status;

config::CodecFor<Sizer> SizerWords() {
  return config::Enum<Sizer>(
      {{"requests", Sizer::kRequests}, {"items", Sizer::kItems}, {"bytes", Sizer::kBytes}},
      "invalid sizer: {}");
}

Status FinishRetry(RetryConfig& retry, Node node) {
  if (!retry.enabled) return {};
  if (retry.initial_interval_ms < 0) return node.Fail("'initial_interval' must be non-negative");
  if (retry.randomization_factor < 0 || retry.randomization_factor > 1) {
    return node.Fail("'randomization_factor' must be within [0, 1]");
  }
  if (retry.multiplier < 0) return node.Fail("'multiplier' must be non-negative");
  if (retry.max_interval_ms < 0) return node.Fail("'max_interval' must be non-negative");
  if (retry.max_elapsed_time_ms < 0) return node.Fail("'max_elapsed_time' must be non-negative");
  if (retry.max_elapsed_time_ms > 0) {
    if (retry.max_elapsed_time_ms < retry.initial_interval_ms) {
      return node.Fail("'max_elapsed_time' must not be less than 'initial_interval'");
    }
    if (retry.max_elapsed_time_ms < retry.max_interval_ms) {
      return node.Fail("'max_elapsed_time' must not be less than 'max_interval'");
    }
  }
  return {};
}

Status FinishBatch(QueueBatchConfig& batch, Node node) {
  if (batch.flush_timeout_ms <= 0) return node.Fail("`flush_timeout` must be positive");
  if (batch.min_size < 0) return node.Fail("`min_size` must be non-negative");
  if (batch.max_size < 0) return node.Fail("`max_size` must be non-negative");
  if (batch.max_size > 0 && batch.max_size < batch.min_size) {
    return node.Fail("`max_size` must be greater or equal to `min_size`");
  }
  if (batch.sizer == Sizer::kRequests) return node.Fail("`batch` supports only `items` or `bytes` sizer");
  return {};
}

Status FinishPartition(QueuePartitionConfig& partition, Node node) {
  std::set<std::string> seen;
  for (std::string& key : partition.metadata_keys) {
    std::ranges::transform(key, key.begin(), [](unsigned char c) { return std::tolower(c); });
    if (!seen.insert(key).second) {
      return node.Fail("duplicate entry in metadata_keys: \"{}\" (case-insensitive)", key);
    }
  }
  return {};
}

Status FinishQueue(QueueConfig& queue, Node node) {
  if (!queue.enabled) return {};
  if (queue.num_consumers <= 0) return node.Fail("`num_consumers` must be positive");
  if (queue.queue_size <= 0) return node.Fail("`queue_size` must be positive");
  if (!queue.storage.empty() && queue.wait_for_result) {
    return node.Fail("`wait_for_result` is not supported with a persistent queue configured with `storage`");
  }
  if (!queue.batch) return {};
  if (!queue.batch->sizer) {
    queue.batch->sizer = queue.sizer == Sizer::kRequests ? Sizer::kItems : queue.sizer;
  }
  if (*queue.batch->sizer == Sizer::kBytes && queue.batch->max_size > 0) {
    return node.FailAt(node.position(), core::Code::kUnimplemented,
                       "`max_size` in bytes is not supported yet; use items");
  }
  if (*queue.batch->sizer == queue.sizer && queue.batch->min_size > queue.queue_size) {
    return node.Fail("`min_size` must be less than or equal to `queue_size`");
  }
  return {};
}

}  // namespace

const config::Struct& FieldsOf(const RetryConfig*) {
  using namespace config;
  using C = RetryConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::enabled>("enabled"),
          Member<&C::initial_interval_ms>("initial_interval", GoDuration()),
          Member<&C::randomization_factor>("randomization_factor"),
          Member<&C::multiplier>("multiplier"),
          Member<&C::max_interval_ms>("max_interval", GoDuration()),
          Member<&C::max_elapsed_time_ms>("max_elapsed_time", GoDuration()),
      },
      &FinishRetry);
  return kFields;
}

const config::Struct& FieldsOf(const QueuePartitionConfig*) {
  using namespace config;
  using C = QueuePartitionConfig;
  static const Struct kFields = Struct::Of<C>({Member<&C::metadata_keys>("metadata_keys")}, &FinishPartition);
  return kFields;
}

const config::Struct& FieldsOf(const QueueBatchConfig*) {
  using namespace config;
  using C = QueueBatchConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::flush_timeout_ms>("flush_timeout", GoDuration()),
          Member<&C::min_size>("min_size"),
          Member<&C::max_size>("max_size"),
          Member<&C::sizer>("sizer", SizerWords()),
          Member<&C::partition>("partition"),
      },
      &FinishBatch);
  return kFields;
}

const config::Struct& FieldsOf(const QueueConfig*) {
  using namespace config;
  using C = QueueConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::enabled>("enabled"),
          Member<&C::num_consumers>("num_consumers"),
          Member<&C::queue_size>("queue_size"),
          Member<&C::sizer>("sizer", SizerWords()),
          Member<&C::block_on_overflow>("block_on_overflow"),
          Member<&C::wait_for_result>("wait_for_result"),
          Member<&C::storage>("storage"),
          Member<&C::batch>("batch", Section<QueueBatchConfig>()),
      },
      &FinishQueue);
  return kFields;
}

}  // namespace sextant::pipeline
