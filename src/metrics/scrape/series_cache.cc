#include "metrics/scrape/series_cache.h"

#include <algorithm>
#include <cstring>

namespace sextant::scrape {

void SeriesCache::BeginBody() {
  cursor_ = 0;
  cursor_offset_ = 0;
  is_rewriting_ = false;
}

SeriesCache::Entry& SeriesCache::TakeExpected() {
  std::string_view text = Expected();
  cursor_offset_ += text.size();
  size_t index = cursor_++;
  if (!is_rewriting_) return entries_[index];
  is_seen_[index] = true;
  return AppendNext(text, entries_[index]);
}

SeriesCache::Entry* SeriesCache::Find(std::string_view text) {
  if (cursor_ < entries_.size() && Expected() == text) return &TakeExpected();
  if (!is_rewriting_) StartRewriting();
  std::optional<Place> found = Locate(text);
  if (!found) return nullptr;
  const Place place = *found;
  is_seen_[place.index] = true;
  // Whoever comes after this line in the old layout is likely to come after it in this body.
  cursor_ = place.index + 1;
  cursor_offset_ = place.offset + text.size();
  return &AppendNext(text, entries_[place.index]);
}

SeriesCache::Entry& SeriesCache::Add(std::string_view text, model::SeriesRef ref) {
  if (!is_rewriting_) StartRewriting();
  Entry entry;
  entry.ref = ref;
  return AppendNext(text, entry);
}

void SeriesCache::EndBody(const std::function<void(const Entry&)>& vanished) {
  if (!is_rewriting_) {
    for (size_t i = cursor_; i < entries_.size(); ++i) vanished(entries_[i]);
    entries_.resize(cursor_);
    texts_.resize(cursor_offset_);
    return;
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!is_seen_[i]) vanished(entries_[i]);
  }
  next_entries_.shrink_to_fit();
  next_texts_.shrink_to_fit();
  entries_ = std::move(next_entries_);
  texts_ = std::move(next_texts_);
  AbortBody();
}

void SeriesCache::AbortBody() {
  is_rewriting_ = false;
  next_entries_ = {};
  next_texts_ = {};
  index_ = {};
  is_seen_ = {};
}

// From here on the body differs from the previous one: what was the same so far is copied.
void SeriesCache::StartRewriting() {
  is_rewriting_ = true;
  scans_left_ = kScansPerBody;
  next_entries_.reserve(entries_.size() + 1);
  next_texts_.reserve(texts_.size() + 64);
  next_entries_.assign(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(cursor_));
  next_texts_.assign(texts_, 0, cursor_offset_);
  is_seen_.assign(entries_.size(), false);
  std::fill_n(is_seen_.begin(), cursor_, true);
}

// Where the old layout has a line, which may come a second time.
std::optional<SeriesCache::Place> SeriesCache::Locate(std::string_view text) {
  if (scans_left_ > 0) {
    --scans_left_;
    // A line out of place is mostly one that follows others which have vanished.
    auto place = Scan(text, {static_cast<uint32_t>(cursor_), cursor_offset_}, entries_.size());
    return place ? place : Scan(text, {0, 0}, cursor_);
  }
  if (index_.empty()) BuildIndex();
  auto it = index_.find(text);
  return it == index_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<SeriesCache::Place> SeriesCache::Scan(std::string_view text, Place from, size_t until) const {
  for (; from.index < until; ++from.index) {
    size_t size = entries_[from.index].text_size;
    if (size == text.size() && std::memcmp(texts_.data() + from.offset, text.data(), size) == 0) return from;
    from.offset += size;
  }
  return std::nullopt;
}

void SeriesCache::BuildIndex() {
  index_.reserve(entries_.size());
  size_t offset = 0;
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    size_t size = entries_[i].text_size;
    index_.try_emplace(std::string_view(texts_).substr(offset, size), Place{i, offset});
    offset += size;
  }
}

SeriesCache::Entry& SeriesCache::AppendNext(std::string_view text, const Entry& entry) {
  next_texts_.append(text);
  Entry& added = next_entries_.emplace_back(entry);
  added.text_size = static_cast<uint32_t>(text.size()) & ((1u << 30) - 1);
  return added;
}

}  // namespace sextant::scrape
