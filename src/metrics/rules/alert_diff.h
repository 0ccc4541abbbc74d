// What a unit test of rules expected of alerts beside what it found, in colours: `promtool test rules
// --diff`. Stateless; any thread.
#pragma once

#include <string>
#include <vector>

#include "model/labels.h"

namespace sextant::rules {

// An alert as unit tests compare it.
struct AlertView {
  model::Labels labels;
  model::Labels annotations;
};

// Both lists as one JSON text for terminals: green is what was found only, red what was expected only, yellow
// what differs ("expected" => "found"). Alerts are compared by their place; an empty list counts as one alert
// without labels, as with promtool.
std::string DiffAlerts(std::vector<AlertView> expected, std::vector<AlertView> found);

}  // namespace sextant::rules
