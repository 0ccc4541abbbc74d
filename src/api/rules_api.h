// Prometheus' endpoints about rules and alerts: /api/v1/rules, /api/v1/alerts, /api/v1/alertmanagers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "metrics/rules/rule_manager.h"
#include "net/router.h"

namespace sextant::api {

struct RulesApiDeps {
  const rules::RuleManager& rules;
  // URLs of the Alertmanagers that are told of alerts. Called from any thread.
  std::function<std::vector<std::string>()> alertmanagers;
};

// Adds the routes. What `deps` refers to must outlive the server.
void AddRuleRoutes(net::Router& router, RulesApiDeps deps);

}  // namespace sextant::api
