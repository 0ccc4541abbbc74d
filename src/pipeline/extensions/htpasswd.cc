#include "pipeline/extensions/htpasswd.h"

#include "net/htpasswd.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;

// The same time for every text of the same length.
bool EqualInConstantTime(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

}  // namespace

Result<HtpasswdUsers> ParseHtpasswd(std::string_view text) {
  HtpasswdUsers users;
  size_t number = 0;
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return Fail(Code::kInvalidArgument, "read htpasswd content: line {}: malformed line, no colon", number);
    }
    std::string name(line.substr(0, colon));
    std::string hash(line.substr(colon + 1));
    users.bcrypt.erase(name);
    users.hashed.erase(name);
    users.plain.erase(name);
    if (net::IsBcrypt(hash)) {
      users.bcrypt[name] = hash;
    } else if (net::IsHtpasswdHash(hash)) {
      users.hashed[name] = hash;
    } else if (hash.starts_with('$')) {
      return Fail(
          Code::kUnimplemented,
          "read htpasswd content: line {}: the hash of user \"{}\" is of a kind that is not supported "
          "yet: use bcrypt (htpasswd -B)",
          number, name);
    } else {
      users.plain[name] = hash;
    }
  }
  return users;
}

bool Htpasswd::Matches(std::string_view header, std::string_view name, std::string_view password) {
  if (auto plain = plain_.find(name); plain != plain_.end()) {
    return EqualInConstantTime(plain->second, password);
  }
  if (auto hashed = hashed_.find(name); hashed != hashed_.end()) {
    return net::MatchesHtpasswdHash(std::string(password), hashed->second);
  }
  std::string user;
  net::BasicAuth::Verdict verdict = bcrypt_.Check(header, user);
  if (verdict == net::BasicAuth::Verdict::kUnknown) return bcrypt_.Verify(header, user);
  return verdict == net::BasicAuth::Verdict::kAccepted;
}

}  // namespace sextant::pipeline
