// Bounds the time of requests as --web.timeout of Alertmanager does it: 503 when it is over, whatever the
// handler still does.
#pragma once

#include "core/clock.h"
#include "net/io.h"
#include "net/router.h"

namespace sextant::app {

// Of the routes that are there already and make whole answers; their handlers are told by the request's
// `cancelled`. Counted from when the request had been read. `io` must outlive the router.
void LimitRequestTime(net::Router& router, net::IoContext& io, core::DurationMs timeout_ms);

}  // namespace sextant::app
