// When a server asks to be tried again (RFC 9110 10.2.3).
#pragma once

#include <string_view>

#include "core/clock.h"

namespace sextant::net {

// The milliseconds that a Retry-After header asks for, by its seconds or its date; 0 when it says nothing, or
// nonsense, and at most an hour.
core::DurationMs RetryAfterMs(std::string_view value, core::TimestampMs now_ms);

}  // namespace sextant::net
