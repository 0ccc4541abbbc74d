// What a target's previous body looked like: a fingerprint of each series' text in order, and the series it
// stands for in the store.
//
// A target sends the same lines in the same order scrape after scrape, so finding a line's series is one
// comparison with the line at the same place in the previous body: no parsing of labels, no lookup. Where
// the order changes, a new layout is written, and lines out of place are looked for in the old one: the first
// few by going through it, more of them by an index that lives as long as the body.
//
// Two texts of one target with the same 64-bit fingerprint would be taken for one series. Fingerprints have a
// random seed, so this cannot be brought about from outside, and the chance is 2^-64 for each pair of texts.
//
//   cache.BeginBody();
//   for (each sample line) {
//     SeriesCache::Entry* entry = cache.Expected().Matches(text) ? &cache.TakeExpected() : cache.Find(text);
//     if (entry == nullptr) entry = &cache.Add(text, ref);
//   }
//   cache.EndBody([&](const SeriesCache::Entry& gone) { ... mark as stale ... });
//
// Owned by one scrape loop; not thread-safe. 24 bytes per series.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "metrics/exposition/series_guess.h"
#include "model/storage.h"

namespace sextant::scrape {

class SeriesCache {
 public:
  struct Entry {
    model::SeriesRef ref = 0;
    uint64_t fingerprint = 0;  // of the series' text
    uint32_t text_size : 30 = 0;
    uint32_t is_dropped : 1 = 0;  // relabelling dropped it, or the store refused it: nothing is appended
    // It does not go stale by vanishing: its last sample came with a timestamp, and such are not tracked.
    uint32_t outlives_body : 1 = 0;
    // A line before it in the body is of the same series: the same text, or another that relabelling made the
    // same.
    uint32_t is_repeated : 1 = 0;
  };

  SeriesCache();

  // Starts a body.
  void BeginBody();

  // The series that the next line had in the previous body (none at its end): a guess for whoever reads the
  // body.
  exposition::SeriesGuess Expected() const {
    if (cursor_ >= entries_.size()) return {};
    const Entry& entry = entries_[cursor_];
    return {entry.fingerprint, seed_, entry.text_size};
  }
  // The entry of the line that Expected names, when the guess was right. Valid until the next call.
  Entry& TakeExpected();

  // The entry of a line's series if the previous body had it, else null. Valid until the next call.
  Entry* Find(std::string_view text);

  // Adds the line that Find did not know. Valid until the next call.
  Entry& Add(std::string_view text, model::SeriesRef ref);

  // Whether the line whose entry this is, with its ref known, is not the first of its series in the body. To
  // be asked of each line that has no time of its own: where the body is as the one before, the answer is,
  // too.
  bool NoteLine(Entry& entry);

  // Ends a body: calls `vanished` for each entry of the previous body that this one did not have.
  void EndBody(const std::function<void(const Entry&)>& vanished);

  // Gives the body up: the layout is that of the body before.
  void AbortBody();

  // Entries of the last finished body.
  size_t size() const { return entries_.size(); }
  // Bytes of memory held.
  size_t SizeBytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  // A body that differs a little from the one before is not worth an index.
  static constexpr uint32_t kScansPerBody = 12;

  void StartRewriting();
  std::optional<size_t> Locate(const exposition::SeriesGuess& text);
  std::optional<size_t> Scan(const exposition::SeriesGuess& text, size_t from, size_t until) const;
  void BuildIndex();

  const uint64_t seed_;  // of the fingerprints

  // The layout of the previous body: entries in order.
  std::vector<Entry> entries_;

  // The place in it that the next line is compared with.
  size_t cursor_ = 0;

  // Only while a body differs from the previous one.
  bool is_rewriting_ = false;
  std::vector<Entry> next_entries_;
  uint32_t scans_left_ = 0;
  absl::flat_hash_map<uint64_t, uint32_t> index_;  // of entries_ by fingerprint, after the last scan
  std::vector<bool> is_seen_;                      // of entries_
  absl::flat_hash_set<model::SeriesRef> refs_;     // of the lines so far
};

}  // namespace sextant::scrape
