#include "pipeline/delivery/fetches.h"

namespace sextant::pipeline {

void Fetches::Fetch(Environment& environment, net::FetchRequest request, Callback callback) {
  std::lock_guard lock(mutex_);
  uint64_t number = next_++;
  // The callback takes this mutex, and so comes after the handle is noted.
  net::FetchHandle handle = environment.http.Fetch(
      std::move(request), {.executor = &environment.executor, .priority = core::Priority::kIngest},
      [this, number, callback = std::move(callback)](core::Result<net::FetchResponse> response) {
        {
          std::lock_guard inner(mutex_);
          under_way_.erase(number);
        }
        callback(response);
      });
  if (is_cancelled_) handle.Cancel();
  under_way_.emplace(number, std::move(handle));
}

void Fetches::CancelAll() {
  std::lock_guard lock(mutex_);
  is_cancelled_ = true;
  for (auto& [number, handle] : under_way_) handle.Cancel();
}

}  // namespace sextant::pipeline
