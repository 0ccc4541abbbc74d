#include "metrics/tsdb/image_frames.h"

#include <zstd.h>

#include <algorithm>
#include <memory>
#include <numeric>

#include "metrics/tsdb/bytes.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::Status;

constexpr size_t kMaxLabels = 255;
// Fast before small: what repeats from series to series goes, and reading keeps up with memory.
constexpr int kCompressionLevel = -1;
constexpr size_t kMaxExpansion = 100'000;
constexpr size_t kMaxRunBytes = 64 << 20;  // of a run of tables

core::Status Malformed(std::string_view what) {
  return core::Fail(Code::kCorruption, "malformed {} in a checkpoint", what);
}

void Begin(ImageFrame kind, std::string& out) { out.push_back(static_cast<char>(kind)); }

ByteReader ReaderAfterKind(std::string_view payload) {
  return ByteReader(payload.substr(std::min<size_t>(1, payload.size())));
}

template <typename T>
void PutColumn(const std::vector<T>& column, std::string& out) {
  out.append(reinterpret_cast<const char*>(column.data()), column.size() * sizeof(T));
}

template <typename T>
void ReadColumn(ByteReader& reader, size_t count, std::vector<T>& column) {
  std::string_view bytes = reader.Bytes(count * sizeof(T));
  column.resize(bytes.size() / sizeof(T));
  if (!column.empty()) std::memcpy(column.data(), bytes.data(), column.size() * sizeof(T));
}

}  // namespace

struct Compression::Contexts {
  struct Release {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Release> writing;
  std::unique_ptr<ZSTD_DCtx, Release> reading;
};

Compression::Compression() : contexts_(std::make_unique<Contexts>()) {}
Compression::~Compression() = default;
Compression::Compression(Compression&&) noexcept = default;
Compression& Compression::operator=(Compression&&) noexcept = default;

void Compression::Put(std::string_view raw, std::string& out) {
  if (contexts_->writing == nullptr) contexts_->writing.reset(ZSTD_createCCtx());
  PutFixed(out, static_cast<uint32_t>(raw.size()));
  size_t size_at = out.size();
  PutFixed(out, uint32_t{0});
  size_t start = out.size();
  out.resize(start + ZSTD_compressBound(raw.size()));
  size_t size = ZSTD_compressCCtx(contexts_->writing.get(), out.data() + start, out.size() - start,
                                  raw.data(), raw.size(), kCompressionLevel);
  SEXTANT_CHECK(!ZSTD_isError(size));
  out.resize(start + size);
  if (size < raw.size()) {
    StoreFixed(out.data() + size_at, static_cast<uint32_t>(size));
  } else {
    out.replace(start, size, raw);
  }
}

bool Compression::Read(ByteReader& reader, size_t max_bytes, std::string& raw) {
  size_t raw_size = reader.Fixed<uint32_t>();
  size_t compressed_size = reader.Fixed<uint32_t>();
  if (compressed_size == 0) {
    raw = reader.Bytes(raw_size);
    return reader.ok();
  }
  std::string_view compressed = reader.Bytes(compressed_size);
  // The size in the zstd frame must be the stated one before anything is allocated for it.
  if (!reader.ok() || raw_size > max_bytes || raw_size / kMaxExpansion > compressed.size() ||
      ZSTD_getFrameContentSize(compressed.data(), compressed.size()) != raw_size) {
    return false;
  }
  if (contexts_->reading == nullptr) contexts_->reading.reset(ZSTD_createDCtx());
  raw.resize(raw_size);
  size_t size = ZSTD_decompressDCtx(contexts_->reading.get(), raw.data(), raw.size(), compressed.data(),
                                    compressed.size());
  return !ZSTD_isError(size) && size == raw_size;
}

bool KindOf(std::string_view payload, ImageFrame& kind) {
  if (payload.empty() || payload[0] < static_cast<char>(ImageFrame::kSeries) ||
      payload[0] > static_cast<char>(ImageFrame::kSlots)) {
    return false;
  }
  kind = static_cast<ImageFrame>(payload[0]);
  return true;
}

void SeriesRange::Reset(uint32_t begin_slot, uint32_t slots) {
  begin = begin_slot;
  max_time_ms = kNoTime;
  last_times_ms.assign(slots, 0);
  last_bits.assign(slots, 0);
  written_chunks.assign(slots, 0);
  generations.assign(slots, 0);
  hashes.assign(slots, 0);
  last_deltas_ms.assign(slots, 0);
  chunk_bytes.assign(slots, 0);
  chunk_samples.assign(slots, 0);
  label_counts.assign(slots, 0);
  end_in_run.assign(slots, 0);
  pairs.clear();
  chunks.clear();
  sections.clear();
}

void PutSeriesRange(SeriesRange& range, std::string& out) {
  Begin(ImageFrame::kSeries, out);
  PutFixed(out, range.begin);
  PutFixed(out, range.slots());
  PutFixed(out, range.min_time_ms);
  PutFixed(out, static_cast<uint32_t>(range.pairs.size()));
  PutFixed(out, static_cast<uint32_t>(range.chunks.size()));
  std::string& raw = range.raw;
  raw.clear();
  PutColumn(range.last_times_ms, raw);
  PutColumn(range.last_bits, raw);
  PutColumn(range.written_chunks, raw);
  PutColumn(range.generations, raw);
  PutColumn(range.hashes, raw);
  PutColumn(range.last_deltas_ms, raw);
  PutColumn(range.chunk_bytes, raw);
  PutColumn(range.chunk_samples, raw);
  PutColumn(range.label_counts, raw);
  PutColumn(range.end_in_run, raw);
  PutColumn(range.pairs, raw);
  range.compression.Put(raw, out);
  out += range.chunks;
  if (!range.sections.empty()) PutSections(range.sections, out);
}

bool ReadRangePlace(ImageVersion version, std::string_view payload, uint32_t& begin, uint32_t& slots) {
  const uint32_t max_slots =
      version == ImageVersion::k2 ? SeriesRange::kMaxSlotsInVersion2 : SeriesRange::kSlots;
  ByteReader reader = ReaderAfterKind(payload);
  begin = reader.Fixed<uint32_t>();
  slots = reader.Fixed<uint32_t>();
  return reader.ok() && slots <= max_slots && begin % max_slots == 0;
}

Status ReadSeriesRange(ImageVersion version, std::string_view payload, SeriesRange& out) {
  uint32_t slots = 0;
  if (!ReadRangePlace(version, payload, out.begin, slots)) return Malformed("series");
  ByteReader reader = ReaderAfterKind(payload);
  reader.Bytes(2 * sizeof(uint32_t));
  out.min_time_ms = reader.Fixed<TimestampMs>();
  size_t pairs = reader.Fixed<uint32_t>();
  size_t chunk_bytes = reader.Fixed<uint32_t>();
  if (!reader.ok() || pairs > slots * kMaxLabels) return Malformed("series");
  constexpr size_t kSlotBytes = 3 * 8 + 3 * 4 + 2 * 2 + 2;
  if (!out.compression.Read(reader, slots * kSlotBytes + pairs * sizeof(uint32_t), out.raw)) {
    return Malformed("series");
  }
  ByteReader columns(out.raw);
  ReadColumn(columns, slots, out.last_times_ms);
  ReadColumn(columns, slots, out.last_bits);
  ReadColumn(columns, slots, out.written_chunks);
  ReadColumn(columns, slots, out.generations);
  ReadColumn(columns, slots, out.hashes);
  ReadColumn(columns, slots, out.last_deltas_ms);
  ReadColumn(columns, slots, out.chunk_bytes);
  ReadColumn(columns, slots, out.chunk_samples);
  ReadColumn(columns, slots, out.label_counts);
  ReadColumn(columns, slots, out.end_in_run);
  ReadColumn(columns, pairs, out.pairs);
  out.chunks = reader.Bytes(chunk_bytes);
  out.sections.clear();
  if (version != ImageVersion::k2 && reader.ok() && !reader.at_end()) {
    SEXTANT_TRY(ReadSections(reader, out.sections));
  }
  if (!columns.ok() || !columns.at_end() || !reader.ok() || !reader.at_end() ||
      std::accumulate(out.label_counts.begin(), out.label_counts.end(), size_t{0}) != pairs ||
      std::accumulate(out.chunk_bytes.begin(), out.chunk_bytes.end(), size_t{0}) != chunk_bytes) {
    return Malformed("series");
  }
  return {};
}

void PutSymbols(const SymbolRun& run, std::string& out) {
  Begin(ImageFrame::kSymbols, out);
  PutFixed(out, run.first);
  PutFixed(out, static_cast<uint32_t>(run.sizes.size()));
  std::string raw;
  PutColumn(run.sizes, raw);
  raw += run.texts;
  Compression().Put(raw, out);
}

Status ReadSymbols(std::string_view payload, SymbolRun& out) {
  ByteReader reader = ReaderAfterKind(payload);
  out.first = reader.Fixed<uint32_t>();
  uint32_t count = reader.Fixed<uint32_t>();
  std::string raw;
  if (!Compression().Read(reader, kMaxRunBytes, raw) || !reader.at_end()) return Malformed("symbols");
  ByteReader columns(raw);
  ReadColumn(columns, count, out.sizes);
  if (!columns.ok()) return Malformed("symbols");
  out.texts = columns.Bytes(columns.remaining());
  return {};
}

void PutPairs(const PairRun& run, std::string& out) {
  Begin(ImageFrame::kPairs, out);
  PutFixed(out, run.first);
  PutFixed(out, static_cast<uint32_t>(run.names.size()));
  std::string raw;
  PutColumn(run.names, raw);
  PutColumn(run.values, raw);
  Compression().Put(raw, out);
}

Status ReadPairs(std::string_view payload, PairRun& out) {
  ByteReader reader = ReaderAfterKind(payload);
  out.first = reader.Fixed<uint32_t>();
  uint32_t count = reader.Fixed<uint32_t>();
  std::string raw;
  if (!Compression().Read(reader, kMaxRunBytes, raw) || !reader.at_end()) return Malformed("labels");
  ByteReader columns(raw);
  ReadColumn(columns, count, out.names);
  ReadColumn(columns, count, out.values);
  return columns.ok() && columns.at_end() ? Status() : Malformed("labels");
}

void PutPostings(const PostingsRun& run, std::string& out) {
  Begin(ImageFrame::kPostings, out);
  PutFixed(out, run.first);
  PutFixed(out, run.count);
  out += run.stored;
}

Status ReadPostings(std::string_view payload, PostingsRun& out) {
  ByteReader reader = ReaderAfterKind(payload);
  out.first = reader.Fixed<uint32_t>();
  out.count = reader.Fixed<uint32_t>();
  out.stored = reader.Bytes(reader.remaining());
  return reader.ok() ? Status() : Malformed("postings");
}

void PutSlots(const Bitmap& slots, std::string& out) {
  Begin(ImageFrame::kSlots, out);
  std::vector<uint32_t> all(slots.cardinality());
  slots.toUint32Array(all.data());
  PutStoredPostings(all, out);
}

std::string_view ReadSlots(std::string_view payload) { return payload.substr(1); }

void PutImageSection(const Section& section, std::string& out) {
  Begin(ImageFrame::kSections, out);
  PutSections({&section, 1}, out);
}

Status ReadImageSections(std::string_view payload, std::vector<Section>& out) {
  ByteReader reader = ReaderAfterKind(payload);
  out.clear();
  SEXTANT_TRY(ReadSections(reader, out));
  return reader.ok() && reader.at_end() ? Status() : Malformed("sections");
}

uint64_t HashProbe() {
  return model::Labels::Of({{"__name__", "sextant"}, {"probe", "of the hash of labels"}}).Hash();
}

void PutImageEnd(const ImageEnd& end, std::string& out) {
  Begin(ImageFrame::kEnd, out);
  PutFixed(out, end.slots);
  PutFixed(out, end.series);
  PutFixed(out, end.symbols);
  PutFixed(out, end.pairs);
  PutFixed(out, end.hash_probe);
  PutFixed(out, end.min_time_ms);
  PutFixed(out, end.max_time_ms);
  PutFixed(out, end.newest_chunk);
  PutFixed(out, end.open_chunks);
  PutFixed(out, end.head_bytes);
  PutVarint(out, end.chunk_files.size());
  for (const ChunkFileInfo& info : end.chunk_files) {
    PutVarint(out, info.number);
    PutVarint(out, info.chunks);
    PutSignedVarint(out, info.last_time_ms);
  }
}

Status ReadImageEnd(ImageVersion version, std::string_view payload, ImageEnd& out) {
  ByteReader reader = ReaderAfterKind(payload);
  out.slots = reader.Fixed<uint64_t>();
  out.series = reader.Fixed<uint64_t>();
  out.symbols = reader.Fixed<uint64_t>();
  out.pairs = reader.Fixed<uint64_t>();
  out.hash_probe = reader.Fixed<uint64_t>();
  if (version != ImageVersion::k2) {
    out.min_time_ms = reader.Fixed<TimestampMs>();
    out.max_time_ms = reader.Fixed<TimestampMs>();
    out.newest_chunk = reader.Fixed<ChunkRef>();
    out.open_chunks = reader.Fixed<uint64_t>();
    out.head_bytes = reader.Fixed<uint64_t>();
  }
  uint64_t count = reader.Count(3);
  out.chunk_files.clear();
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    uint64_t number = reader.Varint();
    uint64_t chunks = reader.Varint();
    out.chunk_files.push_back({number, chunks, reader.SignedVarint()});
  }
  return reader.ok() && reader.at_end() ? Status() : Malformed("end");
}

}  // namespace sextant::tsdb
