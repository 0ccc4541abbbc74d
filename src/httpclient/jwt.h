// Signed JSON Web Tokens (RFC 7519, RFC 7515) as clients send them to prove who they are. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace sextant::httpclient {

struct JwtHeader {
  std::string algorithm;       // "RS256", "RS384", "RS512" or "PS256" (RFC 7518, 3.3 and 3.5)
  std::string key_id = {};     // `kid`; empty: none
  std::string more_json = {};  // further members, as a JSON object; empty: none
};

// The token for claims that are a JSON object, signed with an RSA key in PEM. kInvalidArgument for a key that
// is none, or one with a passphrase, and for an unknown algorithm.
core::Result<std::string> SignJwt(const JwtHeader& header, const std::string& claims_json,
                                  const std::string& key_pem);

// A JSON object with the members of both; those of `second` take the place of the same in `first`. What is no
// object counts as an empty one.
std::string MergeJsonObjects(const std::string& first, const std::string& second);

// Base64 with URL's alphabet and without padding (RFC 4648, section 5).
std::string EncodeBase64Url(std::string_view bytes);

// A random UUID (version 4), for an ID that no other token has.
std::string RandomUuid();

}  // namespace sextant::httpclient
