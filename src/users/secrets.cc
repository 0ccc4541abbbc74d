#include "users/secrets.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>

#include "core/result.h"

namespace sextant::users {

namespace {

using Bytes = std::array<unsigned char, 32>;

std::string ToHex(const Bytes& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

std::string NewSecret() {
  Bytes bytes;
  SEXTANT_CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  return ToHex(bytes);
}

std::string HashOfSecret(std::string_view secret) {
  Bytes digest;
  unsigned int size = digest.size();
  SEXTANT_CHECK(EVP_Digest(secret.data(), secret.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  return ToHex(digest);
}

}  // namespace sextant::users
