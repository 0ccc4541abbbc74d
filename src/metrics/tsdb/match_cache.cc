#include "metrics/tsdb/match_cache.h"

#include "core/result.h"

namespace sextant::tsdb {

std::string MatchCache::KeyOf(const model::Matcher& matcher) {
  return fmt::format("{}:{}{}{}", matcher.name().size(), matcher.name(), model::MatchTypeText(matcher.type()),
                     matcher.value());
}

std::shared_ptr<const MatchedPairs> MatchCache::Find(const model::Matcher& matcher) {
  std::lock_guard lock(mutex_);
  auto found = by_key_.find(KeyOf(matcher));
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->matched;
}

void MatchCache::Erase(Entries::iterator entry) {
  size_bytes_ -= entry->size_bytes;
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

void MatchCache::Put(const model::Matcher& matcher, std::shared_ptr<const MatchedPairs> matched) {
  std::string key = KeyOf(matcher);
  uint64_t size = sizeof(Entry) + 2 * key.size() + 100 + matched->accepted.capacity() * sizeof(uint32_t);
  std::lock_guard lock(mutex_);
  if (auto held = by_key_.find(key); held != by_key_.end()) Erase(held->second);
  if (size > max_bytes_ / 2) return;
  while (size_bytes_ + size > max_bytes_) Erase(std::prev(entries_.end()));
  entries_.push_front({key, std::move(matched), size});
  by_key_.emplace(std::move(key), entries_.begin());
  size_bytes_ += size;
}

uint64_t MatchCache::SizeBytes() const {
  std::lock_guard lock(mutex_);
  return size_bytes_;
}

}  // namespace sextant::tsdb
