// Prometheus' duration notation ("1h30m", "15s", "250ms"), as its configuration files, PromQL and API write
// it. Units ms, s, m, h, d, w, y in falling order, each at most once; d = 24h, w = 7d, y = 365d.
#pragma once

#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace sextant::core {

// Parses a non-negative duration. Errors are kInvalidArgument with Prometheus' texts
// (`empty duration string`, `not a valid duration string: "x"`, `duration out of range`).
Result<DurationMs> ParseDuration(std::string_view text);

// The shortest notation that ParseDuration reads back: 90'000 → "1m30s"; 0 → "0s"; weeks and years only when
// nothing smaller remains. Negative durations get a leading minus.
std::string FormatDuration(DurationMs duration_ms);

}  // namespace sextant::core
