// Prometheus' endpoints about rules and alerts: /api/v1/rules, /api/v1/alerts, /api/v1/alertmanagers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "metrics/rules/rule_manager.h"
#include "net/router.h"

namespace sextant::api {

// Alertmanagers by their URLs: those that are told of alerts, and those that relabelling dropped.
struct AlertmanagerUrls {
  std::vector<std::string> active;
  std::vector<std::string> dropped;
};

struct RulesApiDeps {
  const rules::RuleManager& rules;
  std::function<AlertmanagerUrls()> alertmanagers;  // called from any thread
};

// Adds the routes. What `deps` refers to must outlive the server.
void AddRuleRoutes(net::Router& router, RulesApiDeps deps);

}  // namespace sextant::api
