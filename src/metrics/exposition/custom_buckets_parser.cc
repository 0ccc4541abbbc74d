#include "metrics/exposition/custom_buckets_parser.h"

#include <cmath>
#include <utility>

#include "metrics/exposition/number.h"
#include "metrics/exposition/series_bytes.h"

namespace sextant::exposition {

namespace {

bool IsWhole(double count) { return count == std::floor(count) && count < 0x1p53; }

// The bytes of a series with this name and these labels, but `le`.
std::string HistogramSeries(std::string_view name, const model::LabelsBuilder& labels) {
  std::string series;
  bool is_classic = model::IsClassicMetricName(name);
  if (is_classic) series += name;
  size_t begin = series.size();
  auto separate = [&] { series += series.size() == begin ? '{' : ','; };
  if (!is_classic) {
    separate();
    AppendQuoted(name, series);
  }
  for (const auto& [label, value] : labels.labels()) {
    if (label == model::kMetricName || label == "le") continue;
    separate();
    AppendLabel(label, value, series);
  }
  if (series.size() != begin) series += '}';
  return series;
}

}  // namespace

// Shows an entry of the parser below.
EntryKind CustomBucketsParser::Pass(EntryKind kind, const SeriesGuess& guess) {
  shows_own_ = false;
  if (kind == EntryKind::kError) return Fail(parser_->error().message());
  entry_ = parser_->entry();
  if (kind == EntryKind::kSample) entry_.is_expected = guess.Matches(entry_.series);
  return kind;
}

EntryKind CustomBucketsParser::Next(const SeriesGuess& guess) {
  if (pending_) return Pass(*std::exchange(pending_, std::nullopt), guess);
  while (true) {
    EntryKind kind = parser_->Next(guess);
    if (kind == EntryKind::kError) return Pass(kind, guess);
    if (kind == EntryKind::kType || kind == EntryKind::kUnit || kind == EntryKind::kHelp) {
      entry_ = parser_->entry();
      NoteFamily(kind);
    }
    Part part;
    if (kind == EntryKind::kSample) part = ReadPart();
    bool is_part = part.kind != Part::Kind::kNone;
    // Whatever comes behind a histogram ends it.
    bool is_converted = false;
    if (group_ && (!is_part || part.series != group_->series)) {
      is_converted = Convert();
      if (is_converted) shown_ = std::move(*group_);
      group_.reset();
    }
    if (is_part) Add(part);
    bool is_shown = !is_part || keeps_classic_;
    if (is_converted) {
      if (is_shown) pending_ = kind;
      ShowOwn(guess);
      return EntryKind::kSample;
    }
    if (is_shown) return Pass(kind, guess);
  }
}

CustomBucketsParser::Part CustomBucketsParser::ReadPart() {
  Part part;
  const Entry& entry = parser_->entry();
  if (entry.histogram != nullptr) native_series_ = entry.series;
  if (family_.type != MetricType::kHistogram || entry.histogram != nullptr) return part;
  if (!parser_->ReadLabels(labels_)) return part;
  std::string_view name = labels_.Get(model::kMetricName);
  if (!name.starts_with(family_.name)) return part;
  std::string_view suffix = name.substr(family_.name.size());
  Part::Kind kind = Part::Kind::kNone;
  if (suffix == "_bucket" && ParseFloat(labels_.Get("le"), part.bound) == NumberError::kNone) {
    kind = Part::Kind::kBucket;
  } else if (suffix == "_count") {
    kind = Part::Kind::kCount;
  } else if (suffix == "_sum") {
    kind = Part::Kind::kSum;
  } else {
    return part;
  }
  part.series = HistogramSeries(family_.name, labels_);
  // The classic form of a histogram that came as a native one.
  if (part.series != native_series_) part.kind = kind;
  return part;
}

void CustomBucketsParser::Add(const Part& part) {
  const Entry& entry = parser_->entry();
  if (!group_) {
    group_.emplace();
    group_->family = family_;
    group_->series = part.series;
    group_->timestamp_ms = entry.timestamp_ms;
    group_->start_ms = entry.start_ms;
  }
  switch (part.kind) {
    case Part::Kind::kBucket:
      group_->is_broken |= std::isnan(part.bound) || !group_->buckets.emplace(part.bound, entry.value).second;
      break;
    case Part::Kind::kCount:
      group_->count = entry.value;
      break;
    case Part::Kind::kSum:
      group_->sum = entry.value;
      break;
    case Part::Kind::kNone:
      break;
  }
  // Those of native histograms need a time.
  if (entry.exemplar && entry.exemplar->timestamp_ms) {
    group_->exemplars.push_back(
        {std::string(entry.exemplar->labels), entry.exemplar->value, *entry.exemplar->timestamp_ms});
  }
}

// Makes the histogram of the group; false when its series are none.
bool CustomBucketsParser::Convert() {
  Group& group = *group_;
  if (group.is_broken) return false;
  bool has_all = !group.buckets.empty() && std::isinf(group.buckets.rbegin()->first);
  if (!group.count && !has_all) return false;
  if (!has_all) group.buckets.emplace(HUGE_VAL, *group.count);
  histogram_ = model::FloatHistogram();
  histogram_.schema = model::kCustomBucketsSchema;
  histogram_.is_integer = true;
  histogram_.sum = group.sum;
  double before = 0;
  for (const auto& [bound, cumulative] : group.buckets) {
    if (!(cumulative >= before)) return false;
    if (!IsWhole(cumulative)) histogram_.is_integer = false;
    histogram_.positive_buckets.push_back(cumulative - before);
    if (!std::isinf(bound)) histogram_.custom_bounds.push_back(bound);
    before = cumulative;
  }
  if (group.count && *group.count != before) return false;
  // A bound below all numbers is none.
  if (histogram_.custom_bounds.size() + 1 != histogram_.positive_buckets.size()) return false;
  histogram_.count = before;
  histogram_.positive_spans = {{0, static_cast<uint32_t>(histogram_.positive_buckets.size())}};
  return true;
}

void CustomBucketsParser::ShowOwn(const SeriesGuess& guess) {
  shows_own_ = true;
  entry_ = Entry();
  entry_.series = shown_.series;
  entry_.histogram = &histogram_;
  entry_.timestamp_ms = shown_.timestamp_ms;
  entry_.start_ms = shown_.start_ms;
  entry_.is_expected = guess.Matches(shown_.series);
  next_exemplar_ = 0;
  NextExemplar();
}

bool CustomBucketsParser::NextExemplar() {
  if (!shows_own_) {
    bool has_more = parser_->NextExemplar();
    entry_.exemplar = parser_->entry().exemplar;
    return has_more;
  }
  entry_.exemplar = std::nullopt;
  if (next_exemplar_ == shown_.exemplars.size()) return false;
  const OwnExemplar& exemplar = shown_.exemplars[next_exemplar_++];
  entry_.exemplar = Exemplar{exemplar.labels, exemplar.value, exemplar.timestamp_ms};
  return true;
}

}  // namespace sextant::exposition
