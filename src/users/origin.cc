#include "users/origin.h"

#include <algorithm>

namespace sextant::users {

namespace {

// "https://host:3000/path" → "host:3000"; "" for what is no URL ("null").
std::string_view HostOf(std::string_view url) {
  size_t begin = url.find("://");
  if (begin == std::string_view::npos) return {};
  std::string_view rest = url.substr(begin + 3);
  return rest.substr(0, rest.find_first_of("/?#"));
}

bool IsOwn(std::string_view url, std::string_view own_host, const std::vector<std::string>& trusted) {
  std::string_view host = HostOf(url);
  if (host.empty()) return false;
  if (net::EqualsIgnoreCase(host, own_host)) return true;
  std::string_view origin = url.substr(0, static_cast<size_t>(host.data() - url.data()) + host.size());
  return std::ranges::any_of(trusted, [&](const std::string& one) {
    return net::EqualsIgnoreCase(one, host) || net::EqualsIgnoreCase(one, origin);
  });
}

}  // namespace

OriginVerdict OriginOf(const net::HttpHeaders& headers, const std::vector<std::string>& trusted) {
  for (std::string_view name : {"Origin", "Referer"}) {
    std::string_view url = headers.Get(name);
    if (url.empty()) continue;
    return IsOwn(url, headers.Get("Host"), trusted) ? OriginVerdict::kOwn : OriginVerdict::kForeign;
  }
  std::string_view site = headers.Get("Sec-Fetch-Site");
  if (site == "same-origin") return OriginVerdict::kOwn;
  return site.empty() || site == "none" ? OriginVerdict::kNotSaid : OriginVerdict::kForeign;
}

}  // namespace sextant::users
