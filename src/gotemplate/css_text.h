// The little of CSS that escaping needs. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace sextant::gotemplate {

// Undoes CSS's backslash escapes.
std::string DecodeCss(std::string_view text);
// Whether `text` ends with `keyword` (in lower case) as a word of its own.
bool EndsWithCssKeyword(std::string_view text, std::string_view keyword);
// A character of a CSS name.
bool IsCssNameChar(char c);

}  // namespace sextant::gotemplate
