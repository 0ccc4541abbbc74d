// `promtool test rules`, with JUnit's XML where it is asked for.
#pragma once

#include <string>
#include <vector>

#include "app/promtool/command.h"

namespace sextant::promtool {

// Runs what follows `promtool test`; gives the exit code. kInvalidArgument for a wrong command line,
// kUnimplemented for what is not supported yet.
core::Result<int> RunTest(const std::vector<std::string>& arguments, const std::vector<std::string>& features,
                          Output& output);

}  // namespace sextant::promtool
