#include "metrics/promfiles/head_mapped_chunks.h"

#include <fmt/format.h>

#include "metrics/promfiles/chunk_codec.h"

namespace sextant::promfiles {
namespace {

bool IsKnownEncoding(uint8_t encoding) {
  return encoding >= static_cast<uint8_t>(Encoding::kXor) &&
         encoding <= static_cast<uint8_t>(Encoding::kFloatHistogramWithStart);
}

}  // namespace

core::Status MappedChunks::Load(core::FileSystem& fs, const std::string& dir, TimestampMs min_valid_ms,
                                std::vector<std::string>& warnings) {
  SEXTANT_ASSIGN(std::vector<HeadChunkFile> files, ListHeadChunkFiles(fs, dir));
  // Chunks after a gap would hide what the WAL says about the gap; the WAL has them all.
  auto leave_rest_to_wal = [&](const std::string& why) {
    is_whole_ = false;
    warnings.push_back(why + "; this and later head chunks are taken from the WAL instead");
  };
  for (const HeadChunkFile& file : files) {
    if (!files_.empty() && file.index != first_file_ + files_.size()) {
      leave_rest_to_wal(fmt::format("{}: the file before it is missing", file.path));
      return {};
    }
    SEXTANT_ASSIGN(auto mapped, fs.MapReadOnly(file.path));
    if (files_.empty()) first_file_ = file.index;
    std::string_view bytes = mapped->bytes();
    if (&file == &files.back() && IsEmptyHeadChunkFile(bytes)) return {};
    files_.push_back(std::move(mapped));
    core::Status status = VisitHeadChunks(bytes, [&](uint64_t offset, const HeadChunk& chunk) {
      // Prometheus begins a new file long before offsets leave 32 bits.
      if (offset <= UINT32_MAX) Add(file.index << 32 | offset, chunk, min_valid_ms, warnings);
    });
    if (!status) {
      leave_rest_to_wal(fmt::format("{}: {}", file.path, status.error().message()));
      return {};
    }
  }
  return {};
}

void MappedChunks::Add(HeadChunkRef ref, const HeadChunk& chunk, TimestampMs min_valid_ms,
                       std::vector<std::string>& warnings) {
  last_ref_ = ref;
  if (!IsKnownEncoding(chunk.encoding)) {
    is_whole_ = false;
    warnings.push_back(
        fmt::format("{}: a head chunk of unknown encoding {} is left out", ref >> 32, chunk.encoding));
    return;
  }
  if (chunk.out_of_order) {
    out_of_order_[chunk.series].push_back(ref);
    return;
  }
  if (chunk.max_ms < min_valid_ms) return;
  InOrder& list = in_order_[chunk.series];
  if (list.out_of_sequence) return;
  if (!list.refs.empty() && chunk.min_ms <= list.max_ms) {
    list.out_of_sequence = true;
    is_whole_ = false;
    warnings.push_back(fmt::format("{:06}, offset {}: head chunks of series {} are out of sequence",
                                   ref >> 32, ref & UINT32_MAX, chunk.series));
    return;
  }
  list.refs.push_back(ref);
  list.max_ms = chunk.max_ms;
}

std::vector<HeadChunkRef> MappedChunks::TakeInOrder(WalRef series) {
  auto found = in_order_.find(series);
  if (found == in_order_.end()) return {};
  std::vector<HeadChunkRef> refs = std::move(found->second.refs);
  in_order_.erase(found);
  return refs;
}

std::vector<HeadChunkRef> MappedChunks::TakeOutOfOrder(WalRef series) {
  auto found = out_of_order_.find(series);
  if (found == out_of_order_.end()) return {};
  std::vector<HeadChunkRef> refs = std::move(found->second);
  out_of_order_.erase(found);
  return refs;
}

HeadChunk MappedChunks::At(HeadChunkRef ref) const {
  return HeadChunkAt(files_[(ref >> 32) - first_file_]->bytes(), ref & UINT32_MAX);
}

size_t MappedChunks::left() const {
  size_t count = 0;
  for (const auto& [series, list] : in_order_) count += list.refs.size();
  for (const auto& [series, list] : out_of_order_) count += list.size();
  return count;
}

}  // namespace sextant::promfiles
