// The all-in-one server: scrape, store, query, rules, alerts and pages, wired together in one process.
//
// Construct with Start, then wait for signals; Reload takes a changed configuration, Stop ends everything in
// order. All three are called from the main thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/alertmanager_notifier.h"
#include "app/platform_config.h"
#include "app/services.h"
#include "app/store_flags.h"
#include "app/web_flags.h"
#include "core/result.h"
#include "metrics/promql/engine.h"
#include "metrics/remote/write_receiver.h"
#include "metrics/rules/rule_context.h"

namespace sextant::app {

// Pages beside our own.
struct PageOptions {
  std::string title;                  // in place of the product's name; empty: that stays
  std::string console_templates_dir;  // empty: no console templates
  std::string console_libraries_dir;
  std::string user_assets_dir;  // empty: none
};

struct PlatformOptions {
  std::vector<std::string> listen = {"127.0.0.1:9090"};
  std::string data_dir = "./data";
  StoreOptions store;
  WebOptions web;
  PageOptions pages;
  size_t max_notification_subscribers = 16;
  core::DurationMs discovery_interval_ms = 5'000;  // how often at most what was found is passed on
  NotifierOptions notifier;
  bool enable_admin_api = false;
  bool enable_remote_write_receiver = true;
  remote::WriteReceiverOptions write_receiver;
  bool enable_otlp_receiver = true;
  bool reads_created_times = false;  // of OpenMetrics' `_created` samples
  bool converts_otlp_deltas = false;
  bool keeps_otlp_deltas = false;
  // Only scrapes, takes samples and passes them on: nothing of the store can be read, and of what remote
  // write has sent only so much is kept.
  bool is_agent = false;
  core::DurationMs agent_kept_ms = 300'000;
  size_t remote_read_max_concurrent = 10;  // 0: no limit
  // How far from its moment a scrape may begin and still carry the moment as its time; 0: it never does.
  core::DurationMs scrape_time_tolerance_ms = 2;
  std::optional<core::DurationMs> web_read_timeout_ms;  // of requests, and of connections between them
  int64_t remote_read_max_samples = 50'000'000;         // of an answer in one piece; 0: no limit
  uint64_t remote_read_frame_bytes = 1'048'576;
  core::DurationMs remote_flush_ms = 60'000;  // how long the end waits for remote write
  uint64_t memory_limit_bytes = 0;            // 0: what the machine or cgroup has
  uint32_t max_series = 10'000'000;
  uint64_t max_connections = 1'000;
  ConfigSource config;
  // The host's collectors and the process's own metrics as targets, and the built-in Alertmanager: what the
  // platform does by itself, and the stand-ins for single programs do not.
  bool is_whole_platform = true;
  promql::EngineOptions engine;
  bool per_step_stats = false;  // `stats=all` of the API gives samples per step
  bool enable_search_api = false;
  int64_t search_max_limit = 10'000;
  std::string cors_origin;  // which origins may read the API's answers, as a regular expression; empty: none
  rules::RuleOptions rules;
  // How many rules that do not depend on each other may be evaluated besides those that are anyway; unset: a
  // group evaluates its rules in the order of the file.
  std::optional<size_t> max_concurrent_evals;
  core::LogOptions log;
  std::vector<std::pair<std::string, std::string>> flags;  // for /api/v1/status/flags
};

class Platform {
 public:
  // Opens the store, starts everything, and returns once requests are answered. Errors are one line for a
  // person.
  static core::Result<std::unique_ptr<Platform>> Start(PlatformOptions options);
  ~Platform();  // stops
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;

  // Reads the configuration again. On an error everything goes on as before; the error is also logged and
  // counted, and given to those who asked for the reload over HTTP. (They, and changed files, ask for it by
  // SIGHUP.)
  core::Status Reload();

  // Stops taking requests, finishes what is under way, makes everything durable. Ends the process by force if
  // that takes longer than 30 seconds.
  void Stop();

  // "http://127.0.0.1:9090", one per listen address.
  std::vector<std::string> urls() const;
  // Names of the scrape pools.
  std::vector<std::string> jobs() const;
  const core::Logger& logger() const;

 private:
  class Impl;
  explicit Platform(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sextant::app
