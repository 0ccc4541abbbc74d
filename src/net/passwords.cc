#include "net/passwords.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <memory>

#include "core/base64.h"
#include "core/result.h"
#include "net/http_message.h"

namespace sextant::net {

namespace {

constexpr size_t kMaxEncodedBytes = 1'024;
constexpr size_t kBcryptHashBytes = 60;
constexpr size_t kSaltBytes = 16;
constexpr int kMinCost = 4;
constexpr int kMaxCost = 31;

}  // namespace

std::optional<BasicCredentials> ParseBasicAuthorization(std::string_view authorization) {
  size_t space = authorization.find(' ');
  if (space == std::string_view::npos || !EqualsIgnoreCase(authorization.substr(0, space), "Basic"))
    return std::nullopt;
  std::string_view encoded = authorization.substr(space + 1);
  if (encoded.size() > kMaxEncodedBytes) return std::nullopt;
  std::optional<std::string> decoded = core::DecodeBase64(encoded);
  if (!decoded) return std::nullopt;
  size_t colon = decoded->find(':');
  if (colon == std::string::npos || decoded->find('\0') != std::string::npos) return std::nullopt;
  BasicCredentials credentials{decoded->substr(0, colon), decoded->substr(colon + 1)};
  if (credentials.password.size() > kMaxPasswordBytes) return std::nullopt;
  return credentials;
}

bool IsBcrypt(std::string_view hash) {
  if (hash.size() != kBcryptHashBytes || !hash.starts_with("$2") || hash[3] != '$' || hash[6] != '$')
    return false;
  if (hash[2] != 'a' && hash[2] != 'b' && hash[2] != 'y') return false;
  int cost = (hash[4] - '0') * 10 + (hash[5] - '0');
  auto is_base64 = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '/';
  };
  return cost >= kMinCost && cost <= kMaxCost && std::all_of(hash.begin() + 7, hash.end(), is_base64);
}

bool MatchesBcrypt(const std::string& password, const std::string& hash) {
  auto data = std::make_unique<crypt_data>();
  const char* computed = crypt_r(password.c_str(), hash.c_str(), data.get());
  if (computed == nullptr || std::string_view(computed).size() != hash.size()) return false;
  return CRYPTO_memcmp(computed, hash.data(), hash.size()) == 0;
}

std::string HashBcrypt(const std::string& password, int cost) {
  SEXTANT_CHECK(cost >= kMinCost && cost <= kMaxCost && password.size() <= kMaxPasswordBytes);
  std::array<unsigned char, kSaltBytes> salt;
  SEXTANT_CHECK(RAND_bytes(salt.data(), static_cast<int>(salt.size())) == 1);
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting;
  SEXTANT_CHECK(crypt_gensalt_rn("$2b$", static_cast<unsigned long>(cost),
                                 reinterpret_cast<const char*>(salt.data()), static_cast<int>(salt.size()),
                                 setting.data(), static_cast<int>(setting.size())) != nullptr);
  auto data = std::make_unique<crypt_data>();
  const char* computed = crypt_r(password.c_str(), setting.data(), data.get());
  SEXTANT_CHECK(computed != nullptr && IsBcrypt(computed));
  return computed;
}

}  // namespace sextant::net
