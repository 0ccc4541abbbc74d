// Alertmanager's template functions: toUpper, toLower, title, trimSpace, join, match, safeHtml, safeUrl,
// urlUnescape, reReplaceAll, stringSlice, date, tz, since, now, humanizeDuration, toJson, dict, list, append,
// base64encode, base64decode, toDate, mustToDate, routeLabels.
//
// Specification: https://prometheus.io/docs/alerting/latest/notifications/#functions
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/clock.h"
#include "gotemplate/template.h"

namespace sextant::gotemplate {

// What the functions ask for.
struct AlertmanagerEnvironment final : Environment {
  core::TimestampMs now_ms = 0;                     // of now and since
  std::map<std::string, std::string> route_labels;  // of routeLabels
  // In place of route_labels, for labels that are templates themselves: gives a label's text, filled in. May
  // be called while a call of it has not returned.
  std::function<core::Result<std::string>(const std::string& name)> fill_route_label;
};

std::shared_ptr<const FunctionMap> AlertmanagerFunctions();

}  // namespace sextant::gotemplate
