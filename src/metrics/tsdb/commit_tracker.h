// Who is in the middle of what: commits that are being applied, readers that must not see them, and holders
// of refs that must not be dropped under them.
//
// A commit gets a ticket before it writes its journal batch. The watermark is the highest ticket up to which
// all commits are finished: a reader that starts now sees exactly those. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>

namespace sextant::tsdb {

class CommitTracker {
 public:
  using Ticket = uint64_t;

  Ticket Begin();
  // Ends a commit, successful or not, and returns when all earlier ones have ended too, so that whoever
  // committed sees its own samples.
  void Finish(Ticket ticket);

  // The watermark for a reader, kept readable until ReleaseReader.
  Ticket AcquireReader();
  void ReleaseReader(Ticket watermark);

  // All finished commits up to here are seen by every present and future reader.
  Ticket seen_by_all() const { return seen_by_all_.load(std::memory_order_acquire); }
  // All commits up to here are finished.
  Ticket watermark() const { return watermark_.load(std::memory_order_acquire); }

  // Waits until the commits that have begun have finished.
  void WaitForBegun();

 private:
  void Update();

  std::mutex mutex_;
  std::condition_variable finished_;
  Ticket next_ = 1;
  std::set<Ticket> running_;
  std::multiset<Ticket> readers_;
  std::atomic<Ticket> watermark_ = 0;
  std::atomic<Ticket> seen_by_all_ = 0;
};

// Rounds of dropping series and files: whoever may still look at what a round would drop holds the epoch in
// which it started. Thread-safe.
class DropEpochs {
 public:
  using Epoch = uint64_t;

  Epoch Acquire();
  void Release(Epoch epoch);
  Epoch current() const { return current_.load(std::memory_order_acquire); }

  // Starts a new epoch and returns the oldest one that is still held (the new one, if none is).
  Epoch Advance();
  Epoch Oldest() const;

 private:
  mutable std::mutex mutex_;
  std::atomic<Epoch> current_ = 1;
  std::multiset<Epoch> held_;
};

}  // namespace sextant::tsdb
