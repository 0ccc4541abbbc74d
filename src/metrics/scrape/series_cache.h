// What a target's previous body looked like: the text of each series in order, and the series it stands for
// in the store.
//
// A target sends the same lines in the same order scrape after scrape, so finding a line's series is one
// comparison with the line at the same place in the previous body: no parsing of labels, no hashing. Where
// the order changes, a new layout is written, and lines out of place are looked for in the old one: the first
// few by going through it, more of them by an index of its texts that lives as long as the body.
//
//   cache.BeginBody();
//   for (each sample line) {
//     SeriesCache::Entry* entry = text == cache.Expected() ? &cache.TakeExpected() : cache.Find(text);
//     if (entry == nullptr) entry = &cache.Add(text, ref);
//   }
//   cache.EndBody([&](const SeriesCache::Entry& gone) { ... mark as stale ... });
//
// Owned by one scrape loop; not thread-safe. About 16 bytes per series beside its text.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/storage.h"

namespace sextant::scrape {

class SeriesCache {
 public:
  struct Entry {
    model::SeriesRef ref = 0;
    uint32_t text_size : 30 = 0;
    uint32_t is_dropped : 1 = 0;  // relabelling dropped it, or the store refused it: nothing is appended
    uint32_t has_own_time : 1 =
        0;  // its last sample came with a timestamp, so it does not go stale by vanishing
  };

  // Starts a body.
  void BeginBody();

  // The text that the next line had in the previous body ("" at its end): a guess for whoever reads the body.
  // Valid until the next call.
  std::string_view Expected() const {
    return cursor_ < entries_.size()
               ? std::string_view(texts_).substr(cursor_offset_, entries_[cursor_].text_size)
               : std::string_view();
  }
  // The entry of the line that Expected names, when the guess was right. Valid until the next call.
  Entry& TakeExpected();

  // The entry of a line's series if the previous body had it, else null. Valid until the next call.
  Entry* Find(std::string_view text);

  // Adds the line that Find did not know. Valid until the next call.
  Entry& Add(std::string_view text, model::SeriesRef ref);

  // Ends a body: calls `vanished` for each entry of the previous body that this one did not have.
  void EndBody(const std::function<void(const Entry&)>& vanished);

  // Gives the body up: the layout is that of the body before.
  void AbortBody();

  // Entries of the last finished body.
  size_t size() const { return entries_.size(); }
  // Bytes of memory held.
  size_t SizeBytes() const { return entries_.capacity() * sizeof(Entry) + texts_.capacity(); }

 private:
  struct Place {
    uint32_t index;
    size_t offset;
  };
  // A body that differs a little from the one before is not worth an index.
  static constexpr uint32_t kScansPerBody = 12;

  void StartRewriting();
  std::optional<Place> Locate(std::string_view text);
  std::optional<Place> Scan(std::string_view text, Place from, size_t until) const;
  void BuildIndex();
  Entry& AppendNext(std::string_view text, const Entry& entry);

  // The layout of the previous body: entries in order, their texts one behind the other.
  std::vector<Entry> entries_;
  std::string texts_;

  // The place in it that the next line is compared with.
  size_t cursor_ = 0;
  size_t cursor_offset_ = 0;

  // Only while a body differs from the previous one.
  bool is_rewriting_ = false;
  std::vector<Entry> next_entries_;
  std::string next_texts_;
  uint32_t scans_left_ = 0;
  absl::flat_hash_map<std::string_view, Place> index_;  // of entries_ after the last scan, views into texts_
  std::vector<bool> is_seen_;                           // of entries_
};

}  // namespace sextant::scrape
