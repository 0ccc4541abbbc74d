// `sextant`: the whole platform.
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "app/platform.h"
#include "app/programs.h"
#include "app/version.h"
#include "core/start_pages.h"

namespace sextant::app {

namespace {

struct Options {
  PlatformOptions platform;
  LogFlags log;

  Options() {
    platform.store.retention.time_ms = 15LL * 24 * 3600 * 1000;
    platform.per_step_stats = platform.enable_search_api = true;
    platform.store.stale_series_threshold = kStaleSeriesThreshold;
  }
};

FlagSet MakeFlags(Options& options) {
  PlatformOptions& platform = options.platform;
  FlagSet flags{"sextant", "The whole platform in one process."};
  flags.AddString("config", "FILE",
                  "sextant.yaml; without it, this machine is watched with built-in settings.",
                  &platform.config.path);
  flags.AddString("data", "DIR", "Where everything is kept; one process per folder.", &platform.data_dir);
  flags.AddList("listen", "ADDR:PORT", "Address of the pages and the API; may be repeated.",
                &platform.listen);
  flags.AddDuration("retention", "How long samples are kept.", &platform.store.retention.time_ms);
  flags.AddBytes("retention.size", "Most bytes of stored blocks; the oldest go first. 0 is no limit.",
                 &platform.store.retention.size_bytes);
  AddStoreFlags(flags, "retention.percentage", platform.store);
  AddWebFlags(flags, platform.web);
  flags.AddSwitch("web.enable-admin-api", "Allow deleting series and making snapshots over HTTP.",
                  &platform.enable_admin_api);
  flags.AddBytes("memory.limit", "Memory to plan with; by default what the machine or its cgroup has.",
                 &platform.memory_limit_bytes);
  flags.AddCount("series.limit", "Most active series; past it new ones are refused.", &platform.max_series);
  flags.AddDuration("query.timeout", "A query that takes longer is stopped.", &platform.engine.timeout_ms);
  flags.AddString("log.level", "LEVEL", "debug, info, warn or error.", &options.log.level);
  flags.AddString("log.format", "FORMAT", "logfmt or json.", &options.log.format);
  return flags;
}

std::string Banner(const Platform& platform, const PlatformOptions& options) {
  std::error_code error;
  std::string data = std::filesystem::absolute(options.data_dir, error).lexically_normal().string();
  std::string jobs;
  for (const std::string& job : platform.jobs()) {
    std::string_view what = job == "node" ? " (this host)" : job == "sextant" ? " (this process)" : "";
    jobs += fmt::format("{}{}{}", jobs.empty() ? "" : ", ", job, what);
  }
  std::string out = fmt::format("\n  Sextant {}\n\n", Version());
  for (const std::string& url : platform.urls()) out += fmt::format("    Open      {}\n", url);
  out += fmt::format("    Collects  {}\n", jobs.empty() ? "nothing yet" : jobs);
  out += fmt::format("    Data      {}, kept for {}\n", data, DescribeRetention(options.store.retention));
  return out + "    Stop      Ctrl+C\n\n";
}

core::Status Run(Options& options) {
  SEXTANT_ASSIGN(options.platform.log, MakeLogOptions(options.log));
  core::SignalWaiter signals;
  SEXTANT_ASSIGN(std::unique_ptr<Platform> platform, Platform::Start(options.platform));
  std::fputs(Banner(*platform, options.platform).c_str(), stdout);
  std::fflush(stdout);
  core::ReleaseStartPages();
  while (signals.Wait() == SIGHUP) {
    // A failed reload has been logged and counted; the server goes on with what it had.
    [[maybe_unused]] core::Status reloaded = platform->Reload();
  }
  signals.LetNextSignalKill();
  platform->Stop();
  return {};
}

}  // namespace

FlagSet PlatformFlags() {
  Options defaults;
  return MakeFlags(defaults);  // for its names and texts only: its targets end here
}

int RunPlatformProgram(const Arguments& arguments) {
  Options options;
  options.platform.config.uses_builtin_rules = true;
  FlagSet flags = MakeFlags(options);
  if (core::Status parsed = flags.Parse(arguments); !parsed) {
    PrintError("sextant", parsed.error().message());
    return kExitUsage;
  }
  if (!options.platform.config.path.empty()) options.platform.config.kind = ConfigKind::kSextant;
  options.platform.flags = flags.Values();
  core::InstallCrashHandler();
  if (core::Status ran = Run(options); !ran) {
    PrintError("sextant", ran.error().message());
    return kExitFailed;
  }
  return kExitOk;
}

}  // namespace sextant::app
