// A block: the samples of a range of time, in a directory whose files never change (deletions apart). Two
// forms exist: Sextant's own (dense_block.h) and Prometheus' (prometheus_block.h); what queries, compacts and
// exports blocks knows only this interface.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/storage.h"

namespace sextant::tsdb {

using core::TimestampMs;

// What a block says of itself.
struct BlockFacts {
  TimestampMs start_ms = 0;  // the range it covers: start <= time < end
  TimestampMs end_ms = 0;
  uint64_t series = 0;
  uint64_t samples = 0;
  uint64_t chunks = 0;
  uint64_t size_bytes = 0;  // of all its files
};

// A series found in a block.
struct FoundInBlock {
  model::Labels labels;
  uint32_t series = 0;  // its number there
};

// Opened by the functions of each form; shared by queries, so that one that is deleted meanwhile is still
// read. Const methods may be called from any thread.
// How many series are looked at before hints are asked whether to go on.
inline constexpr size_t kSeriesBetweenChecks = 4096;

class Block {
 public:
  virtual ~Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  const std::string& dir() const { return dir_; }
  const BlockFacts& facts() const { return facts_; }
  TimestampMs start_ms() const { return facts_.start_ms; }
  TimestampMs end_ms() const { return facts_.end_ms; }
  uint64_t size_bytes() const { return facts_.size_bytes; }

  // Adds what matches to `out`, in the order of labels. kCorruption when the index is not what was written.
  // Of the hints only `check` is asked.
  virtual core::Status Select(const std::vector<model::Matcher>& matchers, std::vector<FoundInBlock>& out,
                              const model::SelectHints& hints = {}) const = 0;
  // Adds values or names (each at least once, in any order) to `out`.
  virtual core::Status LabelValues(std::string_view name, const std::vector<model::Matcher>& matchers,
                                   std::vector<std::string>& out,
                                   const model::StopCheck* check = nullptr) const = 0;
  virtual core::Status LabelNames(const std::vector<model::Matcher>& matchers, std::vector<std::string>& out,
                                  const model::StopCheck* check = nullptr) const = 0;
  // The numbers of all series, in the order of their labels, and the labels of one.
  virtual core::Result<std::vector<uint32_t>> AllSeries() const = 0;
  virtual core::Result<model::Labels> LabelsOf(uint32_t series) const = 0;
  // Appends the samples of a series with start_ms <= time <= end_ms to `out`, less what was deleted. After
  // kCorruption, `out` has those of the chunks that could be read.
  virtual core::Status Read(uint32_t series, TimestampMs start_ms, TimestampMs end_ms,
                            model::SampleColumns& out) const = 0;

  // Deletes the samples with start_ms <= time <= end_ms of the series that match: durably, in a small file
  // beside the others, so that whoever reads from here on does not see them. Calls wait for each other, not
  // for readers.
  virtual core::Status Delete(core::FileSystem& fs, const std::vector<model::Matcher>& matchers,
                              TimestampMs start_ms, TimestampMs end_ms) const = 0;
  // How many ranges of time are deleted, counted per series; 0 means that a rewrite would save nothing.
  virtual uint64_t deletions() const = 0;

 protected:
  Block(std::string dir, const BlockFacts& facts) : dir_(std::move(dir)), facts_(facts) {}

 private:
  const std::string dir_;
  const BlockFacts facts_;
};

// Makes a block in a temporary directory and gives it its name when everything is on the device. Owned by one
// thread. Destroyed before Finish, it leaves its temporary directory behind, to be removed by whoever comes
// next (BlockSet does).
class BlockWriter {
 public:
  virtual ~BlockWriter() = default;

  // Adds a series that is after the former ones in the order of labels, with its samples (at least one, in
  // the range).
  virtual core::Status Add(const model::Labels& labels, const model::SampleColumns& samples) = 0;

  // Writes the index, makes everything durable and names the directory. With no series added, nothing is
  // left, and the result is false.
  virtual core::Result<bool> Finish() = 0;
};

}  // namespace sextant::tsdb
