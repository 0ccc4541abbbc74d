// Functions that the libraries of Prometheus and Alertmanager share: regular expressions, humanized numbers,
// title case. Internal to gotemplate.
#pragma once

#include "gotemplate/call.h"
#include "gotemplate/value.h"

namespace sextant::gotemplate {

// A number out of any number or a numeric text, as Prometheus' humanize functions take it. Errors have Go's
// texts.
core::Result<double> ToFloat(const Value& value);

// Prometheus' humanizeDuration of seconds: "1d 2h 3m 4s", "1.5s", "100ms".
std::string HumanizeDuration(double seconds);

// match(pattern, text), reReplaceAll(pattern, replacement, text), toUpper, toLower, safeHtml,
// humanizeDuration, urlQueryEscape's kin are added by name.
Function MatchFunction();
Function ReReplaceAllFunction();
Function ToUpperFunction();
Function ToLowerFunction();
// Gives its text as it is: escaping happens nowhere in plain text.
// The text itself, known to be safe where HTML is escaped.
Function SafeHtmlFunction();
Function SafeUrlFunction();
Function HumanizeDurationFunction();

}  // namespace sextant::gotemplate
