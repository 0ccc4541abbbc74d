// Ours: what this machine does, and who makes it. Only where the host's collectors run.
//
// GET /api/v1/host/processes?limit=20     who uses the machine now: processes, names, control groups
// GET /api/v1/host/recent?seconds=300&metric[]=cpu    the last hour, second by second
//
// docs/configuration.md describes the answers.
#pragma once

#include "agents/node/usage/host_watch.h"
#include "core/clock.h"
#include "net/router.h"

namespace sextant::api {

// `watch` and `clock` must outlive the server.
void AddHostRoutes(net::Router& router, node::HostWatch& watch, const core::Clock& clock);

}  // namespace sextant::api
