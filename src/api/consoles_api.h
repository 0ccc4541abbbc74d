// Pages of the operator's own: console templates at /consoles/ (HTML templates that may query, as Prometheus
// has them) and files as they are at /user/.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "core/clock.h"
#include "metrics/promql/engine.h"
#include "model/storage.h"
#include "net/router.h"

namespace sextant::api {

struct ConsolesDeps {
  std::string templates_dir;
  std::string libraries_dir;  // its *.lib files are there for all templates
  std::string external_url;
  const promql::Engine& engine;
  const model::Queryable& queryable;
  const core::Clock& clock;
  std::function<std::map<std::string, std::string>()> external_labels;  // called from any thread
};

// Files are read at each request. A template and a library may have 1 MiB, there may be 100 libraries, and a
// page what gotemplate::Limits allows; what a page's queries cost is bounded as for any query.
void AddConsoleRoutes(net::Router& router, ConsolesDeps deps);

// The files of a folder, at most 64 MiB each; hidden ones are not shown.
void AddUserAssetRoutes(net::Router& router, std::string dir);

}  // namespace sextant::api
