// Set-Cookie headers of servers that exporters send to, one on each line.
#include <cstdint>
#include <string_view>

#include "core/clock.h"
#include "pipeline/settings/cookie_jar.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  core::ManualClock clock(784'111'770'000);
  pipeline::CookieJar jar("https://collector.shop.test/v1/traces", clock);
  net::FetchResponse response;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    response.headers.Add("Set-Cookie", line);
  }
  jar.Take(response);
  net::FetchRequest request;
  jar.AddTo(request);
  SEXTANT_CHECK(request.headers.Get("Cookie").size() <=
                (pipeline::CookieJar::kMaxCookieBytes + 2) * pipeline::CookieJar::kMaxCookies);
  return 0;
}
