// `sextant otelcol`: the OpenTelemetry Collector's command line.
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iostream>

#include "app/instance_id.h"
#include "app/programs.h"
#include "app/services.h"
#include "app/version.h"
#include "core/start_pages.h"
#include "net/http_client.h"
#include "pipeline/collector.h"
#include "pipeline/config_resolver.h"
#include "pipeline/own_telemetry.h"
#include "pipeline/service_config.h"

namespace sextant::app {

namespace {

using pipeline::Collector;
using pipeline::ComponentKind;
using pipeline::LoadedConfig;

constexpr std::string_view kName = "sextant otelcol";

struct Options {
  std::vector<std::string> configs;
  std::vector<std::string> settings;
  std::string feature_gates;
};

FlagSet MakeFlags(Options& options) {
  FlagSet flags{
      std::string(kName),
      "The OpenTelemetry Collector: takes traces, metrics and logs in, shapes them and hands them on. "
      "Commands: validate, print-config, components."};
  flags.AddList(
      "config", "LOCATION",
      "A configuration: file:PATH or a path, env:NAME, yaml:TEXT, http(s)://…; may be repeated, later "
      "ones win.",
      &options.configs);
  flags.AddList("set", "KEY=VALUE",
                "Sets one value, as in --set=processors.batch.timeout=2s; may be repeated.",
                &options.settings);
  flags.AddString("feature-gates", "LIST", "Feature gates of the original; none is known here.",
                  &options.feature_gates);
  return flags;
}

core::Result<LoadedConfig> Load(const Options& options, const core::Logger& logger) {
  if (options.configs.empty()) {
    return core::Fail(core::Code::kInvalidArgument, "at least one config flag must be provided");
  }
  std::vector<std::string> sources = options.configs;
  for (const std::string& setting : options.settings) {
    SEXTANT_ASSIGN(std::string source, pipeline::SourceOfSet(setting));
    sources.push_back(std::move(source));
  }
  SEXTANT_ASSIGN(config::Value resolved,
                 pipeline::ResolveConfig(sources, pipeline::ConfigProviders::System(), logger));
  return pipeline::ReadCollectorConfig(resolved);
}

// Writes whole lines to a descriptor, which stays open.
core::LogWriter WriterTo(int fd) {
  return [fd](std::string_view line) {
    while (!line.empty()) {
      ssize_t count = ::write(fd, line.data(), line.size());
      if (count <= 0) return;
      line.remove_prefix(static_cast<size_t>(count));
    }
  };
}

core::Result<core::LogOptions> LogOptionsOf(const pipeline::TelemetryConfig& telemetry) {
  core::LogOptions options;
  options.level = telemetry.log_level;
  options.format = telemetry.log_format;
  std::vector<core::LogWriter> writers;
  for (const std::string& path : telemetry.log_paths) {
    if (path == "stderr") {
      writers.push_back(core::WriteToStderr);
    } else if (path == "stdout") {
      writers.push_back(WriterTo(STDOUT_FILENO));
    } else {
      int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
      if (fd < 0) return core::FailErrno(errno, "service::telemetry::logs::output_paths: " + path);
      writers.push_back(WriterTo(fd));
    }
  }
  options.writer = [writers](std::string_view line) {
    for (const core::LogWriter& writer : writers) writer(line);
  };
  return options;
}

// Batches come and go by the megabyte: the allocator keeps what it has for the next one, in place of asking
// the system for zeroed pages each time.
void KeepMemoryBetweenBatches() {
  constexpr int kKeptBytes = 64 << 20;
  ::mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  ::mallopt(M_MMAP_THRESHOLD, kKeptBytes);
}

core::Status Run(const Options& options) {
  KeepMemoryBetweenBatches();
  core::SignalWaiter signals;
  core::SystemClock clock;
  core::Logger start_logger(clock, {});
  SEXTANT_ASSIGN(LoadedConfig loaded, Load(options, start_logger));
  SEXTANT_ASSIGN(core::LogOptions log_options, LogOptionsOf(loaded.config.telemetry));
  Services services(std::move(log_options));
  core::Registry telemetry;
  pipeline::RegisterProcessTelemetry(telemetry, services.clock);
  net::HttpClient http(services.io, services.registry, {.user_agent = "sextant-otelcol"});
  core::Logger logger = services.logger;
  for (const auto& [name, value] : loaded.config.telemetry.log_fields) logger = logger.With(name, value);
  pipeline::CollectorParts parts{services.io,       services.executor,      services.clock,
                                 telemetry,         services.registry,      http,
                                 std::move(logger), std::string(Version()), NewInstanceId()};
  SEXTANT_ASSIGN(auto collector, Collector::Start(std::move(loaded), parts));
  core::ReleaseStartPages();
  while (signals.Wait() == SIGHUP) {
    core::Result<LoadedConfig> changed = Load(options, parts.logger);
    if (!changed) {
      parts.logger.Error("the new configuration cannot be used, the old one goes on",
                         {{"error", changed.error()}});
      continue;
    }
    parts.logger.Info("Config updated, restart service");
    collector.reset();
    SEXTANT_ASSIGN(collector, Collector::Start(std::move(*changed), parts));
  }
  signals.LetNextSignalKill();
  collector->Shutdown();
  collector.reset();
  http.Stop();
  return {};
}

core::Status Validate(const Options& options) {
  core::SystemClock clock;
  core::Logger logger(clock, {});
  SEXTANT_ASSIGN(LoadedConfig loaded, Load(options, logger));
  for (const std::string& warning : loaded.config.warnings) logger.Warn(warning);
  return {};
}

core::Status Print(const Options& options) {
  core::SystemClock clock;
  core::Logger logger(clock, {});
  SEXTANT_ASSIGN(LoadedConfig loaded, Load(options, logger));
  std::cout << pipeline::PrintConfig(loaded.config);
  return {};
}

core::Status PrintComponents(const Options&) {
  std::string out =
      fmt::format("buildinfo:\n    command: otelcol\n    description: Sextant\n    version: {}\n", Version());
  constexpr std::pair<ComponentKind, std::string_view> kKinds[] = {{ComponentKind::kReceiver, "receivers"},
                                                                   {ComponentKind::kProcessor, "processors"},
                                                                   {ComponentKind::kExporter, "exporters"},
                                                                   {ComponentKind::kConnector, "connectors"},
                                                                   {ComponentKind::kExtension, "extensions"}};
  for (const auto& [kind, section] : kKinds) {
    out += fmt::format("{}:\n", section);
    for (const pipeline::ComponentType& type : pipeline::ComponentTypes()) {
      if (type.kind != kind) continue;
      out +=
          fmt::format("    - name: {}\n      module: sextant {}\n      stability:\n", type.name, Version());
      for (pipeline::Signal signal : type.signals)
        out += fmt::format("        {}: Stable\n", pipeline::SignalName(signal));
      for (const auto& [from, to] : type.connections) {
        out +=
            fmt::format("        {}-to-{}: Stable\n", pipeline::SignalName(from), pipeline::SignalName(to));
      }
      if (kind == ComponentKind::kExtension) out += "        extension: Stable\n";
    }
  }
  out += "providers:\n";
  for (const char* scheme : {"env", "file", "http", "https", "yaml"}) {
    out += fmt::format("    - scheme: {}\n      module: sextant {}\n", scheme, Version());
  }
  std::cout << out;
  return {};
}

struct Command {
  std::string_view name;
  core::Status (*run)(const Options& options);
};
constexpr Command kCommands[] = {{"validate", &Validate},
                                 {"print-config", &Print},
                                 {"print-initial-config", &Print},
                                 {"components", &PrintComponents}};

}  // namespace

FlagSet OtelcolFlags() {
  Options defaults;
  return MakeFlags(defaults);  // for its names and texts only: its targets end here
}

int RunOtelcolProgram(const Arguments& arguments) {
  core::Status (*run)(const Options& options) = &Run;
  Arguments rest = arguments;
  for (const Command& command : kCommands) {
    if (rest.empty() || rest.front() != command.name) continue;
    run = command.run;
    rest.erase(rest.begin());
    break;
  }
  Options options;
  if (core::Status parsed = MakeFlags(options).Parse(rest); !parsed) {
    PrintError(kName, parsed.error().message());
    return kExitUsage;
  }
  if (!options.feature_gates.empty()) {
    PrintError(kName, fmt::format("no such feature gate \"{}\"", options.feature_gates));
    return kExitUsage;
  }
  core::InstallCrashHandler();
  if (core::Status ran = run(options); !ran) {
    PrintError(kName, ran.error().message());
    return kExitFailed;
  }
  return kExitOk;
}

}  // namespace sextant::app
