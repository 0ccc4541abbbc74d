#include "metrics/promfiles/wal_segments.h"

#include <snappy.h>
#include <zstd.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "core/crc32c.h"
#include "metrics/promfiles/big_endian.h"
#include "metrics/promfiles/wal_pages.h"

namespace sextant::promfiles {
namespace {

constexpr std::string_view kCheckpointPrefix = "checkpoint.";

// What a compressed record may become. Prometheus' records are far below it.
constexpr uint64_t kDecompressedAllowanceBytes = 4 << 20;
constexpr uint64_t kDecompressedBytesPerByte = 512;
constexpr uint64_t kMostRecordBytes = 256 << 20;

bool ParseNumber(std::string_view text, uint64_t& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

uint64_t MostBytes(size_t compressed) {
  return std::min(kMostRecordBytes, kDecompressedAllowanceBytes + compressed * kDecompressedBytesPerByte);
}

bool DecompressSnappy(std::string_view bytes, std::string& out) {
  size_t size;
  if (!snappy::GetUncompressedLength(bytes.data(), bytes.size(), &size) || size > MostBytes(bytes.size())) {
    return false;
  }
  out.resize(size);
  return snappy::RawUncompress(bytes.data(), bytes.size(), out.data());
}

bool DecompressZstd(std::string_view bytes, std::string& out) {
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream(ZSTD_createDStream());
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  size_t done = 0;
  while (true) {
    if (done == out.size()) {
      if (done >= MostBytes(bytes.size())) return false;
      out.resize(std::max<size_t>(4 * bytes.size() + 1024, 2 * done));
    }
    ZSTD_outBuffer to{out.data(), out.size(), done};
    size_t left = ZSTD_decompressStream(stream.get(), &to, &in);
    if (ZSTD_isError(left) != 0) return false;
    bool progress = to.pos > done || left == 0;
    done = to.pos;
    if (left == 0 && in.pos == in.size) break;
    if (!progress && in.pos == in.size && done < out.size()) return false;  // cut short
  }
  out.resize(done);
  return true;
}

}  // namespace

core::Result<std::vector<WalSegment>> ListSegments(const core::FileSystem& fs, const std::string& dir) {
  std::vector<WalSegment> segments;
  auto files = fs.List(dir);
  if (!files && files.error().code() == core::Code::kNotFound) return segments;
  if (!files) return tl::unexpected(std::move(files).error());
  for (const core::FileInfo& file : *files) {
    uint64_t index;
    if (file.is_directory || !ParseNumber(file.name, index)) continue;
    segments.push_back(
        {.index = index, .path = core::JoinPath(dir, file.name), .size_bytes = file.size_bytes});
  }
  std::ranges::sort(segments, {}, &WalSegment::index);
  return segments;
}

std::vector<size_t> FindGaps(const std::vector<WalSegment>& segments) {
  std::vector<size_t> gaps;
  for (size_t i = 1; i < segments.size(); ++i) {
    if (segments[i].index != segments[i - 1].index + 1) gaps.push_back(i);
  }
  return gaps;
}

core::Result<std::optional<WalCheckpoint>> LastCheckpoint(const core::FileSystem& fs,
                                                          const std::string& wal_dir) {
  std::optional<WalCheckpoint> last;
  auto files = fs.List(wal_dir);
  if (!files && files.error().code() == core::Code::kNotFound) return last;
  if (!files) return tl::unexpected(std::move(files).error());
  for (const core::FileInfo& file : *files) {
    uint64_t index;
    if (!file.is_directory || !file.name.starts_with(kCheckpointPrefix) ||
        !ParseNumber(std::string_view(file.name).substr(kCheckpointPrefix.size()), index)) {
      continue;
    }
    if (!last || index > last->index) last = {.index = index, .path = core::JoinPath(wal_dir, file.name)};
  }
  return last;
}

SegmentReader::SegmentReader(std::string_view bytes, uint64_t offset)
    : bytes_(bytes), at_(std::min<uint64_t>(offset, bytes.size())) {}

bool SegmentReader::Next(std::string_view& record) {
  while (true) {
    Fragment fragment;
    Step step = ReadFragment(fragment);
    if (step == Step::kEnd) {
      if (in_record_) Damage(record_offset_, "the last record is torn");
      in_record_ = false;
      return false;
    }
    if (step == Step::kSkip) continue;
    if (hole_) Damage(*hole_, "nothing but zeros up to the next page");
    hole_.reset();
    if (!TakeFragment(fragment)) continue;
    if (!Decompress(record)) {
      Damage(record_offset_, "a record that does not decompress");
      continue;
    }
    skipping_ = false;
    if (!damages_.empty()) damages_.back().at_end = false;
    return true;
  }
}

SegmentReader::Step SegmentReader::ReadFragment(Fragment& fragment) {
  if (at_ >= bytes_.size()) return Step::kEnd;
  uint64_t page_end = std::min<uint64_t>((at_ / kWalPageBytes + 1) * kWalPageBytes, bytes_.size());
  uint64_t start = at_;
  auto skip_page = [&](std::string what) {
    if (!what.empty()) Damage(start, std::move(what));
    at_ = page_end;
    return Step::kSkip;
  };
  auto head = static_cast<uint8_t>(bytes_[at_]);
  if ((head & kFragmentTypeMask) == kPageEnd) {
    std::string_view rest = bytes_.substr(at_, page_end - at_);
    bool empty = rest.find_first_not_of('\0') == std::string_view::npos;
    if (empty && rest.size() >= kFragmentHeaderBytes && !hole_) hole_ = start;
    return skip_page(empty ? "" : "bytes where the page should be empty");
  }
  if (page_end - at_ < kFragmentHeaderBytes) return skip_page("a fragment's header is cut off");
  auto length = LoadBigEndian<uint16_t>(bytes_.data() + at_ + 1);
  auto crc = LoadBigEndian<uint32_t>(bytes_.data() + at_ + 3);
  if (length > page_end - at_ - kFragmentHeaderBytes) return skip_page("a fragment is longer than its page");
  fragment = {.type = static_cast<uint8_t>(head & kFragmentTypeMask),
              .flags = static_cast<uint8_t>(head & ~kFragmentTypeMask),
              .offset = start,
              .bytes = bytes_.substr(at_ + kFragmentHeaderBytes, length)};
  if (fragment.type > kLastFragment || (fragment.flags & ~(kSnappyFlag | kZstdFlag)) != 0) {
    return skip_page("a fragment of an unknown kind");
  }
  if (core::Crc32c(fragment.bytes) != crc) return skip_page("a fragment's checksum does not match");
  at_ += kFragmentHeaderBytes + length;
  return Step::kFragment;
}

// Whether the fragment completes a record.
bool SegmentReader::TakeFragment(const Fragment& fragment) {
  bool begins = fragment.type == kFullFragment || fragment.type == kFirstFragment;
  if (begins) {
    if (in_record_) Damage(record_offset_, "a record without its end");
    skipping_ = false;
    in_record_ = fragment.type == kFirstFragment;
    record_offset_ = fragment.offset;
    flags_ = fragment.flags;
    if (!in_record_) {
      whole_ = fragment.bytes;
      return true;
    }
    assembled_.assign(fragment.bytes);
    return false;
  }
  if (!in_record_) {
    if (!skipping_) Damage(fragment.offset, "the end of a record that did not begin");
    return false;
  }
  assembled_.append(fragment.bytes);
  if (fragment.type == kMiddleFragment) return false;
  in_record_ = false;
  whole_ = assembled_;
  return true;
}

bool SegmentReader::Decompress(std::string_view& record) {
  record = whole_;
  if (flags_ == 0) return true;
  decompressed_.clear();
  bool good = false;
  if (flags_ == kSnappyFlag) good = DecompressSnappy(whole_, decompressed_);
  if (flags_ == kZstdFlag) good = DecompressZstd(whole_, decompressed_);
  record = decompressed_;
  return good;
}

// Stretches of damage without a whole record between them are one.
void SegmentReader::Damage(uint64_t offset, std::string what) {
  in_record_ = false;
  skipping_ = true;
  if (!damages_.empty() && damages_.back().at_end) return;
  damages_.push_back({.offset = offset, .what = std::move(what)});
}

}  // namespace sextant::promfiles
