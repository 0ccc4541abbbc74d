// How the collector's settings are written where it differs from Prometheus': durations in Go's notation.
#pragma once

#include <string>
#include <string_view>

#include "config/decode.h"
#include "core/clock.h"

namespace sextant::pipeline {

// A length of time in nanoseconds.
using DurationNs = int64_t;

// Go's time.ParseDuration ("300ms", "1.5h", "2h45m", "-5s", "0"); kInvalidArgument with its texts.
core::Result<DurationNs> ParseGoDuration(std::string_view text);
// "1m30s", as Go prints it.
std::string FormatGoDuration(DurationNs duration_ns);

// A duration in Go's notation, in milliseconds; parts of one are rounded up. Numbers are nanoseconds.
config::CodecFor<int64_t> GoDuration();
// The same in nanoseconds, for what must be exact.
config::CodecFor<DurationNs> GoDurationNs();

}  // namespace sextant::pipeline
