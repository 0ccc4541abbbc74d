#include "net/url.h"

#include <algorithm>
#include <charconv>

namespace sextant::net {

namespace {

using core::Code;
using core::Fail;
using core::Result;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsUnreserved(char c) { return IsAlpha(c) || IsDigit(c) || c == '-' || c == '_' || c == '.' || c == '~'; }

void AppendEscaped(char c, std::string& out) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

Result<std::string> Unescape(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
      int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return Fail(Code::kInvalidArgument, "invalid URL escape \"{}\"", text.substr(i, 3));
      }
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

// Calls `take(pair)` for each non-empty piece between ampersands until it returns false.
template <typename Take>
void ForEachPair(std::string_view text, Take take) {
  while (!text.empty()) {
    size_t end = std::min(text.find('&'), text.size());
    std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!pair.empty() && !take(pair)) return;
  }
}

Result<std::pair<std::string, std::string>> ParsePair(std::string_view pair) {
  if (pair.find(';') != std::string_view::npos) {
    return Fail(Code::kInvalidArgument, "invalid semicolon separator in query");
  }
  size_t equals = std::min(pair.find('='), pair.size());
  SEXTANT_ASSIGN(std::string key, QueryUnescape(pair.substr(0, equals)));
  SEXTANT_ASSIGN(std::string value, QueryUnescape(pair.substr(std::min(equals + 1, pair.size()))));
  return std::pair(std::move(key), std::move(value));
}

bool ParsePort(std::string_view text, uint16_t& port) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size();
}

bool IsHostByte(char c) {
  // RFC 3986: unreserved, sub-delims and escapes; bytes above ASCII are let through for internationalised
  // names.
  return IsUnreserved(c) || static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view("!$&'()*+,;=%").find(c) != std::string_view::npos;
}

// The part of an authority after '@'.
core::Status ParseAuthorityHost(std::string_view text, Url& url) {
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    size_t close = text.find(']');
    if (close == std::string_view::npos) return Fail(Code::kInvalidArgument, "missing ']' in host");
    url.host = text.substr(1, close - 1);
    std::string_view rest = text.substr(close + 1);
    has_port = rest.starts_with(':');
    if (!rest.empty() && !has_port)
      return Fail(Code::kInvalidArgument, "invalid port \"{}\" after host", rest);
    if (has_port) port = rest.substr(1);
    // The address, perhaps with a zone ("fe80::1%25eth0", RFC 6874).
    std::string_view address = std::string_view(url.host).substr(0, url.host.find("%25"));
    std::string_view zone = std::string_view(url.host).substr(address.size());
    bool is_address =
        !address.empty() && zone.size() != 3 &&
        std::all_of(address.begin(), address.end(),
                    [](char c) { return HexValue(c) >= 0 || c == ':' || c == '.'; }) &&
        std::all_of(zone.begin(), zone.end(), [](char c) { return IsUnreserved(c) || c == '%'; });
    if (!is_address) return Fail(Code::kInvalidArgument, "invalid IPv6 address in host");
  } else {
    size_t colon = text.rfind(':');
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
    std::string_view host = text.substr(0, colon);
    for (char c : host) {
      if (!IsHostByte(c)) return Fail(Code::kInvalidArgument, "invalid character \"{}\" in host name", c);
    }
    SEXTANT_ASSIGN(url.host, PathUnescape(host));
  }
  if (url.host.empty()) return Fail(Code::kInvalidArgument, "no host");
  if (!port.empty() && !ParsePort(port, url.port)) {
    return Fail(Code::kInvalidArgument, "invalid port \":{}\" after host", port);
  }
  return {};
}

core::Status ParseUserInfo(std::string_view text, Url& url) {
  url.has_user = true;
  size_t colon = std::min(text.find(':'), text.size());
  SEXTANT_ASSIGN(url.user, PathUnescape(text.substr(0, colon)));
  SEXTANT_ASSIGN(url.password, PathUnescape(text.substr(std::min(colon + 1, text.size()))));
  return {};
}

core::Status ParseInto(std::string_view text, Url& url) {
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return Fail(Code::kInvalidArgument, "invalid control character in URL");
    }
  }
  size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !IsAlpha(text[0])) {
    return Fail(Code::kInvalidArgument, "missing protocol scheme");
  }
  for (char c : text.substr(0, colon)) {
    if (!IsAlpha(c) && !IsDigit(c) && c != '+' && c != '-' && c != '.') {
      return Fail(Code::kInvalidArgument, "missing protocol scheme");
    }
    url.scheme += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  text.remove_prefix(colon + 1);
  if (!text.starts_with("//")) return Fail(Code::kInvalidArgument, "no host: expected // after the scheme");
  text.remove_prefix(2);

  size_t hash = text.find('#');
  if (hash != std::string_view::npos) {
    url.fragment = text.substr(hash + 1);
    text = text.substr(0, hash);
  }
  size_t question = text.find('?');
  if (question != std::string_view::npos) {
    url.query = text.substr(question + 1);
    text = text.substr(0, question);
  }
  size_t slash = std::min(text.find('/'), text.size());
  url.path = text.substr(slash);
  SEXTANT_TRY(PathUnescape(url.path));
  std::string_view authority = text.substr(0, slash);
  size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    SEXTANT_TRY(ParseUserInfo(authority.substr(0, at), url));
    authority.remove_prefix(at + 1);
  }
  return ParseAuthorityHost(authority, url);
}

}  // namespace

std::string QueryEscape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (IsUnreserved(c)) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      AppendEscaped(c, out);
    }
  }
  return out;
}

std::string PathEscape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (IsUnreserved(c) || std::string_view("$&+=:@").find(c) != std::string_view::npos) {
      out += c;
    } else {
      AppendEscaped(c, out);
    }
  }
  return out;
}

Result<std::string> QueryUnescape(std::string_view text) { return Unescape(text, true); }
Result<std::string> PathUnescape(std::string_view text) { return Unescape(text, false); }

std::string_view QueryParams::Get(std::string_view key) const {
  for (const auto& [name, value] : pairs_) {
    if (name == key) return value;
  }
  return {};
}

bool QueryParams::Has(std::string_view key) const {
  return std::any_of(pairs_.begin(), pairs_.end(), [&](const auto& pair) { return pair.first == key; });
}

std::vector<std::string> QueryParams::GetAll(std::string_view key) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : pairs_) {
    if (name == key) values.push_back(value);
  }
  return values;
}

void QueryParams::Merge(QueryParams other) {
  pairs_.insert(pairs_.end(), std::make_move_iterator(other.pairs_.begin()),
                std::make_move_iterator(other.pairs_.end()));
}

std::string QueryParams::Encode() const {
  Pairs sorted = pairs_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string out;
  for (const auto& [key, value] : sorted) {
    if (!out.empty()) out += '&';
    out += QueryEscape(key);
    out += '=';
    out += QueryEscape(value);
  }
  return out;
}

Result<QueryParams> ParseQuery(std::string_view text) {
  QueryParams params;
  core::Status status;
  ForEachPair(text, [&](std::string_view piece) {
    auto pair = ParsePair(piece);
    if (!pair) {
      status = tl::unexpected(std::move(pair).error());
    } else if (params.pairs().size() >= kMaxQueryParams) {
      status = Fail(Code::kResourceExhausted, "more than {} parameters", kMaxQueryParams);
    } else {
      params.Add(std::move(pair->first), std::move(pair->second));
    }
    return status.has_value();
  });
  SEXTANT_TRY(std::move(status));
  return params;
}

QueryParams ParseQueryLeniently(std::string_view text) {
  QueryParams params;
  ForEachPair(text, [&](std::string_view piece) {
    auto pair = ParsePair(piece);
    if (pair) params.Add(std::move(pair->first), std::move(pair->second));
    return params.pairs().size() < kMaxQueryParams;
  });
  return params;
}

uint16_t Url::EffectivePort() const {
  if (port != 0) return port;
  if (scheme == "http" || scheme == "ws") return 80;
  if (scheme == "https" || scheme == "wss") return 443;
  return 0;
}

std::string Url::HostPort() const {
  if (port != 0) return JoinHostPort(host, port);
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string Url::ToString() const {
  std::string out = scheme + "://";
  if (has_user) {
    out += PathEscape(user);
    if (!password.empty()) out += ":" + PathEscape(password);
    out += '@';
  }
  out += HostPort();
  out += path;
  if (!query.empty()) out += "?" + query;
  if (!fragment.empty()) out += "#" + fragment;
  return out;
}

Result<Url> ParseUrl(std::string_view text) {
  Url url;
  SEXTANT_TRY(ParseInto(text, url).map_error(core::AddContext("parse \"{}\"", text)));
  return url;
}

Result<HostPort> ParseHostPort(std::string_view text) {
  HostPort out;
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.ends_with(']')) {
    return Fail(Code::kInvalidArgument, "address {}: missing port in address", text);
  }
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return Fail(Code::kInvalidArgument, "address {}: missing ']' in address", text);
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return Fail(Code::kInvalidArgument, "address {}: too many colons in address", text);
  }
  if (host.find_first_of("[]") != std::string_view::npos) {
    return Fail(Code::kInvalidArgument, "address {}: unexpected bracket in address", text);
  }
  std::string_view port = text.substr(colon + 1);
  if (!ParsePort(port, out.port)) {
    return Fail(Code::kInvalidArgument, "address {}: the port \"{}\" is not a number from 0 to 65535", text,
                port);
  }
  out.host = host;
  return out;
}

std::string JoinHostPort(std::string_view host, uint16_t port) {
  bool is_v6 = host.find(':') != std::string_view::npos;
  return fmt::format("{}{}{}:{}", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
}

}  // namespace sextant::net
