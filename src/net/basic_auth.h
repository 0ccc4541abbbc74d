// Basic authentication (RFC 7617) against bcrypt hashes, as in Prometheus' web configuration. A bcrypt check
// takes tens of milliseconds on purpose, so what was verified is remembered (as a keyed hash, never the
// password) and only unknown credentials cost a check, which the caller runs off the I/O threads. Internal to
// net; thread-safe.
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/passwords.h"

namespace sextant::net {

class BasicAuth {
 public:
  // name → hash; kInvalidArgument names the user whose hash is not bcrypt.
  static core::Status Validate(const std::map<std::string, std::string>& users);

  explicit BasicAuth(std::map<std::string, std::string> users);

  enum class Verdict { kAccepted, kRejected, kUnknown };

  // Decides quickly: kUnknown when only Verify can tell. Sets `user` when the header is well-formed.
  Verdict Check(std::string_view authorization, std::string& user) const;
  // The slow check. An unknown user takes as long as a wrong password.
  bool Verify(std::string_view authorization, std::string& user);

 private:
  using Digest = std::array<unsigned char, 32>;
  Digest DigestOf(const BasicCredentials& credentials) const;

  const std::map<std::string, std::string> users_;
  std::string dummy_hash_;  // for unknown users
  Digest key_;              // random per process, so that digests are worth nothing elsewhere
  mutable std::mutex mutex_;
  std::set<Digest> verified_;
};

}  // namespace sextant::net
