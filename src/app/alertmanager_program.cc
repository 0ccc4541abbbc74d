// `sextant alertmanager`: stands in for the alertmanager server, with its flags, its file and its state on
// disk.
#include <csignal>

#include "app/alertmanager_server.h"
#include "app/programs.h"
#include "app/systemd_sockets.h"
#include "core/duration.h"
#include "core/start_pages.h"

namespace sextant::app {

namespace {

using core::Code;
using core::Fail;
using core::Status;

constexpr std::string_view kName = "sextant alertmanager";

struct Options {
  AlertmanagerServerOptions server;
  LogFlags log;
  std::string features;
  core::DurationMs start_delay_ms = 0;
  bool use_systemd_sockets = false;
};

// A limit that a negative number or 0 takes away.
FlagSet::Setter SetLimit(size_t* target) {
  return [target](const std::string& text) -> Status {
    char* end = nullptr;
    const long long number = std::strtoll(text.c_str(), &end, 10);
    if (text.empty() || *end != '\0') return Fail(Code::kInvalidArgument, "\"{}\" is not a number", text);
    *target = number > 0 ? static_cast<size_t>(number) : 0;
    return {};
  };
}

void AddHonouredFlags(FlagSet& flags, Options& options) {
  AlertmanagerServerOptions& server = options.server;
  alerting::AlertmanagerOptions& alerting = server.alerting;
  flags.AddString("config.file", "FILE", "Alertmanager configuration file name.", &server.config_file);
  flags.AddString("storage.path", "DIR", "Where silences and the notification log are kept.",
                  &server.data_dir);
  flags.AddDuration("data.retention", "How long expired silences and log entries are kept.",
                    &alerting.times.log_retention_ms);
  flags.AddDuration("data.maintenance-interval",
                    "Time between removals of old silences and log entries and savings as a whole.",
                    &alerting.maintenance_ms);
  flags.Add("silences.max-silences", "N", "Most silences, expired ones counted; 0 is no limit.",
            SetLimit(&alerting.limits.silences.max_silences), "0");
  flags.Add("silences.max-silence-size-bytes", "BYTES", "Largest silence; 0 is no limit.",
            SetLimit(&alerting.limits.silences.max_silence_bytes), "0");
  flags.AddSwitch("log.silences", "Log what happens to silences.", &alerting.logs_silences);
  flags.AddDuration("alerts.gc-interval", "Time between removals of resolved alerts.",
                    &alerting.times.collection_ms);
  flags.Add("alerts.per-alertname-limit", "N",
            "Most alerts of one alertname; further ones are dropped. 0 is no limit.",
            SetLimit(&alerting.limits.alerts_per_alertname), "0");
  flags.AddDuration("dispatch.maintenance-interval", "Time between removals of empty groups.",
                    &alerting.times.maintenance_ms);
  flags.AddDuration("dispatch.start-delay", "Time from the start until the first notification may be sent.",
                    &options.start_delay_ms);
  flags.AddList("web.listen-address", "ADDRESS", "Address to listen on; may be repeated.", &server.listen);
  flags.AddString("web.config.file", "FILE", "Configuration file with TLS, users and response headers.",
                  &server.web.config_file);
  flags.AddString("web.external-url", "URL", "The URL under which this server is reachable from outside.",
                  &server.web.external_url);
  flags.AddString("web.route-prefix", "PATH",
                  "Path under which everything is answered; by default that of --web.external-url.",
                  &server.web.route_prefix);
  flags.AddSwitch("web.systemd-socket", "Serve on the sockets that systemd has opened, not on addresses.",
                  &options.use_systemd_sockets);
  flags.Add(
      "web.timeout", "DURATION",
      "Requests of the API that take longer are answered with 503; 0 or less is no limit.",
      [&server](const std::string& text) -> Status {
        const bool is_negative = text.starts_with('-');
        SEXTANT_ASSIGN(const core::DurationMs timeout_ms,
                       core::ParseDuration(is_negative ? text.substr(1) : text));
        server.request_timeout_ms = is_negative ? 0 : timeout_ms;
        return {};
      },
      "0s");
  flags.Add("web.get-concurrency", "N", "Most GET requests of the API at once; 0: processors, at least 8.",
            SetLimit(&server.max_concurrent_gets), "0");
  flags.AddString(
      "enable-feature", "NAMES",
      "classic-mode, utf8-strict-mode, event-recorder, receiver-name-in-metrics, alert-names-in-metrics, "
      "group-key-in-metrics.",
      &options.features);
  flags.AddString("log.level", "LEVEL", "debug, info, warn or error.", &options.log.level);
  flags.AddString("log.format", "FORMAT", "logfmt or json.", &options.log.format);
}

// Instances do not talk to each other: flags that only say how fast they would are checked and mean nothing,
// those that name others are refused.
void AddClusterFlags(FlagSet& flags) {
  flags.Add(
      "cluster.listen-address", "ADDRESS", "Must be empty: instances do not talk to each other.",
      [](const std::string& value) -> Status {
        if (value.empty()) return {};
        return Fail(Code::kUnimplemented,
                    "clustering is not supported yet: leave it empty; each instance notifies by itself");
      },
      "");
  for (const char* name :
       {"cluster.peer", "cluster.advertise-address", "cluster.peer-name", "cluster.tls-config",
        "cluster.label", "cluster.allow-insecure-public-advertise-address-discovery"}) {
    flags.AddRefused(name, "clustering is not supported yet: each instance notifies by itself");
  }
  for (const char* name :
       {"cluster.peer-timeout", "cluster.peers-resolve-timeout", "cluster.gossip-interval",
        "cluster.pushpull-interval", "cluster.tcp-timeout", "cluster.probe-timeout", "cluster.probe-interval",
        "cluster.settle-timeout", "cluster.reconnect-interval", "cluster.reconnect-timeout"}) {
    flags.Add(name, "DURATION", "Means nothing to a single instance.",
              [](const std::string& value) -> Status {
                SEXTANT_TRY(core::ParseDuration(value));
                return {};
              });
  }
}

void AddOtherFlags(FlagSet& flags) {
  flags.AddRefused("auto-gomemlimit.ratio", "there is no Go runtime here");
}

FlagSet MakeFlags(Options& options) {
  FlagSet flags{std::string(kName),
                "Groups, silences and sends alerts, with the flags and the file of Alertmanager."};
  AddHonouredFlags(flags, options);
  AddClusterFlags(flags);
  AddOtherFlags(flags);
  return flags;
}

Status ApplyFeatures(Options& options) {
  bool is_classic = false;
  bool is_strict = false;
  options.server.alerting.records_events = false;
  const std::string& list = options.features;
  for (size_t begin = 0; begin < list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    const std::string name = list.substr(begin, end - begin);
    begin = end + 1;
    if (name == "classic-mode") {
      is_classic = true;
    } else if (name == "utf8-strict-mode") {
      is_strict = true;
    } else if (name == "event-recorder") {
      options.server.alerting.records_events = true;
    } else if (name == "receiver-name-in-metrics") {
      options.server.alerting.receiver_names_in_metrics = true;
    } else if (name == "alert-names-in-metrics") {
      options.server.alerting.alert_names_in_metrics = true;
    } else if (name == "group-key-in-metrics") {
      options.server.alerting.group_keys_in_metrics = true;
    } else if (name == "auto-gomemlimit" || name == "auto-gomaxprocs") {
      // Memory and processors are always what the cgroup gives.
    } else {
      const bool is_known = name == "muted-alerts-in-nflog" || name == "ui-v2";
      if (is_known) return Fail(Code::kUnimplemented, "--enable-feature: {} is not supported yet", name);
      return Fail(Code::kInvalidArgument, "unknown option '{}' for --enable-feature", name);
    }
  }
  if (is_classic && is_strict)
    return Fail(Code::kInvalidArgument, "--enable-feature: cannot have both classic and UTF-8 modes enabled");
  if (is_classic) options.server.syntax = alerting::MatcherSyntax::kClassic;
  if (is_strict) options.server.syntax = alerting::MatcherSyntax::kUtf8Strict;
  return {};
}

// Work that is repeated without a pause would be all that is done.
Status CheckIntervals(const Options& options) {
  constexpr core::DurationMs kLeastMs = 100;
  const alerting::AlertmanagerOptions& alerting = options.server.alerting;
  for (const auto& [name, value] :
       {std::pair("data.maintenance-interval", alerting.maintenance_ms),
        std::pair("alerts.gc-interval", alerting.times.collection_ms),
        std::pair("dispatch.maintenance-interval", alerting.times.maintenance_ms)}) {
    if (value < kLeastMs) return Fail(Code::kInvalidArgument, "--{}: must be at least 100ms", name);
  }
  return {};
}

Status Run(Options& options) {
  SEXTANT_ASSIGN(options.server.log, MakeLogOptions(options.log));
  alerting::AlertmanagerOptions& alerting = options.server.alerting;
  alerting.limits.silences.retention_ms = alerting.times.log_retention_ms;
  alerting.history.retention_ms = alerting.times.log_retention_ms;
  alerting.limits.silences.syntax = options.server.syntax;
  if (options.start_delay_ms > 0)
    alerting.times.dispatch_after_ms = core::SystemClock().NowMs() + options.start_delay_ms;
  if (options.use_systemd_sockets) {
    SEXTANT_ASSIGN(options.server.listen, SystemdSockets());
  }
  core::SignalWaiter signals;
  SEXTANT_ASSIGN(const std::unique_ptr<AlertmanagerServer> server, AlertmanagerServer::Start(options.server));
  for (const std::string& url : server->urls()) server->logger().Info("Listening on", {{"url", url}});
  core::ReleaseStartPages();
  while (signals.Wait() == SIGHUP) {
    // A failed reload has been logged and counted; the server goes on with what it had.
    [[maybe_unused]] Status reloaded = server->Reload();
  }
  signals.LetNextSignalKill();
  server->Stop();
  return {};
}

}  // namespace

FlagSet AlertmanagerFlags() {
  Options defaults;
  return MakeFlags(defaults);  // for its names and texts only: its targets end here
}

int RunAlertmanagerProgram(const Arguments& arguments) {
  Options options;
  FlagSet flags = MakeFlags(options);
  Status parsed = flags.Parse(arguments);
  if (parsed) parsed = ApplyFeatures(options);
  if (parsed) parsed = CheckIntervals(options);
  if (!parsed) {
    PrintError(kName, parsed.error().message());
    return kExitUsage;
  }
  core::InstallCrashHandler();
  if (const Status ran = Run(options); !ran) {
    PrintError(kName, ran.error().message());
    return kExitFailed;
  }
  return kExitOk;
}

}  // namespace sextant::app
