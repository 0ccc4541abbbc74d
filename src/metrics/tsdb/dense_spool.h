// A temporary file that is written once and then read from the beginning, as often as needed: what the block
// writer puts aside so that its memory does not grow with the number of series. Owned by one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/file.h"
#include "core/result.h"

namespace sextant::tsdb {

class Spool {
 public:
  static core::Result<Spool> Create(core::FileSystem& fs, const std::string& path);

  core::Status Append(std::string_view bytes);
  // Writes what is buffered; before reading.
  core::Status Flush();
  uint64_t size_bytes() const { return size_bytes_; }
  // Hands all bytes to `take`, piece by piece.
  core::Status Copy(const std::function<core::Status(std::string_view)>& take) const;
  // Closes and removes the file.
  core::Status Remove(core::FileSystem& fs);

 private:
  friend class SpoolReader;

  explicit Spool(std::unique_ptr<core::File> file) : file_(std::move(file)) {}

  std::unique_ptr<core::File> file_;
  std::string buffer_;
  uint64_t size_bytes_ = 0;
};

// Reads varints off a spool, which outlives it. After a failure all are 0, and status() says why.
class SpoolReader {
 public:
  explicit SpoolReader(const Spool& spool) : spool_(spool) {}

  uint64_t Varint();
  const core::Status& status() const { return status_; }

 private:
  bool Refill();

  const Spool& spool_;
  std::string buffer_;
  size_t at_ = 0;
  uint64_t offset_ = 0;  // in the file, of the end of the buffer
  core::Status status_;
};

}  // namespace sextant::tsdb
