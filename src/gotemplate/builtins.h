// The functions that every Go template has: comparison, logic, len, index, slice, print, printf, println,
// html, js, urlquery, call. Specification: https://pkg.go.dev/text/template#hdr-Functions
#pragma once

#include "gotemplate/value.h"

namespace sextant::gotemplate {

// `and` and `or` are in the map for their names and arity only: the executor evaluates them lazily.
const FunctionMap& BuiltinFunctions();

// text/template's HTMLEscapeString, JSEscapeString and net/url's QueryEscape.
std::string HtmlEscape(std::string_view text);
std::string JsEscape(std::string_view text);
std::string QueryEscape(std::string_view text);

}  // namespace sextant::gotemplate
