// Applies the batches of a journal to the head, on several threads: each owns some of the stripes, so that
// the samples of a series stay in order and nothing is locked for them. Batches are collected into blocks,
// which all threads walk through one after the other; new series, and what may depend on samples, wait until
// they are done.
//
// Used by one thread, which decodes meanwhile.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "metrics/tsdb/head.h"

namespace sextant::tsdb {

class HeadReplay {
 public:
  // The threads start when there is much to do.
  HeadReplay(Head& head, size_t threads);
  ~HeadReplay();
  HeadReplay(const HeadReplay&) = delete;
  HeadReplay& operator=(const HeadReplay&) = delete;

  void Apply(const DecodedBatch& batch);
  // Waits until everything has been applied.
  void Finish();

  // After Finish: what could not be applied.
  struct Losses {
    uint64_t refused_series = 0;   // over the limit
    uint64_t unknown_samples = 0;  // of series that do not exist
    uint64_t malformed_sections = 0;
  };
  const Losses& losses() const { return losses_; }

 private:
  static constexpr size_t kBlockSamples = 64 << 10;
  static constexpr size_t kBlocks = 4;
  static constexpr size_t kWorthSharing = 8 << 10;  // fewer samples are applied sooner than threads are woken
  struct Block {
    std::vector<SeriesRef> refs;
    std::vector<TimestampMs> times_ms;
    std::vector<uint64_t> bits;

    SampleSpans samples() const { return {refs, times_ms, bits}; }
    void Clear() {
      refs.clear();
      times_ms.clear();
      bits.clear();
    }
  };
  struct alignas(64) Worker {
    uint64_t done = 0;  // blocks; guarded by mutex_
    uint64_t unknown_samples = 0;
    std::jthread thread;
  };

  Block& filling() { return blocks_[filled_ % kBlocks]; }
  void StartWorkers();
  void HandOver();
  void WaitUntilDone(uint64_t blocks);
  void Work(size_t number);

  Head& head_;
  const size_t threads_;
  Losses losses_;
  Block blocks_[kBlocks];
  uint64_t filled_ = 0;  // blocks handed over; changed by the caller's thread under mutex_
  bool stops_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Worker> workers_;  // last: they use the rest
};

}  // namespace sextant::tsdb
