// What `sextant amtool config dry-run` prints. A pure function.
#pragma once

#include <string>
#include <string_view>

#include "app/amtool_format.h"
#include "core/result.h"

namespace sextant::app {

// The answer of /api/v2/history/dry-run as a table (extended: with the first notifications) or as it came.
// kCorruption when it is no such answer.
core::Result<std::string> FormatDryRun(std::string_view json, const AmtoolFormat& format);

}  // namespace sextant::app
