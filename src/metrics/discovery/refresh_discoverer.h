// The half of a mechanism that asks again and again (http, dns, …): calls a refresh at once and then at each
// interval, counts and logs what fails, and hands on what was found. Refreshes never overlap.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/result.h"
#include "metrics/discovery/discoverer.h"

namespace sextant::discovery {

struct RefreshOptions {
  std::string mechanism;  // "http"
  std::string set;        // whose configuration it is: a job's name
  core::DurationMs interval_ms = 60'000;
  // Where the refresh begins; a blocking one needs an executor that may wait.
  core::Executor* executor = nullptr;
};

class RefreshDiscoverer : public Discoverer {
 public:
  using Done = std::function<void(core::Result<std::vector<TargetGroup>> groups)>;
  // Looks once and calls `done` once, from any thread, now or later. On an error the groups stay as they
  // were.
  using Refresh = std::function<void(Done done)>;

  RefreshDiscoverer(const Services& services, RefreshOptions options, Refresh refresh);
  ~RefreshDiscoverer() override;

  void Start(Sink sink) override;
  // Does not wait for a refresh under way; what it finds is dropped.
  void Stop() override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace sextant::discovery
