#include "metrics/scrape/metadata_store.h"

#include <xxhash.h>

#include <algorithm>

namespace sextant::scrape {

MetadataStore::MetadataStore(core::Registry& registry)
    : refused_(registry.AddCounter(
          "sextant_metadata_refused_total",
          "Metadata of metric families that was not remembered because a limit was reached.")) {}

void MetadataStore::Add(std::string_view family, const model::MetricMetadata& metadata) {
  if (family.size() + metadata.help.size() + metadata.unit.size() > kMaxTextBytes)
    return refused_.Increment();
  std::lock_guard lock(mutex_);
  auto it = families_.find(family);
  if (it == families_.end()) {
    if (families_.size() >= kMaxFamilies) return refused_.Increment();
    it = families_.emplace(family, std::vector<model::MetricMetadata>()).first;
  }
  auto is_same = [&](const model::MetricMetadata& known) {
    return known.type == metadata.type && known.help == metadata.help && known.unit == metadata.unit;
  };
  if (std::ranges::any_of(it->second, is_same)) return;
  if (it->second.size() >= kMaxPerFamily) return refused_.Increment();
  it->second.push_back(metadata);
  it->second.shrink_to_fit();
}

std::map<std::string, std::vector<model::MetricMetadata>> MetadataStore::List(std::string_view family) const {
  std::map<std::string, std::vector<model::MetricMetadata>> list;
  std::lock_guard lock(mutex_);
  if (family.empty()) {
    list.insert(families_.begin(), families_.end());
  } else if (auto it = families_.find(family); it != families_.end()) {
    list.insert(*it);
  }
  return list;
}

void MetadataLayout::BeginBody() {
  reads_all_ = has_changed_ || line_hashes_.empty();
  has_changed_ = false;
  lines_at_ = 0;
  at_ = 0;
}

bool MetadataLayout::Note(std::vector<uint64_t>& hashes, size_t at, uint64_t hash) {
  if (at < hashes.size() && hashes[at] == hash) return false;
  hashes.resize(std::max(hashes.size(), at + 1));
  hashes[at] = hash;
  return true;
}

size_t MetadataLayout::SameLines(std::string_view unread) {
  size_t end = 0;
  while (end < unread.size() && unread[end] == '#') {
    size_t line_break = unread.find('\n', end);
    if (line_break == std::string_view::npos) return 0;
    end = line_break + 1;
  }
  if (end == 0) return 0;
  bool is_new = Note(line_hashes_, lines_at_++, XXH3_64bits(unread.data(), end));
  has_changed_ |= is_new;
  return is_new || reads_all_ ? 0 : end;
}

bool MetadataLayout::Changes(std::string_view family, std::string_view type, std::string_view help,
                             std::string_view unit) {
  uint64_t hash = 0;
  for (std::string_view text : {family, type, help, unit}) {
    hash = XXH3_64bits_withSeed(text.data(), text.size(), hash);
  }
  return Note(hashes_, at_++, hash);
}

}  // namespace sextant::scrape
