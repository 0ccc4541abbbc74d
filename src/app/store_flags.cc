#include "app/store_flags.h"

#include <cstdlib>

#include "config/text.h"
#include "core/duration.h"

namespace sextant::app {

namespace {

constexpr core::DurationMs kDefaultRetentionMs = 15LL * 24 * 3600 * 1000;

core::Status ParsePercentage(const std::string& text, double& percentage) {
  char* end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= 0 && value <= 100)) {
    return core::Fail(core::Code::kInvalidArgument, "\"{}\" is not a number from 0 to 100", text);
  }
  percentage = value;
  return {};
}

core::Status ParseBlockForm(const std::string& text, tsdb::BlockForm& form) {
  if (text == "sextant") {
    form = tsdb::BlockForm::kDense;
  } else if (text == "prometheus") {
    form = tsdb::BlockForm::kPrometheus;
  } else {
    return core::Fail(core::Code::kInvalidArgument, "\"{}\" is neither sextant nor prometheus", text);
  }
  return {};
}

}  // namespace

void AddStoreFlags(FlagSet& flags, std::string percentage_flag, StoreOptions& options) {
  flags.Add(
      std::move(percentage_flag), "PERCENT",
      "Most percent of the data directory's file system; the oldest blocks go first. 0 is no limit.",
      [&options](const std::string& text) { return ParsePercentage(text, options.retention.percentage); },
      "0");
  flags.Add(
      "storage.tsdb.block-format", "FORMAT",
      "How blocks are written: sextant (small) or prometheus (what Prometheus and Thanos read). Both are "
      "read.",
      [&options](const std::string& text) { return ParseBlockForm(text, options.block_form); },
      options.block_form == tsdb::BlockForm::kDense ? "sextant" : "prometheus");
  flags.AddDuration("storage.tsdb.min-block-duration", "Time that a block covers at first.",
                    &options.min_block_ms);
  flags.AddDuration(
      "storage.tsdb.max-block-duration",
      "Most time that a block covers after merging; 0 is a tenth of the retention, at most 31d.",
      &options.max_block_ms);
}

Retention EffectiveRetention(const Retention& flags, const config::StorageConfig& file) {
  Retention retention = flags;
  if (file.tsdb && file.tsdb->retention) {
    const config::TsdbRetentionConfig& wanted = *file.tsdb->retention;
    if (wanted.time_ms > 0) retention.time_ms = wanted.time_ms;
    if (wanted.size_bytes > 0) retention.size_bytes = static_cast<uint64_t>(wanted.size_bytes);
    if (wanted.percentage > 0) retention.percentage = wanted.percentage;
  }
  if (retention.time_ms == 0 && retention.size_bytes == 0 && retention.percentage == 0)
    retention.time_ms = kDefaultRetentionMs;
  return retention;
}

double EffectiveStaleThreshold(const StoreOptions& options, const config::StorageConfig& file) {
  return file.tsdb ? file.tsdb->stale_series_compaction_threshold.value_or(options.stale_series_threshold)
                   : options.stale_series_threshold;
}

tsdb::ChunkEncodings EffectiveChunkEncodings(const StoreOptions& options, const config::StorageConfig& file) {
  tsdb::ChunkEncodings encodings = options.chunk_encodings;
  if (file.tsdb && file.tsdb->chunk_encoding && !file.tsdb->chunk_encoding->floats.empty()) {
    encodings.xor2_floats = file.tsdb->chunk_encoding->floats == "xor2";
  }
  return encodings;
}

std::string DescribeRetention(const Retention& retention) {
  std::string text;
  auto add = [&](const std::string& limit) {
    text += fmt::format("{}{}", text.empty() ? "" : " or ", limit);
  };
  if (retention.time_ms > 0) add(core::FormatDuration(retention.time_ms));
  if (retention.size_bytes > 0) add(config::FormatByteSize(static_cast<int64_t>(retention.size_bytes)));
  if (retention.percentage > 0) add(fmt::format("{}%", retention.percentage));
  return text;
}

}  // namespace sextant::app
