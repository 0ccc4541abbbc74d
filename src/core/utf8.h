// UTF-8 (RFC 3629).
#pragma once

#include <cstdint>
#include <string>

namespace sextant::core {

// Appends a code point. What is none (beyond U+10FFFF, a surrogate) becomes U+FFFD.
void AppendUtf8(uint32_t code, std::string& out);

}  // namespace sextant::core
