#include "pipeline/settings/cookie_jar.h"

#include <time.h>

#include <algorithm>
#include <charconv>

#include "net/http_message.h"
#include "net/url.h"

namespace sextant::pipeline {

namespace {

constexpr core::DurationMs kMaxAgeMs = 400LL * 86'400'000;  // as browsers cut it

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// What stands before the separator, which is taken off as well.
std::string_view TakeUntil(std::string_view& text, char separator) {
  size_t end = std::min(text.find(separator), text.size());
  std::string_view part = Trim(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

// "Sun, 06 Nov 1994 08:49:37 GMT", also with hyphens in the date.
std::optional<core::TimestampMs> ParseDate(std::string_view value) {
  std::string text(value);
  for (const char* format : {"%a, %d %b %Y %H:%M:%S GMT", "%a, %d-%b-%Y %H:%M:%S GMT"}) {
    struct tm when{};
    if (::strptime(text.c_str(), format, &when) != nullptr)
      return static_cast<int64_t>(::timegm(&when)) * 1'000;
  }
  return std::nullopt;
}

std::optional<core::TimestampMs> EndOfMaxAge(std::string_view value, core::TimestampMs now_ms) {
  int64_t seconds = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  return now_ms + std::clamp<int64_t>(seconds, 0, kMaxAgeMs / 1'000) * 1'000;
}

}  // namespace

CookieJar::CookieJar(std::string_view url, const core::Clock& clock) : clock_(clock) {
  if (core::Result<net::Url> parsed = net::ParseUrl(url)) {
    host_ = parsed->host;
    path_ = parsed->path.empty() ? "/" : parsed->path;
    is_https_ = parsed->scheme == "https";
  }
}

bool CookieJar::IsForUs(std::string_view domain, std::string_view path, bool is_secure) const {
  if (is_secure && !is_https_) return false;
  if (domain.starts_with('.')) domain.remove_prefix(1);
  bool is_domain = domain.empty() || net::EqualsIgnoreCase(domain, host_);
  if (!is_domain && host_.size() > domain.size()) {
    std::string_view ending = std::string_view(host_).substr(host_.size() - domain.size());
    is_domain = net::EqualsIgnoreCase(ending, domain) && host_[host_.size() - domain.size() - 1] == '.';
  }
  if (!is_domain) return false;
  if (!path.starts_with('/')) return true;  // the directory of the URL
  if (!std::string_view(path_).starts_with(path)) return false;
  return path.ends_with('/') || path_.size() == path.size() || path_[path.size()] == '/';
}

void CookieJar::TakeOne(std::string_view text, core::TimestampMs now_ms) {
  if (text.size() > kMaxCookieBytes) return;
  std::string_view pair = TakeUntil(text, ';');
  std::string_view name = TakeUntil(pair, '=');
  std::string_view value = Trim(pair);
  if (name.empty()) return;
  std::string_view domain;
  std::string_view path;
  bool is_secure = false;
  std::optional<core::TimestampMs> expires_ms;
  std::optional<core::TimestampMs> max_age_ms;
  while (!text.empty()) {
    std::string_view attribute = TakeUntil(text, ';');
    std::string_view key = TakeUntil(attribute, '=');
    std::string_view said = Trim(attribute);
    if (net::EqualsIgnoreCase(key, "domain")) domain = said;
    if (net::EqualsIgnoreCase(key, "path")) path = said;
    if (net::EqualsIgnoreCase(key, "secure")) is_secure = true;
    if (net::EqualsIgnoreCase(key, "expires")) expires_ms = ParseDate(said);
    if (net::EqualsIgnoreCase(key, "max-age")) max_age_ms = EndOfMaxAge(said, now_ms);
  }
  if (!IsForUs(domain, path, is_secure)) return;
  std::optional<core::TimestampMs> end_ms = max_age_ms ? max_age_ms : expires_ms;
  if (end_ms && *end_ms <= now_ms) {
    cookies_.erase(std::string(name));
    return;
  }
  if (cookies_.size() >= kMaxCookies && !cookies_.contains(std::string(name))) return;
  cookies_[std::string(name)] = {std::string(value), end_ms};
}

void CookieJar::Take(const net::FetchResponse& response) {
  core::TimestampMs now_ms = clock_.NowMs();
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < response.headers.size(); ++i) {
    if (net::EqualsIgnoreCase(response.headers.name(i), "set-cookie")) {
      TakeOne(response.headers.value(i), now_ms);
    }
  }
}

void CookieJar::AddTo(net::FetchRequest& request) {
  core::TimestampMs now_ms = clock_.NowMs();
  std::string list(request.headers.Get("Cookie"));
  {
    std::lock_guard lock(mutex_);
    std::erase_if(cookies_,
                  [&](const auto& item) { return item.second.end_ms && *item.second.end_ms <= now_ms; });
    for (const auto& [name, cookie] : cookies_) {
      list += (list.empty() ? "" : "; ") + name + "=" + cookie.value;
    }
  }
  if (!list.empty()) request.headers.Set("Cookie", list);
}

}  // namespace sextant::pipeline
