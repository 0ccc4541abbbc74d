#include "metrics/promfiles/index_writer.h"

#include <algorithm>
#include <numeric>

#include "core/crc32c.h"
#include "metrics/promfiles/big_endian.h"
#include "metrics/promfiles/bits.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::FileSystem;
using core::OpenMode;
using core::Result;
using core::Status;
using model::Labels;
using model::LabelView;

constexpr size_t kBufferBytes = 1 << 20;
constexpr size_t kSymbolBlockBytes = 1 << 18;
constexpr char kVersion = 2;

std::string SpoolPath(const std::string& path) { return path + ".series.tmp"; }

// The spooled form of a series' chunks is the one that the index has.
void PutChunks(std::string& out, const std::vector<ChunkMeta>& chunks) {
  PutUvarint(out, chunks.size());
  TimestampMs time_ms = 0;
  uint64_t ref = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const ChunkMeta& chunk = chunks[i];
    int64_t wait_ms = WrapSub(chunk.min_time_ms, time_ms);
    i == 0 ? PutVarint(out, wait_ms) : PutUvarint(out, static_cast<uint64_t>(wait_ms));
    PutUvarint(out, static_cast<uint64_t>(WrapSub(chunk.max_time_ms, chunk.min_time_ms)));
    i == 0 ? PutUvarint(out, chunk.ref) : PutVarint(out, static_cast<int64_t>(chunk.ref - ref));
    time_ms = chunk.max_time_ms;
    ref = chunk.ref;
  }
}

// Reads the records of a spool one after the other.
class SpoolReader {
 public:
  SpoolReader(const core::File& file, uint64_t size) : file_(file), left_(size) {}

  Result<std::string_view> Next() {
    SEXTANT_TRY(Hold(kMaxLengthBytes));
    BigEndianReader reader(Held());
    uint64_t size = reader.Uvarint();
    at_ += Held().size() - reader.remaining();
    SEXTANT_TRY(Hold(size));
    if (!reader.ok() || Held().size() < size) {
      return core::Fail(Code::kIo, "{}: does not read back as it was written", file_.path());
    }
    std::string_view record = Held().substr(0, size);
    at_ += size;
    return record;
  }

 private:
  static constexpr size_t kMaxLengthBytes = 10;

  std::string_view Held() const { return std::string_view(buffer_).substr(at_); }
  // Holds at least `size` bytes, or all that are left.
  Status Hold(uint64_t size) {
    if (Held().size() >= size || left_ == 0) return {};
    buffer_.erase(0, at_);
    at_ = 0;
    size_t before = buffer_.size();
    buffer_.resize(before + std::min<uint64_t>(left_, std::max<uint64_t>(kBufferBytes, size - before)));
    SEXTANT_ASSIGN(size_t got, file_.ReadAt(offset_, buffer_.data() + before, buffer_.size() - before));
    buffer_.resize(before + got);
    offset_ += got;
    left_ = got == 0 ? 0 : left_ - got;
    return {};
  }

  const core::File& file_;
  uint64_t left_;
  uint64_t offset_ = 0;
  std::string buffer_;
  size_t at_ = 0;
};

}  // namespace

uint32_t SymbolTable::IdOf(std::string_view text) {
  auto found = ids_.find(text);
  if (found != ids_.end()) return *found;
  if (text.size() > block_left_) {
    block_left_ = std::max(text.size(), kSymbolBlockBytes);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_left_));
    block_at_ = blocks_.back().get();
  }
  std::memcpy(block_at_, text.data(), text.size());
  auto id = static_cast<uint32_t>(symbols_.size());
  symbols_.emplace_back(block_at_, text.size());
  block_at_ += text.size();
  block_left_ -= text.size();
  ids_.insert(id);
  return id;
}

bool DeltaLists::AddPiece(List& list) {
  uint16_t bytes = NextPieceBytes(list.piece_bytes);
  if (bytes + kLinkBytes > kBlockBytes - next_) {
    if (blocks_.size() == UINT32_MAX / kBlockBytes) return false;
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(kBlockBytes));
    next_ = 0;
  }
  uint32_t place = static_cast<uint32_t>(blocks_.size() - 1) * kBlockBytes + next_;
  next_ += bytes + kLinkBytes;
  if (list.piece_bytes == 0) {
    list.head = place;
  } else {
    std::memcpy(At(list.at), &place, sizeof place);
  }
  list.at = place;
  list.piece_bytes = bytes;
  list.left_bytes = bytes;
  return true;
}

bool DeltaLists::Add(List& list, uint32_t number) {
  if (list.count == 0) {
    list = {.count = 1, .first = number, .last = number};
    return true;
  }
  uint32_t difference = number - list.last;
  bool is_last = false;
  while (!is_last) {
    if (list.left_bytes == 0 && !AddPiece(list)) return false;
    is_last = difference < 0x80;
    *At(list.at++) = static_cast<char>(is_last ? difference : difference | 0x80);
    --list.left_bytes;
    difference >>= 7;
  }
  list.last = number;
  ++list.count;
  return true;
}

void BufferedFile::Put(std::string_view bytes) {
  size_ += bytes.size();
  buffer_ += bytes;
  if (buffer_.size() >= kBufferBytes) static_cast<void>(Flush());
}

void BufferedFile::PutSummed(std::string_view bytes) {
  checksum_ = core::Crc32c(bytes, checksum_);
  Put(bytes);
}

void BufferedFile::PutChecksum() {
  std::string bytes;
  PutBigEndian<uint32_t>(bytes, checksum_);
  checksum_ = 0;
  Put(bytes);
}

void BufferedFile::PadTo(uint64_t alignment) {
  static constexpr char kZeros[kSeriesAlignment] = {};
  Put(std::string_view(kZeros, (alignment - size_ % alignment) % alignment));
}

Status BufferedFile::Flush() {
  if (status_ && !buffer_.empty()) status_ = file_->Append(buffer_);
  buffer_.clear();
  return status_;
}

Result<std::unique_ptr<IndexWriter>> IndexWriter::Start(FileSystem& fs, const std::string& path) {
  SEXTANT_ASSIGN(std::unique_ptr<core::File> file, fs.Open(path, OpenMode::kCreate));
  SEXTANT_ASSIGN(std::unique_ptr<core::File> spool, fs.Open(SpoolPath(path), OpenMode::kCreateOrEmpty));
  return std::unique_ptr<IndexWriter>(new IndexWriter(fs, path, std::move(file), std::move(spool)));
}

Status IndexWriter::CheckOrder(const Labels& labels, const std::vector<ChunkMeta>& chunks) {
  if (series_count_ > 0 && labels <= last_labels_) {
    return core::Fail(Code::kInvalidArgument, "{}: series {} comes after {}", path_, labels.ToString(),
                      last_labels_.ToString());
  }
  for (size_t i = 0; i < chunks.size(); ++i) {
    bool overlaps = i > 0 && chunks[i].min_time_ms <= chunks[i - 1].max_time_ms;
    if (overlaps || chunks[i].max_time_ms < chunks[i].min_time_ms || chunks[i].ref < last_ref_) {
      return core::Fail(Code::kInvalidArgument, "{}: the chunks of series {} are not in order", path_,
                        labels.ToString());
    }
    last_ref_ = chunks[i].ref;
  }
  last_labels_ = labels;
  return {};
}

IndexWriter::Pair& IndexWriter::PairOf(uint32_t name, uint32_t value) {
  Pair pair{name, value, {}};
  auto found = pair_places_.find(pair.key());
  if (found != pair_places_.end()) return pairs_[*found];
  pairs_.push_back(pair);
  pair_places_.insert(static_cast<uint32_t>(pairs_.size() - 1));
  return pairs_.back();
}

Status IndexWriter::Add(const Labels& labels, const std::vector<ChunkMeta>& chunks) {
  SEXTANT_TRY(CheckOrder(labels, chunks));
  record_.clear();
  PutUvarint(record_, labels.size());
  for (LabelView label : labels) {
    uint32_t name = symbols_.IdOf(label.name);
    uint32_t value = symbols_.IdOf(label.value);
    PutUvarint(record_, name);
    PutUvarint(record_, value);
    if (!postings_.Add(PairOf(name, value).series, series_count_)) {
      return core::Fail(Code::kResourceExhausted, "{}: too many labels for one block", path_);
    }
  }
  PutChunks(record_, chunks);
  std::string size;
  PutUvarint(size, record_.size());
  spool_.Put(size);
  spool_.Put(record_);
  ++series_count_;
  return spool_.status();
}

void IndexWriter::SortSymbols() {
  symbols_.Freeze();
  symbol_order_.resize(symbols_.size());
  std::iota(symbol_order_.begin(), symbol_order_.end(), 0);
  std::sort(symbol_order_.begin(), symbol_order_.end(),
            [&](uint32_t a, uint32_t b) { return symbols_.at(a) < symbols_.at(b); });
  symbol_ranks_.resize(symbols_.size());
  for (uint32_t i = 0; i < symbol_order_.size(); ++i) symbol_ranks_[symbol_order_[i]] = i;
}

void IndexWriter::SortPairs() {
  PairSet(0, PairHash{&pairs_}, PairEqual{&pairs_}).swap(pair_places_);
  pair_order_.resize(pairs_.size());
  std::iota(pair_order_.begin(), pair_order_.end(), 0);
  auto rank = [&](const Pair& pair) {
    return uint64_t{symbol_ranks_[pair.name]} << 32 | symbol_ranks_[pair.value];
  };
  std::sort(pair_order_.begin(), pair_order_.end(),
            [&](uint32_t a, uint32_t b) { return rank(pairs_[a]) < rank(pairs_[b]); });
}

// What four bytes must be able to count.
Status IndexWriter::CheckSection(std::string_view what, uint64_t bytes) const {
  if (bytes <= UINT32_MAX) return {};
  return core::Fail(Code::kResourceExhausted, "{}: {} would take {} bytes, more than the format allows",
                    path_, what, bytes);
}

Status IndexWriter::WriteSymbols() {
  std::string bytes;
  PutBigEndian<uint32_t>(bytes, kIndexMagic);
  bytes.push_back(kVersion);
  out_.Put(bytes);
  toc_.symbols = out_.size();
  uint64_t size = sizeof(uint32_t);
  for (size_t i = 0; i < symbols_.size(); ++i) {
    size += UvarintBytes(symbols_.at(static_cast<uint32_t>(i)).size()) +
            symbols_.at(static_cast<uint32_t>(i)).size();
  }
  SEXTANT_TRY(CheckSection("the symbol table", size));
  bytes.clear();
  PutBigEndian<uint32_t>(bytes, static_cast<uint32_t>(size));
  out_.Put(bytes);
  bytes.clear();
  PutBigEndian<uint32_t>(bytes, static_cast<uint32_t>(symbols_.size()));
  for (uint32_t id : symbol_order_) {
    PutPrefixed(bytes, symbols_.at(id));
    out_.PutSummed(bytes);
    bytes.clear();
  }
  out_.PutSummed(bytes);
  out_.PutChecksum();
  return out_.status();
}

Status IndexWriter::WriteOneSeries(std::string_view spooled, std::string& buffer) {
  buffer.clear();
  BigEndianReader reader(spooled);
  uint64_t labels = reader.Uvarint();
  PutUvarint(buffer, labels);
  for (uint64_t i = 0; i < 2 * labels; ++i) PutUvarint(buffer, symbol_ranks_[reader.Uvarint()]);
  buffer += reader.Bytes(reader.remaining());

  out_.PadTo(kSeriesAlignment);
  uint64_t number = out_.size() / kSeriesAlignment;
  if (number > UINT32_MAX) {
    return core::Fail(Code::kResourceExhausted, "{}: more than 64 GiB of series in one block", path_);
  }
  series_refs_.push_back(static_cast<uint32_t>(number));
  std::string size;
  PutUvarint(size, buffer.size());
  out_.Put(size);
  out_.PutSummed(buffer);
  out_.PutChecksum();
  return out_.status();
}

Status IndexWriter::WriteSeries() {
  SEXTANT_TRY(spool_.Flush());
  toc_.series = out_.size();
  series_refs_.reserve(series_count_);
  SpoolReader spool(spool_.file(), spool_.size());
  std::string buffer;
  for (uint32_t i = 0; i < series_count_; ++i) {
    SEXTANT_ASSIGN(std::string_view spooled, spool.Next());
    SEXTANT_TRY(WriteOneSeries(spooled, buffer));
  }
  return {};
}

// `visit_all` calls what it is given for each series' place in the file.
template <typename VisitAll>
void IndexWriter::WritePostingsList(uint64_t count, VisitAll visit_all) {
  constexpr size_t kBatchBytes = 4096;
  std::string bytes;
  PutBigEndian<uint32_t>(bytes, static_cast<uint32_t>(sizeof(uint32_t) * (count + 1)));
  out_.Put(bytes);
  bytes.clear();
  PutBigEndian<uint32_t>(bytes, static_cast<uint32_t>(count));
  visit_all([&](uint32_t ref) {
    PutBigEndian<uint32_t>(bytes, ref);
    if (bytes.size() < kBatchBytes) return;
    out_.PutSummed(bytes);
    bytes.clear();
  });
  out_.PutSummed(bytes);
  out_.PutChecksum();
}

void IndexWriter::WritePostings() {
  WritePostingsList(series_refs_.size(), [&](auto put) {
    for (uint32_t ref : series_refs_) put(ref);
  });
  for (uint32_t pair : pair_order_) {
    const DeltaLists::List& series = pairs_[pair].series;
    WritePostingsList(series.count, [&](auto put) {
      postings_.ForEach(series, [&](uint32_t number) { put(series_refs_[number]); });
    });
  }
}

// The lists stand in the order of the table, and their sizes follow from their counts.
Status IndexWriter::WritePostingsTable(uint64_t postings_begin) {
  auto visit_entries = [&](auto visit) {
    uint64_t offset = postings_begin;
    visit(std::string_view(), std::string_view(), offset);
    offset += sizeof(uint32_t) * (3 + uint64_t{series_count_});
    for (uint32_t id : pair_order_) {
      const Pair& pair = pairs_[id];
      visit(symbols_.at(pair.name), symbols_.at(pair.value), offset);
      offset += sizeof(uint32_t) * (3 + uint64_t{pair.series.count});
    }
  };
  uint64_t size = sizeof(uint32_t);
  visit_entries([&](std::string_view name, std::string_view value, uint64_t offset) {
    size += 1 + UvarintBytes(name.size()) + name.size() + UvarintBytes(value.size()) + value.size() +
            UvarintBytes(offset);
  });
  SEXTANT_TRY(CheckSection("the postings offset table", size));
  std::string bytes;
  PutBigEndian<uint32_t>(bytes, static_cast<uint32_t>(size));
  out_.Put(bytes);
  bytes.clear();
  PutBigEndian<uint32_t>(bytes, static_cast<uint32_t>(pairs_.size() + 1));
  visit_entries([&](std::string_view name, std::string_view value, uint64_t offset) {
    PutUvarint(bytes, 2);  // keys
    PutPrefixed(bytes, name);
    PutPrefixed(bytes, value);
    PutUvarint(bytes, offset);
    out_.PutSummed(bytes);
    bytes.clear();
  });
  out_.PutChecksum();
  return out_.status();
}

Result<uint64_t> IndexWriter::Finish() {
  SortSymbols();
  SortPairs();
  SEXTANT_TRY(WriteSymbols());
  SEXTANT_TRY(WriteSeries());
  // Sections that are left out begin where the next one does: Thanos takes the label offset table's begin for
  // the end of the postings.
  toc_.label_indices = out_.size();
  toc_.postings = out_.size();
  out_.PadTo(sizeof(uint32_t));
  uint64_t postings_begin = out_.size();
  WritePostings();
  toc_.label_indices_table = out_.size();
  toc_.postings_table = out_.size();
  SEXTANT_TRY(WritePostingsTable(postings_begin));
  std::string bytes;
  for (uint64_t section : {toc_.symbols, toc_.series, toc_.label_indices, toc_.label_indices_table,
                           toc_.postings, toc_.postings_table}) {
    PutBigEndian<uint64_t>(bytes, section);
  }
  out_.PutSummed(bytes);
  out_.PutChecksum();
  SEXTANT_TRY(out_.Flush());
  SEXTANT_TRY(out_.file().Sync());
  SEXTANT_TRY(fs_.Remove(SpoolPath(path_)));
  return out_.size();
}

}  // namespace sextant::promfiles
