// How long something took, as Go prints a duration.
#pragma once

#include <cstdint>
#include <string>

namespace sextant::core {

// "0s", "512ns", "12.5µs", "1.234567ms", "3.5s", "1m2.5s", "2h0m1s"; with a minus when it is negative.
std::string ElapsedText(int64_t elapsed_ns);

}  // namespace sextant::core
