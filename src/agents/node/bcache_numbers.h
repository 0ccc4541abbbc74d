// Numbers as bcache writes them for people.
#pragma once

#include <optional>
#include <string_view>

namespace sextant::node {

// "20.4G", "427.5k", "12": in units of 1024, with thousandths behind the point. Nothing for other texts.
std::optional<double> ParseBcacheNumber(std::string_view text);

}  // namespace sextant::node
