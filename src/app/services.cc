#include "app/services.h"

#include <algorithm>
#include <thread>

namespace sextant::app {

core::Result<core::LogOptions> MakeLogOptions(const LogFlags& flags) {
  core::LogOptions options;
  SEXTANT_ASSIGN(options.level, core::ParseLogLevel(flags.level).map_error(core::AddContext("--log.level")));
  SEXTANT_ASSIGN(options.format,
                 core::ParseLogFormat(flags.format).map_error(core::AddContext("--log.format")));
  return options;
}

Services::Services(core::LogOptions log_options)
    : logger(clock, std::move(log_options)),
      executor(
          {.threads = std::max(3u, std::thread::hardware_concurrency() + 1), .queue_limit_tasks = 10'000}),
      io({.threads = 1}) {
  core::RegisterProcessMetrics(registry);
}

}  // namespace sextant::app
