// The file supervise/status of runsv(8). Stateless; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/result.h"

namespace sextant::node {

struct RunitStatus {
  int64_t changed_s = 0;  // since the epoch
  int wanted_state = 0;   // 0: down, 1: up
  int state = 0;          // 0: down, 1: up, 2: finishing
};

// Bytes 0 to 7 are the time of the last change in TAI64, 17 is 'u' or 'd', 19 the state. kInvalidArgument
// when it is too short.
core::Result<RunitStatus> ParseRunitStatus(std::string_view bytes);

}  // namespace sextant::node
