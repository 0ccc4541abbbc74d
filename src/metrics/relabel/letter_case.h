// Upper and lower case of UTF-8 texts, character by character as Go's strings.ToUpper and ToLower.
#pragma once

#include <string>
#include <string_view>

namespace sextant::relabel {

std::string ToLower(std::string_view text);
std::string ToUpper(std::string_view text);

}  // namespace sextant::relabel
