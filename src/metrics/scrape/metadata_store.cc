#include "metrics/scrape/metadata_store.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace sextant::scrape {

MetadataStore::MetadataStore(core::Registry& registry)
    : refused_(registry.AddCounter(
          "sextant_metadata_refused_total",
          "Metadata of metric families that was not remembered because a limit was reached.")) {}

uint32_t MetadataStore::Add(std::string_view family, const model::MetricMetadata& metadata) {
  auto refuse = [&] {
    refused_.Increment();
    return kNoNumber;
  };
  if (family.size() + metadata.help.size() + metadata.unit.size() > kMaxTextBytes) return refuse();
  std::lock_guard lock(mutex_);
  auto it = families_.find(family);
  if (it == families_.end()) {
    if (families_.size() >= kMaxFamilies) return refuse();
    it = families_.emplace(family, Family()).first;
  }
  Family& known = it->second;
  auto same = std::ranges::find_if(known.statements, [&](const model::MetricMetadata& one) {
    return one.type == metadata.type && one.help == metadata.help && one.unit == metadata.unit;
  });
  size_t place = static_cast<size_t>(same - known.statements.begin());
  if (same != known.statements.end()) return known.numbers[place];
  if (place >= kMaxPerFamily) return refuse();
  uint32_t number = static_cast<uint32_t>(statements_.size());
  known.statements.push_back(metadata);
  known.statements.shrink_to_fit();
  known.numbers.push_back(number);
  known.numbers.shrink_to_fit();
  statements_.emplace_back(&*it, static_cast<uint32_t>(place));
  return number;
}

std::shared_ptr<const StatementNumbers> MetadataStore::Share(StatementNumbers numbers) {
  uint64_t hash = XXH3_64bits(numbers.data(), numbers.size() * sizeof(uint32_t));
  std::lock_guard lock(mutex_);
  std::weak_ptr<const StatementNumbers>& known = lists_[hash];
  if (auto shared = known.lock(); shared != nullptr && *shared == numbers) return shared;
  numbers.shrink_to_fit();
  auto made = std::make_shared<const StatementNumbers>(std::move(numbers));
  known = made;
  if (lists_.size() >= next_sweep_) {
    std::erase_if(lists_, [](const auto& one) { return one.second.expired(); });
    next_sweep_ = 2 * lists_.size() + 1'000;
  }
  return made;
}

void MetadataStore::Resolve(const StatementNumbers& numbers, std::string_view family, size_t most,
                            std::vector<Statement>& out) const {
  std::lock_guard lock(mutex_);
  for (uint32_t number : numbers) {
    if (out.size() >= most) return;
    const auto& [entry, place] = statements_[number];
    if (!family.empty() && entry->first != family) continue;
    out.push_back({entry->first, entry->second.statements[place]});
  }
}

std::map<std::string, std::vector<model::MetricMetadata>> MetadataStore::List(std::string_view family) const {
  std::map<std::string, std::vector<model::MetricMetadata>> list;
  std::lock_guard lock(mutex_);
  if (family.empty()) {
    for (const auto& [name, known] : families_) list.emplace_hint(list.end(), name, known.statements);
  } else if (auto it = families_.find(family); it != families_.end()) {
    list.emplace(it->first, it->second.statements);
  }
  return list;
}

void MetadataLayout::BeginBody() {
  collects_ = wants_numbers_;
  numbers_.clear();
  reads_all_ = has_changed_ || line_hashes_.empty() || collects_;
  has_changed_ = false;
  lines_at_ = 0;
  at_ = 0;
}

std::optional<StatementNumbers> MetadataLayout::EndBody() {
  // What stood at the end of the previous body may be gone.
  if (lines_at_ < line_hashes_.size()) {
    line_hashes_.resize(lines_at_);
    has_changed_ = true;
    wants_numbers_ = true;
  }
  if (reads_all_ && at_ < hashes_.size()) {
    hashes_.resize(at_);
    wants_numbers_ = true;
  }
  if (!collects_) return std::nullopt;
  wants_numbers_ = false;
  return std::exchange(numbers_, {});
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
  bool changes = Note(hashes_, at_++, hash);
  wants_numbers_ |= changes;
  return changes;
}

}  // namespace sextant::scrape
