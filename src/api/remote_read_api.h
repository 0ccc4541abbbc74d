// POST /api/v1/read: raw samples for other servers (Prometheus' remote read), whole or as a stream of chunks,
// as the asker prefers.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "core/metrics.h"
#include "model/storage.h"
#include "net/router.h"

namespace sextant::api {

struct RemoteReadDeps {
  const model::Queryable& storage;
  core::Registry& registry;
  // Labels that series get which do not have them, and that matchers may name.
  std::function<model::Labels()> external_labels;
  int64_t max_samples = 50'000'000;      // of a whole answer; 0: no limit
  uint64_t max_frame_bytes = 1'048'576;  // of a streamed one, about
  size_t max_concurrent = 10;            // further requests wait; 0: no limit
};

// All of it must outlive the routes.
void AddRemoteReadRoutes(net::Router& router, RemoteReadDeps deps);

}  // namespace sextant::api
