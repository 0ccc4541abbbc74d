// Base64 (RFC 4648, section 4): the standard alphabet, without line breaks. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sextant::core {

// With padding, in one line.
std::string EncodeBase64(std::string_view bytes);

// None when it is not base64, or its padding is not what the text needs.
std::optional<std::string> DecodeBase64(std::string_view text);

// The same of what came without its padding, or with another.
std::optional<std::string> DecodeUnpaddedBase64(std::string_view text);

}  // namespace sextant::core
