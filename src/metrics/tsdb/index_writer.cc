#include "metrics/tsdb/index_writer.h"

#include <xxhash.h>

#include <algorithm>
#include <numeric>

#include "metrics/tsdb/bytes.h"

namespace sextant::tsdb {

using core::Code;
using core::File;
using core::FileSystem;
using core::JoinPath;
using core::Result;
using core::Status;
using core::TimestampMs;
using model::Labels;
using model::LabelView;

namespace {

constexpr size_t kTextPieceBytes = 256 << 10;
// Postings that are collected at a time: 16 MiB.
constexpr uint64_t kPostingsAtOnce = uint64_t{4} << 20;

}  // namespace

// Appends sections to the index file, one after the other, and notes where they are and the pages' checksums.
class IndexWriter::FileWriter {
 public:
  explicit FileWriter(std::unique_ptr<File> file) : file_(std::move(file)), buffer_(kIndexMagic) {}

  const std::string& path() const { return file_->path(); }

  void Begin(IndexSection section) {
    place_ = &footer_.sections[static_cast<size_t>(section)];
    place_->offset = written_ + buffer_.size();
  }
  // Appends to the section begun last.
  Status Put(std::string_view bytes) {
    place_->size_bytes += bytes.size();
    buffer_ += bytes;
    return buffer_.size() >= kFlushBytes ? Flush(buffer_.size() / kIndexPageBytes * kIndexPageBytes)
                                         : Status();
  }
  uint64_t section_bytes() const { return place_->size_bytes; }

  Status End(const IndexFacts& facts) {
    SEXTANT_TRY(Flush(buffer_.size()));
    footer_.facts = facts;
    footer_.checks_offset = written_;
    footer_.checks_checksum = XXH3_64bits(checks_.data(), checks_.size());
    SEXTANT_TRY(file_->Append(checks_ + SealIndexFooter(footer_)));
    return file_->Sync();
  }

 private:
  static constexpr size_t kFlushBytes = 16 * kIndexPageBytes;

  Status Flush(size_t size) {
    std::string_view bytes = std::string_view(buffer_).substr(0, size);
    checks_ += IndexChecks(bytes);
    SEXTANT_TRY(file_->Append(bytes));
    written_ += size;
    buffer_.erase(0, size);
    return {};
  }

  const std::unique_ptr<File> file_;
  std::string buffer_;
  uint64_t written_ = 0;
  std::string checks_;
  IndexFooter footer_{};
  SectionPlace* place_ = nullptr;
};

// Makes the blocks of values, and the table of names.
class IndexWriter::ValueBlocks {
 public:
  explicit ValueBlocks(Spool spool) : spool_(std::move(spool)) {}

  Spool& spool() { return spool_; }
  std::vector<uint32_t>& offsets() { return offsets_; }
  const std::string& names() const { return names_; }
  const std::string& name_texts() const { return name_texts_; }

  // What comes next are the values of this name, from this pair on; they begin a block.
  void BeginName(std::string_view name, uint32_t pair) {
    in_block_ = 0;
    PutFixed(names_, static_cast<uint32_t>(name_texts_.size()));
    PutFixed(names_, pair);
    PutFixed(names_, static_cast<uint32_t>(offsets_.size()));
    name_texts_ += name;
  }

  // `postings_offset` is where those of this value will lie, or would.
  Status Put(std::string_view value, const std::vector<uint32_t>& series, uint64_t postings_offset,
             uint64_t postings_bytes) {
    entry_.clear();
    if (in_block_ % kValuesPerBlock == 0) {
      if (spool_.size_bytes() > UINT32_MAX)
        return core::Fail(Code::kResourceExhausted, "more than 4 GiB of label values in a block");
      offsets_.push_back(static_cast<uint32_t>(spool_.size_bytes()));
      PutVarint(entry_, postings_offset);
      PutText(entry_, value);
    } else {
      size_t shared = static_cast<size_t>(
          std::mismatch(value.begin(), value.end(), former_.begin(), former_.end()).first - value.begin());
      PutVarint(entry_, shared);
      PutText(entry_, value.substr(shared));
    }
    former_ = value;
    ++in_block_;
    PutVarint(entry_, series.size());
    PutVarint(entry_, series.size() == 1 ? series[0] : postings_bytes);
    return spool_.Append(entry_);
  }

 private:
  Spool spool_;
  std::vector<uint32_t> offsets_;
  std::string names_;
  std::string name_texts_;
  uint32_t in_block_ = 0;
  std::string_view former_;
  std::string entry_;
};

size_t IndexWriter::PairHash::operator()(const PairKey& key) const {
  return XXH3_64bits_withSeed(key.value.data(), key.value.size(), key.name);
}

Result<std::unique_ptr<IndexWriter>> IndexWriter::Start(FileSystem& fs, std::string dir) {
  SEXTANT_ASSIGN(Spool spool, Spool::Create(fs, JoinPath(dir, "series.tmp")));
  return std::unique_ptr<IndexWriter>(new IndexWriter(fs, std::move(dir), std::move(spool)));
}

const char* IndexWriter::Keep(std::string_view text) {
  if (texts_.empty() || texts_.back().capacity() - texts_.back().size() < text.size()) {
    texts_.emplace_back().reserve(std::max(kTextPieceBytes, text.size()));
  }
  std::string& piece = texts_.back();
  size_t at = piece.size();
  piece += text;
  return piece.data() + at;
}

uint32_t IndexWriter::PairOf(LabelView label) {
  auto name = name_ids_.find(label.name);
  if (name == name_ids_.end()) {
    name = name_ids_.emplace(std::string(label.name), static_cast<uint32_t>(names_.size())).first;
    names_.emplace_back(label.name);
  }
  PairKey key{name->second, label.value};
  auto found = pair_ids_.find(key);
  if (found != pair_ids_.end()) return *found;
  pairs_.push_back({Keep(label.value), static_cast<uint32_t>(label.value.size()), name->second, 0});
  uint32_t pair = static_cast<uint32_t>(pairs_.size() - 1);
  pair_ids_.insert(pair);
  return pair;
}

Status IndexWriter::AddSeries(const Labels& labels) {
  if (labels.empty() || (series_ > 0 && labels <= former_labels_)) {
    return core::Fail(Code::kInvalidArgument, "series {} is not after the one before it", labels.ToString());
  }
  added_pairs_.clear();
  auto former = former_labels_.begin();
  size_t place = 0;
  for (LabelView label : labels) {
    // Neighbours share most labels.
    bool has_former = former != former_labels_.end();
    uint32_t pair = has_former && *former == label ? former_pairs_[place] : PairOf(label);
    if (has_former) ++former;
    ++place;
    ++pairs_[pair].postings;
    added_pairs_.push_back(pair);
  }
  record_.clear();
  PutSeriesRecord(former_pairs_, added_pairs_, record_);
  former_pairs_.swap(added_pairs_);
  former_labels_ = labels;
  ++series_;
  return spool_.Append(record_);
}

void IndexWriter::AddSplit(TimestampMs first_ms) {
  splits_.push_back({static_cast<uint32_t>(series_ - 1), first_ms});
}

template <typename Take>
Status IndexWriter::VisitSeries(Take take) const {
  SpoolReader reader(spool_);
  std::vector<uint32_t> pairs;
  for (uint64_t series = 0; series < series_; ++series) {
    uint64_t head = reader.Varint();
    if ((head & 1) == 0) {
      pairs.resize(static_cast<size_t>(std::min<uint64_t>(head >> 1, pairs_.size())));
      for (uint32_t& pair : pairs) pair = static_cast<uint32_t>(reader.Varint());
    } else {
      uint64_t changed = head >> 1;
      for (size_t i = 0; changed != 0 && i < pairs.size(); ++i, changed >>= 1) {
        if ((changed & 1) != 0) pairs[i] += static_cast<uint32_t>(UnZigZag(reader.Varint()));
      }
    }
    SEXTANT_TRY(reader.status());
    SEXTANT_TRY(take(static_cast<uint32_t>(series), pairs));
  }
  return {};
}

// In the order of names, and of values within.
void IndexWriter::RankPairs() {
  pair_ids_.clear();
  name_ids_.clear();
  order_.resize(pairs_.size());
  std::iota(order_.begin(), order_.end(), 0);
  std::sort(order_.begin(), order_.end(), [this](uint32_t a, uint32_t b) {
    const Pair& x = pairs_[a];
    const Pair& y = pairs_[b];
    return x.name != y.name ? names_[x.name] < names_[y.name] : x.text() < y.text();
  });
  rank_.resize(pairs_.size());
  for (uint32_t place = 0; place < order_.size(); ++place) rank_[order_[place]] = place;
}

// The postings of the pairs whose ranks are in [begin, end), and their entries among the values.
Status IndexWriter::WritePostings(FileWriter& file, uint32_t begin, uint32_t end, ValueBlocks& values) {
  std::vector<uint32_t> next(end - begin);
  uint32_t total = 0;
  for (uint32_t place = begin; place < end; ++place) {
    next[place - begin] = total;
    total += pairs_[order_[place]].postings;
  }
  std::vector<uint32_t> postings(total);
  SEXTANT_TRY(VisitSeries([&](uint32_t series, const std::vector<uint32_t>& pairs) -> Status {
    for (uint32_t pair : pairs) {
      uint32_t place = rank_[pair];
      if (place >= begin && place < end) postings[next[place - begin]++] = series;
    }
    return {};
  }));
  std::vector<uint32_t> of_pair;
  std::string encoded;
  for (uint32_t place = begin; place < end; ++place) {
    const Pair& pair = pairs_[order_[place]];
    if (place == 0 || pair.name != pairs_[order_[place - 1]].name) values.BeginName(names_[pair.name], place);
    // Each list now begins where the one before ends.
    uint32_t last = next[place - begin];
    of_pair.assign(postings.begin() + (last - pair.postings), postings.begin() + last);
    encoded.clear();
    if (of_pair.size() > 1) PutPostings(of_pair, encoded);
    SEXTANT_TRY(values.Put(pair.text(), of_pair, file.section_bytes(), encoded.size()));
    SEXTANT_TRY(file.Put(encoded));
  }
  return {};
}

Status IndexWriter::WritePairs(FileWriter& file) {
  SEXTANT_ASSIGN(Spool spool, Spool::Create(fs_, JoinPath(dir_, "values.tmp")));
  ValueBlocks values(std::move(spool));
  file.Begin(IndexSection::kPostings);
  for (uint32_t begin = 0; begin < order_.size();) {
    // As many as fit in memory.
    uint32_t end = begin;
    for (uint64_t total = 0; end < order_.size(); ++end) {
      total += pairs_[order_[end]].postings;
      if (end > begin && total > kPostingsAtOnce) break;
    }
    SEXTANT_TRY(WritePostings(file, begin, end, values));
    begin = end;
  }
  values.BeginName("", static_cast<uint32_t>(order_.size()));
  file.Begin(IndexSection::kValues);
  SEXTANT_TRY(values.spool().Flush());
  SEXTANT_TRY(values.spool().Copy([&](std::string_view bytes) { return file.Put(bytes); }));
  values.offsets().push_back(static_cast<uint32_t>(values.spool().size_bytes()));
  SEXTANT_TRY(values.spool().Remove(fs_));
  file.Begin(IndexSection::kValueBlocks);
  SEXTANT_TRY(file.Put(
      {reinterpret_cast<const char*>(values.offsets().data()), values.offsets().size() * sizeof(uint32_t)}));
  file.Begin(IndexSection::kNames);
  SEXTANT_TRY(file.Put(values.names()));
  file.Begin(IndexSection::kNameTexts);
  return file.Put(values.name_texts());
}

Status IndexWriter::WriteSeries(FileWriter& file) {
  std::string offsets;
  std::vector<uint32_t> former;
  std::vector<uint32_t> ranks;
  std::string record;
  file.Begin(IndexSection::kSeries);
  SEXTANT_TRY(VisitSeries([&](uint32_t series, const std::vector<uint32_t>& pairs) -> Status {
    ranks.clear();
    for (uint32_t pair : pairs) ranks.push_back(rank_[pair]);
    if (series % kSeriesPerBlock == 0) {
      if (file.section_bytes() > UINT32_MAX)
        return core::Fail(Code::kResourceExhausted, "{}: more than 4 GiB of series", file.path());
      PutFixed(offsets, static_cast<uint32_t>(file.section_bytes()));
      former.clear();
    }
    record.clear();
    PutSeriesRecord(former, ranks, record);
    former.swap(ranks);
    return file.Put(record);
  }));
  PutFixed(offsets, static_cast<uint32_t>(file.section_bytes()));
  file.Begin(IndexSection::kSeriesBlocks);
  return file.Put(offsets);
}

Status IndexWriter::Finish(const IndexFacts& facts, const std::vector<GroupPlace>& row_groups,
                           const std::vector<GroupPlace>& time_groups) {
  SEXTANT_TRY(spool_.Flush());
  RankPairs();
  SEXTANT_ASSIGN(std::unique_ptr<File> opened, fs_.Open(JoinPath(dir_, "index"), core::OpenMode::kCreate));
  FileWriter file(std::move(opened));
  SEXTANT_TRY(WritePairs(file));
  SEXTANT_TRY(WriteSeries(file));
  SEXTANT_TRY(spool_.Remove(fs_));
  auto put_all = [&](IndexSection section, const auto& entries) {
    file.Begin(section);
    return file.Put({reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(entries[0])});
  };
  SEXTANT_TRY(put_all(IndexSection::kSplits, splits_));
  SEXTANT_TRY(put_all(IndexSection::kRowGroups, row_groups));
  SEXTANT_TRY(put_all(IndexSection::kTimeGroups, time_groups));
  return file.End(facts);
}

}  // namespace sextant::tsdb
