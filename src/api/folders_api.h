// Grafana's endpoints for folders: /api/folders, /api/folders/{uid}, /api/folders/id/{id}.
#pragma once

#include "dashboards/library.h"
#include "net/router.h"

namespace sextant::api {

// Adds the routes. `library` must outlive the server.
void AddFolderRoutes(net::Router& router, dashboards::Library& library);

}  // namespace sextant::api
