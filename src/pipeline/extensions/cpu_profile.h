// Where the process spends its time: stacks of its threads, sampled by a timer of their CPU time (SIGPROF),
// as a profile that `pprof` reads (github.com/google/pprof, proto/profile.proto).
//
// One profile at a time per process, since the signal is the process's. Samples are kept in memory of a fixed
// size; those that find no place are counted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/clock.h"
#include "core/result.h"

namespace sextant::pipeline {

class CpuProfiler {
 public:
  struct Samples;
  static constexpr int kSamplesPerSecond = 100;

  // Begins to sample. kUnavailable when a profile is being taken already.
  static core::Result<std::unique_ptr<CpuProfiler>> Start(const core::Clock& clock);
  ~CpuProfiler();  // ends without a result
  CpuProfiler(const CpuProfiler&) = delete;
  CpuProfiler& operator=(const CpuProfiler&) = delete;

  // Ends, and gives the profile as protobuf, not compressed.
  std::string Finish();

 private:
  CpuProfiler(const core::Clock& clock, std::unique_ptr<Samples> samples);

  const core::Clock& clock_;
  const core::TimestampMs started_ms_;
  const int64_t started_ns_;
  std::unique_ptr<Samples> samples_;
  bool is_running_ = true;
};

}  // namespace sextant::pipeline
