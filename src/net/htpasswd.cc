#include "net/htpasswd.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "core/base64.h"
#include "core/result.h"

namespace sextant::net {

namespace {

constexpr std::string_view kApr1 = "$apr1$";
constexpr std::string_view kSha = "{SHA}";
constexpr std::string_view kSaltedSha = "{SSHA}";
constexpr size_t kSha1Bytes = 20;
constexpr size_t kMd5Bytes = 16;
constexpr size_t kMaxSaltBytes = 8;
constexpr int kMd5Rounds = 1'000;

std::string Digest(std::string_view text, const EVP_MD* kind) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  int ok = EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, kind,
                      nullptr);
  SEXTANT_CHECK(ok == 1);
  digest.resize(size);
  return digest;
}

std::string Md5(std::string_view text) { return Digest(text, EVP_md5()); }

bool AreEqual(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// crypt(3)'s own alphabet, lowest bits first.
void AppendCrypt64(uint32_t value, int digits, std::string& out) {
  constexpr std::string_view kAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (; digits > 0; --digits, value >>= 6) out += kAlphabet[value & 63];
}

// MD5-crypt with Apache's name in place of "$1$", so that libcrypt does not know it.
std::string Apr1(std::string_view password, std::string_view salt) {
  std::string inner = Md5(fmt::format("{}{}{}", password, salt, password));
  std::string text = fmt::format("{}{}{}", password, kApr1, salt);
  for (size_t left = password.size(); left > 0; left -= std::min(left, kMd5Bytes)) {
    text += inner.substr(0, std::min(left, kMd5Bytes));
  }
  for (size_t bits = password.size(); bits > 0; bits >>= 1) {
    text += (bits & 1) != 0 ? '\0' : password[0];
  }
  std::string digest = Md5(text);
  for (int round = 0; round < kMd5Rounds; ++round) {
    bool is_odd = (round & 1) != 0;
    text = is_odd ? std::string(password) : digest;
    if (round % 3 != 0) text += salt;
    if (round % 7 != 0) text += password;
    text += is_odd ? digest : std::string(password);
    digest = Md5(text);
  }
  constexpr std::array<std::array<size_t, 3>, 5> kGroups = {
      {{0, 6, 12}, {1, 7, 13}, {2, 8, 14}, {3, 9, 15}, {4, 10, 5}}};
  auto byte = [&](size_t at) { return static_cast<uint32_t>(static_cast<unsigned char>(digest[at])); };
  std::string out = fmt::format("{}{}$", kApr1, salt);
  for (const auto& group : kGroups) {
    AppendCrypt64(byte(group[0]) << 16 | byte(group[1]) << 8 | byte(group[2]), 4, out);
  }
  AppendCrypt64(byte(11), 2, out);
  return out;
}

bool MatchesApr1(std::string_view password, std::string_view hash) {
  std::string_view rest = hash.substr(kApr1.size());
  std::string_view salt = rest.substr(0, std::min(rest.find('$'), kMaxSaltBytes));
  return AreEqual(Apr1(password, salt), hash);
}

bool MatchesSha(const std::string& password, std::string_view encoded) {
  std::optional<std::string> bytes = core::DecodeBase64(encoded);
  if (!bytes || bytes->size() < kSha1Bytes) return false;
  std::string_view salt = std::string_view(*bytes).substr(kSha1Bytes);
  return AreEqual(Digest(password + std::string(salt), EVP_sha1()), bytes->substr(0, kSha1Bytes));
}

bool MatchesCrypt(const std::string& password, const std::string& hash) {
  auto data = std::make_unique<crypt_data>();
  const char* computed = crypt_r(password.c_str(), hash.c_str(), data.get());
  return computed != nullptr && AreEqual(computed, hash);
}

bool IsCrypt(std::string_view hash) {
  return hash.starts_with("$1$") || hash.starts_with("$5$") || hash.starts_with("$6$");
}

}  // namespace

bool IsHtpasswdHash(std::string_view hash) {
  return hash.starts_with(kApr1) || hash.starts_with(kSha) || hash.starts_with(kSaltedSha) || IsCrypt(hash);
}

bool MatchesHtpasswdHash(const std::string& password, const std::string& hash) {
  // A zero byte would end the password for libcrypt.
  if (password.find('\0') != std::string::npos) return false;
  std::string_view text = hash;
  if (text.starts_with(kApr1)) return MatchesApr1(password, text);
  // Without a salt there is nothing behind the digest.
  if (text.starts_with(kSha)) {
    std::optional<std::string> bytes = core::DecodeBase64(text.substr(kSha.size()));
    return bytes && bytes->size() == kSha1Bytes && MatchesSha(password, text.substr(kSha.size()));
  }
  if (text.starts_with(kSaltedSha)) return MatchesSha(password, text.substr(kSaltedSha.size()));
  return IsCrypt(text) && MatchesCrypt(password, hash);
}

}  // namespace sextant::net
