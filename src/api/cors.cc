#include "api/cors.h"

#include <re2/re2.h>

#include <memory>

namespace sextant::api {

core::Result<HeaderHook> MakeCors(std::string_view origin_pattern) {
  auto regex = std::make_shared<const RE2>(fmt::format("^(?:{})$", origin_pattern), RE2::Quiet);
  if (!regex->ok()) {
    return core::Fail(core::Code::kInvalidArgument, "\"{}\" is not a regular expression: {}", origin_pattern,
                      regex->error());
  }
  const bool allows_all = origin_pattern == ".*";
  return [regex, allows_all](const net::HttpRequest& request, net::HttpHeaders& headers) {
    std::string_view origin = request.headers.Get("Origin");
    if (origin.empty() || !request.path.starts_with("/api/")) return;
    headers.Add("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, Origin");
    headers.Add("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    headers.Add("Access-Control-Expose-Headers", "Date");
    headers.Add("Vary", "Origin");
    if (allows_all) {
      headers.Add("Access-Control-Allow-Origin", "*");
    } else if (RE2::FullMatch(origin, *regex)) {
      headers.Add("Access-Control-Allow-Origin", origin);
    }
  };
}

}  // namespace sextant::api
