// `sextant node_exporter`: the host collectors behind node_exporter's flags and HTTP face.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>

#include "agents/node/node_agent.h"
#include "app/programs.h"
#include "app/services.h"
#include "app/systemd_sockets.h"
#include "app/version.h"
#include "app/web_config_follower.h"
#include "core/start_pages.h"
#include "net/http_server.h"

namespace sextant::app {

namespace {

constexpr std::string_view kName = "sextant node_exporter";
constexpr core::DurationMs kStopGraceMs = 5'000;

struct Options {
  std::vector<std::string> listen = {":9100"};
  std::string telemetry_path = "/metrics";
  bool disable_exporter_metrics = false;
  int max_requests = 40;  // scrapes at the same time; 0 or less: no limit
  std::string web_config_file;
  bool use_systemd_sockets = false;
  LogFlags log;
};

FlagSet MakeFlags(Options& options) {
  std::string summary =
      "Metrics of this host, under node_exporter's names. Also takes its --path.* and --collector.* flags; "
      "the collectors are:";
  for (std::string_view name : node::CollectorNames()) summary += fmt::format(" {}", name);
  FlagSet flags{std::string(kName), summary};
  flags.AddList("web.listen-address", "ADDRESS", "Address to serve on; may be repeated.", &options.listen);
  flags.AddString("web.telemetry-path", "PATH", "Path under which to expose metrics.",
                  &options.telemetry_path);
  flags.AddSwitch("web.disable-exporter-metrics", "Leave out metrics about the exporter itself.",
                  &options.disable_exporter_metrics);
  flags.AddString("log.level", "LEVEL", "debug, info, warn or error.", &options.log.level);
  flags.AddString("log.format", "FORMAT", "logfmt or json.", &options.log.format);
  flags.Add(
      "web.max-requests", "COUNT", "Scrapes answered at the same time; more are refused. 0: no limit.",
      [&options](const std::string& value) -> core::Status {
        const auto [end, error] =
            std::from_chars(value.data(), value.data() + value.size(), options.max_requests);
        if (error == std::errc() && end == value.data() + value.size()) return {};
        return core::Fail(core::Code::kInvalidArgument, "\"{}\" is not a whole number", value.substr(0, 64));
      },
      std::to_string(options.max_requests));
  flags.AddOnlyDefault("runtime.gomaxprocs", "1", "there is no Go runtime here");
  flags.AddString(
      "web.config.file", "FILE",
      "TLS, users and headers: the file that exporters share. Read again on SIGHUP and when it or its "
      "certificates change.",
      &options.web_config_file);
  flags.AddSwitch("web.systemd-socket", "Serve on the sockets that systemd has opened, not on addresses.",
                  &options.use_systemd_sockets);
  return flags;
}

// ?collect[]=cpu&collect[]=meminfo or ?exclude[]=...
node::CollectorChoice ChosenCollectors(const net::HttpRequest& request) {
  const net::QueryParams params = request.Query();
  return {.collect = params.GetAll("collect[]"), .exclude = params.GetAll("exclude[]")};
}

// What the original says of its own scrapes.
struct ScrapeMetrics {
  explicit ScrapeMetrics(core::Registry& registry)
      : requests(registry.AddCounter(kRequests, kRequestsHelp, {{"code", "200"}})),
        refused(registry.AddCounter(kRequests, kRequestsHelp, {{"code", "503"}})),
        in_flight(
            registry.AddGauge("promhttp_metric_handler_requests_in_flight", "Scrapes being answered.")) {
    registry.AddCounter(kRequests, kRequestsHelp, {{"code", "500"}});
    for (const char* cause : {"encoding", "gathering"}) {
      registry.AddCounter("promhttp_metric_handler_errors_total", "Scrapes with an internal error.",
                          {{"cause", cause}});
    }
  }

  static constexpr std::string_view kRequests = "promhttp_metric_handler_requests_total";
  static constexpr std::string_view kRequestsHelp = "Scrapes answered, by status.";
  core::Counter& requests;
  core::Counter& refused;
  core::Gauge& in_flight;
};

// One scrape among those that are answered now. May outlive its request's handler no longer than the gauge.
class Scrape {
 public:
  explicit Scrape(core::Gauge& in_flight) : in_flight_(in_flight) { in_flight_.Add(1); }
  ~Scrape() { in_flight_.Add(-1); }
  Scrape(const Scrape&) = delete;
  Scrape& operator=(const Scrape&) = delete;

  // Whether there are more than `limit`, this one included.
  bool IsBeyond(int limit) const { return limit > 0 && in_flight_.value() > limit; }

 private:
  core::Gauge& in_flight_;
};

net::Router MakeRouter(const Options& options, node::NodeAgent& agent, core::Registry& registry) {
  net::Router router;
  router.Add("GET", options.telemetry_path,
             [&, metrics = ScrapeMetrics(registry)](const net::HttpRequest& request) {
               const node::CollectorChoice choice = ChosenCollectors(request);
               if (const core::Status checked = agent.Check(choice); !checked) {
                 return net::HttpResponse::Text(400, checked.error().message() + "\n");
               }
               const Scrape scrape(metrics.in_flight);
               if (scrape.IsBeyond(options.max_requests)) {
                 metrics.refused.Increment();
                 return net::HttpResponse::Text(
                     503, fmt::format("Limit of concurrent requests reached ({}), try again later.\n",
                                      options.max_requests));
               }
               net::HttpResponse response;
               response.headers.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
               response.body = agent.RenderText(choice);
               if (!options.disable_exporter_metrics) response.body += registry.RenderText();
               metrics.requests.Increment();
               return response;
             },
             {.priority = core::Priority::kIngest});
  if (options.telemetry_path != "/") {
    router.Add("GET", "/", [path = options.telemetry_path](const net::HttpRequest&) {
      return net::HttpResponse::Html(
          200, fmt::format("<!doctype html><title>Node Exporter</title><h1>Node Exporter</h1>"
                           "<p><a href=\"{}\">Metrics</a></p>\n",
                           path));
    });
  }
  return router;
}

// Every scrape takes the same memory again. By default the allocator gives it back after each, page by page
// to be zeroed for the next one, and keeps some of it for each thread; here one heap keeps it for all.
void KeepMemoryBetweenScrapes() {
  constexpr int kKeptBytes = 1 << 20;
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  ::mallopt(M_MMAP_THRESHOLD, kKeptBytes);
}

// The one flag that the original also takes from the environment.
Arguments WithEnvironment(Arguments arguments) {
  constexpr std::string_view kUrlFlag = "--collector.supervisord.url";
  const char* const url = std::getenv("SUPERVISORD_URL");
  const auto is_url = [&](std::string_view argument) { return argument.starts_with(kUrlFlag); };
  if (url != nullptr && *url != '\0' && std::ranges::none_of(arguments, is_url)) {
    arguments.push_back(fmt::format("{}={}", kUrlFlag, url));
  }
  return arguments;
}

core::Status Run(Options& options, node::NodeOptions node_options) {
  KeepMemoryBetweenScrapes();
  core::SignalWaiter signals;
  SEXTANT_ASSIGN(core::LogOptions log_options, MakeLogOptions(options.log));
  Services services(std::move(log_options));
  node::NodeAgent agent(std::move(node_options),
                        {.version = std::string(Version()), .revision = "", .branch = ""}, services.clock,
                        services.logger);
  net::HttpServerOptions server_options;
  server_options.listen = options.listen;
  if (options.use_systemd_sockets) {
    SEXTANT_ASSIGN(server_options.listen, SystemdSockets());
  }
  WebConfigFollower web(services, options.web_config_file);
  SEXTANT_TRY(web.Begin(server_options));
  SEXTANT_ASSIGN(
      auto server,
      net::HttpServer::Start(services.io, services.executor, services.clock, services.registry,
                             services.logger, MakeRouter(options, agent, services.registry), server_options));
  for (size_t i = 0; i < server_options.listen.size(); ++i) {
    services.logger.Info("listening", {{"address", server->bound_address(i)}});
  }
  web.Follow(*server);
  // Once for nobody: what is wrong is logged now, and what only a first collection needs belongs to the
  // start.
  agent.RenderText({});
  core::ReleaseStartPages();
  while (signals.Wait() == SIGHUP) web.Reload();
  signals.LetNextSignalKill();
  web.Stop();
  server->Stop(kStopGraceMs);
  services.logger.Info("stopped");
  return {};
}

}  // namespace

FlagSet NodeExporterFlags() {
  Options defaults;
  return MakeFlags(defaults);  // for its names and texts only: its targets end here
}

int RunNodeExporterProgram(const Arguments& arguments) {
  core::Result<node::ParsedNodeFlags> node_flags = node::ParseNodeFlags(WithEnvironment(arguments));
  if (!node_flags) {
    PrintError(kName, node_flags.error().message());
    return kExitUsage;
  }
  Options options;
  if (core::Status parsed = MakeFlags(options).Parse(node_flags->remaining); !parsed) {
    PrintError(kName, parsed.error().message());
    return kExitUsage;
  }
  core::InstallCrashHandler();
  if (core::Status ran = Run(options, std::move(node_flags->options)); !ran) {
    PrintError(kName, ran.error().message());
    return kExitFailed;
  }
  return kExitOk;
}

}  // namespace sextant::app
