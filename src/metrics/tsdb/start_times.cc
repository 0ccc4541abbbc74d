#include "metrics/tsdb/start_times.h"

#include <algorithm>

namespace sextant::tsdb {

void PutStartChanges(std::span<const StartChange> changes, std::string& out) {
  PutVarint(out, changes.size());
  StartChange before;
  for (const StartChange& change : changes) {
    PutSignedVarint(out, static_cast<int64_t>(change.ref - before.ref));
    PutSignedVarint(out, WrappingSub(change.from_ms, before.from_ms));
    PutSignedVarint(out, WrappingSub(change.start_ms, before.start_ms));
    before = change;
  }
}

core::Status ReadStartChanges(std::string_view bytes, std::vector<StartChange>& out) {
  ByteReader reader(bytes);
  uint64_t count = reader.Count(3);
  StartChange change;
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    change.ref += static_cast<uint64_t>(reader.SignedVarint());
    change.from_ms = WrappingAdd(change.from_ms, reader.SignedVarint());
    change.start_ms = WrappingAdd(change.start_ms, reader.SignedVarint());
    out.push_back(change);
  }
  if (reader.ok() && reader.at_end()) return {};
  return core::Fail(core::Code::kCorruption, "a section of {} bytes has malformed start times", bytes.size());
}

TimestampMs StartTimes::Newest(uint32_t slot) const {
  auto found = changes_.find(slot);
  return found == changes_.end() ? 0 : found->second.back().start_ms;
}

void StartTimes::Add(uint32_t slot, const StartChange& change, TimestampMs min_ms) {
  auto found = changes_.find(slot);
  if (found == changes_.end()) {
    if (change.start_ms == 0) return;
    found = changes_.try_emplace(slot).first;
  }
  std::vector<StartChange>& changes = found->second;
  if (!changes.empty() &&
      (change.from_ms <= changes.back().from_ms || change.start_ms == changes.back().start_ms)) {
    return;
  }
  size_bytes_ -= changes.capacity() * sizeof(StartChange);
  changes.push_back(change);
  size_t forgotten = changes.size() > kMaxChanges ? changes.size() - kMaxChanges : 0;
  while (forgotten + 1 < changes.size() && changes[forgotten + 1].from_ms <= min_ms) ++forgotten;
  changes.erase(changes.begin(), changes.begin() + static_cast<ptrdiff_t>(forgotten));
  size_bytes_ += changes.capacity() * sizeof(StartChange);
}

std::span<const StartChange> StartTimes::Find(uint32_t slot) const {
  auto found = changes_.find(slot);
  return found == changes_.end() ? std::span<const StartChange>() : found->second;
}

void StartTimes::Erase(uint32_t slot) {
  auto found = changes_.find(slot);
  if (found == changes_.end()) return;
  size_bytes_ -= found->second.capacity() * sizeof(StartChange);
  changes_.erase(found);
}

void FillStartTimes(std::span<const StartChange> changes, size_t first, model::SampleColumns& out) {
  if (changes.empty() || first >= out.size() || out.times_ms.back() < changes.front().from_ms) return;
  out.start_times_ms.resize(out.size());
  size_t next = 0;
  TimestampMs start_ms = 0;
  for (size_t i = first; i < out.size(); ++i) {
    while (next < changes.size() && changes[next].from_ms <= out.times_ms[i]) {
      start_ms = changes[next++].start_ms;
    }
    if (out.histograms.empty() || out.histograms[i] == nullptr) out.start_times_ms[i] = start_ms;
  }
}

}  // namespace sextant::tsdb
