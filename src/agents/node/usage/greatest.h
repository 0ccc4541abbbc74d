// Which of many use the most now.
#pragma once

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace sextant::node {

// What somebody uses now: averages between the last two looks.
struct UsageNow {
  double cpu_cores = 0;
  double memory_bytes = 0;
  double read_bytes_per_second = 0;
  double written_bytes_per_second = 0;
};

// Leaves the `count` greatest by CPU, by memory and by I/O each, sorted by CPU. Entries have a UsageNow
// `now`.
template <typename Entry>
void KeepGreatest(std::vector<Entry>& entries, size_t count) {
  std::vector<Entry> kept;
  const auto keep = [&](auto&& amount) {
    const auto more = [&](const Entry& a, const Entry& b) { return amount(a.now) > amount(b.now); };
    const auto middle = entries.begin() + static_cast<ptrdiff_t>(std::min(count, entries.size()));
    std::partial_sort(entries.begin(), middle, entries.end(), more);
    kept.insert(kept.end(), std::make_move_iterator(entries.begin()), std::make_move_iterator(middle));
    entries.erase(entries.begin(), middle);
  };
  keep([](const UsageNow& now) { return now.cpu_cores; });
  keep([](const UsageNow& now) { return now.memory_bytes; });
  keep([](const UsageNow& now) { return now.read_bytes_per_second + now.written_bytes_per_second; });
  std::stable_sort(kept.begin(), kept.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.now.cpu_cores, a.now.memory_bytes) > std::pair(b.now.cpu_cores, b.now.memory_bytes);
  });
  entries = std::move(kept);
}

}  // namespace sextant::node
