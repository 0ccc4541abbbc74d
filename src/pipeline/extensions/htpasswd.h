// The users of a file as htpasswd writes it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/basic_auth.h"

namespace sextant::pipeline {

// What a text says: a line "name:hash" each; empty ones and comments (#) say nothing, and of several lines of
// one user the last counts.
struct HtpasswdUsers {
  std::map<std::string, std::string> bcrypt;
  std::map<std::string, std::string, std::less<>> hashed;  // net/htpasswd.h
  std::map<std::string, std::string, std::less<>> plain;
};

// kInvalidArgument for a line without a colon, kUnimplemented for hashes that cannot be checked.
core::Result<HtpasswdUsers> ParseHtpasswd(std::string_view text);

// Checks credentials. Thread-safe; takes as long as the user's hash does, so not on I/O threads.
class Htpasswd {
 public:
  explicit Htpasswd(HtpasswdUsers users)
      : hashed_(std::move(users.hashed)), plain_(std::move(users.plain)), bcrypt_(std::move(users.bcrypt)) {}

  // `header`: the whole value of Authorization that name and password come from.
  bool Matches(std::string_view header, std::string_view name, std::string_view password);

 private:
  const std::map<std::string, std::string, std::less<>> hashed_;
  const std::map<std::string, std::string, std::less<>> plain_;
  net::BasicAuth bcrypt_;
};

}  // namespace sextant::pipeline
