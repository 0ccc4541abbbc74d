#include "metrics/tsdb/metadata_store.h"

#include <algorithm>
#include <mutex>

#include "metrics/tsdb/bytes.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::Status;
using model::MetricMetadata;

uint64_t BytesOf(const MetricMetadata& metadata) {
  return sizeof(MetricMetadata) + metadata.type.size() + metadata.help.size() + metadata.unit.size();
}

Status Malformed() { return core::Fail(Code::kCorruption, "malformed metadata"); }

void PutMetadata(std::string& out, const MetricMetadata& metadata) {
  PutText(out, metadata.type);
  PutText(out, metadata.help);
  PutText(out, metadata.unit);
}

bool ReadMetadata(ByteReader& reader, MetricMetadata& out) {
  for (std::string* text : {&out.type, &out.help, &out.unit}) {
    *text = reader.Text();
    if (text->size() > MetadataStore::kMaxTextBytes) return false;
  }
  return reader.ok();
}

}  // namespace

bool MetadataStore::Has(SeriesRef ref, const MetricMetadata& metadata) const {
  std::shared_lock lock(mutex_);
  uint32_t slot = SlotOf(ref);
  return slot < by_slot_.size() && by_slot_[slot] != 0 && *entries_[by_slot_[slot] - 1].metadata == metadata;
}

void MetadataStore::Set(SeriesRef ref, const MetricMetadata& metadata) {
  std::unique_lock lock(mutex_);
  SetLocked(ref, metadata);
}

void MetadataStore::SetLocked(SeriesRef ref, const MetricMetadata& metadata) {
  uint32_t slot = SlotOf(ref);
  if (slot >= by_slot_.size()) by_slot_.resize(slot + 1);
  uint32_t former = by_slot_[slot];
  auto found = ids_.find(&metadata);
  if (found == ids_.end()) {
    uint32_t entry = static_cast<uint32_t>(entries_.size());
    if (free_entries_.empty()) {
      entries_.emplace_back();
    } else {
      entry = free_entries_.back();
      free_entries_.pop_back();
    }
    entries_[entry] = {std::make_shared<const MetricMetadata>(metadata), 0};
    text_bytes_ += BytesOf(metadata);
    found = ids_.emplace(entries_[entry].metadata.get(), entry).first;
  }
  ++entries_[found->second].uses;
  by_slot_[slot] = found->second + 1;
  if (former != 0) Release(former - 1);
}

void MetadataStore::Release(uint32_t entry) {
  if (--entries_[entry].uses > 0) return;
  text_bytes_ -= BytesOf(*entries_[entry].metadata);
  ids_.erase(entries_[entry].metadata.get());
  entries_[entry].metadata = nullptr;
  free_entries_.push_back(entry);
}

std::shared_ptr<const MetricMetadata> MetadataStore::Get(SeriesRef ref) const {
  std::shared_lock lock(mutex_);
  uint32_t slot = SlotOf(ref);
  return slot < by_slot_.size() && by_slot_[slot] != 0 ? entries_[by_slot_[slot] - 1].metadata : nullptr;
}

void MetadataStore::DropSeries(SeriesRef ref) {
  std::unique_lock lock(mutex_);
  uint32_t slot = SlotOf(ref);
  if (slot >= by_slot_.size() || by_slot_[slot] == 0) return;
  Release(by_slot_[slot] - 1);
  by_slot_[slot] = 0;
}

void MetadataStore::ForEach(const Visit& visit) const {
  constexpr size_t kAtOnce = 4096;  // slots per lock
  std::vector<std::pair<uint32_t, std::shared_ptr<const MetricMetadata>>> some;
  for (size_t begin = 0;; begin += kAtOnce) {
    some.clear();
    {
      std::shared_lock lock(mutex_);
      if (begin >= by_slot_.size()) return;
      for (size_t slot = begin; slot < std::min(begin + kAtOnce, by_slot_.size()); ++slot) {
        if (by_slot_[slot] == 0) continue;
        some.emplace_back(static_cast<uint32_t>(slot), entries_[by_slot_[slot] - 1].metadata);
      }
    }
    for (const auto& [slot, metadata] : some) visit(slot, metadata);
  }
}

// Section: until its end, a metadata and the series that have it: three texts, a varint count, 8 bytes of ref
// each.

void MetadataStore::Capture(const RefOf& ref_of, std::vector<Section>& out) const {
  absl::flat_hash_map<std::shared_ptr<const MetricMetadata>, std::vector<SeriesRef>> users;
  ForEach([&](uint32_t slot, const std::shared_ptr<const MetricMetadata>& metadata) {
    if (SeriesRef ref = ref_of(slot); ref != 0) users[metadata].push_back(ref);
  });
  Section section{SectionTag::kMetadata, {}};
  for (const auto& [metadata, refs] : users) {
    PutMetadata(section.bytes, *metadata);
    PutVarint(section.bytes, refs.size());
    for (SeriesRef ref : refs) PutFixed(section.bytes, ref);
    if (section.bytes.size() < kSectionBytes) continue;
    out.push_back(std::move(section));
    section = {SectionTag::kMetadata, {}};
  }
  if (!section.bytes.empty()) out.push_back(std::move(section));
}

Section MetadataStore::MakeSection(const std::vector<PendingMetadata>& metadata) {
  Section section{SectionTag::kMetadata, {}};
  for (size_t i = 0; i < metadata.size();) {
    size_t end = i + 1;
    while (end < metadata.size() && metadata[end].metadata == metadata[i].metadata) ++end;
    PutMetadata(section.bytes, metadata[i].metadata);
    PutVarint(section.bytes, end - i);
    for (; i < end; ++i) PutFixed(section.bytes, metadata[i].ref);
  }
  return section;
}

Status MetadataStore::Restore(std::string_view bytes, const std::function<bool(SeriesRef)>& is_known) {
  ByteReader reader(bytes);
  std::unique_lock lock(mutex_);
  while (reader.ok() && !reader.at_end()) {
    MetricMetadata metadata;
    if (!ReadMetadata(reader, metadata)) return Malformed();
    uint64_t count = reader.Count(sizeof(SeriesRef));
    for (uint64_t i = 0; i < count; ++i) {
      SeriesRef ref = reader.Fixed<SeriesRef>();
      if (is_known(ref)) SetLocked(ref, metadata);
    }
  }
  return reader.ok() ? Status() : Malformed();
}

uint64_t MetadataStore::SizeBytes() const {
  std::shared_lock lock(mutex_);
  return by_slot_.capacity() * sizeof(uint32_t) + entries_.capacity() * sizeof(Entry) + text_bytes_ +
         ids_.capacity() * (sizeof(void*) + sizeof(uint32_t) + 1);
}

uint64_t MetadataStore::distinct() const {
  std::shared_lock lock(mutex_);
  return ids_.size();
}

}  // namespace sextant::tsdb
