// Work that recovery spreads over the machine's cores.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace sextant::tsdb {

// How many threads to use for so many pieces of work.
inline size_t ThreadsFor(size_t pieces) {
  constexpr size_t kMaxThreads = 4;
  return std::clamp<size_t>(std::min<size_t>(std::thread::hardware_concurrency(), pieces / 2), 1,
                            kMaxThreads);
}

// Runs work(0) … work(threads - 1), the last of them here, and waits for all.
inline void RunInParallel(size_t threads, const std::function<void(size_t)>& work) {
  std::vector<std::jthread> others;
  for (size_t i = 0; i + 1 < threads; ++i) others.emplace_back([&work, i] { work(i); });
  work(threads - 1);
}

}  // namespace sextant::tsdb
