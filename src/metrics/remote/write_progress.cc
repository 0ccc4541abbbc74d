#include "metrics/remote/write_progress.h"

#include <xxhash.h>

#include <array>
#include <cstring>
#include <string_view>

namespace sextant::remote {

namespace {

using core::Status;

constexpr std::string_view kHeader = "SXTRWP1\n";
constexpr size_t kWords = 8;
constexpr size_t kRecordBytes = kWords * sizeof(uint64_t);
constexpr uint64_t kMaxFileBytes = 256 << 10;
constexpr uint64_t kMaxShards = 1'000;

using Words = std::array<uint64_t, kWords>;  // as they stand in the file, little-endian

uint64_t Checksum(const Words& words) { return XXH3_64bits(words.data(), kRecordBytes - sizeof(uint64_t)); }

// Puts a record's content among the shards; false when it is none.
bool Apply(std::string_view bytes, std::vector<ShardProgress>& shards) {
  Words words;
  std::memcpy(words.data(), bytes.data(), kRecordBytes);
  if (words[kWords - 1] != Checksum(words)) return false;
  uint64_t shard = words[0] & UINT32_MAX;
  uint64_t count = words[0] >> 32;
  if (shard >= count || count > kMaxShards) return false;
  if (shards.size() != count) shards.assign(count, ShardProgress());
  shards[shard] = {{{words[1], words[2]}, words[3]}, {{words[4], words[5]}, words[6]}};
  return true;
}

}  // namespace

core::Result<WriteProgress> WriteProgress::Load(core::FileSystem& fs, std::string path) {
  WriteProgress progress(fs, std::move(path));
  core::Result<std::string> bytes = core::ReadFile(fs, progress.path_, 2 * kMaxFileBytes);
  if (!bytes) {
    if (bytes.error().code() == core::Code::kNotFound) return progress;
    if (bytes.error().code() == core::Code::kResourceExhausted) return progress;  // not a file of ours
    return tl::unexpected(bytes.error());
  }
  std::string_view rest = *bytes;
  if (!rest.starts_with(kHeader)) return progress;
  rest.remove_prefix(kHeader.size());
  while (rest.size() >= kRecordBytes && Apply(rest, progress.shards_)) rest.remove_prefix(kRecordBytes);
  return progress;
}

std::string WriteProgress::Record(size_t shard) const {
  const ShardProgress& progress = shards_[shard];
  Words words = {static_cast<uint64_t>(shards_.size()) << 32 | shard,
                 progress.done.batch.file,
                 progress.done.batch.offset,
                 progress.done.index,
                 progress.sent_upto.batch.file,
                 progress.sent_upto.batch.offset,
                 progress.sent_upto.index,
                 0};
  words[kWords - 1] = Checksum(words);
  return std::string(reinterpret_cast<const char*>(words.data()), kRecordBytes);
}

Status WriteProgress::Rewrite() {
  file_ = nullptr;
  std::string bytes(kHeader);
  for (size_t shard = 0; shard < shards_.size(); ++shard) bytes += Record(shard);
  SEXTANT_TRY(core::WriteFileAtomically(*fs_, path_, bytes));
  SEXTANT_ASSIGN(file_, fs_->Open(path_, core::OpenMode::kAppend));
  file_bytes_ = bytes.size();
  return {};
}

Status WriteProgress::Set(size_t shard, const ShardProgress& progress) {
  SEXTANT_CHECK(shard < shards_.size());
  if (shards_[shard] == progress && file_ != nullptr) return {};
  shards_[shard] = progress;
  if (file_ == nullptr || file_bytes_ + kRecordBytes > kMaxFileBytes) return Rewrite();
  Status written = file_->Append(Record(shard));
  if (!written) {
    file_ = nullptr;  // half a record may stand at its end
    return written;
  }
  file_bytes_ += kRecordBytes;
  return {};
}

Status WriteProgress::Update(const std::vector<ShardProgress>& shards) {
  if (shards.size() != shards_.size()) return Reset(shards);
  for (size_t shard = 0; shard < shards.size(); ++shard) SEXTANT_TRY(Set(shard, shards[shard]));
  return {};
}

Status WriteProgress::Reset(std::vector<ShardProgress> shards) {
  SEXTANT_CHECK(!shards.empty() && shards.size() <= kMaxShards);
  shards_ = std::move(shards);
  return Rewrite();
}

}  // namespace sextant::remote
