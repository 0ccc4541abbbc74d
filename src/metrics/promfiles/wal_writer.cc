#include "metrics/promfiles/wal_writer.h"

#include <fmt/format.h>
#include <snappy.h>

#include <algorithm>

#include "core/crc32c.h"
#include "metrics/promfiles/big_endian.h"
#include "metrics/promfiles/wal_pages.h"

namespace sextant::promfiles {
namespace {

constexpr size_t kFlushBytes = 1 << 20;

}  // namespace

WalWriter::WalWriter(core::FileSystem& fs, std::string dir, uint64_t first_index, const Options& options)
    : fs_(fs), dir_(std::move(dir)), next_index_(first_index), options_(options) {}

core::Result<std::unique_ptr<WalWriter>> WalWriter::Create(core::FileSystem& fs, std::string dir,
                                                           uint64_t first_index, const Options& options) {
  SEXTANT_TRY(fs.MakeDirectories(dir));
  std::unique_ptr<WalWriter> writer(new WalWriter(fs, std::move(dir), first_index, options));
  SEXTANT_TRY(writer->OpenSegment());
  return writer;
}

core::Status WalWriter::Append(std::string_view record) {
  uint8_t flags = 0;
  if (options_.compression == Compression::kSnappy && !record.empty()) {
    snappy::Compress(record.data(), record.size(), &compressed_);
    if (compressed_.size() < record.size()) {
      record = compressed_;
      flags = kSnappyFlag;
    }
  }
  // A record lies in one segment, unless it is larger than one.
  uint64_t pages_left =
      (options_.segment_bytes - std::min(options_.segment_bytes, segment_bytes_)) / kWalPageBytes;
  uint64_t room = pages_left * (kWalPageBytes - kFragmentHeaderBytes);
  size_t page_room = PageRoom();
  if (page_room < kWalPageBytes && page_room > kFragmentHeaderBytes) room += page_room - kFragmentHeaderBytes;
  if (record.size() > room && segment_bytes_ > 0) {
    SEXTANT_TRY(CloseSegment());
    SEXTANT_TRY(OpenSegment());
  }
  for (bool first = true; first || !record.empty(); first = false) {
    if (PageRoom() < kFragmentHeaderBytes) FillPage();
    size_t size = std::min(record.size(), PageRoom() - kFragmentHeaderBytes);
    bool last = size == record.size();
    uint8_t type = first ? (last ? kFullFragment : kFirstFragment) : (last ? kLastFragment : kMiddleFragment);
    std::string_view fragment = record.substr(0, size);
    pending_.push_back(static_cast<char>(type | flags));
    PutBigEndian(pending_, static_cast<uint16_t>(size));
    PutBigEndian(pending_, core::Crc32c(fragment));
    pending_.append(fragment);
    segment_bytes_ += kFragmentHeaderBytes + size;
    record.remove_prefix(size);
  }
  return pending_.size() < kFlushBytes ? core::Status() : Flush();
}

core::Status WalWriter::Finish() {
  SEXTANT_TRY(CloseSegment());
  return fs_.SyncDirectory(dir_);
}

core::Status WalWriter::OpenSegment() {
  std::string path = core::JoinPath(dir_, fmt::format("{:08}", next_index_++));
  SEXTANT_ASSIGN(file_, fs_.Open(path, core::OpenMode::kCreate));
  segment_bytes_ = 0;
  return {};
}

core::Status WalWriter::CloseSegment() {
  FillPage();
  SEXTANT_TRY(Flush());
  SEXTANT_TRY(file_->Sync());
  file_.reset();
  return {};
}

core::Status WalWriter::Flush() {
  SEXTANT_TRY(file_->Append(pending_));
  pending_.clear();
  return {};
}

void WalWriter::FillPage() {
  size_t in_page = segment_bytes_ % kWalPageBytes;
  if (in_page == 0) return;
  pending_.append(kWalPageBytes - in_page, '\0');
  segment_bytes_ += kWalPageBytes - in_page;
}

size_t WalWriter::PageRoom() const { return kWalPageBytes - segment_bytes_ % kWalPageBytes; }

}  // namespace sextant::promfiles
