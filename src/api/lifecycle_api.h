// Prometheus' endpoints that reload and end the server: /-/reload and /-/quit.
#pragma once

#include <functional>

#include "core/result.h"
#include "net/router.h"

namespace sextant::api {

struct LifecycleApiDeps {
  bool is_enabled = false;  // otherwise they answer 403
  // Reloads some time later and calls `done` with how it went, from any thread. Must not wait.
  std::function<void(std::function<void(core::Status)> done)> reload;
  std::function<void()> quit;
};

void AddLifecycleRoutes(net::Router& router, LifecycleApiDeps deps);

}  // namespace sextant::api
