#include "metrics/tsdb/index_file.h"

#include <xxhash.h>

#include <algorithm>

#include "metrics/tsdb/bytes.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::Result;
using core::Status;
using model::Labels;
using model::LabelView;
using model::Matcher;
using model::MatchType;

constexpr size_t kEntryBytes = 12;
constexpr size_t kEntrySizes[kIndexSections] = {4, 1, 4, 1, kEntryBytes, kEntryBytes, 4};

tl::unexpected<core::Error> Malformed(std::string_view what) {
  return core::Fail(Code::kCorruption, "malformed index: {}", what);
}

}  // namespace

std::string SealIndexFooter(const IndexFooter& footer) {
  std::string tail(reinterpret_cast<const char*>(&footer), sizeof footer);
  PutFixed(tail, uint64_t{XXH3_64bits(tail.data(), tail.size())});
  tail += kIndexMagic;
  return tail;
}

Result<IndexReader> IndexReader::Open(std::string_view bytes) {
  if (bytes.size() < kIndexMagicBytes + kIndexTailBytes) return Malformed("too short");
  std::string_view tail = bytes.substr(bytes.size() - kIndexTailBytes);
  if (!bytes.starts_with(kIndexMagic) || !tail.ends_with(kIndexMagic)) return Malformed("not an index file");
  IndexFooter footer;
  std::memcpy(&footer, tail.data(), sizeof footer);
  if (SealIndexFooter(footer) != tail) return Malformed("checksum of the footer");
  if (footer.facts.start_ms >= footer.facts.end_ms) return Malformed("time range");
  uint64_t body_bytes = bytes.size() - kIndexTailBytes;
  for (size_t i = 0; i < kIndexSections; ++i) {
    const SectionPlace& place = footer.sections[i];
    if (place.offset < kIndexMagicBytes || place.offset > body_bytes ||
        place.size_bytes > body_bytes - place.offset || place.size_bytes % kEntrySizes[i] != 0 ||
        place.size_bytes > UINT32_MAX) {
      return Malformed("section out of place");
    }
  }
  IndexReader reader(bytes, footer);
  if (reader.CountOf(IndexSection::kSymbolOffsets, 4) == 0 ||
      reader.CountOf(IndexSection::kSeriesOffsets, 4) != footer.facts.series + 1) {
    return Malformed("number of symbols or series");
  }
  return reader;
}

Status IndexReader::Verify() const {
  for (size_t i = 0; i < kIndexSections; ++i) {
    std::string_view section = Section(static_cast<IndexSection>(i));
    if (XXH3_64bits(section.data(), section.size()) != footer_.sections[i].checksum) {
      return Malformed(fmt::format("checksum of section {} at {}", i, footer_.sections[i].offset));
    }
  }
  return {};
}

uint32_t IndexReader::Number(IndexSection section, uint64_t place) const {
  return LoadFixed<uint32_t>(Section(section).data() + place * sizeof(uint32_t));
}

IndexReader::Entry IndexReader::EntryAt(IndexSection section, uint32_t place) const {
  const char* at = Section(section).data() + size_t{place} * kEntryBytes;
  return {LoadFixed<uint32_t>(at), LoadFixed<uint32_t>(at + 4), LoadFixed<uint32_t>(at + 8)};
}

// "" for what is out of range: no symbol is empty, so it matches nothing.
std::string_view IndexReader::Symbol(uint32_t id) const {
  if (uint64_t{id} + 1 >= CountOf(IndexSection::kSymbolOffsets, 4)) return {};
  uint32_t begin = Number(IndexSection::kSymbolOffsets, id);
  uint32_t end = Number(IndexSection::kSymbolOffsets, uint64_t{id} + 1);
  std::string_view symbols = Section(IndexSection::kSymbols);
  return begin <= end && end <= symbols.size() ? symbols.substr(begin, end - begin) : std::string_view();
}

std::string_view IndexReader::SeriesRecord(uint32_t series) const {
  if (series >= facts().series) return {};
  uint32_t begin = Number(IndexSection::kSeriesOffsets, series);
  uint32_t end = Number(IndexSection::kSeriesOffsets, uint64_t{series} + 1);
  std::string_view records = Section(IndexSection::kSeries);
  return begin <= end && end <= records.size() ? records.substr(begin, end - begin) : std::string_view();
}

uint32_t IndexReader::LowerBound(IndexSection section, Range range, std::string_view text) const {
  while (range.begin < range.end) {
    uint32_t middle = range.begin + (range.end - range.begin) / 2;
    if (Symbol(EntryAt(section, middle).symbol) < text) {
      range.begin = middle + 1;
    } else {
      range.end = middle;
    }
  }
  return range.begin;
}

IndexReader::Range IndexReader::ValuesOf(std::string_view name) const {
  uint32_t names = CountOf(IndexSection::kNames, kEntryBytes);
  uint32_t values = CountOf(IndexSection::kValues, kEntryBytes);
  uint32_t place = LowerBound(IndexSection::kNames, {0, names}, name);
  if (place == names) return {};
  Entry entry = EntryAt(IndexSection::kNames, place);
  if (Symbol(entry.symbol) != name || entry.first > values || entry.count > values - entry.first) return {};
  return {entry.first, entry.first + entry.count};
}

Status IndexReader::AddPostings(const Entry& value, Bitmap& out) const {
  uint32_t postings = CountOf(IndexSection::kPostings, 4);
  if (value.first > postings || value.count > postings - value.first)
    return Malformed("postings out of range");
  std::vector<uint32_t> series(value.count);
  if (value.count == 0) return {};
  std::memcpy(series.data(), Section(IndexSection::kPostings).data() + size_t{value.first} * 4,
              series.size() * sizeof(uint32_t));
  out.addMany(series.size(), series.data());
  return {};
}

Status IndexReader::AddPostingsOf(Range values, std::string_view value, Bitmap& out) const {
  uint32_t place = LowerBound(IndexSection::kValues, values, value);
  if (place == values.end) return {};
  Entry entry = EntryAt(IndexSection::kValues, place);
  return Symbol(entry.symbol) == value ? AddPostings(entry, out) : Status();
}

Result<Bitmap> IndexReader::SeriesWith(const Matcher& matcher, bool negated) const {
  Bitmap out;
  Range values = ValuesOf(matcher.name());
  bool is_exact = matcher.type() == (negated ? MatchType::kNotEqual : MatchType::kEqual);
  bool is_set = matcher.type() == (negated ? MatchType::kNotRegexp : MatchType::kRegexp) &&
                !matcher.set_matches().empty();
  if (is_exact) {
    SEXTANT_TRY(AddPostingsOf(values, matcher.value(), out));
    return out;
  }
  if (is_set) {
    for (const std::string& value : matcher.set_matches()) SEXTANT_TRY(AddPostingsOf(values, value, out));
    return out;
  }
  bool has_prefix = !negated && matcher.type() == MatchType::kRegexp && !matcher.prefix().empty();
  if (has_prefix) values.begin = LowerBound(IndexSection::kValues, values, matcher.prefix());
  for (uint32_t place = values.begin; place < values.end; ++place) {
    Entry entry = EntryAt(IndexSection::kValues, place);
    std::string_view value = Symbol(entry.symbol);
    if (has_prefix && !value.starts_with(matcher.prefix())) break;
    if (matcher.Matches(value) != negated) SEXTANT_TRY(AddPostings(entry, out));
  }
  return out;
}

Result<Bitmap> IndexReader::Select(const std::vector<Matcher>& matchers) const {
  std::vector<const Matcher*> required;
  std::vector<const Matcher*> excluding;
  for (const Matcher& matcher : matchers) (matcher.MatchesEmpty() ? excluding : required).push_back(&matcher);
  std::stable_partition(required.begin(), required.end(),
                        [](const Matcher* matcher) { return matcher->type() == MatchType::kEqual; });
  Bitmap out;
  if (required.empty()) out.addRange(0, facts().series);
  for (size_t i = 0; i < required.size(); ++i) {
    SEXTANT_ASSIGN(Bitmap series, SeriesWith(*required[i], false));
    if (i == 0) {
      out = std::move(series);
    } else {
      out &= series;
    }
    if (out.isEmpty()) return out;
  }
  for (const Matcher* matcher : excluding) {
    SEXTANT_ASSIGN(Bitmap series, SeriesWith(*matcher, true));
    out -= series;
  }
  return out;
}

template <typename Visit>
Status IndexReader::VisitLabels(uint32_t series, Visit visit) const {
  ByteReader reader(SeriesRecord(series));
  uint64_t count = reader.Count(2);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t name = reader.Varint();
    uint64_t value = reader.Varint();
    if (!reader.ok() || name > UINT32_MAX || value > UINT32_MAX) return Malformed("labels of a series");
    visit(static_cast<uint32_t>(name), static_cast<uint32_t>(value));
  }
  return reader.ok() && count > 0 ? Status() : Malformed("labels of a series");
}

Result<Labels> IndexReader::LabelsOf(uint32_t series) const {
  std::vector<LabelView> labels;
  bool is_ordered = true;
  SEXTANT_TRY(VisitLabels(series, [&](uint32_t name, uint32_t value) {
    LabelView label{Symbol(name), Symbol(value)};
    is_ordered = is_ordered && !label.value.empty() && !label.name.empty() &&
                 (labels.empty() || labels.back().name < label.name);
    labels.push_back(label);
  }));
  if (!is_ordered) return Malformed("labels of a series");
  return Labels::FromSorted(labels);
}

Result<std::vector<ChunkPlace>> IndexReader::ChunksOf(uint32_t series) const {
  ByteReader reader(SeriesRecord(series));
  uint64_t labels = reader.Count(2);
  for (uint64_t i = 0; i < 2 * labels; ++i) reader.Varint();
  uint64_t count = reader.Count(4);
  std::vector<ChunkPlace> chunks(count);
  uint64_t offset = reader.Varint();
  TimestampMs time_ms = facts().start_ms;
  for (ChunkPlace& chunk : chunks) {
    chunk.first_ms = WrappingAdd(time_ms, static_cast<int64_t>(reader.Varint()));
    chunk.last_ms = WrappingAdd(chunk.first_ms, static_cast<int64_t>(reader.Varint()));
    uint64_t samples = reader.Varint();
    uint64_t size = reader.Varint();
    if (!reader.ok() || chunk.first_ms < time_ms || chunk.last_ms < chunk.first_ms ||
        chunk.last_ms >= facts().end_ms || samples > kMaxChunkSamples || size > UINT16_MAX ||
        offset > facts().chunk_file_bytes || size > facts().chunk_file_bytes - offset) {
      return Malformed("chunks of a series");
    }
    chunk.offset = offset;
    chunk.samples = static_cast<uint32_t>(samples);
    chunk.size_bytes = static_cast<uint32_t>(size);
    offset += size;
    time_ms = chunk.last_ms;
  }
  if (!reader.ok()) return Malformed("chunks of a series");
  return chunks;
}

Status IndexReader::LabelValues(std::string_view name, const std::vector<Matcher>& matchers,
                                std::vector<std::string>& out) const {
  Range values = ValuesOf(name);
  if (values.begin == values.end) return {};
  Bitmap selected;
  if (!matchers.empty()) {
    SEXTANT_ASSIGN(selected, Select(matchers));
    if (selected.isEmpty()) return {};
  }
  for (uint32_t place = values.begin; place < values.end; ++place) {
    Entry entry = EntryAt(IndexSection::kValues, place);
    if (!matchers.empty()) {
      Bitmap series;
      SEXTANT_TRY(AddPostings(entry, series));
      if (!series.intersect(selected)) continue;
    }
    out.emplace_back(Symbol(entry.symbol));
  }
  return {};
}

Status IndexReader::LabelNames(const std::vector<Matcher>& matchers, std::vector<std::string>& out) const {
  if (matchers.empty()) {
    for (uint32_t place = 0; place < CountOf(IndexSection::kNames, kEntryBytes); ++place) {
      out.emplace_back(Symbol(EntryAt(IndexSection::kNames, place).symbol));
    }
    return {};
  }
  SEXTANT_ASSIGN(Bitmap selected, Select(matchers));
  Bitmap names;
  for (uint32_t series : selected) {
    SEXTANT_TRY(VisitLabels(series, [&](uint32_t name, uint32_t) { names.add(name); }));
  }
  for (uint32_t name : names) out.emplace_back(Symbol(name));
  return {};
}

}  // namespace sextant::tsdb
