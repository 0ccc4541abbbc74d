#include "pipeline/hostmetrics/host_scraper.h"

#include "agents/node/proc_stat.h"

namespace sextant::pipeline {

std::string HostScope(std::string_view scraper) {
  return fmt::format(
      "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/hostmetricsreceiver/internal/"
      "scraper/{}scraper",
      scraper);
}

uint64_t NowNs(const core::Clock& clock) { return static_cast<uint64_t>(clock.NowMs()) * 1'000'000; }

uint64_t BootTimeNs(node::OpenFiles& files, const node::HostPaths& paths) {
  auto stat = node::ReadProcStat(files, paths);
  return stat ? static_cast<uint64_t>(stat->boot_time_seconds) * 1'000'000'000 : 0;
}

core::Result<std::string> ReadProc(const node::HostPaths& paths, std::string_view name) {
  return node::ReadHostFile(paths.Proc(name));
}

}  // namespace sextant::pipeline
