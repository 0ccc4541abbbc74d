#include "metrics/tsdb/dense_block.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "metrics/tsdb/bytes.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::File;
using core::FileSystem;
using core::JoinPath;
using core::OpenMode;
using core::Result;
using core::Status;
using model::Labels;
using model::LabelView;
using model::Matcher;

constexpr std::string_view kChunkMagic = "SXTBCK1\n";
constexpr size_t kChunkChecksumBytes = sizeof(uint32_t);
// Long enough that headers do not count, short enough that a narrow query decodes little.
constexpr size_t kChunkTargetBytes = 4 << 10;
constexpr size_t kWriteBytes = 1 << 20;

uint32_t ChunkChecksum(std::string_view bytes) {
  return static_cast<uint32_t>(XXH3_64bits(bytes.data(), bytes.size()));
}

}  // namespace

Result<std::shared_ptr<const Block>> DenseBlock::Open(FileSystem& fs, const std::string& dir) {
  SEXTANT_ASSIGN(std::unique_ptr<core::MappedFile> index, fs.MapReadOnly(JoinPath(dir, "index")));
  SEXTANT_ASSIGN(std::unique_ptr<File> chunks, fs.Open(JoinPath(dir, "chunks"), OpenMode::kRead));
  return FromFiles(dir, std::move(index), std::move(chunks));
}

Result<std::shared_ptr<const Block>> DenseBlock::FromFiles(std::string dir,
                                                           std::unique_ptr<core::MappedFile> index,
                                                           std::unique_ptr<File> chunks) {
  auto in_index = core::AddContext("{}", JoinPath(dir, "index"));
  auto reader = IndexReader::Open(index->bytes()).map_error(in_index);
  if (!reader) return tl::unexpected(reader.error());
  SEXTANT_ASSIGN(uint64_t chunk_bytes, chunks->Size());
  char magic[8];
  static_assert(sizeof magic == kChunkMagic.size());
  SEXTANT_ASSIGN(size_t got, chunks->ReadAt(0, magic, sizeof magic));
  if (chunk_bytes != reader->facts().chunk_file_bytes || std::string_view(magic, got) != kChunkMagic) {
    return core::Fail(Code::kCorruption, "{}: not the chunk file of this block ({} bytes instead of {})",
                      JoinPath(dir, "chunks"), chunk_bytes, reader->facts().chunk_file_bytes);
  }
  const IndexFacts& facts = reader->facts();
  BlockFacts of_block{.start_ms = facts.start_ms,
                      .end_ms = facts.end_ms,
                      .series = facts.series,
                      .samples = facts.samples,
                      .chunks = facts.chunks,
                      .size_bytes = index->bytes().size() + chunk_bytes};
  return std::shared_ptr<const Block>(
      new DenseBlock(std::move(dir), of_block, std::move(index), std::move(*reader), std::move(chunks)));
}

Status DenseBlock::VerifyOnce() const {
  std::call_once(verify_once_, [this] {
    verified_ = index_.Verify().map_error(core::AddContext("{}", JoinPath(dir(), "index")));
  });
  return verified_;
}

Status DenseBlock::Select(const std::vector<Matcher>& matchers, std::vector<FoundInBlock>& out) const {
  SEXTANT_TRY(VerifyOnce());
  SEXTANT_ASSIGN(Bitmap selected, index_.Select(matchers));
  for (uint32_t series : selected) {
    SEXTANT_ASSIGN(Labels labels, index_.LabelsOf(series));
    out.push_back({std::move(labels), series});
  }
  return {};
}

Status DenseBlock::LabelValues(std::string_view name, const std::vector<Matcher>& matchers,
                               std::vector<std::string>& out) const {
  SEXTANT_TRY(VerifyOnce());
  return index_.LabelValues(name, matchers, out);
}

Status DenseBlock::LabelNames(const std::vector<Matcher>& matchers, std::vector<std::string>& out) const {
  SEXTANT_TRY(VerifyOnce());
  return index_.LabelNames(matchers, out);
}

Result<std::vector<uint32_t>> DenseBlock::AllSeries() const {
  SEXTANT_TRY(VerifyOnce());
  std::vector<uint32_t> all(facts().series);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

Result<Labels> DenseBlock::LabelsOf(uint32_t series) const { return index_.LabelsOf(series); }

Status DenseBlock::ReadChunk(std::string_view bytes, const ChunkPlace& place, TimestampMs start_ms,
                             TimestampMs end_ms, model::SampleColumns& out) const {
  size_t before = out.size();
  Status decoded;
  if (bytes.size() < kChunkChecksumBytes ||
      LoadFixed<uint32_t>(bytes.data()) != ChunkChecksum(bytes.substr(kChunkChecksumBytes))) {
    decoded = core::Fail(Code::kCorruption, "wrong checksum");
  } else {
    decoded = DecodeChunk(bytes.substr(kChunkChecksumBytes), place.samples, start_ms, end_ms, out);
  }
  out.Resize(decoded ? out.size() : before);
  if (decoded) return {};
  return decoded.map_error(core::AddContext("{} at {}", JoinPath(dir(), "chunks"), place.offset));
}

Status DenseBlock::Read(uint32_t series, TimestampMs start_ms, TimestampMs end_ms,
                        model::SampleColumns& out) const {
  SEXTANT_ASSIGN(std::vector<ChunkPlace> places, index_.ChunksOf(series));
  std::erase_if(places,
                [&](const ChunkPlace& place) { return place.last_ms < start_ms || place.first_ms > end_ms; });
  if (places.empty()) return {};
  // A series' chunks are neighbours: one read.
  uint64_t begin = places.front().offset;
  std::string bytes(places.back().offset + places.back().size_bytes - begin, '\0');
  SEXTANT_ASSIGN(size_t got, chunks_->ReadAt(begin, bytes.data(), bytes.size()));
  bytes.resize(got);
  Status all;
  for (const ChunkPlace& place : places) {
    std::string_view rest(bytes);
    rest.remove_prefix(std::min<uint64_t>(place.offset - begin, rest.size()));
    Status read = ReadChunk(rest.substr(0, place.size_bytes), place, start_ms, end_ms, out);
    if (!read) all = read;
  }
  return all;
}

Result<std::unique_ptr<DenseBlockWriter>> DenseBlockWriter::Start(FileSystem& fs, std::string dir,
                                                                  TimestampMs start_ms, TimestampMs end_ms) {
  std::unique_ptr<DenseBlockWriter> writer(new DenseBlockWriter(fs, std::move(dir)));
  writer->facts_.start_ms = start_ms;
  writer->facts_.end_ms = end_ms;
  // What an attempt that failed in its last step has left.
  SEXTANT_TRY(core::RemoveAll(fs, writer->temporary_dir_));
  SEXTANT_TRY(core::RemoveAll(fs, writer->dir_));
  SEXTANT_TRY(fs.MakeDirectories(writer->temporary_dir_));
  SEXTANT_ASSIGN(writer->chunk_file_, fs.Open(JoinPath(writer->temporary_dir_, "chunks"), OpenMode::kCreate));
  writer->chunk_buffer_ = kChunkMagic;
  writer->facts_.chunk_file_bytes = kChunkMagic.size();
  return writer;
}

uint32_t DenseBlockWriter::SymbolId(std::string_view text) {
  auto [place, is_new] = symbol_ids_.try_emplace(std::string(text), static_cast<uint32_t>(symbols_.size()));
  if (is_new) symbols_.emplace_back(text);
  return place->second;
}

Status DenseBlockWriter::PutChunk(const std::string& bytes, const ChunkTail& tail,
                                  TimestampMs& former_last_ms) {
  TimestampMs first_ms = ChunkStart(bytes.data());
  PutVarint(chunk_places_, static_cast<uint64_t>(first_ms - former_last_ms));
  PutVarint(chunk_places_, static_cast<uint64_t>(tail.last_time_ms - first_ms));
  PutVarint(chunk_places_, tail.count);
  PutVarint(chunk_places_, bytes.size() + kChunkChecksumBytes);
  former_last_ms = tail.last_time_ms;
  PutFixed(chunk_buffer_, ChunkChecksum(bytes));
  chunk_buffer_ += bytes;
  facts_.chunk_file_bytes += bytes.size() + kChunkChecksumBytes;
  facts_.samples += tail.count;
  ++facts_.chunks;
  return chunk_buffer_.size() >= kWriteBytes ? FlushChunks() : Status();
}

Status DenseBlockWriter::FlushChunks() {
  SEXTANT_TRY(chunk_file_->Append(chunk_buffer_));
  chunk_buffer_.clear();
  return {};
}

Status DenseBlockWriter::Add(const Labels& labels, const model::SampleColumns& samples) {
  for (LabelView label : labels) {
    uint32_t name = SymbolId(label.name);
    uint32_t value = SymbolId(label.value);
    auto [place, is_new] = pair_ids_.try_emplace(static_cast<uint64_t>(name) << 32 | value,
                                                 static_cast<uint32_t>(pairs_.size()));
    if (is_new) pairs_.emplace_back(name, value);
    series_pairs_.push_back(place->second);
  }
  pair_ends_.push_back(static_cast<uint32_t>(series_pairs_.size()));
  ++facts_.series;

  // The places are preceded by their number, which is known only then.
  std::string places;
  places.swap(chunk_places_);
  uint64_t first_offset = facts_.chunk_file_bytes;
  uint64_t chunks_before = facts_.chunks;
  std::string bytes;
  ChunkTail tail;
  TimestampMs former_last_ms = facts_.start_ms;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (tail.count > 0 && (bytes.size() >= kChunkTargetBytes || !ChunkAccepts(tail, samples.times_ms[i]))) {
      SEXTANT_TRY(PutChunk(bytes, tail, former_last_ms));
      bytes.clear();
      tail = {};
    }
    char added[kMaxSampleBytes];
    uint64_t bits = std::bit_cast<uint64_t>(samples.values[i]);
    size_t size = EncodeSample(tail, samples.times_ms[i], bits, added);
    if (size == 0) ++bytes.back();
    bytes.append(added, size);
    CommitSample(tail, samples.times_ms[i], bits, size, bytes.data());
  }
  if (tail.count > 0) SEXTANT_TRY(PutChunk(bytes, tail, former_last_ms));
  places.swap(chunk_places_);
  PutVarint(chunk_places_, facts_.chunks - chunks_before);
  PutVarint(chunk_places_, first_offset);
  chunk_places_ += places;
  place_ends_.push_back(static_cast<uint32_t>(chunk_places_.size()));
  return {};
}

namespace {

// Appends sections to the index file, one after the other, and notes where they are.
class SectionWriter {
 public:
  explicit SectionWriter(std::unique_ptr<File> file) : file_(std::move(file)) {}

  Status Begin() {
    offset_ = kIndexMagic.size();
    return file_->Append(kIndexMagic);
  }
  Status Put(IndexSection section, std::string bytes) {
    if (bytes.size() > UINT32_MAX) {
      return core::Fail(Code::kResourceExhausted, "{}: more than 4 GiB in one section", file_->path());
    }
    footer_.sections[static_cast<size_t>(section)] = {offset_, bytes.size(),
                                                      XXH3_64bits(bytes.data(), bytes.size())};
    offset_ += bytes.size();
    return file_->Append(bytes);
  }
  Status End(const IndexFacts& facts) {
    footer_.facts = facts;
    SEXTANT_TRY(file_->Append(SealIndexFooter(footer_)));
    return file_->Sync();
  }

 private:
  const std::unique_ptr<File> file_;
  uint64_t offset_ = 0;
  IndexFooter footer_{};
};

// Ranks of texts in their order.
std::vector<uint32_t> Rank(const std::vector<std::string>& texts, std::vector<uint32_t>& order) {
  order.resize(texts.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return texts[a] < texts[b]; });
  std::vector<uint32_t> rank(texts.size());
  for (uint32_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
  return rank;
}

}  // namespace

Status DenseBlockWriter::WriteIndex() {
  symbol_ids_.clear();
  pair_ids_.clear();
  SEXTANT_ASSIGN(std::unique_ptr<File> file, fs_.Open(JoinPath(temporary_dir_, "index"), OpenMode::kCreate));
  SectionWriter writer(std::move(file));
  SEXTANT_TRY(writer.Begin());

  std::vector<uint32_t> order;
  std::vector<uint32_t> rank = Rank(symbols_, order);
  std::string offsets;
  std::string bytes;
  for (uint32_t id : order) {
    PutFixed(offsets, static_cast<uint32_t>(bytes.size()));
    bytes += symbols_[id];
  }
  PutFixed(offsets, static_cast<uint32_t>(bytes.size()));
  SEXTANT_TRY(writer.Put(IndexSection::kSymbolOffsets, std::move(offsets)));
  SEXTANT_TRY(writer.Put(IndexSection::kSymbols, std::move(bytes)));

  offsets.clear();
  bytes.clear();
  for (size_t i = 0; i < pair_ends_.size(); ++i) {
    PutFixed(offsets, static_cast<uint32_t>(bytes.size()));
    uint32_t begin = i == 0 ? 0 : pair_ends_[i - 1];
    PutVarint(bytes, pair_ends_[i] - begin);
    for (uint32_t j = begin; j < pair_ends_[i]; ++j) {
      PutVarint(bytes, rank[pairs_[series_pairs_[j]].first]);
      PutVarint(bytes, rank[pairs_[series_pairs_[j]].second]);
    }
    uint32_t places_begin = i == 0 ? 0 : place_ends_[i - 1];
    bytes.append(chunk_places_, places_begin, place_ends_[i] - places_begin);
  }
  PutFixed(offsets, static_cast<uint32_t>(bytes.size()));
  SEXTANT_TRY(writer.Put(IndexSection::kSeriesOffsets, std::move(offsets)));
  SEXTANT_TRY(writer.Put(IndexSection::kSeries, std::move(bytes)));

  // Pairs in the order of name and value; each one's postings are counted, then filled in the order of
  // series.
  std::vector<uint32_t> pair_order(pairs_.size());
  std::iota(pair_order.begin(), pair_order.end(), 0);
  std::sort(pair_order.begin(), pair_order.end(), [&](uint32_t a, uint32_t b) {
    return std::pair(rank[pairs_[a].first], rank[pairs_[a].second]) <
           std::pair(rank[pairs_[b].first], rank[pairs_[b].second]);
  });
  std::vector<uint32_t> counts(pairs_.size(), 0);
  for (uint32_t pair : series_pairs_) ++counts[pair];
  std::string names;
  std::string values;
  std::vector<uint32_t> next_posting(pairs_.size());
  uint32_t first_posting = 0;
  for (uint32_t i = 0; i < pair_order.size(); ++i) {
    uint32_t pair = pair_order[i];
    bool is_new_name = i == 0 || pairs_[pair].first != pairs_[pair_order[i - 1]].first;
    if (is_new_name) {
      PutFixed(names, rank[pairs_[pair].first]);
      PutFixed(names, i);
      PutFixed(names, uint32_t{0});
    }
    char* value_count = names.data() + names.size() - sizeof(uint32_t);
    StoreFixed(value_count, LoadFixed<uint32_t>(value_count) + 1);
    PutFixed(values, rank[pairs_[pair].second]);
    PutFixed(values, first_posting);
    PutFixed(values, counts[pair]);
    next_posting[pair] = first_posting;
    first_posting += counts[pair];
  }
  SEXTANT_TRY(writer.Put(IndexSection::kNames, std::move(names)));
  SEXTANT_TRY(writer.Put(IndexSection::kValues, std::move(values)));
  std::string postings(series_pairs_.size() * sizeof(uint32_t), '\0');
  for (uint32_t series = 0; series < pair_ends_.size(); ++series) {
    for (uint32_t j = series == 0 ? 0 : pair_ends_[series - 1]; j < pair_ends_[series]; ++j) {
      StoreFixed(postings.data() + size_t{next_posting[series_pairs_[j]]++} * sizeof(uint32_t), series);
    }
  }
  SEXTANT_TRY(writer.Put(IndexSection::kPostings, std::move(postings)));
  return writer.End(facts_);
}

Result<bool> DenseBlockWriter::Finish() {
  if (facts_.series == 0) {
    chunk_file_.reset();
    SEXTANT_TRY(core::RemoveAll(fs_, temporary_dir_));
    return false;
  }
  SEXTANT_TRY(FlushChunks());
  SEXTANT_TRY(chunk_file_->Sync());
  SEXTANT_TRY(WriteIndex());
  SEXTANT_TRY(fs_.SyncDirectory(temporary_dir_));
  SEXTANT_TRY(fs_.Rename(temporary_dir_, dir_));
  SEXTANT_TRY(fs_.SyncDirectory(core::ParentPath(dir_)));
  return true;
}

}  // namespace sextant::tsdb
