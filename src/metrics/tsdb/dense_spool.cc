#include "metrics/tsdb/dense_spool.h"

#include <algorithm>

namespace sextant::tsdb {

using core::Result;
using core::Status;

namespace {

constexpr size_t kSpoolBytes = 256 << 10;

}  // namespace

Result<Spool> Spool::Create(core::FileSystem& fs, const std::string& path) {
  SEXTANT_ASSIGN(std::unique_ptr<core::File> file, fs.Open(path, core::OpenMode::kCreateOrEmpty));
  return Spool(std::move(file));
}

Status Spool::Append(std::string_view bytes) {
  buffer_ += bytes;
  size_bytes_ += bytes.size();
  return buffer_.size() >= kSpoolBytes ? Flush() : Status();
}

Status Spool::Flush() {
  if (buffer_.empty()) return {};
  SEXTANT_TRY(file_->Append(buffer_));
  buffer_.clear();
  return {};
}

Status Spool::Copy(const std::function<Status(std::string_view)>& take) const {
  std::string piece;
  for (uint64_t offset = 0; offset < size_bytes_; offset += piece.size()) {
    piece.resize(static_cast<size_t>(std::min<uint64_t>(kSpoolBytes, size_bytes_ - offset)));
    SEXTANT_ASSIGN(size_t got, file_->ReadAt(offset, piece.data(), piece.size()));
    if (got != piece.size()) return core::Fail(core::Code::kIo, "{}: shorter than written", file_->path());
    SEXTANT_TRY(take(piece));
  }
  return {};
}

Status Spool::Remove(core::FileSystem& fs) {
  std::string path = file_->path();
  file_.reset();
  return fs.Remove(path);
}

uint64_t SpoolReader::Varint() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at_ == buffer_.size() && !Refill()) return 0;
    uint8_t byte = static_cast<uint8_t>(buffer_[at_++]);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

bool SpoolReader::Refill() {
  if (!status_) return false;
  at_ = 0;
  buffer_.resize(kSpoolBytes);
  auto got = spool_.file_->ReadAt(offset_, buffer_.data(), buffer_.size());
  buffer_.resize(got ? *got : 0);
  if (!got) status_ = tl::unexpected(got.error());
  if (got && *got == 0)
    status_ = core::Fail(core::Code::kIo, "{}: shorter than written", spool_.file_->path());
  offset_ += buffer_.size();
  return status_.has_value();
}

}  // namespace sextant::tsdb
