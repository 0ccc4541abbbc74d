#include "core/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace sextant::core {

namespace {

// One call of Run. Helpers that start after it has ended find it closed and do not touch `work`.
class Job {
 public:
  Job(size_t pieces, const std::function<void(size_t)>& work) : pieces_(pieces), work_(work) {}

  void Work() {
    for (size_t piece = next_++; piece < pieces_; piece = next_++) work_(piece);
  }

  void Help() {
    {
      std::lock_guard lock(mutex_);
      if (is_closed_) return;
      ++helpers_;
    }
    Work();
    std::lock_guard lock(mutex_);
    if (--helpers_ == 0) idle_.notify_all();
  }

  void Close() {
    std::unique_lock lock(mutex_);
    is_closed_ = true;
    idle_.wait(lock, [this] { return helpers_ == 0; });
  }

 private:
  const size_t pieces_;
  const std::function<void(size_t)>& work_;
  std::atomic<size_t> next_ = 0;
  std::mutex mutex_;
  std::condition_variable idle_;
  size_t helpers_ = 0;  // at work
  bool is_closed_ = false;
};

}  // namespace

void ExecutorParallel::Run(size_t pieces, const std::function<void(size_t)>& work) {
  auto job = std::make_shared<Job>(pieces, work);
  size_t helpers = std::min(width_, pieces);
  for (size_t i = 1; i < helpers && executor_.QueuedTasks(priority_) < width_; ++i) {
    if (!executor_.Submit(priority_, [job] { job->Help(); })) break;
  }
  job->Work();
  job->Close();
}

}  // namespace sextant::core
