// SHA-256 (FIPS 180-4), for what is hashed and is no secret to be guarded: OpenSSL is loaded only for TLS.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace sextant::core {

std::array<uint8_t, 32> Sha256(std::string_view bytes);
// As 64 small hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);

}  // namespace sextant::core
