#include "api/query_gate.h"

#include <utility>

namespace sextant::api {

void QueryGate::Run(Task task) {
  {
    std::lock_guard lock(mutex_);
    if (running_ == max_running_) {
      waiting_.push_back(std::move(task));
      return;
    }
    ++running_;
  }
  while (true) {
    task();
    task = nullptr;  // what it holds goes before the next one runs
    std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      --running_;
      return;
    }
    task = std::move(waiting_.front());
    waiting_.pop_front();
  }
}

}  // namespace sextant::api
