// What every long-running program of ours is built on: clock, log, own metrics, executor, I/O loops. Declared
// in the order of construction, so that destruction takes them down in the right order.
#pragma once

#include <string>

#include "core/clock.h"
#include "core/executor.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/process.h"
#include "net/io.h"

namespace sextant::app {

struct LogFlags {
  std::string level = "info";
  std::string format = "logfmt";
};

// The options of a log level and format; kInvalidArgument for unknown ones.
core::Result<core::LogOptions> MakeLogOptions(const LogFlags& flags);

struct Services {
  explicit Services(core::LogOptions log_options);

  core::SystemClock clock;
  core::Logger logger;
  core::Registry registry;
  core::Executor executor;
  net::IoContext io;
};

}  // namespace sextant::app
