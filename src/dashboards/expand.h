// Variables in the values of provisioning files, as Grafana expands them: `$NAME`, `${NAME}`,
// `$__env{NAME}`, `$__file{/run/secrets/x}` (without white space at its ends); `$$` is a dollar sign.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sextant::dashboards {

// Gives an environment variable's value, "" when it is not set.
using ReadVariable = std::function<std::string(const std::string& name)>;

// Expands a text once: what comes in is not expanded again. kInvalidArgument for an unclosed brace or an
// unknown `$__…{`, and a file's own error (of at most 1 MiB).
core::Result<std::string> Expand(std::string_view text, const ReadVariable& variable);

}  // namespace sextant::dashboards
