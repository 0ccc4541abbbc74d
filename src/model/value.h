// Sample values with a meaning of their own, and how values are written.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

namespace sextant::model {

// The NaN that any ordinary computation yields, and the one that marks a series as ended (Prometheus' bit
// patterns).
inline constexpr uint64_t kNormalNanBits = 0x7ff8000000000001;
inline constexpr uint64_t kStaleNanBits = 0x7ff0000000000002;

inline double StaleNan() { return std::bit_cast<double>(kStaleNanBits); }
inline double NormalNan() { return std::bit_cast<double>(kNormalNanBits); }
inline bool IsStaleNan(double value) { return std::bit_cast<uint64_t>(value) == kStaleNanBits; }

// A value as Go's strconv.FormatFloat(v, 'f', -1, 64) writes it: shortest digits that read back, never an
// exponent; "NaN", "+Inf", "-Inf". This is how the query API writes samples.
std::string FormatValue(double value);

}  // namespace sextant::model
