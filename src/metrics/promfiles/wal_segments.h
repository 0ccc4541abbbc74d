// The files of Prometheus' write-ahead logs (tsdb/wlog): directories of numbered segments of 32 KiB pages, in
// which records stand in one or more checksummed fragments, plain or compressed with snappy or zstd. WAL,
// checkpoints, WBL and chunk snapshots all use them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/result.h"

namespace sextant::promfiles {

struct WalSegment {
  uint64_t index = 0;
  std::string path;
  uint64_t size_bytes = 0;
};

// The segments of a directory in order, also when some are missing between them. A directory that does not
// exist has none.
core::Result<std::vector<WalSegment>> ListSegments(const core::FileSystem& fs, const std::string& dir);

// The places of segments whose predecessor is not the one before them.
std::vector<size_t> FindGaps(const std::vector<WalSegment>& segments);

// The newest `checkpoint.NNNNNNNN` of a WAL directory, which stands for all segments up to its index.
struct WalCheckpoint {
  uint64_t index = 0;
  std::string path;
};
core::Result<std::optional<WalCheckpoint>> LastCheckpoint(const core::FileSystem& fs,
                                                          const std::string& wal_dir);

// A stretch of a segment that cannot be read.
struct WalDamage {
  uint64_t offset = 0;
  std::string what;
  // No whole record follows: the torn end that a crash leaves in the newest segment.
  bool at_end = true;
};

// Reads the records of one segment. After damage it goes on with the next record that begins at the start of
// a page, so that everything whole is read. Owned by one thread.
class SegmentReader {
 public:
  // `bytes` must outlive this; begins at `offset`.
  explicit SegmentReader(std::string_view bytes, uint64_t offset = 0);

  // Yields the next record, decompressed, valid until the next call. False at the end.
  bool Next(std::string_view& record);
  // Where the record that Next yielded begins.
  uint64_t record_offset() const { return record_offset_; }
  const std::vector<WalDamage>& damages() const { return damages_; }

 private:
  enum class Step { kFragment, kSkip, kEnd };
  struct Fragment {
    uint8_t type = 0;
    uint8_t flags = 0;
    uint64_t offset = 0;
    std::string_view bytes;
  };

  Step ReadFragment(Fragment& fragment);
  bool TakeFragment(const Fragment& fragment);
  bool Decompress(std::string_view& record);
  void Damage(uint64_t offset, std::string what);

  std::string_view bytes_;
  uint64_t at_;
  uint64_t record_offset_ = 0;
  uint8_t flags_ = 0;       // of the record's first fragment
  bool in_record_ = false;  // first and perhaps middle fragments were read
  bool skipping_ = false;   // until a record begins
  // Where a page became empty that had room for more: the log's end, unless more follows.
  std::optional<uint64_t> hole_;
  std::string assembled_;
  std::string_view whole_;  // the compressed record
  std::string decompressed_;
  std::vector<WalDamage> damages_;
};

}  // namespace sextant::promfiles
