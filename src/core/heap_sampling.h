// Which code allocates, and what of it is still in memory: a sample of all that `operator new` gives, with
// the stack of each caller.
//
// This file's .cc replaces the program's operators new and delete. While nobody samples, they cost one load
// and a branch that is never taken. While somebody does, each thread counts down a number of bytes that is
// drawn anew after each sample (exponentially distributed around the interval), so that every byte has the
// same chance and a sample stands for 1 / (1 - exp(-size / interval)) allocations of its size. What C
// libraries take from malloc, and what is mapped, is not seen.
//
// There is one table per process, since the operators are the process's. It is bounded: past kMaxSites
// stacks, further ones are cut to their innermost frame; past kMaxLive sampled objects, further ones are
// counted as allocated only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sextant::core {

// What one stack allocated since sampling began, and what of it lives; estimates from the samples.
struct HeapSite {
  std::vector<uintptr_t> frames;  // addresses of return, the innermost first
  double allocated_objects = 0;
  double allocated_bytes = 0;
  double live_objects = 0;
  double live_bytes = 0;
};

// Samples from its making to its end; several at once share the one table, which is emptied with the last.
// May be made, asked and destroyed on any thread.
class HeapSampling {
 public:
  static constexpr int64_t kIntervalBytes = 512 << 10;
  static constexpr size_t kMaxSites = 20'000;
  static constexpr size_t kMaxLive = 1 << 20;

  HeapSampling();
  ~HeapSampling();
  HeapSampling(const HeapSampling&) = delete;
  HeapSampling& operator=(const HeapSampling&) = delete;

  // False in programs whose operators belong to a sanitizer: there are no samples then.
  static bool IsPossible();

  // All stacks so far.
  std::vector<HeapSite> Sites() const;
};

}  // namespace sextant::core
