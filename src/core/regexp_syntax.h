// The differences between Go's regular expressions and those of Debian's RE2.
#pragma once

#include <string>
#include <string_view>

namespace sextant::core {

// Go's syntax in RE2's older dialect: `(?<name>…)` becomes `(?P<name>…)`.
std::string ToRe2Syntax(std::string_view expression);

}  // namespace sextant::core
