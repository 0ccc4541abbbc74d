// Free-form values in a configuration (claims of a token, for example) as JSON: whatever YAML says, to be
// sent on as it is.
#pragma once

#include <string>

#include "config/decode.h"
#include "config/node.h"

namespace sextant::config {

// A node as JSON text: plain scalars mean what YAML says, mappings keep their order. Any thread.
std::string JsonOf(Node node);

// A mapping of any content, kept as the text of a JSON object; "" when it is absent or empty. Written as
// YAML.
CodecFor<std::string> JsonObject();

}  // namespace sextant::config
