// URLs in configurations: kept as written, shown without their password.
#pragma once

#include <string>
#include <string_view>

#include "config/decode.h"

namespace sextant::config {

// The URL with "xxxxx" in place of a password in it, as Go's url.Redacted shows it.
std::string RedactUrl(std::string_view url);

// A text that is dumped as RedactUrl says.
CodecFor<std::string> UrlText();

}  // namespace sextant::config
