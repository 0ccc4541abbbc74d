// URLs and query strings (RFC 3986; WHATWG's form encoding), with the semantics of Go's net/url where users
// of the originals would notice. Pure functions and values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace sextant::net {

// "a b&c" → "a+b%26c": for keys and values in a query string or form body (Go's url.QueryEscape).
std::string QueryEscape(std::string_view text);
// "a b/c" → "a%20b%2Fc": for one segment of a path (Go's url.PathEscape).
std::string PathEscape(std::string_view text);
// Undo them. kInvalidArgument (`invalid URL escape "%zz"`) for a broken escape. QueryUnescape reads '+' as a
// space.
core::Result<std::string> QueryUnescape(std::string_view text);
core::Result<std::string> PathUnescape(std::string_view text);

// Keys with several values each, in the order they came.
class QueryParams {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  // The first value of `key`, or "" when there is none. The view is valid until the next Add or Merge.
  std::string_view Get(std::string_view key) const;
  bool Has(std::string_view key) const;
  // All values of `key`, in order.
  std::vector<std::string> GetAll(std::string_view key) const;

  void Add(std::string key, std::string value) { pairs_.emplace_back(std::move(key), std::move(value)); }
  // Appends all of `other`'s pairs behind ours.
  void Merge(QueryParams other);

  const Pairs& pairs() const { return pairs_; }
  bool empty() const { return pairs_.empty(); }

  // "a=1&b=2", sorted by key (stable), as Go's url.Values.Encode.
  std::string Encode() const;

 private:
  Pairs pairs_;
};

inline constexpr size_t kMaxQueryParams = 10'000;

// Parses "a=1&b=x+y". Errors: kInvalidArgument for a broken escape or a ';' separator, kResourceExhausted
// above kMaxQueryParams pairs.
core::Result<QueryParams> ParseQuery(std::string_view text);
// The same for callers that drop what is malformed and keep the rest (Go's URL.Query()).
QueryParams ParseQueryLeniently(std::string_view text);

// An absolute URL in parts. Host and user are decoded; path and query are kept as written.
struct Url {
  std::string scheme;  // lower case
  std::string user;
  std::string password;
  bool has_user = false;
  std::string host;   // without brackets
  uint16_t port = 0;  // 0: none written
  std::string path;   // with its leading '/', or empty
  std::string query;  // without '?'
  std::string fragment;

  // The port written, or the scheme's own (http 80, https 443), or 0.
  uint16_t EffectivePort() const;
  // "host:port" or "host"; IPv6 in brackets.
  std::string HostPort() const;
  // The whole URL again.
  std::string ToString() const;
};

// Parses an absolute URL with a host. kInvalidArgument says what is wrong with it.
core::Result<Url> ParseUrl(std::string_view text);

// Splits "host:port", "[::1]:port" or ":port"; kInvalidArgument with Go's words
// (`address x: missing port in address`) otherwise.
struct HostPort {
  std::string host;
  uint16_t port = 0;
};
core::Result<HostPort> ParseHostPort(std::string_view text);
// "host:port", with brackets around an IPv6 address.
std::string JoinHostPort(std::string_view host, uint16_t port);

}  // namespace sextant::net
