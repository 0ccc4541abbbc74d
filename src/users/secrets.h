// Random secrets and what is kept of them. A secret has 256 bits, so that one plain hash is enough: there is
// nothing to guess.
#pragma once

#include <string>
#include <string_view>

namespace sextant::users {

// 64 hexadecimal digits from the system's generator.
std::string NewSecret();
// SHA-256 in hexadecimal.
std::string HashOfSecret(std::string_view secret);

}  // namespace sextant::users
