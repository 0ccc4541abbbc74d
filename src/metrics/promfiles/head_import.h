// Reads what a Prometheus data directory holds beside its blocks (head chunk files, WAL with checkpoint, WBL,
// chunk snapshot) and says it series by series: what Prometheus would serve from its head after starting
// there.
//
// Nothing is written. The directory must not be in use. Runs on one thread; memory is a few hundred bytes per
// series, as samples are kept encoded until their series is complete.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "metrics/promfiles/wal_record.h"
#include "model/storage.h"

namespace sextant::promfiles {

// Takes the series, each once and completely before the next, in the order in which they came into being:
// Series, then whatever there is of Metadata, Tombstone, Samples and Exemplar. An error ends the import.
class HeadVisitor {
 public:
  virtual ~HeadVisitor() = default;

  // Begins a series that has samples. `ref` is Prometheus' number for it.
  virtual core::Status Series(WalRef ref, const model::Labels& labels) = 0;
  virtual core::Status Metadata(const model::MetricMetadata& metadata) = 0;
  // A deletion. What it deleted is not among the samples.
  virtual core::Status Tombstone(TimestampMs min_ms, TimestampMs max_ms) = 0;
  // All samples, ascending in time; those that came out of order are in their places.
  virtual core::Status Samples(const model::SampleColumns& samples) = 0;
  virtual core::Status Exemplar(const model::Exemplar& exemplar) = 0;
};

// How far the logs are read.
struct HeadImportProgress {
  uint64_t segments_done = 0;
  uint64_t segments = 0;  // of checkpoint, WAL and WBL
  // Numbers of the WAL's segments, as Prometheus reports them.
  uint64_t first_segment = 0;
  uint64_t last_segment = 0;
  uint64_t current_segment = 0;
};

struct HeadImportOptions {
  // Where the newest block ends: older samples are in blocks. Out-of-order ones are taken all the same.
  TimestampMs min_valid_ms = std::numeric_limits<TimestampMs>::min();
  // Only the newest are kept.
  size_t max_exemplars = 100000;
  // Called after each segment; false ends the import with kCancelled. May be empty.
  std::function<bool(const HeadImportProgress&)> progress = nullptr;
};

struct HeadImportReport {
  // What the visitor was given.
  uint64_t series = 0;
  uint64_t samples = 0;  // with the out-of-order ones
  uint64_t out_of_order_samples = 0;
  uint64_t exemplars = 0;
  uint64_t metadata = 0;
  uint64_t tombstones = 0;
  // What was dropped.
  uint64_t unknown_refs = 0;  // samples, exemplars, ... of series whose record is gone
  uint64_t unreadable_histograms = 0;
  uint64_t damages = 0;  // stretches of files that could not be read
  // One line each, with file and offset; the first hundred.
  std::vector<std::string> warnings;
};

// Whether a directory holds anything that ImportHead would read.
bool HasHead(const core::FileSystem& fs, const std::string& data_dir);

// Fails when a file cannot be opened, when the visitor fails or the progress callback cancels. Damaged files
// do not make it fail: what can be read is, and the report says what could not.
core::Result<HeadImportReport> ImportHead(core::FileSystem& fs, const std::string& data_dir,
                                          const HeadImportOptions& options, HeadVisitor& visitor);

}  // namespace sextant::promfiles
