// The file `columns` of a dense block: rows of samples in groups of neighbours, and the columns of times that
// they share, in groups of their own. A group is what is read and checked at once; where each one lies stands
// in the index. docs/formats/block.md describes the bytes.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/file.h"
#include "core/result.h"
#include "metrics/tsdb/dense_rows.h"

namespace sextant::tsdb {

inline constexpr std::string_view kColumnsMagic = "SXTCOL3\n";
// Version 2 has neither rows that refer to others nor columns of integers that repeat.
inline constexpr std::string_view kColumnsMagic2 = "SXTCOL2\n";

// A group in the file, as the index says.
struct GroupPlace {
  uint64_t offset = 0;
  uint32_t size_bytes = 0;
  uint32_t first_row = 0;  // the number of its first row or time column
};
static_assert(sizeof(GroupPlace) == 16);

// Writes the file. Owned by one thread.
class ColumnsWriter {
 public:
  static core::Result<ColumnsWriter> Create(core::FileSystem& fs, const std::string& path);

  // The number of the column with these times; a former one when it is known.
  core::Result<uint32_t> AddTimes(std::span<const core::TimestampMs> times_ms);
  // Adds the next row, as a reference where a former one with the same times is the same. Returns the number
  // of the one that holds the bytes.
  core::Result<uint64_t> AddRow(uint32_t times, std::string_view row);
  // Adds it as differences to a row whose number AddRow returned.
  core::Status AddDifferences(uint32_t times, uint64_t base, std::string_view differences);
  // Writes what is left and waits until it is on the device.
  core::Status Finish();

  uint64_t rows() const { return rows_.added; }
  uint64_t size_bytes() const { return offset_ + buffer_.size(); }
  const std::vector<GroupPlace>& row_groups() const { return rows_.places; }
  const std::vector<GroupPlace>& time_groups() const { return times_.places; }

 private:
  // A group that is being filled.
  struct Group {
    std::vector<int64_t> times;  // per row its column of times; none in groups of these
    std::vector<int64_t> sizes;
    std::string bytes;
    uint64_t added = 0;  // over all groups
    std::vector<GroupPlace> places;
  };

  explicit ColumnsWriter(std::unique_ptr<core::File> file) : file_(std::move(file)) {}
  core::Status PutRow(uint32_t times, std::string_view row);
  std::string Reference(uint64_t row) const;
  core::Status Put(Group& group, std::string_view bytes);
  core::Status Close(Group& group);
  core::Status Flush();

  std::unique_ptr<core::File> file_;
  uint64_t offset_ = 0;  // of the buffer
  std::string buffer_;
  Group rows_;
  Group times_;
  // By hash; forgotten when they become too many.
  using Known = absl::flat_hash_map<std::pair<uint64_t, uint64_t>, uint32_t>;
  Known known_times_;
  Known known_rows_;
};

// Reads the file. Const methods may be called from any thread; a few groups are kept for the next reader.
class ColumnsReader {
 public:
  // `row_groups` and `time_groups` are arrays of GroupPlace in the index's bytes, which outlive the reader.
  ColumnsReader(std::unique_ptr<core::File> file, uint64_t size_bytes, std::string_view row_groups,
                std::string_view time_groups)
      : file_(std::move(file)), size_bytes_(size_bytes), row_groups_(row_groups), time_groups_(time_groups) {}

  // A group of the file, taken apart.
  struct Group {
    uint32_t first_row = 0;
    std::string bytes;
    std::vector<uint32_t> times;
    std::vector<uint32_t> ends;  // of each row in `bytes`
    uint32_t begin = 0;          // of the first one

    size_t size() const { return ends.size(); }
    std::string_view Row(size_t place) const {
      uint32_t from = place == 0 ? begin : ends[place - 1];
      return std::string_view(bytes).substr(from, ends[place] - from);
    }
  };

  // A row with the number of its column of times, and what keeps its bytes.
  struct Row {
    StoredRow stored;
    uint32_t times = 0;
    std::shared_ptr<const Group> group;
    std::shared_ptr<const Group> base_group;
  };

  // A row that is as another comes with the bytes of that one. kCorruption with the place in the file.
  core::Result<Row> ReadRow(uint64_t row) const;
  core::Status ReadTimes(uint32_t times, std::vector<core::TimestampMs>& times_ms) const;

 private:
  static constexpr size_t kKeptGroups = 4;  // of each kind
  struct Kept {
    std::array<std::shared_ptr<const Group>, kKeptGroups> groups;
    size_t next = 0;
  };

  core::Result<Row> FindRow(uint64_t row) const;
  core::Result<std::shared_ptr<const Group>> FindGroup(std::string_view places, uint64_t row, bool has_times,
                                                       Kept& kept) const;
  core::Result<std::shared_ptr<const Group>> LoadGroup(const GroupPlace& place, bool has_times) const;

  const std::unique_ptr<core::File> file_;
  const uint64_t size_bytes_;
  const std::string_view row_groups_;
  const std::string_view time_groups_;
  mutable std::mutex mutex_;  // of what follows
  mutable Kept kept_rows_;
  mutable Kept kept_times_;
};

// A row's reference to another one.
struct RowReference {
  uint64_t distance = 0;         // how many rows before this one it stands; 0: there is no reference
  std::string_view differences;  // to that row; empty: it is the same
};

// False when it is malformed.
bool ParseReference(std::string_view row, RowReference& reference);

// Takes a group apart; false when the bytes are none. For ColumnsReader and the fuzzer.
bool ParseGroup(std::string bytes, bool has_times, ColumnsReader::Group& group);

}  // namespace sextant::tsdb
