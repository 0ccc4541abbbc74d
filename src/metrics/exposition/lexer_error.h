// How Prometheus' parsers word an unexpected token; shared by the text formats.
#pragma once

#include <string>
#include <string_view>

namespace sextant::exposition {

// Bytes of a body in Go's quotes; only the first few hundred, since a body is not ours to repeat.
std::string QuoteBytes(std::string_view bytes);

// `<expected>, got "x" ("INVALID") while parsing: "a{x"`
std::string UnexpectedToken(std::string_view expected, std::string_view got, std::string_view token_name,
                            std::string_view parsed);

}  // namespace sextant::exposition
