// Passwords as they come in requests (RFC 7617) and as they are kept: bcrypt, which takes tens of
// milliseconds on purpose. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sextant::net {

// bcrypt reads no more than 72 bytes of a password; Go's refuses longer ones, and so do these.
inline constexpr size_t kMaxPasswordBytes = 72;

struct BasicCredentials {
  std::string user;
  std::string password;
};

// What an Authorization header of the scheme Basic says; none when it is malformed, of another scheme, or its
// password too long.
std::optional<BasicCredentials> ParseBasicAuthorization(std::string_view authorization);

// "$2a$", "$2b$" or "$2y$", a cost of two digits, and 53 characters.
bool IsBcrypt(std::string_view hash);
// Slow: not for I/O threads. False for a hash that is none.
bool MatchesBcrypt(const std::string& password, const std::string& hash);
// A new hash of cost 4 to 31 with a random salt. As slow.
std::string HashBcrypt(const std::string& password, int cost);

}  // namespace sextant::net
