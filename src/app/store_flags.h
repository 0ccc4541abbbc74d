// The flags of the metrics store that several programs have, and what is kept when flags and configuration
// file both say something.
#pragma once

#include <string>

#include "app/flags.h"
#include "config/prometheus_config.h"
#include "core/clock.h"
#include "metrics/tsdb/db.h"

namespace sextant::app {

// What is kept; 0: no limit.
struct Retention {
  core::DurationMs time_ms = 0;
  uint64_t size_bytes = 0;
  double percentage = 0;  // of the file system
};

struct StoreOptions {
  Retention retention;
  tsdb::BlockForm block_form = tsdb::BlockForm::kDense;
  core::DurationMs min_block_ms = 2 * 3600 * 1000;
  core::DurationMs max_block_ms = 0;  // 0: a tenth of the retention, at most 31 days
  // What holds when the configuration file says nothing.
  double stale_series_threshold = 0;
  bool adds_zeros_at_start = false;
  tsdb::ChunkEncodings chunk_encodings;
  std::string upload_list_path = {};   // blocks that are not in this file are not merged; empty: all may be
  uint64_t journal_segment_bytes = 0;  // 0: the store's own
};

// The share of stale series from which on `sextant` moves them to blocks, where the file says nothing:
// memory for three in ten series that have ended, and at most one more writing of their samples.
inline constexpr double kStaleSeriesThreshold = 0.3;

// --storage.tsdb.block-format, --storage.tsdb.min-block-duration, --storage.tsdb.max-block-duration, and
// `percentage_flag` for the retention by percentage.
void AddStoreFlags(FlagSet& flags, std::string percentage_flag, StoreOptions& options);

// What the configuration file says, and what the flags say of the rest. Without any limit, 15 days.
Retention EffectiveRetention(const Retention& flags, const config::StorageConfig& file);
// The same for what may change with the file.
double EffectiveStaleThreshold(const StoreOptions& options, const config::StorageConfig& file);
tsdb::ChunkEncodings EffectiveChunkEncodings(const StoreOptions& options, const config::StorageConfig& file);
// "15d", "15d or 1GiB", …: as /api/v1/status/runtimeinfo shows it.
std::string DescribeRetention(const Retention& retention);

}  // namespace sextant::app
