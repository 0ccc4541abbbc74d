// Cookies of one server (RFC 6265): what its answers set goes along with later requests to the same URL.
// Load balancers keep clients on one machine so.
//
// Cookies of other domains, of other paths and those that are too many or too long are left out. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "net/http_client.h"

namespace sextant::pipeline {

class CookieJar {
 public:
  static constexpr size_t kMaxCookies = 50;
  static constexpr size_t kMaxCookieBytes = 4'096;

  // `url`: of the requests. `clock` outlives the jar.
  CookieJar(std::string_view url, const core::Clock& clock);

  // Puts the cookies into a request, behind those that its headers have.
  void AddTo(net::FetchRequest& request);
  // Takes what an answer sets.
  void Take(const net::FetchResponse& response);

 private:
  struct Cookie {
    std::string value;
    std::optional<core::TimestampMs> end_ms;  // nothing: with the process
  };

  void TakeOne(std::string_view text, core::TimestampMs now_ms);
  bool IsForUs(std::string_view domain, std::string_view path, bool is_secure) const;

  const core::Clock& clock_;
  std::string host_;
  std::string path_;
  bool is_https_ = false;
  std::mutex mutex_;
  std::map<std::string, Cookie> cookies_;  // by name; guarded by mutex_
};

}  // namespace sextant::pipeline
