#include "metrics/tsdb/block_origin.h"

#include <xxhash.h>

#include <algorithm>

#include "metrics/tsdb/bytes.h"

namespace sextant::tsdb {

using core::Code;
using core::Result;
using core::Status;

namespace {

constexpr std::string_view kMagic = "SXTORG1\n";
constexpr uint64_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxNameBytes = 255;
constexpr uint64_t kOutOfOrder = 1;
constexpr uint64_t kStaleSeries = 2;

}  // namespace

std::string EncodeOrigin(const BlockOrigin& origin) {
  std::string bytes(kMagic);
  PutSignedVarint(bytes, origin.head_end_ms);
  PutVarint(bytes, (origin.is_out_of_order ? kOutOfOrder : 0) | (origin.is_stale_series ? kStaleSeries : 0));
  PutVarint(bytes, origin.level);
  PutVarint(bytes, origin.parents.size());
  for (const std::string& parent : origin.parents) PutText(bytes, parent);
  PutFixed(bytes, static_cast<uint64_t>(XXH3_64bits(bytes.data(), bytes.size())));
  return bytes;
}

Result<BlockOrigin> DecodeOrigin(std::string_view bytes) {
  constexpr size_t kChecksumBytes = sizeof(uint64_t);
  if (!bytes.starts_with(kMagic) || bytes.size() < kMagic.size() + kChecksumBytes) {
    return core::Fail(Code::kCorruption, "not a file of this kind");
  }
  std::string_view checked = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (LoadFixed<uint64_t>(bytes.data() + checked.size()) != XXH3_64bits(checked.data(), checked.size())) {
    return core::Fail(Code::kCorruption, "wrong checksum");
  }
  ByteReader reader(checked.substr(kMagic.size()));
  BlockOrigin origin;
  origin.head_end_ms = reader.SignedVarint();
  uint64_t flags = reader.Varint();
  origin.is_out_of_order = (flags & kOutOfOrder) != 0;
  origin.is_stale_series = (flags & kStaleSeries) != 0;
  origin.level = static_cast<uint32_t>(reader.Varint());
  uint64_t parents = reader.Varint();
  for (uint64_t i = 0; i < parents && reader.ok(); ++i) {
    std::string_view name = reader.Text();
    if (name.empty() || name.size() > kMaxNameBytes || name.find('/') != std::string_view::npos) {
      return core::Fail(Code::kCorruption, "a parent has a name that no block has");
    }
    origin.parents.emplace_back(name);
  }
  if (!reader.ok() || !reader.at_end()) return core::Fail(Code::kCorruption, "its fields do not fill it");
  return origin;
}

Status WriteOrigin(core::FileSystem& fs, const std::string& block_dir, const BlockOrigin& origin) {
  SEXTANT_ASSIGN(std::unique_ptr<core::File> file,
                 fs.Open(core::JoinPath(block_dir, kOriginFile), core::OpenMode::kCreateOrEmpty));
  SEXTANT_TRY(file->Append(EncodeOrigin(origin)));
  return file->Sync();
}

Result<std::optional<BlockOrigin>> ReadOrigin(core::FileSystem& fs, const std::string& block_dir) {
  std::string path = core::JoinPath(block_dir, kOriginFile);
  Result<std::string> bytes = core::ReadFile(fs, path, kMaxFileBytes);
  if (!bytes && bytes.error().code() == Code::kNotFound) return std::nullopt;
  if (!bytes) return tl::unexpected(bytes.error());
  auto origin = DecodeOrigin(*bytes).map_error(core::AddContext("{}", path));
  if (!origin) return tl::unexpected(origin.error());
  return std::optional(std::move(*origin));
}

BlockOrigin MergeOrigins(const std::vector<BlockOrigin>& origins, std::vector<std::string> names) {
  BlockOrigin merged;
  merged.level = 0;
  merged.is_out_of_order = !origins.empty();
  merged.is_stale_series = !origins.empty();
  for (const BlockOrigin& origin : origins) {
    merged.head_end_ms = std::max(merged.head_end_ms, origin.head_end_ms);
    merged.is_out_of_order = merged.is_out_of_order && origin.is_out_of_order;
    merged.is_stale_series = merged.is_stale_series && origin.is_stale_series;
    merged.level = std::max(merged.level, origin.level);
  }
  ++merged.level;
  merged.parents = std::move(names);
  return merged;
}

}  // namespace sextant::tsdb
