// Whether a request that a browser makes comes from a page of this server (Fetch Standard, "Origin header";
// Fetch Metadata). A browser sends Origin with every request that is neither GET nor HEAD, and no page can
// set or suppress it, nor Sec-Fetch-Site; so a request that changes something and carries a cookie, but not
// an origin of ours, was made by another site's page. That is enough without tokens in forms. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/http_message.h"

namespace sextant::users {

enum class OriginVerdict {
  kOwn,
  kForeign,
  kNotSaid,  // no browser's, or an old one's
};

// `trusted` are further hosts ("grafana.example.com", "host:3000") or origins ("https://host") that count as
// own, for proxies that change the Host header.
OriginVerdict OriginOf(const net::HttpHeaders& headers, const std::vector<std::string>& trusted);

}  // namespace sextant::users
