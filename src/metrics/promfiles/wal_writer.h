// Writes a log as Prometheus does: records into segments, whole in one segment each. Owned by one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/file.h"
#include "core/result.h"

namespace sextant::promfiles {

class WalWriter {
 public:
  enum class Compression { kNone, kSnappy };
  struct Options {
    Compression compression = Compression::kSnappy;
    uint64_t segment_bytes = 128 << 20;  // a multiple of 32 KiB
  };

  // Writes into `dir`, made when absent; the first segment, `first_index`, must not exist.
  static core::Result<std::unique_ptr<WalWriter>> Create(core::FileSystem& fs, std::string dir,
                                                         uint64_t first_index, const Options& options);

  // After a failure the writer is of no more use.
  core::Status Append(std::string_view record);
  // Writes and syncs what is left. Nothing was durable before.
  core::Status Finish();

 private:
  WalWriter(core::FileSystem& fs, std::string dir, uint64_t first_index, const Options& options);

  core::Status OpenSegment();
  core::Status CloseSegment();
  core::Status Flush();
  void FillPage();
  size_t PageRoom() const;

  core::FileSystem& fs_;
  std::string dir_;
  uint64_t next_index_;
  Options options_;
  std::unique_ptr<core::File> file_;
  uint64_t segment_bytes_ = 0;  // of the present segment, with what is pending
  std::string pending_;
  std::string compressed_;
};

}  // namespace sextant::promfiles
