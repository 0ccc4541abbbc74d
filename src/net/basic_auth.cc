#include "net/basic_auth.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <optional>

#include "net/passwords.h"

namespace sextant::net {

namespace {

constexpr size_t kMaxVerified = 256;

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

BasicAuth::Digest BasicAuth::DigestOf(const BasicCredentials& credentials) const {
  std::string text = fmt::format("{}:{}:{}", credentials.user.size(), credentials.user, credentials.password);
  Digest digest{};
  unsigned int size = digest.size();
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return digest;
}

BasicAuth::Verdict BasicAuth::Check(std::string_view authorization, std::string& user) const {
  std::optional<BasicCredentials> credentials = ParseBasicAuthorization(authorization);
  if (!credentials) return Verdict::kRejected;
  user = credentials->user;
  Digest digest = DigestOf(*credentials);
  std::lock_guard lock(mutex_);
  return verified_.contains(digest) ? Verdict::kAccepted : Verdict::kUnknown;
}

bool BasicAuth::Verify(std::string_view authorization, std::string& user) {
  std::optional<BasicCredentials> credentials = ParseBasicAuthorization(authorization);
  if (!credentials) return false;
  user = credentials->user;
  auto known = users_.find(credentials->user);
  bool matches = MatchesBcrypt(credentials->password, known == users_.end() ? dummy_hash_ : known->second);
  if (!matches || known == users_.end()) return false;
  Digest digest = DigestOf(*credentials);
  std::lock_guard lock(mutex_);
  if (verified_.size() >= kMaxVerified) verified_.erase(verified_.begin());
  verified_.insert(digest);
  return true;
}

}  // namespace sextant::net
