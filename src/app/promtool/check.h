// `promtool check …`: config, rules, web-config, metrics, healthy, ready and service-discovery, with
// promtool's exit codes and its output where scripts read it.
#pragma once

#include <string>
#include <vector>

#include "app/promtool/command.h"

namespace sextant::promtool {

// Runs the command whose words follow `promtool check`; gives the exit code. kInvalidArgument for a wrong
// command line, kUnimplemented for what is not supported yet.
core::Result<int> RunCheck(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& features, Output& output);

}  // namespace sextant::promtool
