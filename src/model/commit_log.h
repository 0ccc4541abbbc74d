// The seam between a store and those who pass on everything that it takes, such as remote write: the batches
// that were committed, in order, from a position that survives restarts.
#pragma once

#include <atomic>
#include <compare>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "core/result.h"
#include "model/storage.h"

namespace sextant::model {

// A place in a commit log; positions ascend for as long as the store lives.
struct CommitPosition {
  uint64_t file = 0;
  uint64_t offset = 0;

  friend auto operator<=>(const CommitPosition&, const CommitPosition&) = default;
};

struct CommittedSample {
  SeriesRef ref = 0;
  TimestampMs time_ms = 0;
  double value = 0;
  std::shared_ptr<const FloatHistogram> histogram;  // replaces `value`
  TimestampMs start_ms = 0;                         // 0: not known
};

struct CommittedExemplar {
  SeriesRef ref = 0;
  Exemplar exemplar;
};

// One batch.
struct CommittedBatch {
  CommitPosition begin;
  CommitPosition end;
  std::vector<CommittedSample> samples;
  std::vector<CommittedExemplar> exemplars;
};

// Reads batches one after the other. Used by one thread at a time.
class CommitLogReader {
 public:
  virtual ~CommitLogReader() = default;

  // The next batch; false when there is none yet. Batches that cannot be read any more (damaged, or removed
  // because nobody held them) are skipped and logged. An error is one of the operating system; calling again
  // tries again.
  virtual core::Result<bool> Next(CommittedBatch& out) = 0;

  // The labels of a series that the last batch names; nothing when nobody knows it any more.
  virtual std::optional<Labels> LabelsOf(SeriesRef ref) const = 0;
  // What the store knows of its metric; null: nothing.
  virtual std::shared_ptr<const MetricMetadata> MetadataOf(SeriesRef ref) const = 0;
};

class CommitLog {
 public:
  virtual ~CommitLog() = default;

  // A reader that begins at a position; it must be gone before the log.
  virtual std::unique_ptr<CommitLogReader> NewReader(CommitPosition from) = 0;
  // Where the next batch will stand.
  virtual CommitPosition End() const = 0;
  // The newest time of a sample, and how many samples have come since the start.
  virtual TimestampMs NewestTimeMs() const = 0;
  virtual uint64_t SamplesTaken() const = 0;
};

// Says which part of a commit log is still needed. The store keeps it, within its own bound.
struct CommitLogHold {
  static constexpr uint64_t kNothing = std::numeric_limits<uint64_t>::max();
  std::atomic<uint64_t> first_file = kNothing;
};

}  // namespace sextant::model
