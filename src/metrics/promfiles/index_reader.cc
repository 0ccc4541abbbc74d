#include "metrics/promfiles/index_reader.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <limits>

#include "core/crc32c.h"
#include "metrics/promfiles/big_endian.h"
#include "metrics/promfiles/bits.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::Result;
using core::Status;
using model::Labels;
using model::LabelView;
using model::Matcher;
using model::MatchType;

constexpr uint64_t kSymbolStride = 8;
constexpr uint64_t kValueStride = 32;
constexpr size_t kFrameBytes = 4;  // of a section's length, and of its checksum
constexpr size_t kMaxVarintBytes = 10;
// A few symbols named many times could otherwise make a label set of any size.
constexpr uint64_t kMaxLabelBytes = 16 << 20;
// A list that is so many times longer than what it is compared with is searched instead of read.
constexpr uint64_t kMuchLonger = 8;
// Lists of at least as many bytes are remembered when their checksums were right.
constexpr uint64_t kLongListBytes = 4 << 10;
// Below this many series, reading their labels beats reading the postings of a label's values.
constexpr uint64_t kFewSeries = 20'000;

bool IsSorted(const std::vector<LabelView>& labels) {
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].value.empty() || (i > 0 && labels[i - 1].name >= labels[i].name)) return false;
  }
  return true;
}

// Whether a matcher is answered by a few lookups, without trying the values of its label. What matches a
// missing label is answered by the values that it refuses.
bool IsCheap(const Matcher& matcher) {
  bool is_one = matcher.type() == MatchType::kEqual || matcher.type() == MatchType::kNotEqual;
  if (is_one) return !matcher.value().empty();
  bool looks_up_listed = (matcher.type() == MatchType::kNotRegexp) == matcher.MatchesEmpty();
  return looks_up_listed && !matcher.set_matches().empty();
}

}  // namespace

Result<std::unique_ptr<IndexReader>> IndexReader::Open(std::string_view bytes, std::string path,
                                                       Checksums checksums) {
  std::unique_ptr<IndexReader> reader(new IndexReader(bytes, std::move(path), checksums));
  SEXTANT_TRY(reader->ReadToc());
  return reader;
}

tl::unexpected<core::Error> IndexReader::Corrupt(uint64_t offset, std::string_view what) const {
  return core::Fail(Code::kCorruption, "{} at {}: {}", path_, offset, what);
}

Status IndexReader::ReadToc() {
  if (bytes_.size() < kIndexHeaderBytes + kIndexTocBytes) return Corrupt(bytes_.size(), "ends too early");
  if (LoadBigEndian<uint32_t>(bytes_.data()) != kIndexMagic) return Corrupt(0, "not an index");
  version_ = static_cast<uint8_t>(bytes_[4]);
  if (version_ < 1 || version_ > 3) return Corrupt(4, fmt::format("unknown index version {}", version_));
  uint64_t place = bytes_.size() - kIndexTocBytes;
  std::string_view toc = bytes_.substr(place, kIndexTocBytes - 4);
  BigEndianReader reader(bytes_.substr(place));
  for (uint64_t* section : {&toc_.symbols, &toc_.series, &toc_.label_indices, &toc_.label_indices_table,
                            &toc_.postings, &toc_.postings_table}) {
    *section = reader.Fixed<uint64_t>();
  }
  if (checksums_ == Checksums::kVerify && reader.Fixed<uint32_t>() != core::Crc32c(toc)) {
    return Corrupt(place, "the table of contents has a wrong checksum");
  }
  return {};
}

Result<std::string_view> IndexReader::Section(uint64_t offset, std::string_view what,
                                              Checksums checksums) const {
  uint64_t end = bytes_.size() - kIndexTocBytes;
  if (offset > end || end - offset < 2 * kFrameBytes) {
    return Corrupt(offset, fmt::format("{} would be outside of the file", what));
  }
  uint64_t size = LoadBigEndian<uint32_t>(bytes_.data() + offset);
  if (size > end - offset - 2 * kFrameBytes) return Corrupt(offset, fmt::format("{} is cut off", what));
  std::string_view content = bytes_.substr(offset + kFrameBytes, size);
  if (checksums == Checksums::kVerify &&
      LoadBigEndian<uint32_t>(content.data() + size) != core::Crc32c(content)) {
    return Corrupt(offset, fmt::format("{} has a wrong checksum", what));
  }
  return content;
}

Status IndexReader::LoadOnce() const {
  std::call_once(load_once_, [this] {
    loaded_ = LoadSymbols();
    if (loaded_) loaded_ = LoadValues();
  });
  return loaded_;
}

Status IndexReader::LoadSymbols() const {
  if (toc_.symbols == 0) return {};
  SEXTANT_ASSIGN(std::string_view section, Section(toc_.symbols, "the symbol table", checksums_));
  BigEndianReader reader(section);
  tables_.symbol_count = reader.Fixed<uint32_t>();
  // Zeros are a section without content whose checksum is right.
  if (!reader.ok()) return Corrupt(toc_.symbols, "the symbol table is empty");
  tables_.symbols = section.substr(section.size() - reader.remaining());
  for (uint64_t i = 0; i < tables_.symbol_count; ++i) {
    if (i % kSymbolStride == 0) {
      tables_.symbol_samples.push_back(static_cast<uint32_t>(reader.position() - tables_.symbols.data()));
    }
    reader.Prefixed();
    if (!reader.ok()) return Corrupt(toc_.symbols, "the symbol table has fewer symbols than it says");
  }
  tables_.symbol_samples.shrink_to_fit();
  return {};
}

IndexReader::ValueEntry IndexReader::ReadValueEntry(BigEndianReader& reader) {
  ValueEntry entry;
  uint64_t keys = reader.Uvarint();
  entry.name = reader.Prefixed();
  entry.value = reader.Prefixed();
  entry.postings = reader.Uvarint();
  // Two keys, always: what has another number of them is read as broken.
  if (keys != 2) reader.Bytes(UINT64_MAX);
  return entry;
}

Status IndexReader::LoadValues() const {
  if (toc_.postings_table == 0) return {};
  SEXTANT_ASSIGN(std::string_view section,
                 Section(toc_.postings_table, "the postings offset table", checksums_));
  BigEndianReader reader(section);
  uint64_t count = reader.Fixed<uint32_t>();
  if (!reader.ok()) return Corrupt(toc_.postings_table, "the postings offset table is empty");
  tables_.values = section.substr(section.size() - reader.remaining());
  tables_.value_stride = kValueStride;
  ValueEntry former;
  bool is_sorted = true;
  for (uint64_t i = 0; i < count; ++i) {
    auto place = static_cast<uint32_t>(reader.position() - tables_.values.data());
    ValueEntry entry = ReadValueEntry(reader);
    if (!reader.ok()) {
      return Corrupt(toc_.postings_table + 2 * kFrameBytes + place,
                     "broken entry of the postings offset table");
    }
    if (i > 0 && std::pair(former.name, former.value) >= std::pair(entry.name, entry.value))
      is_sorted = false;
    if (i == 0 || former.name != entry.name) {
      tables_.names.push_back({entry.name, tables_.value_samples.size(), 0});
    }
    if (tables_.names.back().values++ % kValueStride == 0) tables_.value_samples.push_back(place);
    former = entry;
  }
  if (!is_sorted) SortValues(count);
  tables_.names.shrink_to_fit();
  tables_.value_samples.shrink_to_fit();
  return {};
}

// Remembers every entry, in the order that the lookups need.
void IndexReader::SortValues(uint64_t count) const {
  auto entry_at = [this](uint32_t place) {
    BigEndianReader reader(tables_.values.substr(place));
    return ReadValueEntry(reader);
  };
  tables_.names.clear();
  tables_.value_samples.clear();
  tables_.value_stride = 1;
  BigEndianReader reader(tables_.values);
  for (uint64_t i = 0; i < count; ++i) {
    tables_.value_samples.push_back(static_cast<uint32_t>(reader.position() - tables_.values.data()));
    ReadValueEntry(reader);
  }
  std::sort(tables_.value_samples.begin(), tables_.value_samples.end(), [&](uint32_t a, uint32_t b) {
    ValueEntry first = entry_at(a);
    ValueEntry second = entry_at(b);
    return std::tuple(first.name, first.value, a) < std::tuple(second.name, second.value, b);
  });
  for (size_t i = 0; i < tables_.value_samples.size(); ++i) {
    std::string_view name = entry_at(tables_.value_samples[i]).name;
    if (i == 0 || tables_.names.back().name != name) tables_.names.push_back({name, i, 0});
    ++tables_.names.back().values;
  }
}

std::optional<std::string_view> IndexReader::Symbol(uint32_t ref) const {
  if (tables_.symbols.empty()) return std::nullopt;
  if (version_ == 1) {
    uint64_t begin = OffsetOf(tables_.symbols.data());
    if (ref < begin || ref - begin >= tables_.symbols.size()) return std::nullopt;
    BigEndianReader reader(tables_.symbols.substr(ref - begin));
    std::string_view symbol = reader.Prefixed();
    return reader.ok() ? std::optional(symbol) : std::nullopt;
  }
  if (ref >= tables_.symbol_count) return std::nullopt;
  BigEndianReader reader(tables_.symbols.substr(tables_.symbol_samples[ref / kSymbolStride]));
  for (uint64_t i = ref % kSymbolStride; i > 0; --i) reader.Prefixed();
  return reader.Prefixed();
}

std::optional<uint32_t> IndexReader::FindSymbol(std::string_view text) const {
  auto symbol_at = [this](uint32_t place) {
    return BigEndianReader(tables_.symbols.substr(place)).Prefixed();
  };
  const std::vector<uint32_t>& samples = tables_.symbol_samples;
  auto after = std::partition_point(samples.begin(), samples.end(),
                                    [&](uint32_t place) { return symbol_at(place) <= text; });
  if (after == samples.begin()) return std::nullopt;
  auto sample = static_cast<uint64_t>(after - samples.begin()) - 1;
  BigEndianReader reader(tables_.symbols.substr(samples[sample]));
  uint64_t end = std::min((sample + 1) * kSymbolStride, tables_.symbol_count);
  for (uint64_t i = sample * kSymbolStride; i < end; ++i) {
    uint64_t offset = OffsetOf(reader.position());
    if (reader.Prefixed() != text) continue;
    return static_cast<uint32_t>(version_ == 1 ? offset : i);
  }
  return std::nullopt;
}

const IndexReader::Name* IndexReader::FindName(std::string_view name) const {
  auto found = std::partition_point(tables_.names.begin(), tables_.names.end(),
                                    [&](const Name& other) { return other.name < name; });
  return found != tables_.names.end() && found->name == name ? &*found : nullptr;
}

template <typename Visit>
Status IndexReader::VisitValues(const Name& name, std::string_view from, model::PacedCheck& check,
                                Visit visit) const {
  auto begin = tables_.value_samples.begin() + static_cast<ptrdiff_t>(name.first_sample);
  uint64_t samples = (name.values + tables_.value_stride - 1) / tables_.value_stride;
  auto after = std::partition_point(begin, begin + static_cast<ptrdiff_t>(samples), [&](uint32_t place) {
    BigEndianReader reader(tables_.values.substr(place));
    return ReadValueEntry(reader).value < from;
  });
  if (after != begin) --after;
  BigEndianReader reader("");
  for (uint64_t i = static_cast<uint64_t>(after - begin) * tables_.value_stride; i < name.values; ++i) {
    if (i % tables_.value_stride == 0) reader = BigEndianReader(tables_.values.substr(*after++));
    ValueEntry entry = ReadValueEntry(reader);
    if (entry.value < from) continue;
    SEXTANT_TRY(check.Worked());
    SEXTANT_ASSIGN(bool goes_on, visit(entry));
    if (!goes_on) break;
  }
  return {};
}

uint32_t IndexReader::Postings::At(uint64_t place) const {
  return LoadBigEndian<uint32_t>(bytes + place * sizeof(uint32_t));
}

// In steps that double, as what is sought is mostly near.
uint64_t IndexReader::Postings::Seek(uint64_t from, uint32_t series) const {
  uint64_t step = 1;
  uint64_t begin = from;
  while (begin < count && At(begin) < series) {
    from = begin + 1;
    begin += step;
    step *= 2;
  }
  uint64_t end = std::min(begin, count);
  while (from < end) {
    uint64_t middle = from + (end - from) / 2;
    if (At(middle) < series) {
      from = middle + 1;
    } else {
      end = middle;
    }
  }
  return from;
}

bool IndexReader::Postings::Meets(const Postings& other) const {
  uint64_t mine = 0;
  uint64_t theirs = 0;
  while (mine < count && theirs < other.count) {
    if (At(mine) == other.At(theirs)) return true;
    uint64_t before = mine + theirs;
    theirs = other.Seek(theirs, At(mine));
    if (theirs < other.count) mine = Seek(mine, other.At(theirs));
    if (mine + theirs == before) break;  // they do not ascend
  }
  return false;
}

Result<IndexReader::Postings> IndexReader::PostingsAt(uint64_t offset) const {
  bool is_known = false;
  {
    std::lock_guard lock(verified_mutex_);
    is_known = verified_.contains(offset);
  }
  SEXTANT_ASSIGN(std::string_view list,
                 Section(offset, "a postings list", is_known ? Checksums::kIgnore : checksums_));
  BigEndianReader reader(list);
  uint64_t count = reader.Fixed<uint32_t>();
  if (!reader.ok() || reader.remaining() != count * sizeof(uint32_t)) {
    return Corrupt(offset, "a postings list is not as long as it says");
  }
  if (!is_known && list.size() >= kLongListBytes) {
    std::lock_guard lock(verified_mutex_);
    verified_.insert(offset);
  }
  return Postings{reader.position(), count};
}

Result<IndexReader::Postings> IndexReader::PostingsOf(const Name& name, std::string_view value) const {
  Postings found;
  model::PacedCheck unasked(nullptr);
  SEXTANT_TRY(VisitValues(name, value, unasked, [&](const ValueEntry& entry) -> Result<bool> {
    if (entry.value != value) return false;
    SEXTANT_ASSIGN(found, PostingsAt(entry.postings));
    return false;
  }));
  return found;
}

Status IndexReader::AddPostings(uint64_t offset, uint64_t& budget_bytes, Roaring& out) const {
  SEXTANT_ASSIGN(Postings list, PostingsAt(offset));
  uint64_t size_bytes = (list.count + 1) * sizeof(uint32_t);
  if (size_bytes > budget_bytes) return Corrupt(offset, "postings lists overlap");
  budget_bytes -= size_bytes;
  uint32_t batch[1024];
  for (uint64_t at = 0; at < list.count;) {
    size_t size = std::min<size_t>(list.count - at, std::size(batch));
    for (size_t i = 0; i < size; ++i) batch[i] = list.At(at + i);
    out.addMany(size, batch);
    at += size;
  }
  return {};
}

Result<bool> IndexReader::MeetsPostings(uint64_t offset, uint64_t& budget_bytes,
                                        const Roaring& selected) const {
  SEXTANT_ASSIGN(Postings list, PostingsAt(offset));
  uint64_t size_bytes = (list.count + 1) * sizeof(uint32_t);
  if (size_bytes > budget_bytes) return Corrupt(offset, "postings lists overlap");
  budget_bytes -= size_bytes;
  for (uint64_t i = 0; i < list.count; ++i) {
    if (selected.contains(list.At(i))) return true;
  }
  return false;
}

Result<Roaring> IndexReader::AllPostings(model::PacedCheck& check) const {
  Roaring all;
  // The entry with an empty name and value.
  const Name* name = FindName("");
  if (name == nullptr) return all;
  uint64_t budget_bytes = bytes_.size();
  auto add = [&](const ValueEntry& entry) -> Result<bool> {
    SEXTANT_TRY(AddPostings(entry.postings, budget_bytes, all));
    return true;
  };
  SEXTANT_TRY(VisitValues(*name, "", check, add));
  return all;
}

Result<Roaring> IndexReader::SeriesWith(const Matcher& matcher, bool negated,
                                        model::PacedCheck& check) const {
  Roaring out;
  const Name* name = matcher.name().empty() ? nullptr : FindName(matcher.name());
  if (name == nullptr) return out;
  uint64_t budget_bytes = bytes_.size();
  auto add_value = [&](std::string_view value) {
    return VisitValues(*name, value, check, [&](const ValueEntry& entry) -> Result<bool> {
      if (entry.value != value) return false;
      SEXTANT_TRY(AddPostings(entry.postings, budget_bytes, out));
      return true;
    });
  };
  if (matcher.type() == (negated ? MatchType::kNotEqual : MatchType::kEqual)) {
    SEXTANT_TRY(add_value(matcher.value()));
    return out;
  }
  bool is_regexp = matcher.type() == (negated ? MatchType::kNotRegexp : MatchType::kRegexp);
  if (is_regexp && !matcher.set_matches().empty()) {
    std::vector<std::string> values = matcher.set_matches();
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    for (const std::string& value : values) SEXTANT_TRY(add_value(value));
    return out;
  }
  bool takes_all = is_regexp && (matcher.value() == ".+" || matcher.value() == ".*");
  std::string_view prefix = is_regexp ? std::string_view(matcher.prefix()) : std::string_view();
  auto add_matching = [&](const ValueEntry& entry) -> Result<bool> {
    if (!entry.value.starts_with(prefix)) return false;
    if (takes_all || matcher.Matches(entry.value) != negated) {
      SEXTANT_TRY(AddPostings(entry.postings, budget_bytes, out));
    }
    return true;
  };
  SEXTANT_TRY(VisitValues(*name, prefix, check, add_matching));
  return out;
}

Result<bool> IndexReader::AcceptsSeries(const Matcher& matcher, std::optional<uint32_t> name_symbol,
                                        uint32_t series) const {
  std::string_view value;
  SEXTANT_TRY(VisitSymbols(series, [&](uint32_t name, uint32_t value_symbol) {
    if (name == name_symbol) value = Symbol(value_symbol).value_or("");
  }));
  return matcher.Matches(value);
}

void IndexReader::RestrictFew(const Postings& list, bool negated, Roaring& selected) {
  Roaring kept;
  uint64_t place = 0;
  for (uint32_t series : selected) {
    place = list.Seek(place, series);
    bool is_there = place < list.count && list.At(place) == series;
    if (is_there != negated) kept.add(series);
  }
  selected = std::move(kept);
}

Status IndexReader::Restrict(const Matcher& matcher, model::PacedCheck& check, Roaring& selected) const {
  const Name* name = FindName(matcher.name());
  bool is_one = matcher.type() == MatchType::kEqual || matcher.type() == MatchType::kNotEqual;
  if (is_one && !matcher.value().empty() && name != nullptr) {
    SEXTANT_ASSIGN(Postings list, PostingsOf(*name, matcher.value()));
    if (list.count / kMuchLonger >= selected.cardinality()) {
      RestrictFew(list, matcher.type() == MatchType::kNotEqual, selected);
      return {};
    }
  }
  bool reads_labels = !IsCheap(matcher) && name != nullptr && selected.cardinality() < name->values;
  if (!reads_labels) {
    SEXTANT_ASSIGN(Roaring series, SeriesWith(matcher, matcher.MatchesEmpty(), check));
    if (matcher.MatchesEmpty()) {
      selected -= series;
    } else {
      selected &= series;
    }
    return {};
  }
  std::optional<uint32_t> name_symbol = FindSymbol(matcher.name());
  Roaring kept;
  for (uint32_t series : selected) {
    SEXTANT_TRY(check.Worked());
    SEXTANT_ASSIGN(bool accepts, AcceptsSeries(matcher, name_symbol, series));
    if (accepts) kept.add(series);
  }
  selected = std::move(kept);
  return {};
}

Result<Roaring> IndexReader::Select(const std::vector<Matcher>& matchers,
                                    const model::StopCheck* check) const {
  SEXTANT_TRY(LoadOnce());
  model::PacedCheck paced(check);
  std::vector<const Matcher*> ordered;
  for (const Matcher& matcher : matchers) {
    bool takes_all = matcher.type() == MatchType::kRegexp && matcher.value() == ".*";
    if (!takes_all) ordered.push_back(&matcher);
  }
  // What selects few series by few lookups comes first; the rest then has little left to look at.
  std::vector<std::pair<uint64_t, const Matcher*>> ranked;
  for (const Matcher* matcher : ordered) {
    constexpr uint64_t kAfterAll = UINT64_MAX;
    uint64_t rank = matcher->MatchesEmpty() ? kAfterAll : IsCheap(*matcher) ? kAfterAll - 2 : kAfterAll - 1;
    const Name* name = FindName(matcher->name());
    if (rank == kAfterAll - 2 && matcher->type() == MatchType::kEqual && name != nullptr) {
      SEXTANT_ASSIGN(Postings list, PostingsOf(*name, matcher->value()));
      rank = list.count;
    }
    ranked.emplace_back(rank, matcher);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 0; i < ranked.size(); ++i) ordered[i] = ranked[i].second;
  Roaring selected;
  size_t next = 0;
  if (ordered.empty() || ordered[0]->MatchesEmpty()) {
    SEXTANT_ASSIGN(selected, AllPostings(paced));
  } else {
    SEXTANT_ASSIGN(selected, SeriesWith(*ordered[next++], false, paced));
  }
  for (; next < ordered.size() && !selected.isEmpty(); ++next) {
    SEXTANT_TRY(Restrict(*ordered[next], paced, selected));
  }
  return selected;
}

Result<std::string_view> IndexReader::SeriesRecord(uint32_t series) const {
  uint64_t offset = version_ == 1 ? series : series * kSeriesAlignment;
  uint64_t end = bytes_.size() - kIndexTocBytes;
  if (offset < kIndexHeaderBytes || offset >= end)
    return Corrupt(offset, "a series would be outside of the file");
  BigEndianReader reader(bytes_.substr(offset, end - offset));
  std::string_view record = reader.Prefixed();
  uint32_t checksum = reader.Fixed<uint32_t>();
  if (!reader.ok()) return Corrupt(offset, "a series is cut off");
  if (checksums_ == Checksums::kVerify && checksum != core::Crc32c(record)) {
    return Corrupt(offset, "a series has a wrong checksum");
  }
  return record;
}

template <typename Visit>
Status IndexReader::VisitSymbols(uint32_t series, Visit visit) const {
  SEXTANT_ASSIGN(std::string_view record, SeriesRecord(series));
  BigEndianReader reader(record);
  uint64_t count = reader.Count(2);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t name = reader.Uvarint();
    uint64_t value = reader.Uvarint();
    if (!reader.ok() || name > UINT32_MAX || value > UINT32_MAX) break;
    visit(static_cast<uint32_t>(name), static_cast<uint32_t>(value));
  }
  if (!reader.ok()) return Corrupt(OffsetOf(record.data()), "a series has broken labels");
  return {};
}

// Labels of series. Of neighbours most labels are the same and in the same place: their symbols are found
// once.
class IndexReader::LabelReader {
 public:
  explicit LabelReader(const IndexReader& index) : index_(index) {}

  Result<Labels> Read(uint32_t series) {
    views_.clear();
    uint64_t size_bytes = 0;
    bool is_sound = true;
    SEXTANT_TRY(index_.VisitSymbols(series, [&](uint32_t name, uint32_t value) {
      if (known_.size() <= views_.size()) known_.emplace_back();
      Known& known = known_[views_.size()];
      is_sound = is_sound && Resolve(name, known.name_symbol, known.view.name) &&
                 Resolve(value, known.value_symbol, known.view.value);
      if (!is_sound) return;
      size_bytes += known.view.name.size() + known.view.value.size();
      if (size_bytes <= kMaxLabelBytes) views_.push_back(known.view);
    }));
    uint64_t offset = index_.version_ == 1 ? series : series * kSeriesAlignment;
    if (!is_sound) return index_.Corrupt(offset, "a series names a symbol that does not exist");
    if (size_bytes > kMaxLabelBytes) {
      return index_.Corrupt(offset, fmt::format("a series has {} bytes of labels", size_bytes));
    }
    if (IsSorted(views_)) return Labels::FromSorted(views_);
    // Old writers have been seen to sort them differently.
    model::LabelsBuilder builder;
    for (const LabelView& label : views_) builder.Set(label.name, label.value);
    return builder.Build();
  }

 private:
  struct Known {
    std::optional<uint32_t> name_symbol;
    std::optional<uint32_t> value_symbol;
    LabelView view;
  };

  bool Resolve(uint32_t symbol, std::optional<uint32_t>& known, std::string_view& text) const {
    if (known == symbol) return true;
    known.reset();
    std::optional<std::string_view> found = index_.Symbol(symbol);
    if (!found) return false;
    known = symbol;
    text = *found;
    return true;
  }

  const IndexReader& index_;
  std::vector<Known> known_;  // by place
  std::vector<LabelView> views_;
};

Result<Labels> IndexReader::LabelsOf(uint32_t series) const {
  SEXTANT_TRY(LoadOnce());
  return LabelReader(*this).Read(series);
}

Status IndexReader::VisitLabels(const Roaring& series,
                                const std::function<Status(uint32_t, Labels)>& take) const {
  SEXTANT_TRY(LoadOnce());
  LabelReader reader(*this);
  for (uint32_t number : series) {
    SEXTANT_ASSIGN(Labels labels, reader.Read(number));
    SEXTANT_TRY(take(number, std::move(labels)));
  }
  return {};
}

Result<std::vector<ChunkMeta>> IndexReader::ChunksOf(uint32_t series) const {
  std::vector<ChunkMeta> chunks;
  SEXTANT_TRY(ChunksIn(series, std::numeric_limits<TimestampMs>::min(),
                       std::numeric_limits<TimestampMs>::max(), chunks));
  return chunks;
}

Status IndexReader::ChunksIn(uint32_t series, TimestampMs start_ms, TimestampMs end_ms,
                             std::vector<ChunkMeta>& out) const {
  out.clear();
  SEXTANT_ASSIGN(std::string_view record, SeriesRecord(series));
  BigEndianReader reader(record);
  uint64_t labels = reader.Count(2);
  for (uint64_t i = 0; i < 2 * labels; ++i) reader.Uvarint();
  uint64_t count = reader.Count(3);
  TimestampMs time_ms = 0;
  uint64_t ref = 0;
  for (uint64_t i = 0; i < count; ++i) {
    ChunkMeta chunk;
    time_ms = WrapAdd(time_ms, i == 0 ? reader.Varint() : static_cast<int64_t>(reader.Uvarint()));
    chunk.min_time_ms = time_ms;
    time_ms = WrapAdd(time_ms, static_cast<int64_t>(reader.Uvarint()));
    chunk.max_time_ms = time_ms;
    ref += i == 0 ? reader.Uvarint() : static_cast<uint64_t>(reader.Varint());
    chunk.ref = ref;
    if (chunk.max_time_ms >= start_ms && chunk.min_time_ms <= end_ms) out.push_back(chunk);
  }
  if (!reader.ok()) return Corrupt(OffsetOf(record.data()), "a series has broken chunk entries");
  return {};
}

Status IndexReader::ValuesMeeting(const Name& name, const Postings& list, model::PacedCheck& check,
                                  std::vector<std::string>& out) const {
  uint64_t budget_bytes = bytes_.size();
  return VisitValues(name, "", check, [&](const ValueEntry& entry) -> Result<bool> {
    SEXTANT_ASSIGN(Postings of_value, PostingsAt(entry.postings));
    uint64_t size_bytes = (of_value.count + 1) * sizeof(uint32_t);
    if (size_bytes > budget_bytes) return Corrupt(entry.postings, "postings lists overlap");
    budget_bytes -= size_bytes;
    if (of_value.Meets(list)) out.emplace_back(entry.value);
    return true;
  });
}

Status IndexReader::LabelValues(std::string_view name, const std::vector<Matcher>& matchers,
                                std::vector<std::string>& out, const model::StopCheck* check) const {
  SEXTANT_TRY(LoadOnce());
  model::PacedCheck paced(check);
  const Name* found = name.empty() ? nullptr : FindName(name);
  if (found == nullptr) return {};
  if (matchers.size() == 1 && matchers[0].type() == MatchType::kEqual && !matchers[0].value().empty()) {
    // Mostly the series of one metric: if these are many, their list is compared with those of the values.
    const Name* of_matcher = FindName(matchers[0].name());
    if (of_matcher == nullptr) return {};
    SEXTANT_ASSIGN(Postings list, PostingsOf(*of_matcher, matchers[0].value()));
    if (list.count >= std::max(kFewSeries, found->values)) return ValuesMeeting(*found, list, paced, out);
  }
  Roaring selected;
  if (!matchers.empty()) {
    SEXTANT_ASSIGN(selected, Select(matchers, check));
  }
  if (!matchers.empty() && selected.cardinality() < std::max(kFewSeries, found->values)) {
    absl::flat_hash_set<uint32_t> values;
    std::optional<uint32_t> name_symbol = FindSymbol(name);
    for (uint32_t series : selected) {
      SEXTANT_TRY(paced.Worked());
      SEXTANT_TRY(VisitSymbols(series, [&](uint32_t label, uint32_t value) {
        if (label == name_symbol) values.insert(value);
      }));
    }
    for (uint32_t value : values) out.emplace_back(Symbol(value).value_or(""));
    return {};
  }
  uint64_t budget_bytes = bytes_.size();
  return VisitValues(*found, "", paced, [&](const ValueEntry& entry) -> Result<bool> {
    if (!matchers.empty()) {
      SEXTANT_ASSIGN(bool is_met, MeetsPostings(entry.postings, budget_bytes, selected));
      if (!is_met) return true;
    }
    out.emplace_back(entry.value);
    return true;
  });
}

Status IndexReader::LabelNames(const std::vector<Matcher>& matchers, std::vector<std::string>& out,
                               const model::StopCheck* check) const {
  SEXTANT_TRY(LoadOnce());
  model::PacedCheck paced(check);
  if (matchers.empty()) {
    for (const Name& name : tables_.names) {
      if (!name.name.empty()) out.emplace_back(name.name);
    }
    return {};
  }
  SEXTANT_ASSIGN(Roaring selected, Select(matchers, check));
  absl::flat_hash_set<uint32_t> names;
  for (uint32_t series : selected) {
    SEXTANT_TRY(paced.Worked());
    SEXTANT_TRY(VisitSymbols(series, [&](uint32_t name, uint32_t) { names.insert(name); }));
  }
  for (uint32_t name : names) out.emplace_back(Symbol(name).value_or(""));
  return {};
}

}  // namespace sextant::promfiles
