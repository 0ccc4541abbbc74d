// The HTTP requests that a component has under way, so that its end can cut them off.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

#include "pipeline/component.h"

namespace sextant::pipeline {

class Fetches {
 public:
  using Callback = std::function<void(const core::Result<net::FetchResponse>& response)>;

  // Sends a request and calls back on the executor. What is under way when this is destroyed must have been
  // waited for: the callback is called in any case.
  void Fetch(Environment& environment, net::FetchRequest request, Callback callback);
  // Those under way end soon with kCancelled, and so do later ones.
  void CancelAll();

 private:
  std::mutex mutex_;
  std::map<uint64_t, net::FetchHandle> under_way_;  // guarded by mutex_
  uint64_t next_ = 0;                               // guarded by mutex_
  bool is_cancelled_ = false;                       // guarded by mutex_
};

}  // namespace sextant::pipeline
