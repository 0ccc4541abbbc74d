#include "metrics/tsdb/exemplar_store.h"

#include <algorithm>
#include <bit>
#include <mutex>

#include "metrics/tsdb/bytes.h"
#include "model/matcher.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::Status;
using model::AppendOutcome;
using model::Exemplar;
using model::Labels;
using model::LabelView;

constexpr size_t kMaxLabelCharacters = 128;
constexpr size_t kMaxLabelBytes = kMaxLabelCharacters * 4;
constexpr size_t kSectionBytes = 8 << 20;

// Characters of valid UTF-8; of invalid bytes, those that begin one.
size_t Characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool HasValidLabels(const Exemplar& exemplar) {
  size_t characters = 0;
  for (LabelView label : exemplar.labels) {
    // Bytes that continue nothing are not counted above, and must not be the way around the limit.
    if (label.name.size() + label.value.size() > kMaxLabelBytes) return false;
    characters += Characters(label.name) + Characters(label.value);
    if (characters > kMaxLabelCharacters || !model::IsValidUtf8(label.name) ||
        !model::IsValidUtf8(label.value)) {
      return false;
    }
  }
  return true;
}

bool IsEqual(const Exemplar& a, const Exemplar& b) {
  return a.time_ms == b.time_ms && std::bit_cast<uint64_t>(a.value) == std::bit_cast<uint64_t>(b.value) &&
         a.labels == b.labels;
}

void PutLabels(std::string& out, const Labels& labels) {
  PutVarint(out, labels.size());
  for (LabelView label : labels) {
    PutText(out, label.name);
    PutText(out, label.value);
  }
}

bool ReadLabels(ByteReader& reader, Labels& out) {
  uint64_t count = reader.Count(2);
  std::vector<LabelView> labels;
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    std::string_view name = reader.Text();
    std::string_view value = reader.Text();
    if (value.empty() || (!labels.empty() && labels.back().name >= name)) return false;
    labels.push_back({name, value});
  }
  if (!reader.ok()) return false;
  out = Labels::FromSorted(labels);
  return true;
}

void PutExemplar(std::string& out, const Exemplar& exemplar) {
  PutFixed(out, exemplar.time_ms);
  PutFixed(out, exemplar.value);
  PutLabels(out, exemplar.labels);
}

bool ReadExemplar(ByteReader& reader, Exemplar& out) {
  out.time_ms = reader.Fixed<TimestampMs>();
  out.value = reader.Fixed<double>();
  return ReadLabels(reader, out.labels) && HasValidLabels(out);
}

}  // namespace

ExemplarStore::ExemplarStore(core::Registry& registry, uint64_t capacity)
    : appended_(registry.AddCounter("prometheus_tsdb_exemplar_exemplars_appended_total", "Exemplars taken.")),
      out_of_order_(registry.AddCounter("prometheus_tsdb_exemplar_out_of_order_exemplars_total",
                                        "Exemplars refused because a newer one of their series was there.")),
      in_storage_(
          registry.AddGauge("prometheus_tsdb_exemplar_exemplars_in_storage", "Exemplars that are kept.")),
      series_in_storage_(registry.AddGauge("prometheus_tsdb_exemplar_series_with_exemplars_in_storage",
                                           "Series of which exemplars are kept.")),
      oldest_time_(registry.AddGauge(
          "prometheus_tsdb_exemplar_last_exemplars_timestamp_seconds",
          "Time of the oldest exemplar that is kept: how far back exemplars go at the current rate.")),
      max_exemplars_(
          registry.AddGauge("prometheus_tsdb_exemplar_max_exemplars", "Most exemplars that are kept.")),
      capacity_(std::min(capacity, kMaxCapacity)) {
  max_exemplars_.Set(static_cast<double>(capacity_.load()));
}

const ExemplarStore::Series* ExemplarStore::FindSeries(const Labels& labels) const {
  auto found = places_.find(labels);
  return found == places_.end() ? nullptr : &series_[found->second];
}

AppendOutcome ExemplarStore::CheckLocked(const Series* series, const Exemplar& exemplar,
                                         bool& is_dropped) const {
  is_dropped = true;
  if (capacity_.load(std::memory_order_relaxed) == 0) return AppendOutcome::kOk;
  if (!HasValidLabels(exemplar)) return AppendOutcome::kInvalidExemplar;
  if (series != nullptr) {
    const Exemplar& newest = ring_[series->newest].exemplar;
    if (IsEqual(newest, exemplar)) return AppendOutcome::kOk;
    bool is_behind = exemplar.time_ms < newest.time_ms;
    if (exemplar.time_ms == newest.time_ms) {
      is_behind = exemplar.value < newest.value ||
                  (exemplar.value == newest.value && exemplar.labels < newest.labels);
    }
    if (is_behind) return AppendOutcome::kOutOfOrderExemplar;
  }
  is_dropped = false;
  return AppendOutcome::kOk;
}

AppendOutcome ExemplarStore::Check(const Labels& series, const Exemplar& exemplar, bool& is_dropped) const {
  std::shared_lock lock(mutex_);
  return CheckLocked(FindSeries(series), exemplar, is_dropped);
}

bool ExemplarStore::Add(const Labels& series, const Exemplar& exemplar) {
  std::unique_lock lock(mutex_);
  bool is_dropped = false;
  AppendOutcome outcome = CheckLocked(FindSeries(series), exemplar, is_dropped);
  if (outcome == AppendOutcome::kOutOfOrderExemplar) out_of_order_.Increment();
  if (is_dropped) return false;
  Put(series, exemplar);
  appended_.Increment();
  UpdateGauges();
  return true;
}

uint32_t ExemplarStore::UseSeries(const Labels& labels) {
  auto [place, is_new] = places_.try_emplace(labels, 0);
  if (!is_new) return place->second;
  if (free_series_.empty()) {
    place->second = static_cast<uint32_t>(series_.size());
    series_.emplace_back();
  } else {
    place->second = free_series_.back();
    free_series_.pop_back();
  }
  series_[place->second] = {labels, kNone, kNone};
  label_bytes_ += labels.SizeBytes();
  return place->second;
}

// The place of the next exemplar: a new one, or that of the oldest, which goes.
uint32_t ExemplarStore::TakePlace() {
  if (ring_.size() < capacity_.load(std::memory_order_relaxed)) {
    ring_.emplace_back();
    return static_cast<uint32_t>(ring_.size() - 1);
  }
  uint32_t place = next_place_;
  next_place_ = (next_place_ + 1) % static_cast<uint32_t>(ring_.size());
  Entry& entry = ring_[place];
  Series& series = series_[entry.series];
  label_bytes_ -= entry.exemplar.labels.SizeBytes();
  series.oldest = entry.next;
  if (series.oldest == kNone) {
    label_bytes_ -= series.labels.SizeBytes();
    places_.erase(series.labels);
    free_series_.push_back(entry.series);
    series = {};
  }
  return place;
}

void ExemplarStore::Put(const Labels& labels, const Exemplar& exemplar) {
  uint32_t place = TakePlace();
  uint32_t number = UseSeries(labels);
  Series& series = series_[number];
  ring_[place] = {exemplar, number, kNone};
  label_bytes_ += exemplar.labels.SizeBytes();
  if (series.newest != kNone) ring_[series.newest].next = place;
  if (series.oldest == kNone) series.oldest = place;
  series.newest = place;
}

void ExemplarStore::UpdateGauges() {
  in_storage_.Set(static_cast<double>(ring_.size()));
  series_in_storage_.Set(static_cast<double>(places_.size()));
  // The place that is overwritten next has the oldest.
  if (!ring_.empty()) oldest_time_.Set(static_cast<double>(ring_[next_place_].exemplar.time_ms) / 1000);
}

std::vector<SeriesExemplars> ExemplarStore::Select(
    TimestampMs start_ms, TimestampMs end_ms,
    const std::vector<std::vector<model::Matcher>>& matcher_sets) const {
  std::vector<SeriesExemplars> out;
  std::shared_lock lock(mutex_);
  for (const auto& [labels, number] : places_) {
    const Series& series = series_[number];
    if (ring_[series.oldest].exemplar.time_ms > end_ms || ring_[series.newest].exemplar.time_ms < start_ms) {
      continue;
    }
    if (std::none_of(matcher_sets.begin(), matcher_sets.end(),
                     [&](const auto& matchers) { return model::MatchesAll(matchers, labels); })) {
      continue;
    }
    SeriesExemplars found{labels, {}};
    for (uint32_t place = series.oldest; place != kNone; place = ring_[place].next) {
      const Exemplar& exemplar = ring_[place].exemplar;
      if (exemplar.time_ms > end_ms) break;
      if (exemplar.time_ms >= start_ms) found.exemplars.push_back(exemplar);
    }
    if (!found.exemplars.empty()) out.push_back(std::move(found));
  }
  lock.unlock();
  std::sort(out.begin(), out.end(),
            [](const SeriesExemplars& a, const SeriesExemplars& b) { return a.series < b.series; });
  return out;
}

void ExemplarStore::Resize(uint64_t capacity) {
  std::unique_lock lock(mutex_);
  capacity = std::min(capacity, kMaxCapacity);
  if (capacity == capacity_.load(std::memory_order_relaxed)) return;
  // From the oldest on, into an empty store.
  std::vector<Entry> entries = std::move(ring_);
  std::vector<Series> series = std::move(series_);
  size_t oldest = next_place_;
  ring_.clear();
  series_.clear();
  free_series_.clear();
  places_.clear();
  next_place_ = 0;
  label_bytes_ = 0;
  capacity_.store(capacity, std::memory_order_relaxed);
  size_t left_out = entries.size() > capacity ? entries.size() - capacity : 0;
  for (size_t i = left_out; i < entries.size(); ++i) {
    const Entry& entry = entries[(oldest + i) % entries.size()];
    Put(series[entry.series].labels, entry.exemplar);
  }
  max_exemplars_.Set(static_cast<double>(capacity));
  UpdateGauges();
}

uint64_t ExemplarStore::size() const {
  std::shared_lock lock(mutex_);
  return ring_.size();
}

uint64_t ExemplarStore::SizeBytes() const {
  std::shared_lock lock(mutex_);
  return ring_.capacity() * sizeof(Entry) + series_.capacity() * sizeof(Series) + label_bytes_ +
         places_.capacity() * (sizeof(Labels) + sizeof(uint32_t) + 1);
}

// Section: until its end, exemplars in the order in which they came. Each begins with its series as a varint:
// kNewLabels and the labels, kRef and 8 bytes of ref, or kKnownLabels and on: the number of labels that stand
// earlier in the section.
constexpr uint64_t kNewLabels = 0;
constexpr uint64_t kRef = 1;
constexpr uint64_t kKnownLabels = 2;

void ExemplarStore::Capture(std::vector<Section>& out) const {
  std::shared_lock lock(mutex_);
  Section section{SectionTag::kExemplars, {}};
  absl::flat_hash_map<uint32_t, uint64_t> known;  // series to numbers in this section
  for (size_t i = 0; i < ring_.size(); ++i) {
    const Entry& entry = ring_[(next_place_ + i) % ring_.size()];
    auto [place, is_new] = known.try_emplace(entry.series, known.size());
    if (is_new) {
      PutVarint(section.bytes, kNewLabels);
      PutLabels(section.bytes, series_[entry.series].labels);
    } else {
      PutVarint(section.bytes, kKnownLabels + place->second);
    }
    PutExemplar(section.bytes, entry.exemplar);
    if (section.bytes.size() < kSectionBytes) continue;
    out.push_back(std::move(section));
    section = {SectionTag::kExemplars, {}};
    known.clear();
  }
  if (!section.bytes.empty()) out.push_back(std::move(section));
}

Section ExemplarStore::MakeSection(const std::vector<PendingExemplar>& exemplars) {
  Section section{SectionTag::kExemplars, {}};
  for (const PendingExemplar& pending : exemplars) {
    PutVarint(section.bytes, kRef);
    PutFixed(section.bytes, pending.ref);
    PutExemplar(section.bytes, pending.exemplar);
  }
  return section;
}

namespace {

// Reads the series of an exemplar into `labels`, which stays empty when nobody knows it any more; false when
// the bytes are malformed.
bool ReadSeries(ByteReader& reader, const ExemplarStore::LabelsOf& labels_of, std::vector<Labels>& known,
                Labels& labels) {
  uint64_t head = reader.Varint();
  if (head == kNewLabels) {
    if (!ReadLabels(reader, labels) || labels.empty()) return false;
    known.push_back(labels);
  } else if (head == kRef) {
    SeriesRef ref = reader.Fixed<SeriesRef>();
    if (std::optional<Labels> found = reader.ok() ? labels_of(ref) : std::nullopt) labels = *found;
  } else {
    if (head - kKnownLabels >= known.size()) return false;
    labels = known[head - kKnownLabels];
  }
  return reader.ok();
}

}  // namespace

Status ExemplarStore::ReadBatchSection(std::string_view bytes, const VisitExemplar& visit) {
  ByteReader reader(bytes);
  while (!reader.at_end()) {
    uint64_t head = reader.Varint();
    auto ref = reader.Fixed<SeriesRef>();
    Exemplar exemplar;
    if (head != kRef || !reader.ok() || !ReadExemplar(reader, exemplar)) {
      return core::Fail(Code::kCorruption, "malformed exemplars");
    }
    visit(ref, std::move(exemplar));
  }
  return {};
}

Status ExemplarStore::Restore(std::string_view bytes, const LabelsOf& labels_of) {
  ByteReader reader(bytes);
  std::vector<Labels> known;
  std::unique_lock lock(mutex_);
  while (!reader.at_end()) {
    Labels labels;
    Exemplar exemplar;
    if (!ReadSeries(reader, labels_of, known, labels) || !ReadExemplar(reader, exemplar)) {
      return core::Fail(Code::kCorruption, "malformed exemplars");
    }
    if (labels.empty()) continue;
    // What the checkpoint has already is not later than its series' newest.
    bool is_dropped = false;
    static_cast<void>(CheckLocked(FindSeries(labels), exemplar, is_dropped));
    if (!is_dropped) Put(labels, exemplar);
  }
  UpdateGauges();
  return {};
}

}  // namespace sextant::tsdb
