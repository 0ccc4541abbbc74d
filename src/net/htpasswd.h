// Passwords as Apache's htpasswd and crypt(3) keep them: $apr1$ and $1$ (MD5), $5$ and $6$ (SHA-2), {SHA} and
// {SSHA} (SHA-1), besides bcrypt (passwords.h). Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace sextant::net {

// Whether a text is a hash of one of these kinds, by its beginning.
bool IsHtpasswdHash(std::string_view hash);
// False for a hash that is malformed. May take some milliseconds: not for I/O threads.
bool MatchesHtpasswdHash(const std::string& password, const std::string& hash);

}  // namespace sextant::net
