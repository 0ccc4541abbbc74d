// Serves the web application from the program itself.
#pragma once

#include "net/router.h"

namespace sextant::app {

// Adds the pages (each path of the application answers its index.html) and /assets/*. The router's prefix
// must be set before.
void AddPageRoutes(net::Router& router);

}  // namespace sextant::app
