// Serves the web application from the program itself.
#pragma once

#include <string>

#include "net/router.h"

namespace sextant::app {

// Adds the pages (each path of the application answers its index.html) and /assets/*. The router's prefix
// must be set before.
// `title` takes the place of the product's name in the browser's title; empty: the name stays.
void AddPageRoutes(net::Router& router, const std::string& title = "");

}  // namespace sextant::app
