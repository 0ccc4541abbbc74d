// Profiles as `pprof` reads them (github.com/google/pprof, proto/profile.proto), not compressed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/clock.h"

namespace sextant::pipeline {

// What a number of a sample is, as {"inuse_space", "bytes"}.
struct ProfileColumn {
  std::string type;
  std::string unit;
};

struct ProfileSample {
  std::vector<uintptr_t> frames;  // addresses of the program, the innermost first
  std::vector<int64_t> values;    // one for each column
};

struct ProfileInfo {
  std::vector<ProfileColumn> columns;
  std::string shown_column = {};  // the type that is shown unless another is asked for
  ProfileColumn period_of;        // what lies between two samples,
  int64_t period = 0;             // and how much of it
  core::TimestampMs started_ms = 0;
  core::DurationMs duration_ms = 0;
  bool innermost_is_call = false;  // the innermost frame is an address of return, as all others are
};

// The profile, with the mappings of this process and the names that its symbol tables have. May be called on
// any thread.
std::string EncodeProfile(std::span<const ProfileSample> samples, const ProfileInfo& info);

}  // namespace sextant::pipeline
