#include "agents/node/usage/recent_ring.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace sextant::node {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

}  // namespace

std::string_view RecentRing::ProcessShare::name() const {
  return {name_bytes.data(), ::strnlen(name_bytes.data(), name_bytes.size())};
}

void RecentRing::ProcessShare::SetName(std::string_view name) {
  name_bytes.fill('\0');
  std::ranges::copy(name.substr(0, name_bytes.size()), name_bytes.begin());
}

void RecentRing::Add(core::TimestampMs time_ms, const std::vector<Sample>& samples,
                     const Processes& processes) {
  const std::lock_guard lock(mutex_);
  if (times_ms_.empty()) {
    times_ms_.resize(kRecentSlots);
    processes_.resize(kRecentSlots);
  }
  times_ms_[next_] = time_ms;
  processes_[next_] = processes;
  for (auto& [name, values] : columns_) values[next_] = kNone;
  for (const Sample& sample : samples) {
    auto column = columns_.find(sample.name);
    if (column == columns_.end()) {
      if (columns_.size() >= kRecentColumns) {
        ++dropped_samples_;
        continue;
      }
      column = columns_.emplace(sample.name, std::vector<float>(kRecentSlots, kNone)).first;
    }
    column->second[next_] = sample.value;
  }
  next_ = (next_ + 1) % kRecentSlots;
  count_ = std::min(count_ + 1, kRecentSlots);
  // A device that has gone for an hour leaves its place to others.
  if (next_ == 0) {
    std::erase_if(columns_, [](const auto& column) {
      return std::ranges::all_of(column.second, [](float value) { return std::isnan(value); });
    });
  }
}

RecentRing::Window RecentRing::Copy(core::TimestampMs from_ms,
                                    const std::function<bool(std::string_view)>& wants_metric,
                                    bool wants_processes) const {
  Window window;
  const std::lock_guard lock(mutex_);
  size_t age = count_;
  while (age > 0 && times_ms_[Slot(age)] < from_ms) --age;
  for (size_t i = age; i > 0; --i) window.times_ms.push_back(times_ms_[Slot(i)]);
  for (const auto& [name, values] : columns_) {
    if (!wants_metric(name.metric)) continue;
    Series& series = window.series.emplace_back();
    series.name = name;
    series.values.reserve(age);
    for (size_t i = age; i > 0; --i) series.values.push_back(values[Slot(i)]);
  }
  for (size_t i = wants_processes ? age : 0; i > 0; --i) window.processes.push_back(processes_[Slot(i)]);
  window.dropped_samples = dropped_samples_;
  return window;
}

size_t RecentRing::MemoryBytes() const {
  const std::lock_guard lock(mutex_);
  return times_ms_.size() * (sizeof(core::TimestampMs) + sizeof(Processes)) +
         columns_.size() * kRecentSlots * sizeof(float);
}

}  // namespace sextant::node
