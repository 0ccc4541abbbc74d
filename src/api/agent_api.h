// What an agent answers where a server would read its store: that there is none to be read.
#pragma once

#include "net/router.h"

namespace sextant::api {

void AddAgentRoutes(net::Router& router);

}  // namespace sextant::api
