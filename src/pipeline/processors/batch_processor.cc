#include "pipeline/processors/batch_processor.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>

#include "pipeline/fields.h"
#include "pipeline/item_account.h"

namespace sextant::pipeline {

namespace {

using config::Node;
using core::Status;

constexpr core::DurationMs kFirstRetryMs = 100;
constexpr core::DurationMs kLongestRetryMs = 5'000;
constexpr core::DurationMs kDrainMs = 10'000;
constexpr size_t kSmallestKept = 1'000;

// What all shards count.
struct BatchMetrics {
  BatchMetrics(core::Registry& registry, const ComponentId& id)
      : size_triggers(registry.AddCounter("otelcol_processor_batch_batch_size_trigger_send",
                                          "Batches that were sent because they were full.", Labels(id))),
        timeout_triggers(registry.AddCounter("otelcol_processor_batch_timeout_trigger_send",
                                             "Batches that were sent because their time had come.",
                                             Labels(id))),
        sizes(registry.AddHistogram("otelcol_processor_batch_batch_send_size", "Items of the batches sent.",
                                    {10,   25,   50,   75,   100,  250,  500,   750,   1000,  2000,  3000,
                                     4000, 5000, 6000, 7000, 8000, 9000, 10000, 20000, 30000, 50000, 100000},
                                    Labels(id))),
        cardinality(registry.AddGauge("otelcol_processor_batch_metadata_cardinality",
                                      "Combinations of metadata that are batched apart.", Labels(id))),
        dropped(registry.AddCounter("sextant_pipeline_dropped_items_total",
                                    "Items that were taken and had to be dropped.",
                                    {{"component", "processor " + id.Text()}, {"reason", "not taken"}})) {}

  static core::MetricLabels Labels(const ComponentId& id) { return {{"processor", id.Text()}}; }

  core::Counter& size_triggers;
  core::Counter& timeout_triggers;
  core::Histogram& sizes;
  core::Gauge& cardinality;
  core::Counter& dropped;
  DropCount refused{"refused for good"};                     // by this instance
  DropCount shut_down{"not handed on before the shutdown"};  // by this instance
};

// The batches of one combination of metadata.
class Shard {
 public:
  Shard(const ComponentSettings& settings, const BatchConfig& config, Consumer& next, BatchMetrics& metrics)
      : environment_(settings.environment),
        logger_(settings.logger),
        config_(config),
        next_(next),
        metrics_(metrics),
        kept_limit_(std::max<size_t>(kSmallestKept, static_cast<size_t>(config.send_batch_size))),
        timer_(environment_.io, environment_.executor, core::Priority::kIngest),
        retry_timer_(environment_.io, environment_.executor, core::Priority::kIngest) {}

  void Consume(Telemetry batch, Done done) {
    std::vector<Telemetry> full;
    {
      std::unique_lock lock(mutex_);
      if (kept_items_ > kept_limit_ || is_stopping_) {
        std::string why =
            is_stopping_ ? "the pipeline is shutting down" : "what is behind refuses: " + last_refusal_;
        lock.unlock();
        return done(Refuse(std::move(why)));
      }
      Add(std::move(batch), full);
    }
    done({});
    for (Telemetry& one : full) Send(std::move(one), metrics_.size_triggers);
  }

  // Hands on all it has, in bounded time.
  void Shutdown() {
    {
      std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    timer_.Cancel();
    Flush();
    retry_timer_.StartAfter(0, [this] { Retry(); });
    std::unique_lock lock(mutex_);
    auto is_idle = [&] { return kept_.empty() && under_way_ == 0; };
    idle_.wait_for(lock, std::chrono::milliseconds(kDrainMs), is_idle);
    // What is still under way tells when its consumer ends.
    gives_up_ = true;
    size_t items = kept_items_;
    std::string why = last_refusal_;
    kept_.clear();
    kept_items_ = 0;
    lock.unlock();
    retry_timer_.Cancel();
    if (items == 0) return;
    metrics_.dropped.Increment(static_cast<double>(items));
    metrics_.shut_down.Add(items);
    logger_.Error("the last batches could not be handed on before the shutdown, they are dropped",
                  {{"dropped_items", items}, {"error", why}});
  }

 private:
  // With mutex_ held. Batches that are full go to `full`.
  void Add(Telemetry batch, std::vector<Telemetry>& full) {
    items_ += batch.CountItems();
    if (!pending_) {
      pending_ = std::move(batch);
    } else {
      pending_->Append(std::move(batch));
    }
    auto size = static_cast<size_t>(config_.send_batch_size);
    auto max_size = static_cast<size_t>(config_.send_batch_max_size);
    while (pending_ && items_ > 0 && items_ >= size) {
      if (max_size > 0 && items_ > max_size) {
        full.push_back(pending_->TakeFirst(max_size));
        items_ -= max_size;
      } else {
        full.push_back(std::move(*pending_));
        pending_.reset();
        items_ = 0;
      }
    }
    if (pending_ && items_ == 0) pending_.reset();
    if (!pending_) {
      is_timing_ = false;
    } else if (!is_timing_ && config_.timeout_ms > 0) {
      is_timing_ = true;
      timer_.StartAfter(config_.timeout_ms, [this] { Flush(); });
    } else if (config_.timeout_ms == 0) {
      full.push_back(std::move(*pending_));
      pending_.reset();
      items_ = 0;
    }
  }

  void Flush() {
    std::optional<Telemetry> batch;
    {
      std::lock_guard lock(mutex_);
      is_timing_ = false;
      batch = std::exchange(pending_, std::nullopt);
      items_ = 0;
    }
    auto max_size = static_cast<size_t>(config_.send_batch_max_size);
    if (!batch) return;
    for (size_t items = batch->CountItems(); max_size > 0 && items > max_size; items -= max_size) {
      Send(batch->TakeFirst(max_size), metrics_.timeout_triggers);
    }
    Send(std::move(*batch), metrics_.timeout_triggers);
  }

  void Send(Telemetry batch, core::Counter& trigger) {
    trigger.Increment();
    metrics_.sizes.Observe(static_cast<double>(batch.CountItems()));
    {
      std::lock_guard lock(mutex_);
      // Behind what is kept, so that time goes forward.
      if (!kept_.empty() && !gives_up_) return Keep(std::move(batch));
      ++under_way_;
    }
    Offer(std::move(batch));
  }

  void Offer(Telemetry batch) {
    Telemetry copy = batch;
    next_.Consume(std::move(batch), [this, kept = std::move(copy)](Outcome outcome) mutable {
      Take(std::move(kept), outcome);
    });
  }

  // What became of a batch that was offered.
  void Take(Telemetry batch, const Outcome& outcome) {
    size_t items = batch.CountItems();
    bool drops = false;
    bool warns = false;
    {
      std::lock_guard lock(mutex_);
      --under_way_;
      drops = !outcome && (outcome.error().is_permanent || gives_up_);
      if (outcome) {
        retry_ms_ = kFirstRetryMs;
        if (!kept_.empty() && !gives_up_) retry_timer_.StartAfter(0, [this] { Retry(); });
      } else if (!drops) {
        warns = kept_.empty() && last_refusal_ != outcome.error().message;
        last_refusal_ = outcome.error().message;
        retry_ms_ = std::max(retry_ms_, outcome.error().retry_after_ms);
        Keep(std::move(batch));
        StartRetry();
      }
      idle_.notify_all();
    }
    if (drops) {
      metrics_.dropped.Increment(static_cast<double>(items));
      (outcome.error().is_permanent ? metrics_.refused : metrics_.shut_down).Add(items);
      logger_.Error("a batch was not taken, it is dropped",
                    {{"dropped_items", items}, {"error", outcome.error().message}});
    }
    if (warns) {
      logger_.Warn("what is behind refuses a batch, it is offered again",
                   {{"items", items}, {"error", outcome.error().message}});
    }
  }

  // With mutex_ held.
  void Keep(Telemetry batch) {
    kept_items_ += batch.CountItems();
    kept_.push_back(std::move(batch));
  }

  // With mutex_ held.
  void StartRetry() {
    core::DurationMs wait_ms = is_stopping_ ? kFirstRetryMs : retry_ms_;
    retry_timer_.StartAfter(wait_ms, [this] { Retry(); });
    retry_ms_ = std::min(retry_ms_ * 2, kLongestRetryMs);
  }

  void Retry() {
    std::optional<Telemetry> batch;
    {
      std::lock_guard lock(mutex_);
      if (kept_.empty() || gives_up_) return;
      batch = std::move(kept_.front());
      kept_.pop_front();
      kept_items_ -= batch->CountItems();
      ++under_way_;
    }
    Offer(std::move(*batch));
  }

  Environment& environment_;
  const core::Logger logger_;
  const BatchConfig& config_;
  Consumer& next_;
  BatchMetrics& metrics_;
  const size_t kept_limit_;  // items

  std::mutex mutex_;  // guards what follows
  std::condition_variable idle_;
  std::optional<Telemetry> pending_;
  size_t items_ = 0;  // of pending_
  bool is_timing_ = false;
  std::deque<Telemetry> kept_;  // refused for now
  size_t kept_items_ = 0;
  std::string last_refusal_;
  core::DurationMs retry_ms_ = kFirstRetryMs;
  size_t under_way_ = 0;
  bool is_stopping_ = false;
  bool gives_up_ = false;

  net::Timer timer_;
  net::Timer retry_timer_;
};

class BatchProcessor final : public Processor, public KeepsAccount {
 public:
  BatchProcessor(const ComponentSettings& settings, const BatchConfig& config, Consumer& next)
      : settings_(settings),
        config_(config),
        next_(next),
        metrics_(settings.environment.telemetry, settings.id),
        single_(config.metadata_keys.empty() ? NewShard() : nullptr) {}

  void Consume(Telemetry batch, Done done) override {
    if (single_ != nullptr) return single_->Consume(std::move(batch), std::move(done));
    Shard* shard = ShardOf(batch);
    if (shard == nullptr) return done(Refuse("too many batcher metadata-value combinations", true));
    shard->Consume(std::move(batch), std::move(done));
  }

  ItemAccount Account() const override {
    ItemAccount account;
    metrics_.refused.AppendTo(account.dropped);
    metrics_.shut_down.AppendTo(account.dropped);
    return account;
  }

  void Shutdown() override {
    if (single_ != nullptr) return single_->Shutdown();
    for (auto& [values, shard] : shards_) shard->Shutdown();
  }

 private:
  std::unique_ptr<Shard> NewShard() { return std::make_unique<Shard>(settings_, config_, next_, metrics_); }

  // Null when there are too many.
  Shard* ShardOf(const Telemetry& batch) {
    std::string values;
    for (const std::string& key : config_.metadata_keys) {
      values += '\x1e';
      if (batch.client == nullptr) continue;
      for (std::string_view value : batch.client->Values(key)) {
        values += value;
        values += '\x1f';
      }
    }
    std::lock_guard lock(mutex_);
    auto found = shards_.find(values);
    if (found != shards_.end()) return found->second.get();
    auto limit = static_cast<size_t>(config_.metadata_cardinality_limit);
    if (limit > 0 && shards_.size() >= limit) return nullptr;
    Shard* shard = shards_.emplace(values, NewShard()).first->second.get();
    metrics_.cardinality.Set(static_cast<double>(shards_.size()));
    return shard;
  }

  const ComponentSettings settings_;
  const BatchConfig config_;
  Consumer& next_;
  BatchMetrics metrics_;
  const std::unique_ptr<Shard> single_;  // without metadata keys
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Shard>> shards_;  // guarded by mutex_; shards are never taken away
};

Status FinishBatch(BatchConfig& batch, Node node) {
  if (batch.timeout_ms < 0) return node.Fail("timeout must be greater or equal to 0");
  for (int64_t size : {batch.send_batch_size, batch.send_batch_max_size, batch.metadata_cardinality_limit}) {
    if (size < 0 || size > UINT32_MAX) return node.Fail("sizes must be between 0 and {}", UINT32_MAX);
  }
  if (batch.send_batch_max_size > 0 && batch.send_batch_max_size < batch.send_batch_size) {
    return node.Fail("send_batch_max_size must be greater or equal to send_batch_size");
  }
  std::vector<std::string> keys;
  for (std::string& key : batch.metadata_keys) {
    std::ranges::transform(key, key.begin(), [](unsigned char c) { return std::tolower(c); });
    if (std::ranges::find(keys, key) != keys.end()) {
      return node.Fail("duplicate entry in metadata_keys: \"{}\" (case-insensitive)", key);
    }
    keys.push_back(key);
  }
  return {};
}

Made<Processor> Make(const ComponentSettings& settings, const BatchConfig& config, Signal signal,
                     Consumer& next) {
  return MakeBatchProcessor(settings, config, signal, next);
}

}  // namespace

const config::Struct& FieldsOf(const BatchConfig*) {
  using namespace config;
  using C = BatchConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::timeout_ms>("timeout", GoDuration()),
          Member<&C::send_batch_size>("send_batch_size"),
          Member<&C::send_batch_max_size>("send_batch_max_size"),
          Member<&C::metadata_keys>("metadata_keys"),
          Member<&C::metadata_cardinality_limit>("metadata_cardinality_limit"),
      },
      &FinishBatch);
  return kFields;
}

std::unique_ptr<Processor> MakeBatchProcessor(const ComponentSettings& settings, const BatchConfig& config,
                                              Signal, Consumer& next) {
  return std::make_unique<BatchProcessor>(settings, config, next);
}

ComponentType BatchProcessorType() {
  return ProcessorType<BatchConfig>("batch", {}, {Signal::kTraces, Signal::kMetrics, Signal::kLogs}, &Make);
}

}  // namespace sextant::pipeline
