// The functions that escaping puts behind what is filled in: one for each kind of place in an HTML document.
// They take any number of values, which they print as Go's fmt.Sprint does.
#pragma once

#include <string>
#include <string_view>

#include "gotemplate/value.h"

namespace sextant::gotemplate {

// By the names that they have in pipelines ("_html_template_attrescaper", …).
const FunctionMap& HtmlEscapers();

// What is written in place of a value that could do harm.
inline constexpr std::string_view kHarmless = "ZgotmplZ";

}  // namespace sextant::gotemplate
