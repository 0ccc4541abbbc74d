#include "app/platform.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "agents/node/node_agent.h"
#include "alerting/alertmanager.h"
#include "api/admin_api.h"
#include "api/dashboards_api.h"
#include "api/exemplars_api.h"
#include "api/federate_api.h"
#include "api/query_api.h"
#include "api/remote_api.h"
#include "api/remote_read_api.h"
#include "api/rules_api.h"
#include "api/status_api.h"
#include "api/targets_api.h"
#include "app/alert_fanout.h"
#include "app/alertmanager_notifier.h"
#include "app/assets.h"
#include "app/pages.h"
#include "app/rule_runner.h"
#include "app/shutdown_guard.h"
#include "app/version.h"
#include "core/duration.h"
#include "core/file.h"
#include "core/memory_budget.h"
#include "dashboards/library.h"
#include "metrics/remote/write_storage.h"
#include "metrics/scrape/manager.h"
#include "metrics/tsdb/db.h"
#include "net/compression.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace sextant::app {

namespace {

using core::Result;
using core::Status;

// Shares of the memory that the process may use. What is left is for code, scraping and slack.
constexpr double kHeadShare = 0.5;
constexpr double kOutOfOrderShare = 0.1;  // within that of the head
constexpr double kQueryShare = 0.25;
constexpr double kRequestBodyShare = 0.05;

constexpr core::DurationMs kRequestGraceMs = 5'000;
constexpr core::DurationMs kShutdownBoundMs = 30'000;
// Leaving a large head to Prometheus takes a while; cut short, it leaves nothing to Prometheus.
constexpr core::DurationMs kStoreCloseBoundMs = 600'000;
constexpr core::DurationMs kLocalIntervalMs = 15'000;
constexpr std::string_view kTextFormat = "text/plain; version=0.0.4; charset=utf-8";

uint64_t Share(uint64_t bytes, double fraction) {
  return static_cast<uint64_t>(static_cast<double>(bytes) * fraction);
}

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

model::Labels ExternalLabels(const config::PrometheusConfig& config) {
  model::LabelsBuilder labels;
  for (const auto& [name, value] : config.global.external_labels) labels.Set(name, value);
  return labels.Build();
}

Status AddBuiltinDashboards(dashboards::Library& library) {
  for (const Asset& asset : EmbeddedAssets()) {
    if (!asset.name.starts_with("dashboards/")) continue;
    std::string json;
    SEXTANT_TRY(net::Decompress(net::Encoding::kGzip, asset.gzip, asset.size_bytes, json));
    SEXTANT_TRY(library.Add(std::move(json)).map_error(core::AddContext("{}", asset.name)));
  }
  return {};
}

}  // namespace

class Platform::Impl {
 public:
  explicit Impl(PlatformOptions options)
      : options_(std::move(options)),
        services_(options_.log),
        memory_limit_bytes_(options_.memory_limit_bytes != 0 ? options_.memory_limit_bytes
                                                             : core::DetectMemoryLimitBytes()),
        budget_(memory_limit_bytes_, services_.registry),
        client_(services_.io, services_.registry),
        notifier_(client_, services_.executor, services_.registry, services_.logger),
        reload_successful_(
            services_.registry.AddGauge("prometheus_config_last_reload_successful",
                                        "Whether the last configuration reload attempt was successful.")),
        reload_time_(services_.registry.AddGauge("prometheus_config_last_reload_success_timestamp_seconds",
                                                 "Timestamp of the last successful configuration reload.")) {
    services_.registry
        .AddGauge("sextant_build_info", "What runs here; the value is always 1.",
                  {{"version", std::string(Version())}})
        .Set(1);
  }

  Status Start();
  Status Reload();
  void Stop();

  std::vector<std::string> Urls() const;
  // The address of the pages in messages.
  std::string PageUrl() const;
  std::string RemoteDir() const { return core::JoinPath(options_.data_dir, "remote_write"); }
  std::vector<std::string> Jobs() const { return scrape_->PoolNames(); }
  const core::Logger& logger() const { return services_.logger; }

 private:
  Status OpenStore(const config::StorageConfig& config);
  Status StartServer();
  Status StartAlerting(std::shared_ptr<const alerting::Config> config);
  Status Apply(PlatformConfig config);
  std::vector<scrape::LocalJob> LocalJobs(const config::PrometheusConfig& config);
  net::Router MakeRouter();

  const PlatformOptions options_;
  Services services_;
  const uint64_t memory_limit_bytes_;
  core::MemoryBudget budget_;
  core::PosixFileSystem files_;
  net::HttpClient client_;
  AlertmanagerNotifier notifier_;
  core::Gauge& reload_successful_;
  core::Gauge& reload_time_;

  const std::shared_ptr<tsdb::ReplayProgress> replay_ = std::make_shared<tsdb::ReplayProgress>();
  std::unique_ptr<tsdb::Db> db_;
  std::unique_ptr<promql::Engine> engine_;
  std::unique_ptr<node::NodeAgent> node_agent_;
  std::unique_ptr<alerting::Alertmanager> alertmanager_;  // of the whole platform only
  std::unique_ptr<AlertFanout> alerts_;
  std::unique_ptr<scrape::ScrapeManager> scrape_;
  std::unique_ptr<RuleRunner> rules_;
  std::unique_ptr<remote::WriteReceiver> write_receiver_;  // null: not enabled
  const std::shared_ptr<model::CommitLogHold> journal_hold_ = std::make_shared<model::CommitLogHold>();
  std::unique_ptr<remote::WriteStorage> remote_write_;
  dashboards::Library dashboards_;
  std::unique_ptr<net::HttpServer> server_;

  std::atomic<bool> is_ready_ = false;
  bool is_stopped_ = false;
  mutable std::mutex config_mutex_;
  std::string config_yaml_;        // guarded by config_mutex_
  Retention retention_;            // likewise
  model::Labels external_labels_;  // likewise
};

Status Platform::Impl::OpenStore(const config::StorageConfig& config) {
  Retention retention = EffectiveRetention(options_.store.retention, config);
  tsdb::DbOptions store;
  store.dir = options_.data_dir;
  store.retention_ms = retention.time_ms;
  store.retention_bytes = retention.size_bytes;
  store.retention_percentage = retention.percentage;
  store.block_form = options_.store.block_form;
  store.block_range_ms = options_.store.min_block_ms;
  store.max_block_range_ms = options_.store.max_block_ms;
  store.limits.max_series = options_.max_series;
  store.limits.max_head_bytes = Share(memory_limit_bytes_, kHeadShare);
  store.limits.max_out_of_order_bytes = Share(memory_limit_bytes_, kOutOfOrderShare);
  store.out_of_order_window_ms = config.out_of_order_window_ms();
  store.stale_series_threshold = EffectiveStaleThreshold(options_.store, config);
  store.chunk_encodings = EffectiveChunkEncodings(options_.store, config);
  store.max_exemplars = config.max_exemplars();
  store.replay_progress = replay_;
  journal_hold_->first_file = remote::WriteStorage::FirstNeededFile(files_, RemoteDir());
  store.journal_hold = journal_hold_;
  SEXTANT_ASSIGN(db_, tsdb::Db::Open(files_, services_.clock, services_.logger, services_.registry, store));

  promql::EngineOptions engine = options_.engine;
  core::MemoryShare& query_memory = budget_.AddShare("queries", kQueryShare);
  engine.max_bytes = static_cast<int64_t>(query_memory.limit_bytes());
  engine.memory = &query_memory;
  engine_ = std::make_unique<promql::Engine>(engine, services_.clock, &services_.registry);
  return {};
}

std::vector<scrape::LocalJob> Platform::Impl::LocalJobs(const config::PrometheusConfig& config) {
  if (!options_.is_whole_platform) return {};
  std::vector<scrape::LocalJob> jobs;
  std::string host = HostName();
  jobs.push_back({"node", host, kLocalIntervalMs, [this]() -> Result<scrape::ScrapedBody> {
                    return scrape::ScrapedBody{node_agent_->RenderText(), std::string(kTextFormat)};
                  }});
  jobs.push_back({"sextant", host, kLocalIntervalMs, [this]() -> Result<scrape::ScrapedBody> {
                    return scrape::ScrapedBody{services_.registry.RenderText(), std::string(kTextFormat)};
                  }});
  // A job of the user's with the same name takes the place of ours.
  std::erase_if(jobs, [&](const scrape::LocalJob& job) {
    return std::ranges::any_of(config.scrape_configs,
                               [&](const config::ScrapeConfig& own) { return own.job_name == job.name; });
  });
  return jobs;
}

Status Platform::Impl::Apply(PlatformConfig config) {
  model::Labels external_labels = ExternalLabels(config.prometheus);
  if (alertmanager_) SEXTANT_TRY(alertmanager_->SetConfig(config.alerting));
  SEXTANT_TRY(notifier_.Apply(config.prometheus.alerting, external_labels));
  alerts_->SetExternalLabels(external_labels);
  SEXTANT_TRY(remote_write_->Apply(config.prometheus.remote_write, external_labels));
  SEXTANT_TRY(scrape_->Apply(config.prometheus.scrape_configs, LocalJobs(config.prometheus)));

  Retention retention = EffectiveRetention(options_.store.retention, config.prometheus.storage);
  db_->SetRetention(retention.time_ms, retention.size_bytes, retention.percentage);

  rules::RuleOptions rule_options = options_.rules;
  rule_options.default_interval_ms = config.prometheus.global.evaluation_interval_ms;
  rule_options.external_labels = config.prometheus.global.external_labels;
  rule_options.external_url = PageUrl();
  rules_->Update(rule_options, config.rule_files);
  db_->SetOutOfOrderWindow(config.prometheus.storage.out_of_order_window_ms());
  db_->SetMaxExemplars(config.prometheus.storage.max_exemplars());
  db_->SetStaleSeriesThreshold(EffectiveStaleThreshold(options_.store, config.prometheus.storage));
  db_->SetChunkEncodings(EffectiveChunkEncodings(options_.store, config.prometheus.storage));

  std::lock_guard lock(config_mutex_);
  external_labels_ = external_labels;
  retention_ = retention;
  config_yaml_ = config::DumpPrometheusConfig(config.prometheus);
  reload_successful_.Set(1);
  reload_time_.Set(static_cast<double>(services_.clock.NowMs() / 1000));
  return {};
}

net::Router Platform::Impl::MakeRouter() {
  net::Router router;
  api::AddQueryRoutes(router, {*db_, *engine_, services_.clock});
  api::AddExemplarRoutes(router, {*db_, options_.engine.parser});
  api::AddTargetRoutes(router, *scrape_);
  auto external_labels = [this] {
    std::lock_guard lock(config_mutex_);
    return external_labels_;
  };
  api::AddFederateRoutes(
      router, {*db_, services_.clock, services_.registry, options_.engine.lookback_ms, external_labels});
  api::AddRemoteReadRoutes(router, {*db_, services_.registry, external_labels,
                                    options_.remote_read_max_samples, options_.remote_read_frame_bytes});
  api::AddRemoteRoutes(router, {write_receiver_.get()});
  api::AddRuleRoutes(router, {rules_->manager(), [this] { return notifier_.Urls(); }});
  api::StatusInfo info;
  info.version = Version();
  info.start_ms = services_.clock.NowMs();
  std::error_code error;
  info.working_directory = std::filesystem::current_path(error).string();
  info.storage_retention = [this] {
    std::lock_guard lock(config_mutex_);
    return DescribeRetention(retention_);
  };
  info.flags = options_.flags;
  api::AddStatusRoutes(router, {info, *db_, services_.clock, services_.registry, is_ready_,
                                [this] {
                                  std::lock_guard lock(config_mutex_);
                                  return config_yaml_;
                                },
                                replay_});
  api::AddAdminRoutes(router, {*db_, services_.clock, options_.data_dir, options_.enable_admin_api});
  api::AddDashboardRoutes(router, dashboards_);
  AddPageRoutes(router);
  return router;
}

// Listens before the store is open: opening may take its time, and says how far it is.
Status Platform::Impl::StartServer() {
  net::Router router;
  api::AddStartRoutes(router, services_.registry, replay_);
  net::HttpServerOptions server;
  server.listen = options_.listen;
  server.limits.max_connections = options_.max_connections;
  server.limits.max_buffered_body_bytes = Share(memory_limit_bytes_, kRequestBodyShare);
  SEXTANT_ASSIGN(server_,
                 net::HttpServer::Start(services_.io, services_.executor, services_.clock, services_.registry,
                                        services_.logger, std::move(router), server));
  return {};
}

Status Platform::Impl::StartAlerting(std::shared_ptr<const alerting::Config> config) {
  if (options_.is_whole_platform) {
    alerting::AlertmanagerOptions alerting;
    alerting.external_url = PageUrl();
    alerting.data_dir = options_.data_dir + "/alerting";
    SEXTANT_ASSIGN(alertmanager_,
                   alerting::Alertmanager::Start(
                       std::move(config),
                       {services_.io, services_.executor, client_, services_.clock, services_.registry,
                        files_, services_.logger.With("component", "alerting")},
                       alerting));
  }
  alerts_ = std::make_unique<AlertFanout>(alertmanager_.get(), notifier_, services_.logger);
  return {};
}

Status Platform::Impl::Start() {
  // What the user wrote is checked before anything is touched.
  SEXTANT_ASSIGN(PlatformConfig config, LoadPlatformConfig(options_.config));
  SEXTANT_TRY(StartServer());
  SEXTANT_TRY(OpenStore(config.prometheus.storage));
  SEXTANT_TRY(AddBuiltinDashboards(dashboards_));
  if (options_.is_whole_platform) {
    node_agent_ = std::make_unique<node::NodeAgent>(
        node::DefaultNodeOptions(),
        node::BuildInfo{.version = std::string(Version()), .revision = "", .branch = ""}, services_.clock,
        services_.logger);
  }
  SEXTANT_TRY(StartAlerting(config.alerting));
  scrape_ = std::make_unique<scrape::ScrapeManager>(services_.io, client_, services_.executor,
                                                    services_.clock, *db_, services_.registry,
                                                    services_.logger, fmt::format("Sextant/{}", Version()));
  rules_ =
      std::make_unique<RuleRunner>(services_.io, services_.executor, services_.clock,
                                   rules::RuleContext{*engine_, *db_, *db_, alerts_.get(), services_.clock,
                                                      services_.registry, services_.logger});
  remote_write_ = std::make_unique<remote::WriteStorage>(
      remote::WriteServices{services_.io, client_, services_.executor, services_.clock, files_,
                            services_.registry, services_.logger.With("component", "remote_write"), *db_,
                            [this](std::string_view family) { return scrape_->metadata().List(family); },
                            fmt::format("Sextant/{}", Version()), RemoteDir()},
      journal_hold_);
  if (options_.enable_remote_write_receiver) {
    write_receiver_ = std::make_unique<remote::WriteReceiver>(
        *db_, services_.registry, services_.logger.With("component", "remote_write_receiver"),
        [this](std::string_view family, const model::MetricMetadata& metadata) {
          scrape_->metadata().Add(family, metadata);
        },
        options_.write_receiver);
  }
  server_->SetRouter(MakeRouter());
  SEXTANT_TRY(Apply(std::move(config)));
  is_ready_ = true;
  return {};
}

Status Platform::Impl::Reload() {
  Result<PlatformConfig> config = LoadPlatformConfig(options_.config);
  Status applied = config ? Apply(std::move(*config)) : Status(tl::unexpected(config.error()));
  if (!applied) {
    reload_successful_.Set(0);
    services_.logger.Error("configuration not reloaded; the one before stays in force",
                           {{"error", applied.error()}});
    return applied;
  }
  services_.logger.Info("configuration reloaded");
  return {};
}

void Platform::Impl::Stop() {
  if (is_stopped_) return;
  is_stopped_ = true;
  auto guard = std::make_unique<ShutdownGuard>(services_.logger, kShutdownBoundMs);
  bool was_ready = is_ready_.exchange(false);
  if (server_) server_->Stop(kRequestGraceMs);
  if (scrape_) scrape_->Stop();
  if (rules_) rules_->Stop();
  if (alertmanager_) alertmanager_->Stop();
  if (remote_write_) {
    guard = std::make_unique<ShutdownGuard>(services_.logger, options_.remote_flush_ms + kShutdownBoundMs);
    remote_write_->Stop(options_.remote_flush_ms);
    guard = std::make_unique<ShutdownGuard>(services_.logger, kShutdownBoundMs);
  }
  notifier_.Stop();
  client_.Stop();
  services_.executor.Stop();
  services_.io.Stop();
  guard = std::make_unique<ShutdownGuard>(services_.logger, kStoreCloseBoundMs);
  if (db_) {
    if (Status closed = db_->Close(); !closed)
      services_.logger.Error("the store did not close cleanly", {{"error", closed.error()}});
  }
  if (was_ready) services_.logger.Info("stopped");
}

std::vector<std::string> Platform::Impl::Urls() const {
  std::vector<std::string> urls;
  for (size_t i = 0; i < options_.listen.size(); ++i) urls.push_back("http://" + server_->bound_address(i));
  return urls;
}

std::string Platform::Impl::PageUrl() const {
  // An address that stands for all of the machine's is no address for a browser.
  std::string address = options_.listen.front();
  size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.empty() || host == "0.0.0.0" || host == "[::]") address = HostName() + address.substr(colon);
  return "http://" + address;
}

Result<std::unique_ptr<Platform>> Platform::Start(PlatformOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  if (Status started = impl->Start(); !started) {
    impl->Stop();
    return tl::unexpected(std::move(started).error());
  }
  return std::unique_ptr<Platform>(new Platform(std::move(impl)));
}

Platform::Platform(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Platform::~Platform() { impl_->Stop(); }

Status Platform::Reload() { return impl_->Reload(); }
void Platform::Stop() { impl_->Stop(); }
std::vector<std::string> Platform::urls() const { return impl_->Urls(); }
std::vector<std::string> Platform::jobs() const { return impl_->Jobs(); }
const core::Logger& Platform::logger() const { return impl_->logger(); }

}  // namespace sextant::app
