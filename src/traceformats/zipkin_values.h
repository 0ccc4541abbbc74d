// What both versions of Zipkin's model have in common. Private to this module.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "otlp/attributes.h"

namespace sextant::traceformats {

// Set on spans that came without a time.
inline constexpr std::string_view kStartTimeAbsent = "otel.zipkin.absentField.startTime";

// A tag's text as what it looks like: a whole number, a number with a point, true or false, or text.
otlp::AnyValue ParseTagText(std::string_view text);

// Digits of any number from 1 to 16 as a number, none for anything else.
std::optional<uint64_t> ParseHex(std::string_view digits);

// An address of 4 or 16 bytes as Go's net.IP prints it; other lengths as "?" and hexadecimal.
std::string IpText(std::string_view bytes);
// A text as the address it names (see above), none when it names none.
std::optional<std::string> CanonicalIp(std::string_view text);

}  // namespace sextant::traceformats
