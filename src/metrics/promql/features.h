// Feature flags of the language, under the names of --enable-feature.
#pragma once

#include <string_view>

#include "metrics/promql/engine.h"

namespace sextant::promql {

// Switches a feature on; false when the name is none of the language's.
bool EnableFeature(std::string_view name, EngineOptions& options);

}  // namespace sextant::promql
