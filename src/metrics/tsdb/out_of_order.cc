#include "metrics/tsdb/out_of_order.h"

#include <algorithm>
#include <limits>

namespace sextant::tsdb {
namespace {

using core::Code;
using core::Status;

constexpr TimestampMs kMaxTime = std::numeric_limits<TimestampMs>::max();
constexpr CommitTracker::Ticket kAllTickets = std::numeric_limits<CommitTracker::Ticket>::max();

constexpr auto kByTime = [](const OutOfOrderSample& a, const OutOfOrderSample& b) {
  return a.time_ms < b.time_ms;
};

}  // namespace

const OutOfOrderStore::Series* OutOfOrderStore::Find(const Stripe& stripe, SeriesRef ref) {
  auto found = stripe.series.find(SlotOf(ref));
  return found == stripe.series.end() || found->second.ref != ref ? nullptr : &found->second;
}

void OutOfOrderStore::Decode(const Leaf& leaf, std::vector<OutOfOrderSample>& out) {
  ByteReader reader(leaf.bytes);
  SEXTANT_CHECK(ReadOutOfOrderSamples(reader, out));
}

OutOfOrderStore::Leaf OutOfOrderStore::Encode(std::span<const OutOfOrderSample> samples, Ticket newest) {
  Leaf leaf{
      samples.front().time_ms, samples.back().time_ms, newest, static_cast<uint32_t>(samples.size()), {}};
  PutOutOfOrderSamples(samples, leaf.bytes);
  leaf.bytes.shrink_to_fit();
  return leaf;
}

bool OutOfOrderStore::HasTime(const Series& series, TimestampMs time_ms) {
  auto open = std::lower_bound(series.open.begin(), series.open.end(), time_ms,
                               [](const OpenSample& a, TimestampMs t) { return a.sample.time_ms < t; });
  if (open != series.open.end() && open->sample.time_ms == time_ms) return true;
  auto leaf = std::lower_bound(series.leaves.begin(), series.leaves.end(), time_ms,
                               [](const Leaf& a, TimestampMs t) { return a.max_ms < t; });
  if (leaf == series.leaves.end() || leaf->min_ms > time_ms) return false;
  std::vector<OutOfOrderSample> samples;
  Decode(*leaf, samples);
  auto at = std::lower_bound(samples.begin(), samples.end(), time_ms,
                             [](const OutOfOrderSample& a, TimestampMs t) { return a.time_ms < t; });
  return at != samples.end() && at->time_ms == time_ms;
}

void OutOfOrderStore::Recount(Series& series) {
  uint64_t bytes =
      sizeof(Series) + series.open.capacity() * sizeof(OpenSample) + series.leaves.capacity() * sizeof(Leaf);
  for (const OpenSample& open : series.open) {
    if (open.sample.histogram != nullptr) bytes += HistogramBytes(*open.sample.histogram);
  }
  for (const Leaf& leaf : series.leaves) bytes += leaf.bytes.capacity();
  bytes_.fetch_add(bytes - series.bytes, std::memory_order_relaxed);  // wraps when it shrinks
  series.bytes = bytes;
}

void OutOfOrderStore::Forget(Stripe& stripe, absl::flat_hash_map<uint32_t, Series>::iterator place) {
  bytes_.fetch_sub(place->second.bytes, std::memory_order_relaxed);
  stripe.series.erase(place);
  series_.fetch_sub(1, std::memory_order_release);
}

bool OutOfOrderStore::Insert(SeriesRef ref, const OutOfOrderSample& sample, Ticket ticket,
                             Ticket seen_by_all) {
  Stripe& stripe = StripeOf(ref);
  std::lock_guard lock(stripe.mutex);
  auto place = stripe.series.find(SlotOf(ref));
  if (place != stripe.series.end() && place->second.ref != ref) {  // of a series that was dropped
    Forget(stripe, place);
    place = stripe.series.end();
  }
  if (place == stripe.series.end()) {
    place = stripe.series.try_emplace(SlotOf(ref)).first;
    place->second.ref = ref;
    series_.fetch_add(1, std::memory_order_release);
  }
  Series& series = place->second;
  if (HasTime(series, sample.time_ms)) return false;
  size_t former_capacity = series.open.capacity();
  auto at = std::upper_bound(series.open.begin(), series.open.end(), sample.time_ms,
                             [](TimestampMs t, const OpenSample& a) { return t < a.sample.time_ms; });
  series.open.insert(at, {sample, ticket});
  size_t size = series.open.size();
  // A buffer that cannot be sealed since an old reader is there is looked at again from time to time only.
  if (size >= kSealFrom && (size % kSealFrom == 0 || size > kMaxOpen)) Seal(series, seen_by_all);
  if (series.open.capacity() != former_capacity || series.open.size() != size ||
      sample.histogram != nullptr) {
    Recount(series);
  }
  return true;
}

// Moves what every reader may see from the buffer to the leaves.
void OutOfOrderStore::Seal(Series& series, Ticket seen_by_all) {
  if (series.open.size() > kMaxOpen) seen_by_all = kAllTickets;
  std::vector<OutOfOrderSample> sealed;
  Ticket newest = 0;
  for (const OpenSample& open : series.open) {
    if (open.ticket > seen_by_all) continue;
    sealed.push_back(open.sample);
    newest = std::max(newest, open.ticket);
  }
  if (sealed.size() < kSealFrom / 2) return;
  std::erase_if(series.open, [&](const OpenSample& open) { return open.ticket <= seen_by_all; });
  series.open.shrink_to_fit();
  PutIntoLeaves(series, sealed, newest);
}

void OutOfOrderStore::PutIntoLeaves(Series& series, const std::vector<OutOfOrderSample>& samples,
                                    Ticket newest) {
  std::vector<Leaf>& leaves = series.leaves;
  std::vector<OutOfOrderSample> merged;
  for (size_t i = 0; i < samples.size();) {
    // The leaf that begins before the sample, or else the first one; it takes what is before the next.
    auto next = std::upper_bound(leaves.begin(), leaves.end(), samples[i].time_ms,
                                 [](TimestampMs t, const Leaf& a) { return t < a.min_ms; });
    auto leaf = next == leaves.begin() ? next : next - 1;
    if (leaf == next && next != leaves.end()) ++next;
    TimestampMs before_ms = next == leaves.end() ? kMaxTime : next->min_ms;
    size_t end = i + 1;
    while (end < samples.size() && samples[end].time_ms < before_ms) ++end;
    std::span<const OutOfOrderSample> group(samples.data() + i, end - i);
    i = end;
    bool is_after = leaf == leaves.end() || group.front().time_ms > leaf->max_ms;
    if (is_after && (leaf == leaves.end() || leaf->count + group.size() > kMaxInLeaf)) {
      leaves.insert(next, Encode(group, newest));
      continue;
    }
    merged.clear();
    Decode(*leaf, merged);
    auto middle = static_cast<ptrdiff_t>(merged.size());
    merged.insert(merged.end(), group.begin(), group.end());
    std::inplace_merge(merged.begin(), merged.begin() + middle, merged.end(), kByTime);
    Ticket ticket = std::max(newest, leaf->newest);
    size_t parts = (merged.size() + kMaxInLeaf - 1) / kMaxInLeaf;
    size_t each = (merged.size() + parts - 1) / parts;
    std::span<const OutOfOrderSample> rest(merged);
    *leaf = Encode(rest.first(each), ticket);
    for (rest = rest.subspan(each); !rest.empty(); rest = rest.subspan(std::min(each, rest.size()))) {
      leaf = leaves.insert(leaf + 1, Encode(rest.first(std::min(each, rest.size())), ticket));
    }
  }
}

void OutOfOrderStore::ReadAll(const Series& series, TimestampMs start_ms, TimestampMs end_ms,
                              Ticket seen_until, std::vector<OutOfOrderSample>& out) {
  auto begin = static_cast<ptrdiff_t>(out.size());
  std::vector<OutOfOrderSample> decoded;
  for (const Leaf& leaf : series.leaves) {
    if (leaf.max_ms < start_ms || leaf.min_ms > end_ms) continue;
    decoded.clear();
    Decode(leaf, decoded);
    for (OutOfOrderSample& sample : decoded) {
      if (sample.time_ms >= start_ms && sample.time_ms <= end_ms) out.push_back(std::move(sample));
    }
  }
  auto middle = static_cast<ptrdiff_t>(out.size());
  for (const OpenSample& open : series.open) {
    if (open.ticket > seen_until || open.sample.time_ms < start_ms || open.sample.time_ms > end_ms) continue;
    out.push_back(open.sample);
  }
  std::inplace_merge(out.begin() + begin, out.begin() + middle, out.end(), kByTime);
}

void OutOfOrderStore::Read(SeriesRef ref, TimestampMs start_ms, TimestampMs end_ms, Ticket seen_until,
                           std::vector<OutOfOrderSample>& out) const {
  if (empty()) return;
  const Stripe& stripe = StripeOf(ref);
  std::lock_guard lock(stripe.mutex);
  const Series* series = Find(stripe, ref);
  if (series != nullptr) ReadAll(*series, start_ms, end_ms, seen_until, out);
}

bool OutOfOrderStore::Holds(SeriesRef ref) const {
  if (empty()) return false;
  const Stripe& stripe = StripeOf(ref);
  std::lock_guard lock(stripe.mutex);
  return Find(stripe, ref) != nullptr;
}

bool OutOfOrderStore::Holds(SeriesRef ref, TimestampMs start_ms, TimestampMs end_ms,
                            Ticket seen_until) const {
  if (empty()) return false;
  const Stripe& stripe = StripeOf(ref);
  std::lock_guard lock(stripe.mutex);
  const Series* series = Find(stripe, ref);
  if (series == nullptr) return false;
  return std::any_of(series->leaves.begin(), series->leaves.end(),
                     [&](const Leaf& leaf) { return leaf.max_ms >= start_ms && leaf.min_ms <= end_ms; }) ||
         std::any_of(series->open.begin(), series->open.end(), [&](const OpenSample& open) {
           return open.ticket <= seen_until && open.sample.time_ms >= start_ms &&
                  open.sample.time_ms <= end_ms;
         });
}

std::pair<TimestampMs, TimestampMs> OutOfOrderStore::TimeRange() const {
  std::pair<TimestampMs, TimestampMs> range{kMaxTime, kNoTime};
  if (empty()) return range;
  auto add = [&](TimestampMs min_ms, TimestampMs max_ms) {
    range = {std::min(range.first, min_ms), std::max(range.second, max_ms)};
  };
  for (const Stripe& stripe : stripes_) {
    std::lock_guard lock(stripe.mutex);
    for (const auto& [slot, series] : stripe.series) {
      if (!series.leaves.empty()) add(series.leaves.front().min_ms, series.leaves.back().max_ms);
      if (!series.open.empty()) add(series.open.front().sample.time_ms, series.open.back().sample.time_ms);
    }
  }
  return range;
}

TimestampMs OutOfOrderStore::OldestFrom(TimestampMs from_ms) const {
  TimestampMs oldest_ms = kMaxTime;
  std::vector<OutOfOrderSample> samples;
  for (const Stripe& stripe : stripes_) {
    std::lock_guard lock(stripe.mutex);
    for (const auto& [slot, series] : stripe.series) {
      auto open = std::lower_bound(series.open.begin(), series.open.end(), from_ms,
                                   [](const OpenSample& a, TimestampMs t) { return a.sample.time_ms < t; });
      if (open != series.open.end()) oldest_ms = std::min(oldest_ms, open->sample.time_ms);
      auto leaf = std::lower_bound(series.leaves.begin(), series.leaves.end(), from_ms,
                                   [](const Leaf& a, TimestampMs t) { return a.max_ms < t; });
      if (leaf == series.leaves.end() || leaf->min_ms >= oldest_ms) continue;
      samples.clear();
      Decode(*leaf, samples);
      auto first = std::lower_bound(samples.begin(), samples.end(), from_ms,
                                    [](const OutOfOrderSample& a, TimestampMs t) { return a.time_ms < t; });
      oldest_ms = std::min(oldest_ms, first->time_ms);
    }
  }
  return oldest_ms;
}

std::vector<SeriesRef> OutOfOrderStore::SeriesIn(TimestampMs start_ms, TimestampMs end_ms) const {
  std::vector<SeriesRef> refs;
  for (const Stripe& stripe : stripes_) {
    std::vector<SeriesRef> all;
    {
      std::lock_guard lock(stripe.mutex);
      for (const auto& [slot, series] : stripe.series) all.push_back(series.ref);
    }
    for (SeriesRef ref : all) {
      if (Holds(ref, start_ms, end_ms, kAllTickets)) refs.push_back(ref);
    }
  }
  return refs;
}

uint64_t OutOfOrderStore::EraseFrom(Series& series, TimestampMs start_ms, TimestampMs end_ms, Ticket ticket) {
  auto is_erased = [&](const OutOfOrderSample& sample) {
    return sample.time_ms >= start_ms && sample.time_ms <= end_ms;
  };
  uint64_t erased = std::erase_if(
      series.open, [&](const OpenSample& open) { return open.ticket <= ticket && is_erased(open.sample); });
  std::vector<OutOfOrderSample> samples;
  std::erase_if(series.leaves, [&](Leaf& leaf) {
    if (leaf.newest > ticket || leaf.max_ms < start_ms || leaf.min_ms > end_ms) return false;
    if (leaf.min_ms >= start_ms && leaf.max_ms <= end_ms) {
      erased += leaf.count;
      return true;
    }
    samples.clear();
    Decode(leaf, samples);
    erased += std::erase_if(samples, is_erased);
    if (!samples.empty()) leaf = Encode(samples, leaf.newest);
    return samples.empty();
  });
  return erased;
}

uint64_t OutOfOrderStore::Erase(SeriesRef ref, TimestampMs start_ms, TimestampMs end_ms) {
  if (empty()) return 0;
  Stripe& stripe = StripeOf(ref);
  std::lock_guard lock(stripe.mutex);
  auto place = stripe.series.find(SlotOf(ref));
  if (place == stripe.series.end() || place->second.ref != ref) return 0;
  uint64_t erased = EraseFrom(place->second, start_ms, end_ms, kAllTickets);
  if (place->second.open.empty() && place->second.leaves.empty()) {
    Forget(stripe, place);
  } else {
    Recount(place->second);
  }
  return erased;
}

void OutOfOrderStore::DropSeries(SeriesRef ref) { Erase(ref, kNoTime, kMaxTime); }

void OutOfOrderStore::DropWritten(TimestampMs start_ms, TimestampMs end_ms, Ticket ticket) {
  if (empty() || start_ms >= end_ms) return;
  for (Stripe& stripe : stripes_) {
    std::lock_guard lock(stripe.mutex);
    for (auto place = stripe.series.begin(); place != stripe.series.end();) {
      auto next = std::next(place);
      Series& series = place->second;
      EraseFrom(series, start_ms, end_ms - 1, ticket);
      if (series.open.empty() && series.leaves.empty()) {
        Forget(stripe, place);
      } else {
        Recount(series);
      }
      place = next;
    }
  }
}

// Section: until its end, for each series 8 bytes of ref and its samples.

void OutOfOrderStore::Capture(std::vector<Section>& out) const {
  Section section{SectionTag::kOutOfOrder, {}};
  std::vector<OutOfOrderSample> samples;
  for (const Stripe& stripe : stripes_) {
    std::lock_guard lock(stripe.mutex);
    for (const auto& [slot, series] : stripe.series) {
      samples.clear();
      ReadAll(series, kNoTime, kMaxTime, kAllTickets, samples);
      PutFixed(section.bytes, series.ref);
      PutOutOfOrderSamples(samples, section.bytes);
      if (section.bytes.size() < kSectionBytes) continue;
      out.push_back(std::move(section));
      section = {SectionTag::kOutOfOrder, {}};
    }
  }
  if (!section.bytes.empty()) out.push_back(std::move(section));
}

Section OutOfOrderStore::MakeSection(const std::vector<SeriesRef>& refs,
                                     const std::vector<OutOfOrderSample>& samples) {
  Section section{SectionTag::kOutOfOrder, {}};
  for (size_t i = 0; i < refs.size();) {
    size_t end = i + 1;
    while (end < refs.size() && refs[end] == refs[i]) ++end;
    PutFixed(section.bytes, refs[i]);
    PutOutOfOrderSamples(std::span(samples).subspan(i, end - i), section.bytes);
    i = end;
  }
  return section;
}

Status OutOfOrderStore::Restore(std::string_view bytes, const std::function<bool(SeriesRef)>& is_known) {
  ByteReader reader(bytes);
  std::vector<OutOfOrderSample> samples;
  while (reader.ok() && !reader.at_end()) {
    SeriesRef ref = reader.Fixed<SeriesRef>();
    samples.clear();
    if (!reader.ok() || !ReadOutOfOrderSamples(reader, samples)) break;
    if (!is_known(ref)) continue;
    for (const OutOfOrderSample& sample : samples) Insert(ref, sample, 0, 0);
  }
  if (reader.ok() && reader.at_end()) return {};
  return core::Fail(Code::kCorruption, "malformed out-of-order samples");
}

}  // namespace sextant::tsdb
