#include "metrics/scrape/series_cache.h"

#include <algorithm>
#include <random>

namespace sextant::scrape {

using exposition::SeriesGuess;

namespace {

uint64_t RandomSeed() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

}  // namespace

SeriesCache::SeriesCache() : seed_(RandomSeed()) {}

void SeriesCache::BeginBody() {
  cursor_ = 0;
  is_rewriting_ = false;
}

SeriesCache::Entry& SeriesCache::TakeExpected() {
  size_t index = cursor_++;
  if (!is_rewriting_) return entries_[index];
  is_seen_[index] = true;
  return next_entries_.emplace_back(entries_[index]);
}

SeriesCache::Entry* SeriesCache::Find(std::string_view text) {
  const SeriesGuess guess = SeriesGuess::Of(text, seed_);
  if (cursor_ < entries_.size() && entries_[cursor_].fingerprint == guess.fingerprint &&
      entries_[cursor_].text_size == guess.size) {
    return &TakeExpected();
  }
  if (!is_rewriting_) StartRewriting();
  std::optional<size_t> place = Locate(guess);
  if (!place) return nullptr;
  // Whoever comes after this line in the old layout is likely to come after it in this body.
  cursor_ = *place;
  return &TakeExpected();
}

SeriesCache::Entry& SeriesCache::Add(std::string_view text, model::SeriesRef ref) {
  if (!is_rewriting_) StartRewriting();
  Entry entry;
  entry.ref = ref;
  entry.fingerprint = exposition::SeriesFingerprint(text, seed_);
  entry.text_size = static_cast<uint32_t>(text.size()) & ((1u << 30) - 1);
  return next_entries_.emplace_back(entry);
}

bool SeriesCache::NoteLine(Entry& entry) {
  if (is_rewriting_) entry.is_repeated = entry.ref != 0 && !refs_.insert(entry.ref).second;
  return entry.is_repeated != 0;
}

void SeriesCache::EndBody(const std::function<void(const Entry&)>& vanished) {
  if (!is_rewriting_) {
    for (size_t i = cursor_; i < entries_.size(); ++i) vanished(entries_[i]);
    entries_.resize(cursor_);
    return;
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!is_seen_[i]) vanished(entries_[i]);
  }
  next_entries_.shrink_to_fit();
  entries_ = std::move(next_entries_);
  AbortBody();
}

void SeriesCache::AbortBody() {
  is_rewriting_ = false;
  next_entries_ = {};
  index_ = {};
  is_seen_ = {};
  refs_ = {};
}

// From here on the body differs from the previous one: what was the same so far is copied.
void SeriesCache::StartRewriting() {
  is_rewriting_ = true;
  scans_left_ = kScansPerBody;
  next_entries_.reserve(entries_.size() + 1);
  next_entries_.assign(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(cursor_));
  is_seen_.assign(entries_.size(), false);
  std::fill_n(is_seen_.begin(), cursor_, true);
  refs_.reserve(entries_.size());
  for (const Entry& entry : next_entries_) refs_.insert(entry.ref);
}

// Where the old layout has a line, which may come a second time.
std::optional<size_t> SeriesCache::Locate(const SeriesGuess& text) {
  if (scans_left_ > 0) {
    --scans_left_;
    // A line out of place is mostly one that follows others which have vanished.
    std::optional<size_t> place = Scan(text, cursor_, entries_.size());
    return place ? place : Scan(text, 0, cursor_);
  }
  if (index_.empty()) BuildIndex();
  auto it = index_.find(text.fingerprint);
  return it == index_.end() ? std::nullopt : std::optional<size_t>(it->second);
}

std::optional<size_t> SeriesCache::Scan(const SeriesGuess& text, size_t from, size_t until) const {
  for (; from < until; ++from) {
    if (entries_[from].fingerprint == text.fingerprint && entries_[from].text_size == text.size) return from;
  }
  return std::nullopt;
}

void SeriesCache::BuildIndex() {
  index_.reserve(entries_.size());
  for (uint32_t i = 0; i < entries_.size(); ++i) index_.try_emplace(entries_[i].fingerprint, i);
}

}  // namespace sextant::scrape
