#include "app/alertmanager_server.h"

#include <unistd.h>
#include <xxhash.h>

#include <csignal>

#include "api/alertmanager_api.h"
#include "app/request_time_limit.h"
#include "app/shutdown_guard.h"
#include "app/version.h"
#include "core/process.h"

namespace sextant::app {

namespace {

using core::Result;
using core::Status;

constexpr core::DurationMs kRequestGraceMs = 5'000;
constexpr core::DurationMs kShutdownBoundMs = 30'000;
constexpr std::string_view kTextFormat = "text/plain; version=0.0.4; charset=utf-8";

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

void AddStatusRoutes(net::Router& router, const core::Registry& registry,
                     const alerting::Alertmanager& alertmanager) {
  for (const char* path : {"/-/healthy", "/-/ready"}) {
    router.Add("GET", path, [](const net::HttpRequest&) { return net::HttpResponse::Text(200, "OK"); },
               {.run_inline = true});
  }
  router.Add("GET", "/metrics", [&registry, &alertmanager](const net::HttpRequest&) {
    net::HttpResponse response =
        net::HttpResponse::Text(200, registry.RenderText() + alertmanager.GroupMetrics());
    response.headers.Set("Content-Type", kTextFormat);
    return response;
  });
  router.Add("GET", "/", [](const net::HttpRequest&) {
    return net::HttpResponse::Text(
        200,
        "Sextant in place of Alertmanager. The API is at api/v2/, metrics are at metrics; "
        "the pages are in the whole platform.\n");
  });
  for (const char* method : {"GET", "POST", "DELETE"}) {
    router.Add(method, "/api/v1/*", [](const net::HttpRequest&) {
      return net::HttpResponse::Json(
          410,
          "{\"status\":\"deprecated\",\"error\":\"The Alertmanager v1 API was deprecated in version 0.16.0 "
          "and is "
          "removed as of version 0.27.0 - please use the equivalent route in the v2 API\"}\n");
    });
  }
}

}  // namespace

AlertmanagerServer::AlertmanagerServer(AlertmanagerServerOptions options)
    : options_(std::move(options)),
      services_(options_.log),
      client_(services_.io, services_.registry, {.user_agent = fmt::format("Alertmanager/{}", Version())}),
      tracing_({services_.io, services_.executor, services_.clock, services_.registry,
                services_.logger.With("component", "tracing")},
               client_, {.service_name = "alertmanager", .version = std::string(Version())}),
      reload_successful_(
          services_.registry.AddGauge("alertmanager_config_last_reload_successful",
                                      "Whether the last attempt to take the configuration was successful.")),
      reload_time_(services_.registry.AddGauge("alertmanager_config_last_reload_success_timestamp_seconds",
                                               "When the configuration was last taken.")),
      config_hash_(services_.registry.AddGauge("alertmanager_config_hash",
                                               "A number that changes with the configuration.")) {
  services_.registry
      .AddGauge("alertmanager_build_info", "What runs here; the value is always 1.",
                {{"version", std::string(Version())}, {"revision", ""}, {"branch", ""}, {"goversion", ""}})
      .Set(1);
}

AlertmanagerServer::~AlertmanagerServer() { Stop(); }

Result<std::unique_ptr<AlertmanagerServer>> AlertmanagerServer::Start(AlertmanagerServerOptions options) {
  std::unique_ptr<AlertmanagerServer> server(new AlertmanagerServer(std::move(options)));
  SEXTANT_TRY(server->Begin());
  return server;
}

void AlertmanagerServer::NoteConfig(const alerting::Config& config) {
  reload_successful_.Set(1);
  reload_time_.Set(static_cast<double>(services_.clock.NowMs()) / 1000);
  // As many bits as a double holds.
  config_hash_.Set(static_cast<double>(XXH64(config.text.data(), config.text.size(), 0) >> 16));
}

// What stands in messages when nobody said otherwise: an address that stands for all of the machine's is none
// for a browser.
std::string AlertmanagerServer::ExternalUrlOr(std::string_view address) const {
  if (!external_url_.empty()) return external_url_;
  // A socket of systemd's does not say its port before it is served on.
  if (address.starts_with("fd:")) address = ":9093";
  const size_t colon = address.rfind(':');
  const std::string_view host = address.substr(0, colon);
  const bool is_any = host.empty() || host == "0.0.0.0" || host == "[::]";
  return fmt::format("{}://{}{}{}", is_tls_ ? "https" : "http", is_any ? HostName() : std::string(host),
                     address.substr(colon), route_prefix_);
}

void AlertmanagerServer::SetWebHeaders(std::map<std::string, std::string> headers) {
  web_headers_ = std::make_shared<const std::map<std::string, std::string>>(std::move(headers));
}

Result<net::HttpServerOptions> AlertmanagerServer::MakeServerOptions() {
  net::HttpServerOptions server;
  server.listen = options_.listen;
  SEXTANT_ASSIGN(httpclient::WebSettings web, LoadWebSettings(options_.web));
  server.security = std::move(web.security);
  server.tracer = tracing_.tracer();
  SetWebHeaders(std::move(web.headers));
  // As upstream: every page may read the API.
  server.add_headers = [this](const net::HttpRequest& request, net::HttpHeaders& headers) {
    const auto fixed = web_headers_.load();
    for (const auto& [name, value] : *fixed) headers.Set(name, value);
    if (!request.path.starts_with("/api/")) return;
    headers.Add("Vary", "Origin");
    if (request.headers.Has("Origin")) headers.Set("Access-Control-Allow-Origin", "*");
  };
  return server;
}

Status AlertmanagerServer::Begin() {
  SEXTANT_ASSIGN(auto config, alerting::LoadConfig(options_.config_file, options_.syntax));
  SEXTANT_ASSIGN(route_prefix_, RoutePrefix(options_.web));
  SEXTANT_ASSIGN(external_url_, ExternalUrl(options_.web));
  SEXTANT_ASSIGN(net::HttpServerOptions server, MakeServerOptions());
  is_tls_ = server.security.has_tls();
  options_.alerting.external_url = ExternalUrlOr(options_.listen.front());
  options_.alerting.data_dir = options_.data_dir;
  options_.alerting.version = Version();
  options_.alerting.instance = HostName();
  NoteConfig(*config);
  SEXTANT_TRY(ApplyTracing(*config));
  SEXTANT_ASSIGN(alertmanager_, alerting::Alertmanager::Start(
                                    std::move(config),
                                    {services_.io, services_.executor, client_, services_.clock,
                                     services_.registry, files_, services_.logger, tracing_.tracer()},
                                    options_.alerting));
  SEXTANT_ASSIGN(server_, net::HttpServer::Start(services_.io, services_.executor, services_.clock,
                                                 services_.registry, services_.logger, MakeRouter(), server));
  return {};
}

net::Router AlertmanagerServer::MakeRouter() {
  net::Router router;
  api::AddAlertmanagerRoutes(
      router, {*alertmanager_, services_.registry, std::string(Version()), options_.max_concurrent_gets});
  if (options_.request_timeout_ms > 0) LimitRequestTime(router, services_.io, options_.request_timeout_ms);
  router.SetPrefix(route_prefix_);
  AddStatusRoutes(router, services_.registry, *alertmanager_);
  router.AddStream("POST", "/-/reload", [this](net::HttpRequest, net::ResponseWriter writer) {
    // std::function wants what it holds to be copied.
    auto shared = std::make_shared<net::ResponseWriter>(std::move(writer));
    {
      std::lock_guard lock(mutex_);
      reload_waiters_.push_back([shared](const Status& reloaded) {
        shared->Send(reloaded ? net::HttpResponse::Text(200, "")
                              : net::HttpResponse::Text(500, fmt::format("failed to reload config: {}\n",
                                                                         reloaded.error().message())));
      });
    }
    core::SignalSelf(SIGHUP);
  });
  return router;
}

// Refuses what SetSecurity would, so that nothing has changed by then.
Result<httpclient::WebSettings> AlertmanagerServer::ReadWeb() const {
  SEXTANT_ASSIGN(httpclient::WebSettings web, LoadWebSettings(options_.web));
  SEXTANT_TRY(CheckWebSecurity(web.security, is_tls_));
  return web;
}

Status AlertmanagerServer::ApplyTracing(const alerting::Config& config) {
  return tracing_.Apply(config.tracing ? std::optional(config::ToTracingConfig(*config.tracing))
                                       : std::nullopt);
}

Status AlertmanagerServer::Apply() {
  SEXTANT_ASSIGN(auto config, alerting::LoadConfig(options_.config_file, options_.syntax));
  SEXTANT_ASSIGN(httpclient::WebSettings web, ReadWeb());
  SEXTANT_TRY(ApplyTracing(*config));
  SEXTANT_TRY(alertmanager_->SetConfig(config));
  NoteConfig(*config);
  if (options_.web.config_file.empty()) return {};
  SEXTANT_TRY(server_->SetSecurity(web.security));
  SetWebHeaders(std::move(web.headers));
  return {};
}

Status AlertmanagerServer::Reload() {
  std::vector<std::function<void(Status)>> waiters;
  {
    std::lock_guard lock(mutex_);
    waiters.swap(reload_waiters_);
  }
  const Status applied = Apply();
  if (applied) {
    services_.logger.Info("configuration reloaded", {{"file", options_.config_file}});
  } else {
    reload_successful_.Set(0);
    services_.logger.Error("configuration not reloaded; the one before stays in force",
                           {{"error", applied.error()}});
  }
  for (const auto& waiter : waiters) waiter(applied);
  return applied;
}

void AlertmanagerServer::Stop() {
  if (is_stopped_) return;
  is_stopped_ = true;
  ShutdownGuard guard(services_.logger, kShutdownBoundMs);
  {
    std::lock_guard lock(mutex_);
    reload_waiters_.clear();
  }
  if (server_) server_->Stop(kRequestGraceMs);
  if (alertmanager_) alertmanager_->Stop();
  tracing_.Stop();
  client_.Stop();
  services_.executor.Stop();
  services_.io.Stop();
  if (server_) services_.logger.Info("stopped");
}

std::vector<std::string> AlertmanagerServer::urls() const {
  std::vector<std::string> urls;
  for (size_t i = 0; i < options_.listen.size(); ++i)
    urls.push_back(
        fmt::format("{}://{}{}", is_tls_ ? "https" : "http", server_->bound_address(i), route_prefix_));
  return urls;
}

}  // namespace sextant::app
