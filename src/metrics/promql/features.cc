#include "metrics/promql/features.h"

namespace sextant::promql {

bool EnableFeature(std::string_view name, EngineOptions& options) {
  if (name == "promql-experimental-functions") {
    options.parser.experimental_functions = true;
  } else if (name == "promql-duration-expr") {
    options.parser.duration_expressions = true;
  } else if (name == "promql-extended-range-selectors") {
    options.parser.extended_range_selectors = true;
  } else if (name == "promql-binop-fill-modifiers") {
    options.parser.binop_fill = true;
  } else if (name == "promql-delayed-name-removal") {
    options.delayed_name_removal = true;
  } else if (name == "type-and-unit-labels") {
    options.type_and_unit_labels = true;
  } else if (name == "use-start-timestamps") {
    options.use_start_timestamps = true;
  } else {
    return false;
  }
  return true;
}

}  // namespace sextant::promql
