// Parameters of Prometheus' HTTP API, read as upstream reads them, with its error texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/envelope.h"
#include "core/clock.h"
#include "model/matcher.h"
#include "net/url.h"

namespace sextant::api {

// The bounds that stand for "all time" (upstream's MinTime and MaxTime), milliseconds.
inline constexpr core::TimestampMs kMinTimeMs = -9'223'372'036'854'775'000 / 1'000;
inline constexpr core::TimestampMs kMaxTimeMs = 9'223'372'036'854'775'000 / 1'000;

// A time: seconds since the epoch with a fraction, or RFC 3339.
core::Result<core::TimestampMs> ParseTime(std::string_view text);
// A duration: seconds with a fraction, or Prometheus' notation.
core::Result<core::DurationMs> ParseApiDuration(std::string_view text);

// A time parameter with a default for when it is absent.
ApiResult<core::TimestampMs> TimeParam(const net::QueryParams& params, std::string_view name,
                                       core::TimestampMs otherwise);
// The parameter `limit`: not negative; 0 or absent is no limit.
ApiResult<size_t> LimitParam(const net::QueryParams& params, std::string_view name = "limit");
// All selectors of `match[]`; each must hold a matcher that does not match the empty string. Whether the
// error names the parameter differs from one endpoint to the next.
ApiResult<std::vector<std::vector<model::Matcher>>> MatchersParam(const net::QueryParams& params,
                                                                  bool names_parameter = true);

// A time as Go marshals time.Time to JSON: RFC 3339 with up to nine fractional digits ("0001-01-01T00:00:00Z"
// for 0).
std::string FormatRfc3339(core::TimestampMs time_ms);

}  // namespace sextant::api
