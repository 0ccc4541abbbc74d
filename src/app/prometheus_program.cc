// `sextant prometheus`: stands in for the prometheus server, with its flags and its file.
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>

#include "app/platform.h"
#include "app/programs.h"
#include "core/duration.h"
#include "core/memory_budget.h"
#include "core/start_pages.h"
#include "metrics/promql/features.h"

namespace sextant::app {

namespace {

constexpr std::string_view kName = "sextant prometheus";

struct Options {
  PlatformOptions platform;
  LogFlags log;
  std::vector<std::string> features;
  std::vector<std::pair<std::string, std::string>> features_without_effect;  // each with the reason
  bool evaluates_rules_concurrently = false;
  int64_t max_concurrent_evals = 4;
  bool adjusts_scrape_times = true;
  bool writes_documentation = false;
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

// ---- Flags of the original for what is built otherwise here. Their values are checked as there.

core::Status CheckWhole(const std::string& text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!text.empty() && error == std::errc() && end == text.data() + text.size()) return {};
  return core::Fail(core::Code::kInvalidArgument, "expected integer but got \"{}\"", text);
}

core::Status CheckDuration(const std::string& text) {
  SEXTANT_ASSIGN([[maybe_unused]] core::DurationMs duration_ms, core::ParseDuration(text));
  return {};
}

core::Status CheckRatio(const std::string& text) {
  char* end = nullptr;
  double ratio = std::strtod(text.c_str(), &end);
  if (!text.empty() && *end == '\0' && ratio > 0 && ratio <= 1) return {};
  return core::Fail(core::Code::kInvalidArgument, "{} must be greater than 0 and less than or equal to 1.",
                    text);
}

FlagSet::Setter OneOf(std::vector<std::string> words) {
  return [words = std::move(words)](const std::string& text) -> core::Status {
    if (std::ranges::find(words, text) != words.end()) return {};
    return core::Fail(core::Code::kInvalidArgument, "enum value must be one of {}, got '{}'",
                      fmt::join(words, ","), text);
  };
}

// Sizes of files of a journal as Prometheus takes them; 0 is no wish.
core::Result<uint64_t> ParseJournalFileSize(const std::string& name, const std::string& text) {
  constexpr uint64_t kLeast = 10 << 20;
  constexpr uint64_t kMost = 256 << 20;
  SEXTANT_ASSIGN(uint64_t bytes, core::ParseBytes(text));
  if (bytes == 0 || (bytes >= kLeast && bytes <= kMost)) return bytes;
  return core::Fail(core::Code::kInvalidArgument, "flag '{}' must be set between 10MB and 256MB", name);
}

void AddJournalFlags(FlagSet& flags, const std::string& prefix, PlatformOptions& platform) {
  const std::string size_flag = prefix + ".wal-segment-size";
  flags.Add(
      size_flag, "SIZE", "At which size a file of the journal is closed, 10MB to 256MB. 0 is our own choice.",
      [&platform, size_flag](const std::string& text) -> core::Status {
        SEXTANT_ASSIGN(platform.store.journal_segment_bytes, ParseJournalFileSize(size_flag, text));
        return {};
      },
      "0B");
  constexpr const char* kCompressed = "the journal is our own and always compressed";
  flags.AddWithoutEffect(
      prefix + ".wal-compression", "", kCompressed, [](const std::string&) { return core::Status(); },
      "true");
  flags.AddWithoutEffect(prefix + ".wal-compression-type", "NAME", kCompressed, OneOf({"snappy", "zstd"}),
                         "snappy");
  flags.AddWithoutEffect(
      prefix + ".no-lockfile", "",
      "the data directory is always locked, without a file that may be left over",
      [](const std::string&) { return core::Status(); }, "false");
}

void AddBlockFlags(FlagSet& flags, StoreOptions& store) {
  flags.AddString(
      "storage.tsdb.delay-compact-file.path", "FILE",
      "JSON file with the blocks that were uploaded (Thanos' thanos.shipper.json): blocks of level 1 "
      "are not merged before they stand there.",
      &store.upload_list_path);
  flags.Add(
      "storage.tsdb.max-block-chunk-segment-size", "SIZE",
      "At which size a file of chunks of a block in Prometheus' format is closed, at least 1MB. 0 is 512MB.",
      [&store](const std::string& text) -> core::Status {
        constexpr uint64_t kLeast = 1 << 20;
        SEXTANT_ASSIGN(uint64_t bytes, core::ParseBytes(text));
        if (bytes != 0 && bytes < kLeast) {
          return core::Fail(core::Code::kInvalidArgument,
                            "flag 'storage.tsdb.max-block-chunk-segment-size' must be set over 1MB");
        }
        store.chunk_encodings.segment_bytes = bytes == 0 ? tsdb::ChunkEncodings().segment_bytes : bytes;
        return {};
      },
      "0B");
  flags.Add(
      "storage.tsdb.samples-per-chunk", "N", "Most samples of a chunk of a block in Prometheus' format.",
      [&store](const std::string& text) -> core::Status {
        constexpr int64_t kMost = 65'535;  // the format's
        int64_t count = 0;
        SEXTANT_TRY(ParseCount(text, count));
        if (count < 1 || count > kMost) {
          return core::Fail(core::Code::kInvalidArgument, "\"{}\" is not between 1 and {}", text, kMost);
        }
        store.chunk_encodings.samples_per_chunk = static_cast<uint32_t>(count);
        return {};
      },
      "120");
}

void AddOtherFlags(FlagSet& flags, PlatformOptions& platform) {
  AddJournalFlags(flags, "storage.tsdb", platform);
  AddJournalFlags(flags, "storage.agent", platform);
  AddBlockFlags(flags, platform.store);
  auto any = [](const std::string&) { return core::Status(); };
  flags.AddWithoutEffect("storage.tsdb.allow-overlapping-blocks", "", "overlapping blocks are always served",
                         any, "true");
  flags.AddWithoutEffect("storage.tsdb.allow-overlapping-compaction", "",
                         "overlapping blocks are always merged", any, "true");
  flags.AddWithoutEffect("storage.tsdb.head-chunks-write-queue-size", "N",
                         "chunks of the head are written by the thread that fills them", CheckWhole, "0");
  flags.AddWithoutEffect("storage.tsdb.delayed-compaction.max-percent", "N",
                         "compaction is not delayed by chance", CheckWhole, "10");
  flags.AddWithoutEffect("storage.tsdb.block-reload-interval", "DURATION",
                         "blocks are taken in as they are written", CheckDuration, "1m");
  constexpr const char* kNoRuntime = "there is no Go runtime here";
  flags.AddWithoutEffect("auto-gomaxprocs", "", kNoRuntime, any, "true");
  flags.AddWithoutEffect("auto-gomemlimit", "", kNoRuntime, any, "true");
  flags.AddWithoutEffect("auto-gomemlimit.ratio", "RATIO", kNoRuntime, CheckRatio, "0.9");
  constexpr const char* kAgentJournal =
      "the journal of an agent is kept until it was sent, up to 4 GiB, and cleaned up by itself";
  flags.AddWithoutEffect("storage.agent.wal-truncate-frequency", "DURATION", kAgentJournal, CheckDuration,
                         "2h");
  flags.AddWithoutEffect("storage.agent.retention.max-time", "DURATION", kAgentJournal, CheckDuration, "4h");
  flags.AddWithoutEffect("scrape.name-escaping-scheme", "NAME",
                         "a reader's escaping= says how names are escaped for it",
                         OneOf({"values", "underscores", "dots"}), "underscores");
}

FlagSet MakeFlags(Options& options) {
  FlagSet flags{std::string(kName),
                "Scrapes, stores, queries and alerts, with the flags and the file of Prometheus."};
  AddHonouredFlags(flags, options);
  AddOtherFlags(flags, options.platform);
  flags.AddSwitch("write-documentation", "Print all flags as Markdown, and end.",
                  &options.writes_documentation);
  return flags;
}

// Features of the original that are always so here, or that tune what we do not have: why, or "".
std::string_view WhyWithoutEffect(std::string_view feature) {
  constexpr std::pair<std::string_view, std::string_view> kFeatures[] = {
      {"exemplar-storage", "exemplars are always kept; storage.exemplars.max_exemplars says how many"},
      {"native-histograms", "scrape_native_histograms says what is scraped"},
      {"expand-external-labels", "variables in external labels are always expanded"},
      {"promql-at-modifier", "it is always there"},
      {"promql-negative-offset", "it is always there"},
      {"utf8-names", "metric_name_validation_scheme says which names are taken"},
      {"no-default-scrape-port", "ports are never added"},
      {"new-service-discovery-manager", "there is one manager"},
      {"memory-snapshot-on-shutdown", "a start reads little more than what an orderly stop has left"},
      {"fast-startup", "a start reads little more than what an orderly stop has left"},
      {"metadata-wal-records", "metadata is sent with 2.0 without it"},
      {"ooo-native-histograms", "storage.tsdb.out_of_order_time_window says which late samples are taken"},
      {"remote-write-receiver", "--web.enable-remote-write-receiver switches it on"},
      {"otlp-write-receiver", "--web.enable-otlp-receiver switches it on"},
      {"delayed-compaction", "compaction is not delayed by chance"},
      {"use-uncached-io", "blocks are written through the page cache"},
      {"auto-gomaxprocs", "there is no Go runtime here"},
      {"auto-gomemlimit", "there is no Go runtime here"},
      {"old-ui", "the pages are our own"},
  };
  const auto* found = std::ranges::find(kFeatures, feature, [](const auto& one) { return one.first; });
  return found == std::end(kFeatures) ? std::string_view() : found->second;
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
      } else if (name == "created-timestamp-zero-ingestion" || name == "st-storage") {
        // Start timestamps are always stored; what this changes is where they are looked for.
        options.platform.reads_created_times = true;
        options.platform.config.prefers_protobuf = true;
        if (name != "st-storage") options.platform.store.adds_zeros_at_start = true;
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
      } else if (std::string_view why = WhyWithoutEffect(name); !why.empty()) {
        options.features_without_effect.emplace_back(std::move(name), why);
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

core::Status Run(Options& options, const FlagSet& flags) {
  SEXTANT_ASSIGN(options.platform.log, MakeLogOptions(options.log));
  core::SignalWaiter signals;
  SEXTANT_ASSIGN(std::unique_ptr<Platform> platform, Platform::Start(options.platform));
  for (const auto& [name, why] : flags.GivenWithoutEffect()) {
    platform->logger().Warn("this flag has no effect here", {{"flag", "--" + name}, {"reason", why}});
  }
  for (const auto& [name, why] : options.features_without_effect) {
    platform->logger().Info("this feature has no effect here", {{"feature", name}, {"reason", why}});
  }
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
  if (options.writes_documentation) {
    fmt::print("{}", flags.Markdown());
    return kExitOk;
  }
  options.platform.flags = flags.Values();
  core::InstallCrashHandler();
  if (core::Status ran = Run(options, flags); !ran) {
    PrintError(kName, ran.error().message());
    return kExitFailed;
  }
  return kExitOk;
}

}  // namespace sextant::app
