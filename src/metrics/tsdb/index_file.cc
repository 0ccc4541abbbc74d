#include "metrics/tsdb/index_file.h"

#include <xxhash.h>

#include <algorithm>
#include <span>

#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/dense_columns.h"
#include "metrics/tsdb/dense_integers.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::Result;
using core::Status;
using model::Labels;
using model::LabelView;
using model::Matcher;
using model::MatchType;

constexpr size_t kEntrySizes[kIndexSections] = {
    sizeof(IndexName), 1, sizeof(uint32_t), 1, 1, sizeof(uint32_t), 1, sizeof(IndexSplit), sizeof(GroupPlace),
    sizeof(GroupPlace)};

// Labels of a series whose changes fit a mask.
constexpr size_t kMaxMaskedLabels = 60;

enum PostingsForm : uint8_t { kRuns = 0, kColumns = 1 };
constexpr size_t kPostingsPerColumn = 4096;
// So many take as long as one unit of a PacedCheck.
constexpr size_t kPostingsPerUnit = 64;

std::string PostingsAsRuns(const std::vector<uint32_t>& series) {
  std::string out(1, static_cast<char>(kRuns));
  uint32_t end = 0;
  for (size_t i = 0; i < series.size();) {
    size_t length = 1;
    while (i + length < series.size() && series[i + length] == series[i] + length) ++length;
    PutVarint(out, series[i] - end);
    PutVarint(out, length - 1);
    end = series[i] + static_cast<uint32_t>(length);
    i += length;
  }
  return out;
}

// Stops when it has as many bytes as something better.
std::string PostingsAsColumns(std::span<const uint32_t> series, size_t limit_bytes) {
  std::string out(1, static_cast<char>(kColumns));
  std::string column;
  while (!series.empty() && out.size() < limit_bytes) {
    std::span<const uint32_t> piece = series.first(std::min(series.size(), kPostingsPerColumn));
    series = series.subspan(piece.size());
    std::vector<int64_t> numbers(piece.begin(), piece.end());
    column.clear();
    EncodeIntegers(numbers, ColumnGoal::kFast, column);
    PutText(out, column);
  }
  return out;
}

uint32_t PageChecksum(std::string_view page) {
  return static_cast<uint32_t>(XXH3_64bits(page.data(), page.size()));
}

}  // namespace

std::string SealIndexFooter(const IndexFooter& footer) {
  std::string tail(reinterpret_cast<const char*>(&footer), sizeof footer);
  PutFixed(tail, uint64_t{XXH3_64bits(tail.data(), tail.size())});
  tail += kIndexMagic;
  return tail;
}

std::string IndexChecks(std::string_view bytes) {
  std::string checks;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kIndexPageBytes)))
    PutFixed(checks, PageChecksum(bytes.substr(0, kIndexPageBytes)));
  return checks;
}

void PutSeriesRecord(const std::vector<uint32_t>& former, const std::vector<uint32_t>& pairs,
                     std::string& out) {
  if (former.size() != pairs.size() || pairs.size() > kMaxMaskedLabels) {
    PutVarint(out, pairs.size() << 1);
    for (uint32_t pair : pairs) PutVarint(out, pair);
    return;
  }
  uint64_t changed = 0;
  for (size_t i = 0; i < pairs.size(); ++i) changed |= uint64_t{pairs[i] != former[i]} << i;
  PutVarint(out, changed << 1 | 1);
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (pairs[i] != former[i]) PutSignedVarint(out, int64_t{pairs[i]} - int64_t{former[i]});
  }
}

void PutPostings(const std::vector<uint32_t>& series, std::string& out) {
  // Runs are added to a set as a whole: they are good where they take at most two bits for each series.
  std::string runs = PostingsAsRuns(series);
  size_t worth = runs.size() <= series.size() / 4 ? 0 : runs.size() / 2;
  std::string columns = PostingsAsColumns(series, worth);
  out += columns.size() < worth ? columns : runs;
}

IndexReader::IndexReader(std::string_view bytes, const IndexFooter& footer)
    : bytes_(bytes),
      footer_(footer),
      pages_(std::make_unique<Pages>((footer.checks_offset + kIndexPageBytes - 1) / kIndexPageBytes)) {}

Result<IndexReader> IndexReader::Open(std::string_view bytes) {
  auto fail = [](std::string_view what) {
    return core::Fail(Code::kCorruption, "malformed index: {}", what);
  };
  if (bytes.size() < kIndexMagic.size() + kIndexTailBytes) return fail("too short");
  uint64_t body_bytes = bytes.size() - kIndexTailBytes;
  std::string_view tail = bytes.substr(body_bytes);
  if (!bytes.starts_with(kIndexMagic) || !tail.ends_with(kIndexMagic))
    return fail("not an index of version 2");
  IndexFooter footer;
  std::memcpy(&footer, tail.data(), sizeof footer);
  if (SealIndexFooter(footer) != tail) return fail("checksum of the footer");
  const IndexFacts& facts = footer.facts;
  if (facts.start_ms >= facts.end_ms) return fail("time range");
  uint64_t checks = footer.checks_offset;
  if (checks < kIndexMagic.size() || checks > body_bytes ||
      (body_bytes - checks) != (checks + kIndexPageBytes - 1) / kIndexPageBytes * sizeof(uint32_t) ||
      XXH3_64bits(bytes.data() + checks, body_bytes - checks) != footer.checks_checksum) {
    return fail("checksums of the pages");
  }
  for (size_t i = 0; i < kIndexSections; ++i) {
    const SectionPlace& place = footer.sections[i];
    if (place.offset < kIndexMagic.size() || place.offset > checks ||
        place.size_bytes > checks - place.offset || place.size_bytes % kEntrySizes[i] != 0) {
      return fail("section out of place");
    }
  }
  IndexReader reader(bytes, footer);
  uint64_t blocks = (facts.series + kSeriesPerBlock - 1) / kSeriesPerBlock;
  uint64_t splits = reader.Section(IndexSection::kSplits).size() / sizeof(IndexSplit);
  if (facts.series == 0 || facts.series > UINT32_MAX || facts.rows > UINT32_MAX ||
      facts.rows != facts.series + splits || reader.Section(IndexSection::kNames).empty() ||
      reader.Section(IndexSection::kSeriesBlocks).size() != (blocks + 1) * sizeof(uint32_t)) {
    return fail("number of series");
  }
  return reader;
}

tl::unexpected<core::Error> IndexReader::Malformed(std::string_view what) const {
  uint64_t damaged = pages_->damaged_offset.load(std::memory_order_relaxed);
  if (damaged != UINT64_MAX)
    return core::Fail(Code::kCorruption, "malformed index: checksum of the page at {}", damaged);
  return core::Fail(Code::kCorruption, "malformed index: {}", what);
}

bool IndexReader::Check(uint64_t offset, uint64_t size) const {
  if (size == 0) return true;
  for (uint64_t page = offset / kIndexPageBytes; page <= (offset + size - 1) / kIndexPageBytes; ++page) {
    if (pages_->is_good[page].load(std::memory_order_acquire)) continue;
    uint64_t begin = page * kIndexPageBytes;
    std::string_view bytes = bytes_.substr(begin, std::min(kIndexPageBytes, footer_.checks_offset - begin));
    if (PageChecksum(bytes) !=
        LoadFixed<uint32_t>(bytes_.data() + footer_.checks_offset + page * sizeof(uint32_t))) {
      pages_->damaged_offset.store(begin, std::memory_order_relaxed);
      return false;
    }
    pages_->is_good[page].store(true, std::memory_order_release);
  }
  return true;
}

Status IndexReader::Verify(IndexSection section) const {
  const SectionPlace& place = footer_.sections[static_cast<size_t>(section)];
  return Check(place.offset, place.size_bytes) ? Status() : Malformed("section");
}

bool IndexReader::Bytes(IndexSection section, uint64_t offset, uint64_t size, std::string_view& out) const {
  const SectionPlace& place = footer_.sections[static_cast<size_t>(section)];
  if (offset > place.size_bytes || size > place.size_bytes - offset) return false;
  out = bytes_.substr(place.offset + offset, size);
  return Check(place.offset + offset, size);
}

template <typename T>
bool IndexReader::Load(IndexSection section, uint64_t place, T& out) const {
  std::string_view bytes;
  if (!Bytes(section, place * sizeof(T), sizeof(T), bytes)) return false;
  out = LoadFixed<T>(bytes.data());
  return true;
}

bool IndexReader::BlockBytes(IndexSection offsets, IndexSection section, uint64_t block,
                             std::string_view& out) const {
  uint32_t begin;
  uint32_t end;
  return Load(offsets, block, begin) && Load(offsets, block + 1, end) && begin <= end &&
         Bytes(section, begin, end - begin, out);
}

uint32_t IndexReader::names() const {
  return static_cast<uint32_t>(Section(IndexSection::kNames).size() / sizeof(IndexName)) - 1;
}

bool IndexReader::NameAt(uint32_t place, Name& out) const {
  IndexName entry;
  IndexName next;
  if (place >= names() || !Load(IndexSection::kNames, place, entry) ||
      !Load(IndexSection::kNames, uint64_t{place} + 1, next) || next.text_offset < entry.text_offset ||
      next.first_pair < entry.first_pair) {
    return false;
  }
  out.first_pair = entry.first_pair;
  out.pairs = next.first_pair - entry.first_pair;
  out.first_block = entry.first_block;
  return Bytes(IndexSection::kNameTexts, entry.text_offset, next.text_offset - entry.text_offset, out.text);
}

bool IndexReader::FindName(std::string_view text, Name& out, bool& is_found) const {
  is_found = false;
  uint32_t begin = 0;
  uint32_t end = names();
  while (begin < end) {
    uint32_t middle = begin + (end - begin) / 2;
    if (!NameAt(middle, out)) return false;
    if (out.text == text) {
      is_found = true;
      return true;
    }
    if (out.text < text) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return true;
}

bool IndexReader::NameOfPair(uint32_t pair, Name& out) const {
  uint32_t begin = 0;
  uint32_t end = names();
  while (begin < end) {
    uint32_t middle = begin + (end - begin) / 2;
    if (!NameAt(middle, out)) return false;
    if (pair < out.first_pair) {
      end = middle;
    } else if (pair - out.first_pair >= out.pairs) {
      begin = middle + 1;
    } else {
      return true;
    }
  }
  return false;
}

// Goes along the values of a name. After a failure !ok().
class IndexReader::ValueCursor {
 public:
  ValueCursor(const IndexReader& index, const Name& name) : index_(index), name_(name) {}

  bool ok() const { return !failed_; }
  const std::string& value() const { return value_; }
  uint32_t count() const { return count_; }
  uint32_t single() const { return single_; }  // the series, when there is one
  uint64_t postings_offset() const { return postings_offset_; }
  uint64_t postings_bytes() const { return postings_bytes_; }

  // Before the value at a place; Next then goes to it. Decodes what is before it in its block.
  void SeekPlace(uint32_t place) {
    next_ = place / kValuesPerBlock * kValuesPerBlock;
    while (next_ < place && Next()) {
    }
  }

  // Before the first value that is not less than `text`, or at its block's end: the caller goes on.
  void SeekBlockOf(std::string_view text) {
    uint32_t begin = 0;
    uint32_t end = (name_.pairs + kValuesPerBlock - 1) / kValuesPerBlock;
    // The last block that begins before it, or with it.
    while (begin < end) {
      uint32_t middle = begin + (end - begin) / 2;
      next_ = middle * kValuesPerBlock;
      if (!Next()) return;
      if (value_ <= text) {
        begin = middle + 1;
      } else {
        end = middle;
      }
    }
    next_ = begin == 0 ? 0 : (begin - 1) * kValuesPerBlock;
  }

  bool Next() {
    if (failed_ || next_ >= name_.pairs) return false;
    bool is_first = next_ % kValuesPerBlock == 0;
    if (is_first) {
      std::string_view bytes;
      if (!index_.BlockBytes(IndexSection::kValueBlocks, IndexSection::kValues,
                             uint64_t{name_.first_block} + next_ / kValuesPerBlock, bytes)) {
        return Fail();
      }
      reader_ = ByteReader(bytes);
      postings_offset_ = reader_.Varint();
      postings_bytes_ = 0;
      value_.clear();
    }
    ++next_;
    uint64_t shared = is_first ? 0 : reader_.Varint();
    std::string_view suffix = reader_.Text();
    uint64_t count = reader_.Varint();
    uint64_t number = reader_.Varint();
    if (!reader_.ok() || shared > value_.size() || count == 0 || count > UINT32_MAX) return Fail();
    value_.resize(static_cast<size_t>(shared));
    value_ += suffix;
    postings_offset_ += postings_bytes_;
    count_ = static_cast<uint32_t>(count);
    if (count == 1 && number > UINT32_MAX) return Fail();
    single_ = count == 1 ? static_cast<uint32_t>(number) : 0;
    postings_bytes_ = count == 1 ? 0 : number;
    return true;
  }

 private:
  bool Fail() {
    failed_ = true;
    return false;
  }

  const IndexReader& index_;
  const Name name_;
  ByteReader reader_{std::string_view()};
  uint32_t next_ = 0;
  std::string value_;
  uint32_t count_ = 0;
  uint32_t single_ = 0;
  uint64_t postings_offset_ = 0;
  uint64_t postings_bytes_ = 0;
  bool failed_ = false;
};

Status IndexReader::AddPostings(const ValueCursor& value, Bitmap& out) const {
  if (value.count() == 1) {
    if (value.single() >= facts().series) return Malformed("postings");
    out.add(value.single());
    return {};
  }
  std::string_view bytes;
  if (value.count() > facts().series || value.postings_bytes() < 2 ||
      !Bytes(IndexSection::kPostings, value.postings_offset(), value.postings_bytes(), bytes)) {
    return Malformed("postings");
  }
  ByteReader reader(bytes.substr(1));
  if (bytes[0] == kColumns) {
    std::vector<int64_t> numbers;
    std::vector<uint32_t> series;
    for (size_t left = value.count(); left > 0; left -= numbers.size()) {
      numbers.resize(std::min(left, kPostingsPerColumn));
      series.resize(numbers.size());
      if (!DecodeIntegers(reader.Text(), numbers)) return Malformed("postings");
      for (size_t i = 0; i < numbers.size(); ++i) {
        if (static_cast<uint64_t>(numbers[i]) >= facts().series) return Malformed("postings");
        series[i] = static_cast<uint32_t>(numbers[i]);
      }
      out.addMany(series.size(), series.data());
    }
    return {};
  }
  if (bytes[0] != kRuns) return Malformed("postings");
  uint64_t end = 0;
  while (!reader.at_end()) {
    uint64_t skipped = reader.Varint();
    uint64_t length = reader.Varint();
    if (!reader.ok() || skipped > facts().series - end || length >= facts().series - end - skipped)
      return Malformed("postings");
    out.addRange(end + skipped, end + skipped + length + 1);
    end += skipped + length + 1;
  }
  return {};
}

Status IndexReader::AddPostingsOf(const Name& name, std::string_view value, Bitmap& out) const {
  ValueCursor cursor(*this, name);
  cursor.SeekBlockOf(value);
  while (cursor.Next() && cursor.value() < value) {
  }
  if (!cursor.ok()) return Malformed("values");
  return cursor.value() == value && cursor.count() > 0 ? AddPostings(cursor, out) : Status();
}

Result<Bitmap> IndexReader::SeriesWith(const Matcher& matcher, bool negated, model::PacedCheck& check) const {
  Bitmap out;
  Name name;
  bool is_found;
  if (!FindName(matcher.name(), name, is_found)) return Malformed("names");
  if (!is_found) return out;
  bool is_exact = matcher.type() == (negated ? MatchType::kNotEqual : MatchType::kEqual);
  bool is_set = matcher.type() == (negated ? MatchType::kNotRegexp : MatchType::kRegexp) &&
                !matcher.set_matches().empty();
  if (is_exact) {
    SEXTANT_TRY(AddPostingsOf(name, matcher.value(), out));
    return out;
  }
  if (is_set) {
    for (const std::string& value : matcher.set_matches()) SEXTANT_TRY(AddPostingsOf(name, value, out));
    return out;
  }
  // Also the values that !~ excludes begin with the prefix.
  bool is_regexp = matcher.type() == (negated ? MatchType::kNotRegexp : MatchType::kRegexp);
  const std::string prefix = is_regexp ? matcher.prefix() : std::string();
  ValueCursor cursor(*this, name);
  if (!prefix.empty()) cursor.SeekBlockOf(prefix);
  uint64_t seen = 0;
  while (cursor.Next()) {
    if (cursor.value() < prefix) continue;
    if (!cursor.value().starts_with(prefix)) break;
    // A series has one value of a name, so that all together are no more than there are series.
    if ((seen += cursor.count()) > facts().series) return Malformed("postings");
    SEXTANT_TRY(check.Worked(1 + cursor.count() / kPostingsPerUnit));
    if (matcher.Matches(cursor.value()) != negated) SEXTANT_TRY(AddPostings(cursor, out));
  }
  if (!cursor.ok()) return Malformed("values");
  return out;
}

Result<Bitmap> IndexReader::Select(const std::vector<Matcher>& matchers,
                                   const model::StopCheck* check) const {
  model::PacedCheck paced(check);
  std::vector<const Matcher*> required;
  std::vector<const Matcher*> excluding;
  for (const Matcher& matcher : matchers) (matcher.MatchesEmpty() ? excluding : required).push_back(&matcher);
  std::stable_partition(required.begin(), required.end(),
                        [](const Matcher* matcher) { return matcher->type() == MatchType::kEqual; });
  Bitmap out;
  if (required.empty()) out.addRange(0, facts().series);
  for (size_t i = 0; i < required.size(); ++i) {
    SEXTANT_ASSIGN(Bitmap series, SeriesWith(*required[i], false, paced));
    if (i == 0) {
      out = std::move(series);
    } else {
      out &= series;
    }
    if (out.isEmpty()) return out;
  }
  for (const Matcher* matcher : excluding) {
    SEXTANT_ASSIGN(Bitmap series, SeriesWith(*matcher, true, paced));
    out -= series;
  }
  return out;
}

// Goes to series and has the pairs of their labels; ascending ones cost least.
class IndexReader::SeriesCursor {
 public:
  explicit SeriesCursor(const IndexReader& index) : index_(index) {}

  const std::vector<uint32_t>& pairs() const { return pairs_; }

  bool Seek(uint32_t series) {
    if (series >= index_.facts().series) return false;
    if (series < next_ || series / kSeriesPerBlock != block_) {
      block_ = series / kSeriesPerBlock;
      next_ = uint64_t{block_} * kSeriesPerBlock;
      std::string_view bytes;
      if (!index_.BlockBytes(IndexSection::kSeriesBlocks, IndexSection::kSeries, block_, bytes))
        return Fail();
      reader_ = ByteReader(bytes);
      pairs_.clear();
    }
    for (; next_ <= series; ++next_) {
      if (!ReadRecord()) return Fail();
    }
    return true;
  }

 private:
  bool Fail() {
    next_ = UINT64_MAX;
    return false;
  }

  bool ReadRecord() {
    uint64_t head = reader_.Varint();
    if ((head & 1) == 0) {
      uint64_t count = head >> 1;
      if (count > reader_.remaining()) return false;
      pairs_.resize(static_cast<size_t>(count));
      for (uint32_t& pair : pairs_)
        pair = static_cast<uint32_t>(std::min<uint64_t>(reader_.Varint(), UINT32_MAX));
      return reader_.ok();
    }
    uint64_t changed = head >> 1;
    if (pairs_.size() < kMaxMaskedLabels && changed >> pairs_.size() != 0) return false;
    for (size_t i = 0; i < pairs_.size() && changed != 0; ++i, changed >>= 1) {
      if ((changed & 1) != 0)
        pairs_[i] =
            static_cast<uint32_t>(uint64_t{pairs_[i]} + static_cast<uint64_t>(reader_.SignedVarint()));
    }
    return reader_.ok();
  }

  const IndexReader& index_;
  ByteReader reader_{std::string_view()};
  uint32_t block_ = UINT32_MAX;
  uint64_t next_ = 0;
  std::vector<uint32_t> pairs_;
};

// Labels of series; what neighbours share is looked up once.
class IndexReader::LabelReader {
 public:
  explicit LabelReader(const IndexReader& index) : index_(index), cursor_(index) {}

  Result<Labels> Read(uint32_t series) {
    if (!cursor_.Seek(series)) return index_.Malformed("series");
    const std::vector<uint32_t>& pairs = cursor_.pairs();
    if (known_.size() < pairs.size()) known_.resize(pairs.size());
    views_.clear();
    for (size_t i = 0; i < pairs.size(); ++i) {
      if ((!known_[i].is_set || known_[i].pair != pairs[i]) && !Resolve(pairs[i], known_[i]))
        return index_.Malformed("labels of a series");
      LabelView label{known_[i].name, known_[i].value};
      if (label.name.empty() || label.value.empty() || (!views_.empty() && views_.back().name >= label.name))
        return index_.Malformed("labels of a series");
      views_.push_back(label);
    }
    if (views_.empty()) return index_.Malformed("a series without labels");
    return Labels::FromSorted(views_);
  }

 private:
  struct Known {
    bool is_set = false;
    uint32_t pair = 0;
    std::string_view name;
    std::string value;
  };

  bool Resolve(uint32_t pair, Known& known) {
    Name name;
    if (!index_.NameOfPair(pair, name)) return false;
    ValueCursor values(index_, name);
    values.SeekPlace(pair - name.first_pair);
    if (!values.Next()) return false;
    known = {true, pair, name.text, values.value()};
    return true;
  }

  const IndexReader& index_;
  SeriesCursor cursor_;
  std::vector<Known> known_;  // by place among the labels
  std::vector<LabelView> views_;
};

Result<Labels> IndexReader::LabelsOf(uint32_t series) const { return LabelReader(*this).Read(series); }

Status IndexReader::VisitLabels(const Bitmap& series,
                                const std::function<Status(uint32_t, Labels)>& take) const {
  LabelReader reader(*this);
  for (uint32_t number : series) {
    SEXTANT_ASSIGN(Labels labels, reader.Read(number));
    SEXTANT_TRY(take(number, std::move(labels)));
  }
  return {};
}

Result<RowRange> IndexReader::RowsOf(uint32_t series) const {
  // Rows are in the order of series, so that those of the ones before are one each and their splits.
  uint64_t begin = 0;
  uint64_t end = Section(IndexSection::kSplits).size() / sizeof(IndexSplit);
  const uint64_t splits = end;
  IndexSplit split;
  while (begin < end) {
    uint64_t middle = begin + (end - begin) / 2;
    if (!Load(IndexSection::kSplits, middle, split)) return Malformed("splits");
    if (split.series < series) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  RowRange rows;
  rows.first = series + begin;
  for (; begin < splits; ++begin) {
    if (!Load(IndexSection::kSplits, begin, split)) return Malformed("splits");
    if (split.series != series) break;
    rows.splits_ms.push_back(TimestampMs{split.first_ms});
  }
  return rows;
}

Status IndexReader::ValuesOfSeries(const Name& name, const Bitmap& series, model::PacedCheck& check,
                                   std::vector<std::string>& out) const {
  SeriesCursor cursor(*this);
  Bitmap places;
  for (uint32_t number : series) {
    SEXTANT_TRY(check.Worked());
    if (!cursor.Seek(number)) return Malformed("series");
    for (uint32_t pair : cursor.pairs()) {
      if (pair - name.first_pair < name.pairs && pair >= name.first_pair) places.add(pair - name.first_pair);
    }
  }
  ValueCursor values(*this, name);
  for (uint32_t place : places) {
    SEXTANT_TRY(check.Worked(4));
    values.SeekPlace(place);
    if (!values.Next()) return Malformed("values");
    out.push_back(values.value());
  }
  return {};
}

Status IndexReader::LabelValues(std::string_view name_text, const std::vector<Matcher>& matchers,
                                std::vector<std::string>& out, const model::StopCheck* check) const {
  model::PacedCheck paced(check);
  Name name;
  bool is_found;
  if (!FindName(name_text, name, is_found)) return Malformed("names");
  if (!is_found) return {};
  Bitmap selected;
  if (!matchers.empty()) {
    SEXTANT_ASSIGN(selected, Select(matchers, check));
    if (selected.isEmpty()) return {};
    // Few series have few values: cheaper than to try all of these.
    if (selected.cardinality() < name.pairs) return ValuesOfSeries(name, selected, paced, out);
  }
  ValueCursor values(*this, name);
  uint64_t seen = 0;
  while (values.Next()) {
    if ((seen += values.count()) > facts().series) return Malformed("postings");
    SEXTANT_TRY(paced.Worked(1 + values.count() / kPostingsPerUnit));
    if (!matchers.empty()) {
      Bitmap series;
      SEXTANT_TRY(AddPostings(values, series));
      if (!series.intersect(selected)) continue;
    }
    out.push_back(values.value());
  }
  return values.ok() ? Status() : Malformed("values");
}

Status IndexReader::LabelNames(const std::vector<Matcher>& matchers, std::vector<std::string>& out,
                               const model::StopCheck* check) const {
  model::PacedCheck paced(check);
  Bitmap pairs;
  if (!matchers.empty()) {
    SEXTANT_ASSIGN(Bitmap selected, Select(matchers, check));
    SeriesCursor cursor(*this);
    for (uint32_t series : selected) {
      SEXTANT_TRY(paced.Worked());
      if (!cursor.Seek(series)) return Malformed("series");
      pairs.addMany(cursor.pairs().size(), cursor.pairs().data());
    }
  }
  for (uint32_t place = 0; place < names(); ++place) {
    Name name;
    if (!NameAt(place, name)) return Malformed("names");
    if (!matchers.empty()) {
      Bitmap of_name;
      of_name.addRange(name.first_pair, uint64_t{name.first_pair} + name.pairs);
      if (!of_name.intersect(pairs)) continue;
    }
    out.emplace_back(name.text);
  }
  return {};
}

}  // namespace sextant::tsdb
