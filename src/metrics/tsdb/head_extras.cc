// Head, the parts beside in-order samples: out-of-order samples, deletions, exemplars and metadata, as one
// with the rest in reading, in checkpoints and in recovery.
#include <algorithm>

#include "metrics/tsdb/head.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::Status;
using model::Labels;
using model::Matcher;
using model::MetricMetadata;

}  // namespace

std::vector<Section> BatchExtras::Sections() const {
  std::vector<Section> sections;
  if (!late.empty()) sections.push_back(OutOfOrderStore::MakeSection(late_refs, late));
  if (!exemplars.empty()) sections.push_back(ExemplarStore::MakeSection(exemplars));
  if (!metadata.empty()) sections.push_back(MetadataStore::MakeSection(metadata));
  return sections;
}

bool Head::Exists(SeriesRef ref) const {
  if (SlotOf(ref) >= table_.slots()) return false;
  const SeriesRecord& record = table_.at(SlotOf(ref));
  return record.generation.load(std::memory_order_relaxed) == GenerationOf(ref) &&
         record.is_live.load(std::memory_order_relaxed);
}

// What is still in an image need not be loaded for its metadata, which was taken with it.
bool Head::IsKnown(SeriesRef ref) const {
  if (SlotOf(ref) >= table_.slots()) return false;
  if (table_.AtIfLoaded(SlotOf(ref)) != nullptr) return Exists(ref);
  std::shared_lock lock(index_mutex_);
  return index_.Holds(SlotOf(ref));
}

SeriesRecord* Head::FindForUse(SeriesRef& ref, const Labels& labels, DropEpochs::Epoch epoch) {
  SeriesRecord* record = ref == 0 ? nullptr : FindForUse(ref, epoch);
  if (record != nullptr || labels.empty()) return record;
  std::shared_lock lock(index_mutex_);
  uint32_t slot = index_.Find(labels);
  if (slot == LabelIndex::kNoSlot) return nullptr;
  RequireSamples(slot);
  record = &table_.at(slot);
  NoteUse(*record, epoch);
  ref = MakeRef(slot, record->generation.load(std::memory_order_relaxed));
  return record;
}

std::optional<Labels> Head::LabelsOf(SeriesRef ref) const {
  std::shared_lock lock(index_mutex_);
  if (!Exists(ref)) return std::nullopt;
  return index_.LabelsOf(SlotOf(ref));
}

void Head::Apply(CommitTracker::Ticket ticket, const BatchExtras& extras) {
  CommitTracker::Ticket seen_by_all = commits_.seen_by_all();
  for (size_t i = 0; i < extras.late.size(); ++i) {
    if (!out_of_order_.Insert(extras.late_refs[i], extras.late[i], ticket, seen_by_all)) continue;
    bool is_histogram = extras.late[i].histogram != nullptr;
    metrics_.out_of_order_appended.Of(is_histogram).Increment();
    metrics_.samples_appended.Of(is_histogram).Increment();
  }
  for (const PendingExemplar& pending : extras.exemplars) {
    if (auto labels = LabelsOf(pending.ref)) exemplars_.Add(*labels, pending.exemplar);
  }
  for (const PendingMetadata& pending : extras.metadata) metadata_.Set(pending.ref, pending.metadata);
}

void Head::Read(const HeadSeries& series, TimestampMs start_ms, TimestampMs end_ms,
                model::SampleColumns& out) const {
  size_t begin = out.size();
  ReadInOrder(series, start_ms, end_ms, out);
  deletions_.Subtract(series.ref, begin, out);
  if (out_of_order_.empty()) return;
  std::vector<OutOfOrderSample> late;
  out_of_order_.Read(series.ref, start_ms, end_ms, series.seen_until, late);
  MergeOutOfOrder(late, begin, out);
}

bool Head::MayHaveSamples(const HeadSeries& series, TimestampMs start_ms, TimestampMs end_ms) const {
  return (series.visible_until_ms != kNoTime && series.visible_until_ms >= start_ms) ||
         out_of_order_.Holds(series.ref, start_ms, end_ms, series.seen_until);
}

std::vector<SeriesDeletion> Head::PlanDeletion(const std::vector<Matcher>& matchers, TimestampMs start_ms,
                                               TimestampMs end_ms) const {
  std::vector<SeriesDeletion> deletions;
  std::shared_lock lock(index_mutex_);
  for (uint32_t slot : index_.Select(matchers)) {
    const SeriesRecord& record = table_.at(slot);
    SeriesDeletion deletion{.ref = MakeRef(slot, record.generation.load(std::memory_order_relaxed)),
                            .range = {start_ms, end_ms},
                            .newest_ms = record.last_time_ms.load(std::memory_order_relaxed)};
    bool has_in_order = deletion.newest_ms >= std::max(start_ms, min_time_ms()) && end_ms >= min_time_ms();
    if (!has_in_order) deletion.newest_ms = kNoTime;
    if (has_in_order || out_of_order_.Holds(deletion.ref, start_ms, end_ms,
                                            std::numeric_limits<CommitTracker::Ticket>::max())) {
      deletions.push_back(deletion);
    }
  }
  return deletions;
}

void Head::Apply(const SeriesDeletion& deletion) {
  out_of_order_.Erase(deletion.ref, deletion.range.start_ms, deletion.range.end_ms);
  if (deletion.newest_ms == kNoTime) return;
  deletions_.Add(deletion.ref,
                 {deletion.range.start_ms, std::min(deletion.range.end_ms, deletion.newest_ms)});
}

std::map<std::string, std::vector<MetricMetadata>> Head::Metadata(std::string_view metric,
                                                                  size_t limit) const {
  std::map<std::string, std::vector<MetricMetadata>> out;
  auto add = [&](const Labels& labels, const MetricMetadata& metadata) {
    std::string name(labels.metric_name());
    if (name.empty()) return;
    auto place = out.find(name);
    if (place == out.end()) {
      if (limit > 0 && out.size() >= limit) return;
      place = out.emplace(std::move(name), std::vector<MetricMetadata>()).first;
    }
    if (std::ranges::find(place->second, metadata) == place->second.end()) place->second.push_back(metadata);
  };
  if (metric.empty()) {
    metadata_.ForEach([&](uint32_t slot, const std::shared_ptr<const MetricMetadata>& metadata) {
      SeriesRef ref = MakeRef(slot, table_.at(slot).generation.load(std::memory_order_relaxed));
      if (auto labels = LabelsOf(ref)) add(*labels, *metadata);
    });
    return out;
  }
  std::shared_lock lock(index_mutex_);
  for (uint32_t slot : index_.Select({Matcher::Equal(model::kMetricName, metric)})) {
    if (auto metadata = metadata_.Get(MakeRef(slot, 0))) add(index_.LabelsOf(slot), *metadata);
  }
  return out;
}

void Head::DropExtras(SeriesRef ref) {
  out_of_order_.DropSeries(ref);
  deletions_.DropSeries(ref);
  metadata_.DropSeries(ref);
}

std::vector<Section> Head::CaptureSections() const {
  std::vector<Section> sections;
  // Deletions first: restoring one deletes out-of-order samples, and those that are captured came later.
  deletions_.Capture(sections);
  out_of_order_.Capture(sections);
  metadata_.Capture(
      [&](uint32_t slot) {
        SeriesRef ref = MakeRef(slot, table_.at(slot).generation.load(std::memory_order_relaxed));
        return Exists(ref) ? ref : 0;
      },
      sections);
  exemplars_.Capture(sections);
  return sections;
}

Status Head::RestoreSection(const Section& section) {
  auto is_known = [&](SeriesRef ref) { return Exists(ref); };
  switch (section.tag) {
    case SectionTag::kOutOfOrder:
      return out_of_order_.Restore(section.bytes, is_known);
    case SectionTag::kExemplars:
      return exemplars_.Restore(section.bytes, [&](SeriesRef ref) { return LabelsOf(ref); });
    case SectionTag::kMetadata:
      return metadata_.Restore(section.bytes, [&](SeriesRef ref) { return IsKnown(ref); });
    case SectionTag::kDeletions:
      return HeadDeletions::ReadSection(section.bytes, [&](const SeriesDeletion& deletion) {
        if (Exists(deletion.ref)) Apply(deletion);
      });
    case SectionTag::kHistograms:
      return RestoreMixedSection(section.bytes);
    case SectionTag::kStartTimes:
      return RestoreStartTimes(section.bytes);
    case SectionTag::kDroppedSeries:
      return RestoreDrops(section.bytes);
  }
  return core::Fail(Code::kCorruption, "a section of unknown kind {}", static_cast<int>(section.tag));
}

}  // namespace sextant::tsdb
