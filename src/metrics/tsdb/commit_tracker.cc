#include "metrics/tsdb/commit_tracker.h"

#include <algorithm>

namespace sextant::tsdb {

CommitTracker::Ticket CommitTracker::Begin() {
  std::lock_guard lock(mutex_);
  Ticket ticket = next_++;
  running_.insert(running_.end(), ticket);
  return ticket;
}

void CommitTracker::Update() {
  Ticket watermark = running_.empty() ? next_ - 1 : *running_.begin() - 1;
  watermark_.store(watermark, std::memory_order_release);
  Ticket oldest_reader = readers_.empty() ? watermark : *readers_.begin();
  seen_by_all_.store(std::min(watermark, oldest_reader), std::memory_order_release);
}

void CommitTracker::Finish(Ticket ticket) {
  std::unique_lock lock(mutex_);
  running_.erase(ticket);
  Update();
  finished_.notify_all();
  finished_.wait(lock, [&] { return running_.empty() || *running_.begin() > ticket; });
}

CommitTracker::Ticket CommitTracker::AcquireReader() {
  std::lock_guard lock(mutex_);
  Ticket watermark = watermark_.load(std::memory_order_relaxed);
  readers_.insert(watermark);
  return watermark;
}

void CommitTracker::ReleaseReader(Ticket watermark) {
  std::lock_guard lock(mutex_);
  readers_.erase(readers_.find(watermark));
  Update();
}

void CommitTracker::WaitForBegun() {
  std::unique_lock lock(mutex_);
  Ticket begun = next_ - 1;
  finished_.wait(lock, [&] { return running_.empty() || *running_.begin() > begun; });
}

DropEpochs::Epoch DropEpochs::Acquire() {
  std::lock_guard lock(mutex_);
  Epoch epoch = current_.load(std::memory_order_relaxed);
  held_.insert(epoch);
  return epoch;
}

void DropEpochs::Release(Epoch epoch) {
  std::lock_guard lock(mutex_);
  held_.erase(held_.find(epoch));
}

DropEpochs::Epoch DropEpochs::Advance() {
  std::lock_guard lock(mutex_);
  Epoch epoch = current_.load(std::memory_order_relaxed) + 1;
  current_.store(epoch, std::memory_order_release);
  return held_.empty() ? epoch : *held_.begin();
}

DropEpochs::Epoch DropEpochs::Oldest() const {
  std::lock_guard lock(mutex_);
  return held_.empty() ? current_.load(std::memory_order_relaxed) : *held_.begin();
}

}  // namespace sextant::tsdb
