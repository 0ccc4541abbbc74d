// Times as other programs write them (RFC 3339): "2026-11-29T01:02:03Z", with or without fractions of a
// second and offsets.
#pragma once

#include <optional>
#include <string>

#include "core/clock.h"

namespace sextant::core {

// Milliseconds since the Unix epoch; fractions are dropped. None when it is no such time. Thread-safe.
std::optional<TimestampMs> ParseRfc3339(const std::string& text);

}  // namespace sextant::core
