// `promtool check service-discovery`: what is found for a job, and what relabelling makes of it.
#pragma once

#include "app/promtool/command.h"

namespace sextant::promtool {

// Looks until everything has looked once, at most for --timeout, and prints what was found as JSON.
core::Result<int> CheckServiceDiscovery(const CommandArguments& arguments, Output& output);

}  // namespace sextant::promtool
