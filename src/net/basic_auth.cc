#include "net/basic_auth.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "core/base64.h"
#include "net/http_message.h"

namespace sextant::net {

namespace {

constexpr size_t kMaxVerified = 256;
constexpr size_t kMaxEncodedBytes = 1'024;
constexpr size_t kBcryptHashBytes = 60;
// bcrypt reads no more than 72 bytes of a password; Go's refuses longer ones.
constexpr size_t kMaxPasswordBytes = 72;

// "$2a$", "$2b$" or "$2y$", a cost of two digits, and 53 characters.
bool IsBcrypt(std::string_view hash) {
  if (hash.size() != kBcryptHashBytes || !hash.starts_with("$2") || hash[3] != '$' || hash[6] != '$')
    return false;
  if (hash[2] != 'a' && hash[2] != 'b' && hash[2] != 'y') return false;
  int cost = (hash[4] - '0') * 10 + (hash[5] - '0');
  auto is_base64 = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '/';
  };
  return cost >= 4 && cost <= 31 && std::all_of(hash.begin() + 7, hash.end(), is_base64);
}

bool MatchesBcrypt(const std::string& password, const std::string& hash) {
  auto data = std::make_unique<crypt_data>();
  const char* computed = crypt_r(password.c_str(), hash.c_str(), data.get());
  if (computed == nullptr || std::string_view(computed).size() != hash.size()) return false;
  return CRYPTO_memcmp(computed, hash.data(), hash.size()) == 0;
}

}  // namespace

core::Status BasicAuth::Validate(const std::map<std::string, std::string>& users) {
  for (const auto& [user, hash] : users) {
    if (!IsBcrypt(hash)) {
      return core::Fail(
          core::Code::kInvalidArgument,
          "basic_auth_users: the hash of user \"{}\" is not bcrypt; make one with htpasswd -nBC 10 \"\"",
          user);
    }
  }
  return {};
}

BasicAuth::BasicAuth(std::map<std::string, std::string> users) : users_(std::move(users)) {
  SEXTANT_CHECK(RAND_bytes(key_.data(), static_cast<int>(key_.size())) == 1);
  // The first user's hash with another ending: the same cost, and no password that anyone knows.
  if (!users_.empty()) {
    dummy_hash_ = users_.begin()->second;
    std::fill(dummy_hash_.end() - 8, dummy_hash_.end(), '.');
  }
}

bool BasicAuth::ParseAuthorization(std::string_view authorization, Credentials& credentials) {
  size_t space = authorization.find(' ');
  if (space == std::string_view::npos || !EqualsIgnoreCase(authorization.substr(0, space), "Basic"))
    return false;
  std::string_view encoded = authorization.substr(space + 1);
  if (encoded.size() > kMaxEncodedBytes) return false;
  std::optional<std::string> decoded = core::DecodeBase64(encoded);
  if (!decoded) return false;
  size_t colon = decoded->find(':');
  if (colon == std::string::npos || decoded->find('\0') != std::string::npos) return false;
  credentials.user = decoded->substr(0, colon);
  credentials.password = decoded->substr(colon + 1);
  return credentials.password.size() <= kMaxPasswordBytes;
}

BasicAuth::Digest BasicAuth::DigestOf(const Credentials& credentials) const {
  std::string text = fmt::format("{}:{}:{}", credentials.user.size(), credentials.user, credentials.password);
  Digest digest{};
  unsigned int size = digest.size();
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return digest;
}

BasicAuth::Verdict BasicAuth::Check(std::string_view authorization, std::string& user) const {
  Credentials credentials;
  if (!ParseAuthorization(authorization, credentials)) return Verdict::kRejected;
  user = credentials.user;
  Digest digest = DigestOf(credentials);
  std::lock_guard lock(mutex_);
  return verified_.contains(digest) ? Verdict::kAccepted : Verdict::kUnknown;
}

bool BasicAuth::Verify(std::string_view authorization, std::string& user) {
  Credentials credentials;
  if (!ParseAuthorization(authorization, credentials)) return false;
  user = credentials.user;
  auto known = users_.find(credentials.user);
  bool matches = MatchesBcrypt(credentials.password, known == users_.end() ? dummy_hash_ : known->second);
  if (!matches || known == users_.end()) return false;
  Digest digest = DigestOf(credentials);
  std::lock_guard lock(mutex_);
  if (verified_.size() >= kMaxVerified) verified_.erase(verified_.begin());
  verified_.insert(digest);
  return true;
}

}  // namespace sextant::net
