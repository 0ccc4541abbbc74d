// Durations in Go's notation ("300ms", "1.5h", "2h45m"), as programs write them that read their settings with
// Go's time.ParseDuration; Prometheus has its own (core/duration.h). Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace sextant::config {

// A length of time in nanoseconds.
using DurationNs = int64_t;

// Go's time.ParseDuration ("300ms", "1.5h", "2h45m", "-5s", "0"); kInvalidArgument with its texts.
core::Result<DurationNs> ParseGoDuration(std::string_view text);
// "1m30s", as Go prints it.
std::string FormatGoDuration(DurationNs duration_ns);

// The same where milliseconds are enough. Parts of one are rounded up, so that what is short does not become
// nothing; what is too long for Go is printed as its longest.
core::Result<core::DurationMs> ParseGoDurationMs(std::string_view text);
core::DurationMs RoundUpToMs(DurationNs duration_ns);
std::string FormatGoDurationMs(core::DurationMs duration_ms);

}  // namespace sextant::config
