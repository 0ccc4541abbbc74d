// `sextant prometheus`: stands in for the prometheus server, with its flags and its file.
#include <csignal>

#include "app/platform.h"
#include "app/programs.h"
#include "core/duration.h"
#include "core/start_pages.h"
#include "metrics/promql/features.h"

namespace sextant::app {

namespace {

constexpr std::string_view kName = "sextant prometheus";

struct Options {
  PlatformOptions platform;
  LogFlags log;
  std::vector<std::string> features;
  bool evaluates_rules_concurrently = false;
  int64_t max_concurrent_evals = 4;
  bool adjusts_scrape_times = true;
  std::string agent_data_dir = "data-agent/";
  std::vector<std::string> write_messages = {"prometheus.WriteRequest", "io.prometheus.write.v2.Request"};

  Options() {
    platform.is_whole_platform = false;
    platform.enable_remote_write_receiver = false;
    platform.enable_otlp_receiver = false;
    platform.listen = {"0.0.0.0:9090"};
    platform.data_dir = "data/";
    platform.max_connections = 512;
    platform.store.block_form = tsdb::BlockForm::kPrometheus;
    platform.config.kind = ConfigKind::kPrometheus;
    platform.config.path = "prometheus.yml";
    platform.cors_origin = ".*";
    platform.pages.console_templates_dir = "consoles";
    platform.pages.console_libraries_dir = "console_libraries";
  }
};

core::Status ParseCount(const std::string& text, int64_t& value) {
  char* end = nullptr;
  long long number = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || number < 0) {
    return core::Fail(core::Code::kInvalidArgument, "\"{}\" is not a number of at least 0", text);
  }
  value = number;
  return {};
}

// A duration that is not so short that it would make no sense.
void AddBoundedDuration(FlagSet& flags, const char* name, const char* help, const char* shown_default,
                        std::function<void(core::DurationMs)> take) {
  flags.Add(
      name, "DURATION", help,
      [take = std::move(take)](const std::string& text) -> core::Status {
        constexpr core::DurationMs kLeastMs = 100;
        SEXTANT_ASSIGN(core::DurationMs duration_ms, core::ParseDuration(text));
        if (duration_ms < kLeastMs)
          return core::Fail(core::Code::kInvalidArgument, "must be at least {} ms", kLeastMs);
        take(duration_ms);
        return {};
      },
      shown_default);
}

void AddPageFlags(FlagSet& flags, PlatformOptions& platform) {
  flags.AddString("web.console.templates", "DIR", "Console templates, shown at /consoles/.",
                  &platform.pages.console_templates_dir);
  flags.AddString("web.console.libraries", "DIR", "Templates for all console templates: its *.lib files.",
                  &platform.pages.console_libraries_dir);
  flags.AddString("web.user-assets", "DIR", "Files that are shown as they are at /user/.",
                  &platform.pages.user_assets_dir);
  flags.AddString("web.page-title", "TITLE", "Title of the pages, in place of the product's name.",
                  &platform.pages.title);
  flags.Add(
      "web.max-notifications-subscribers", "N",
      "Most clients that follow the server's notifications at once.",
      [&platform](const std::string& text) -> core::Status {
        int64_t value = 0;
        SEXTANT_TRY(ParseCount(text, value));
        platform.max_notification_subscribers = static_cast<size_t>(value);
        return {};
      },
      "16");
}

void AddNotifierFlags(FlagSet& flags, NotifierOptions& notifier) {
  auto add = [&](const char* name, const char* help, size_t& option, int64_t most, const char* otherwise) {
    flags.Add(
        name, "N", help,
        [&option, most](const std::string& text) -> core::Status {
          int64_t value = 0;
          SEXTANT_TRY(ParseCount(text, value));
          if (value < 1 || value > most)
            return core::Fail(core::Code::kInvalidArgument, "\"{}\" is not between 1 and {}", text, most);
          option = static_cast<size_t>(value);
          return {};
        },
        otherwise);
  };
  add("alertmanager.notification-queue-capacity", "Most alerts that wait for one Alertmanager.",
      notifier.queue_capacity, 10'000'000, "10000");
  add("alertmanager.notification-batch-size", "Most alerts of one request to an Alertmanager.",
      notifier.batch_size, 1'000'000, "256");
  flags.AddSwitch("alertmanager.drain-notification-queue-on-shutdown",
                  "Send the alerts that still wait before the end.", &notifier.drains_on_stop);
}

void AddHonouredFlags(FlagSet& flags, Options& options) {
  PlatformOptions& platform = options.platform;
  flags.AddString("config.file", "FILE", "Prometheus configuration file path.", &platform.config.path);
  flags.AddList("web.listen-address", "ADDRESS", "Address to listen on; may be repeated.", &platform.listen);
  flags.Add(
      "web.max-connections", "N", "Most connections at the same time.",
      [&platform](const std::string& text) -> core::Status {
        int64_t value = 0;
        SEXTANT_TRY(ParseCount(text, value));
        platform.max_connections = static_cast<uint64_t>(value);
        return {};
      },
      "512");
  flags.AddString("storage.tsdb.path", "DIR", "Where samples are stored.", &platform.data_dir);
  flags.AddDuration("storage.tsdb.retention.time",
                    "How long samples are kept; without any limit on retention, 15d.",
                    &platform.store.retention.time_ms);
  flags.AddBytes("storage.tsdb.retention.size",
                 "Most bytes of the store; the oldest blocks go first. 0 is no limit.",
                 &platform.store.retention.size_bytes);
  AddStoreFlags(flags, "storage.tsdb.retention.percentage", platform.store);
  AddWebFlags(flags, platform.web);
  flags.Add(
      "storage.remote.read-sample-limit", "N",
      "Most samples of a remote read answer that is not streamed. 0 is no limit.",
      [&platform](const std::string& text) { return ParseCount(text, platform.remote_read_max_samples); },
      "50000000");
  flags.AddBytes("storage.remote.read-max-bytes-in-frame",
                 "About how large the frames of a streamed answer are.", &platform.remote_read_frame_bytes);
  flags.AddDuration("storage.remote.flush-deadline",
                    "How long the end waits for what remote write has still to send.",
                    &platform.remote_flush_ms);
  flags.AddSwitch("web.enable-admin-api", "Allow deleting series and making snapshots over HTTP.",
                  &platform.enable_admin_api);
  flags.AddSwitch("web.enable-remote-write-receiver", "Take samples at /api/v1/write.",
                  &platform.enable_remote_write_receiver);
  flags.AddList("web.remote-write-receiver.accepted-protobuf-messages", "NAME",
                "A message that is taken at /api/v1/write: prometheus.WriteRequest or "
                "io.prometheus.write.v2.Request; may be repeated.",
                &options.write_messages);
  flags.AddSwitch("web.enable-otlp-receiver", "Take metrics by OTLP at /api/v1/otlp/v1/metrics.",
                  &platform.enable_otlp_receiver);
  flags.AddSwitch("agent", "Only scrape and pass on by remote write: no queries, no rules, no blocks.",
                  &platform.is_agent);
  flags.AddString("storage.agent.path", "DIR", "Where an agent keeps what it has still to send.",
                  &options.agent_data_dir);
  flags.AddDuration("storage.agent.retention.min-time", "How long an agent keeps what was sent, at least.",
                    &platform.agent_kept_ms);
  flags.AddDuration("query.lookback-delta", "How far back an instant selector looks for a sample.",
                    &platform.engine.lookback_ms);
  flags.AddBytes("memory.limit", "Memory to plan with; by default what the machine or its cgroup has.",
                 &platform.memory_limit_bytes);
  flags.AddCount("series.limit", "Most active series; past it new ones are refused.", &platform.max_series);
  flags.AddDuration("query.timeout", "A query that takes longer is stopped.", &platform.engine.timeout_ms);
  flags.Add(
      "query.max-samples", "N", "Most samples a query may hold in memory.",
      [&platform](const std::string& text) { return ParseCount(text, platform.engine.max_samples); },
      "50000000");
  flags.Add(
      "query.max-concurrency", "N", "Most queries of the API that run at once; others wait.",
      [&platform](const std::string& text) -> core::Status {
        SEXTANT_TRY(ParseCount(text, platform.engine.max_concurrency));
        if (platform.engine.max_concurrency > 0) return {};
        return core::Fail(core::Code::kInvalidArgument, "\"{}\" is not a number of at least 1", text);
      },
      "20");
  flags.Add(
      "web.search.max-limit", "N", "Most names that one search may ask for. 0 is no limit.",
      [&platform](const std::string& text) { return ParseCount(text, platform.search_max_limit); }, "10000");
  flags.AddString("web.cors.origin", "REGEX",
                  "Which origins may read the API's answers; must match all of it.", &platform.cors_origin);
  AddPageFlags(flags, platform);
  flags.AddSwitch("scrape.adjust-timestamps",
                  "Give samples the moment of their scrape as time when it begins close to it.",
                  &options.adjusts_scrape_times);
  flags.AddDuration("scrape.timestamp-tolerance", "How close that is.", &platform.scrape_time_tolerance_ms);
  AddBoundedDuration(
      flags, "web.read-timeout",
      "How long reading a request may take, and a connection wait for the next; by default 1m and 2m.", "",
      [&platform](core::DurationMs timeout_ms) { platform.web_read_timeout_ms = timeout_ms; });
  flags.Add(
      "storage.remote.read-concurrent-limit", "N",
      "Most remote reads that are answered at once; others wait. 0 is no limit.",
      [&platform](const std::string& text) -> core::Status {
        int64_t value = 0;
        SEXTANT_TRY(ParseCount(text, value));
        platform.remote_read_max_concurrent = static_cast<size_t>(value);
        return {};
      },
      "10");
  AddNotifierFlags(flags, platform.notifier);
  AddBoundedDuration(
      flags, "scrape.discovery-reload-interval",
      "How often at most targets that were found are passed on to scraping.", "5s",
      [&platform](core::DurationMs interval_ms) { platform.discovery_interval_ms = interval_ms; });
  flags.AddDuration("rules.alert.for-outage-tolerance",
                    "Longest outage over which the state of alerts is restored.",
                    &platform.rules.outage_tolerance_ms);
  flags.AddDuration("rules.alert.for-grace-period", "Least time between a restored alert and its firing.",
                    &platform.rules.for_grace_period_ms);
  flags.AddDuration("rules.alert.resend-delay", "Least time before an alert is sent again.",
                    &platform.rules.resend_delay_ms);
  flags.Add(
      "rules.max-concurrent-evals", "N",
      "Most rules evaluated at the same time besides the groups' own; counts with the feature "
      "concurrent-rule-eval only.",
      [&options](const std::string& text) -> core::Status {
        SEXTANT_TRY(ParseCount(text, options.max_concurrent_evals));
        if (options.max_concurrent_evals <= 0xFFFF'FFFF) return {};
        return core::Fail(core::Code::kInvalidArgument, "\"{}\" is too large", text);
      },
      "4");
  flags.AddList("enable-feature", "NAMES", "Comma-separated feature flags.", &options.features);
  flags.AddString("log.level", "LEVEL", "debug, info, warn or error.", &options.log.level);
  flags.AddString("log.format", "FORMAT", "logfmt or json.", &options.log.format);
}

// Flags of the original that this version does not honour; those that only restate what we do anyway may
// stand.
void AddOtherFlags(FlagSet& flags) {
  flags.AddOnlyDefault("storage.tsdb.no-lockfile", "false",
                       "the lock of the data directory cannot be switched off");
  flags.AddOnlyDefault("storage.tsdb.allow-overlapping-blocks", "true",
                       "overlapping blocks are always served");
  flags.AddOnlyDefault("storage.tsdb.allow-overlapping-compaction", "true",
                       "overlapping blocks are always merged");
  // Of structures that are others here.
  constexpr const char* kJournal =
      "the journal is our own: its files have a size of their own and are always compressed";
  flags.AddOnlyDefault("storage.tsdb.wal-segment-size", "0B", kJournal);
  flags.AddOnlyDefault("storage.tsdb.wal-compression", "true", kJournal);
  flags.AddOnlyDefault("storage.tsdb.wal-compression-type", "snappy", kJournal);
  flags.AddOnlyDefault("storage.agent.wal-segment-size", "0B", kJournal);
  flags.AddOnlyDefault("storage.agent.wal-compression", "true", kJournal);
  flags.AddOnlyDefault("storage.agent.wal-compression-type", "snappy", kJournal);
  flags.AddOnlyDefault("storage.tsdb.samples-per-chunk", "120", "chunks of blocks have 120 samples");
  flags.AddOnlyDefault("storage.tsdb.max-block-chunk-segment-size", "0B",
                       "the size of chunk files cannot be set");
  flags.AddOnlyDefault("storage.tsdb.head-chunks-write-queue-size", "0",
                       "chunks of the head are written by the thread that fills them");
  flags.AddOnlyDefault("storage.tsdb.delayed-compaction.max-percent", "10",
                       "compaction is not delayed by chance");
  for (const char* name : {"auto-gomaxprocs", "auto-gomemlimit", "auto-gomemlimit.ratio"}) {
    flags.AddRefused(name, "there is no Go runtime here");
  }
  constexpr const char* kAgentJournal =
      "the journal of an agent is kept until it was sent, up to 4 GiB, and cleaned up by itself";
  flags.AddOnlyDefault("storage.agent.wal-truncate-frequency", "2h", kAgentJournal);
  flags.AddOnlyDefault("storage.agent.retention.max-time", "4h", kAgentJournal);
  flags.AddOnlyDefault("storage.agent.no-lockfile", "false",
                       "the lock of the data directory cannot be switched off");
  for (const char* name :
       {"storage.tsdb.delay-compact-file.path", "scrape.name-escaping-scheme", "write-documentation"}) {
    flags.AddRefused(name, "not supported yet");
  }
}

FlagSet MakeFlags(Options& options) {
  FlagSet flags{std::string(kName),
                "Scrapes, stores, queries and alerts, with the flags and the file of Prometheus."};
  AddHonouredFlags(flags, options);
  AddOtherFlags(flags);
  return flags;
}

core::Status ApplyFeatures(Options& options) {
  promql::EngineOptions& engine = options.platform.engine;
  for (const std::string& list : options.features) {
    for (size_t begin = 0; begin <= list.size();) {
      size_t end = std::min(list.find(',', begin), list.size());
      std::string name = list.substr(begin, end - begin);
      begin = end + 1;
      if (promql::EnableFeature(name, engine)) continue;
      if (name == "auto-reload-config") {
        options.platform.web.auto_reload = true;
      } else if (name == "promql-per-step-stats") {
        options.platform.per_step_stats = true;
      } else if (name == "search-api") {
        options.platform.enable_search_api = true;
      } else if (name == "extra-scrape-metrics") {
        options.platform.config.extra_scrape_metrics = true;
      } else if (name == "xor2-encoding") {
        options.platform.store.chunk_encodings.xor2_floats = true;
      } else if (name == "histograms-st-encoding") {
        options.platform.store.chunk_encodings.histogram_start_times = true;
      } else if (name == "otlp-deltatocumulative") {
        options.platform.converts_otlp_deltas = true;
      } else if (name == "otlp-native-delta-ingestion") {
        options.platform.keeps_otlp_deltas = true;
      } else if (name == "concurrent-rule-eval") {
        options.evaluates_rules_concurrently = true;
      } else if (name == "agent") {
        options.platform.is_agent = true;
      } else if (name == "exemplar-storage") {
        // Exemplars are always kept; storage.exemplars.max_exemplars says how many.
      } else if (!name.empty()) {
        return core::Fail(core::Code::kUnimplemented, "--enable-feature: {} is not supported yet", name);
      }
    }
  }
  options.platform.config.parser = engine.parser;
  if (options.evaluates_rules_concurrently)
    options.platform.max_concurrent_evals = static_cast<size_t>(options.max_concurrent_evals);
  if (options.platform.converts_otlp_deltas && options.platform.keeps_otlp_deltas) {
    return core::Fail(
        core::Code::kInvalidArgument,
        "cannot enable otlp-native-delta-ingestion and otlp-deltatocumulative features at the same time");
  }
  return {};
}

// Flags that one mode knows and the other does not.
bool IsServerFlag(std::string_view name) {
  for (std::string_view prefix :
       {"storage.tsdb.", "storage.remote.read-", "rules.", "alertmanager.", "query."}) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}
bool IsAgentFlag(std::string_view name) { return name.starts_with("storage.agent."); }

core::Status ApplyMode(const FlagSet& flags, Options& options) {
  bool is_agent = options.platform.is_agent;
  std::string others;
  for (const std::string& name : flags.Given()) {
    if (!(is_agent ? IsServerFlag(name) : IsAgentFlag(name))) continue;
    others += fmt::format("{}\"--{}\"", others.empty() ? "" : " ", name);
  }
  if (!others.empty()) {
    return core::Fail(core::Code::kInvalidArgument, "The following flag(s) can {} in agent mode: [{}]",
                      is_agent ? "not be used" : "only be used", others);
  }
  options.platform.config.is_agent = is_agent;
  if (!options.adjusts_scrape_times) options.platform.scrape_time_tolerance_ms = 0;
  if (!is_agent) return {};
  options.platform.data_dir = options.agent_data_dir;
  constexpr core::DurationMs kLeastKeptMs = 1'000;
  options.platform.agent_kept_ms = std::max(options.platform.agent_kept_ms, kLeastKeptMs);
  return {};
}

core::Status ApplyWriteMessages(Options& options) {
  remote::WriteReceiverOptions& receiver = options.platform.write_receiver;
  receiver.accepted.clear();
  for (const std::string& name : options.write_messages) {
    SEXTANT_ASSIGN(wire::WriteVersion version,
                   remote::ParseMessageName(name).map_error(
                       core::AddContext("--web.remote-write-receiver.accepted-protobuf-messages")));
    receiver.accepted.push_back(version);
  }
  return {};
}

core::Status Run(Options& options) {
  SEXTANT_ASSIGN(options.platform.log, MakeLogOptions(options.log));
  core::SignalWaiter signals;
  SEXTANT_ASSIGN(std::unique_ptr<Platform> platform, Platform::Start(options.platform));
  for (const std::string& url : platform->urls())
    platform->logger().Info("Server is ready to receive web requests.", {{"url", url}});
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

FlagSet PrometheusFlags() {
  Options defaults;
  return MakeFlags(defaults);  // for its names and texts only: its targets end here
}

int RunPrometheusProgram(const Arguments& arguments) {
  Options options;
  FlagSet flags = MakeFlags(options);
  core::Status parsed = flags.Parse(arguments);
  if (parsed) parsed = ApplyFeatures(options);
  if (parsed) parsed = ApplyWriteMessages(options);
  if (parsed) parsed = ApplyMode(flags, options);
  if (!parsed) {
    PrintError(kName, parsed.error().message());
    return kExitUsage;
  }
  options.platform.flags = flags.Values();
  core::InstallCrashHandler();
  if (core::Status ran = Run(options); !ran) {
    PrintError(kName, ran.error().message());
    return kExitFailed;
  }
  return kExitOk;
}

}  // namespace sextant::app
