// `sextant alertmanager` at work: alerting with its API, in place of the alertmanager server.
//
// Construct with Start, then wait for signals; Reload takes a changed configuration, Stop ends everything in
// order. All three are called from the main thread.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "alerting/alertmanager.h"
#include "app/services.h"
#include "app/web_flags.h"
#include "core/file.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "tracing/tracing.h"

namespace sextant::app {

struct AlertmanagerServerOptions {
  std::string config_file = "alertmanager.yml";
  std::string data_dir = "data/";
  std::vector<std::string> listen = {":9093"};
  WebOptions web;
  core::DurationMs request_timeout_ms = 0;  // of the API; 0: none
  size_t max_concurrent_gets = 0;           // 0: as many as there are processors, at least 8
  alerting::MatcherSyntax syntax = alerting::MatcherSyntax::kFallback;
  alerting::AlertmanagerOptions alerting;  // its URL and folder are set from the above
  core::LogOptions log;
};

class AlertmanagerServer {
 public:
  // Reads configuration and state, and returns once requests are answered. Errors are one line for a person.
  static core::Result<std::unique_ptr<AlertmanagerServer>> Start(AlertmanagerServerOptions options);
  ~AlertmanagerServer();  // stops
  AlertmanagerServer(const AlertmanagerServer&) = delete;
  AlertmanagerServer& operator=(const AlertmanagerServer&) = delete;

  // Reads the configuration again; on an error everything goes on as before. Those who asked for it over HTTP
  // are told how it went.
  core::Status Reload();
  // Stops taking requests, saves the state.
  void Stop();

  std::vector<std::string> urls() const;
  const core::Logger& logger() const { return services_.logger; }

 private:
  explicit AlertmanagerServer(AlertmanagerServerOptions options);
  core::Status Begin();
  core::Status Apply();
  void NoteConfig(const alerting::Config& config);
  net::Router MakeRouter();
  core::Result<net::HttpServerOptions> MakeServerOptions();
  core::Result<httpclient::WebSettings> ReadWeb() const;
  core::Status ApplyTracing(const alerting::Config& config);
  void SetWebHeaders(std::map<std::string, std::string> headers);
  std::string ExternalUrlOr(std::string_view address) const;

  AlertmanagerServerOptions options_;
  Services services_;
  core::PosixFileSystem files_;
  net::HttpClient client_;
  tracing::Tracing tracing_;
  core::Gauge& reload_successful_;
  core::Gauge& reload_time_;
  core::Gauge& config_hash_;
  std::string route_prefix_;
  std::string external_url_;
  // Of the web configuration file, on every answer.
  std::atomic<std::shared_ptr<const std::map<std::string, std::string>>> web_headers_;
  std::unique_ptr<alerting::Alertmanager> alertmanager_;
  std::unique_ptr<net::HttpServer> server_;
  bool is_tls_ = false;
  bool is_stopped_ = false;
  std::mutex mutex_;
  std::vector<std::function<void(core::Status)>> reload_waiters_;  // guarded by mutex_
};

}  // namespace sextant::app
