// The encodings of mail: header values, bodies and lists of addresses. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::alerting {

// A header's value, in encoded words when it holds more than printable ASCII (RFC 2047). Line breaks in it
// cannot begin another header.
std::string EncodeHeaderValue(std::string_view value);

// A text in quoted-printable with lines of at most 76 characters that end with CR LF (RFC 2045).
std::string QuotedPrintable(std::string_view text);

// `Ops <ops@example.org>, b@example.org` → the addresses alone (RFC 5322, without groups).
// kInvalidArgument says what is wrong.
core::Result<std::vector<std::string>> ParseAddressList(std::string_view text);

}  // namespace sextant::alerting
