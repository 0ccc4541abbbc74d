// The HTTP faces of what others send: remote write and OTLP.
#pragma once

#include "metrics/remote/otlp_receiver.h"
#include "metrics/remote/write_receiver.h"
#include "net/router.h"

namespace sextant::api {

struct RemoteApiDeps {
  // Null: POST /api/v1/write says by which flag it is switched on. Must outlive the routes.
  remote::WriteReceiver* write_receiver = nullptr;
  // The same for POST /api/v1/otlp/v1/metrics.
  remote::OtlpReceiver* otlp_receiver = nullptr;
};

void AddRemoteRoutes(net::Router& router, RemoteApiDeps deps);

}  // namespace sextant::api
