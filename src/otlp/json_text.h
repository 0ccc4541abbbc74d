// Texts in JSON as the collector writes them: unlike Go's encoding/json, without escapes for HTML. Private to
// this module.
#pragma once

#include <string>
#include <string_view>

namespace sextant::otlp {

// Appends `text` with quotes; what is not UTF-8 becomes U+FFFD.
void AppendJsonText(std::string& out, std::string_view text);

}  // namespace sextant::otlp
