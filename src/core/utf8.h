// UTF-8 (RFC 3629).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sextant::core {

// Appends a code point. What is none (beyond U+10FFFF, a surrogate) becomes U+FFFD.
void AppendUtf8(uint32_t code, std::string& out);

// The bytes of the sequence at `at` that is well-formed and no ASCII, or 0.
size_t Utf8Length(std::string_view text, size_t at);

// The same with U+FFFD for each byte that belongs to no well-formed sequence.
std::string RepairUtf8(std::string_view text);

}  // namespace sextant::core
