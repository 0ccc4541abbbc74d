// How the collector's settings are written where it differs from Prometheus': durations in Go's notation.
#pragma once

#include <cstdint>

#include "config/decode.h"
#include "config/go_duration.h"
#include "core/clock.h"

namespace sextant::pipeline {

using config::DurationNs;
using config::FormatGoDuration;
using config::FormatGoDurationMs;
using config::ParseGoDuration;

// A duration in Go's notation, in milliseconds; parts of one are rounded up. Numbers are nanoseconds.
config::CodecFor<int64_t> GoDuration();
// The same in nanoseconds, for what must be exact.
config::CodecFor<DurationNs> GoDurationNs();

}  // namespace sextant::pipeline
