// The HTTP faces of remote storage: remote write in.
#pragma once

#include "metrics/remote/write_receiver.h"
#include "net/router.h"

namespace sextant::api {

struct RemoteApiDeps {
  // Null: POST /api/v1/write says by which flag it is switched on. Must outlive the routes.
  remote::WriteReceiver* write_receiver = nullptr;
};

void AddRemoteRoutes(net::Router& router, RemoteApiDeps deps);

}  // namespace sextant::api
