#include "app/platform.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <thread>

#include "agents/node/node_agent.h"
#include "agents/node/usage/host_watch.h"
#include "alerting/alertmanager.h"
#include "api/admin_api.h"
#include "api/agent_api.h"
#include "api/alertmanager_api.h"
#include "api/annotations_api.h"
#include "api/batch_api.h"
#include "api/consoles_api.h"
#include "api/cors.h"
#include "api/dashboards_api.h"
#include "api/data_sources_api.h"
#include "api/exemplars_api.h"
#include "api/explain_api.h"
#include "api/features_api.h"
#include "api/federate_api.h"
#include "api/frame_query_api.h"
#include "api/host_api.h"
#include "api/lifecycle_api.h"
#include "api/notifications_api.h"
#include "api/openapi_api.h"
#include "api/query_api.h"
#include "api/remote_api.h"
#include "api/remote_read_api.h"
#include "api/rules_api.h"
#include "api/search_api.h"
#include "api/self_metrics_api.h"
#include "api/status_api.h"
#include "api/target_metadata_api.h"
#include "api/targets_api.h"
#include "api/users_api.h"
#include "app/alert_fanout.h"
#include "app/assets.h"
#include "app/collector_service.h"
#include "app/dashboard_service.h"
#include "app/pages.h"
#include "app/rule_runner.h"
#include "app/shutdown_guard.h"
#include "app/user_service.h"
#include "app/version.h"
#include "core/duration.h"
#include "core/file.h"
#include "core/memory_budget.h"
#include "core/parallel.h"
#include "core/process.h"
#include "metrics/discovery/manager.h"
#include "metrics/promql/query_log.h"
#include "metrics/remote/otlp_receiver.h"
#include "metrics/remote/otlp_store.h"
#include "metrics/remote/read_storage.h"
#include "metrics/remote/write_storage.h"
#include "metrics/scrape/manager.h"
#include "metrics/tsdb/db.h"
#include "net/compression.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/url.h"
#include "tracing/tracing.h"

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
// What pipelines have taken is handed on, each component within its own limits.
constexpr core::DurationMs kPipelineDrainMs = 60'000;
// Leaving a large head to Prometheus takes a while; cut short, it leaves nothing to Prometheus.
constexpr core::DurationMs kStoreCloseBoundMs = 600'000;
constexpr core::DurationMs kMinAutoReloadMs = 1'000;
constexpr core::DurationMs kLocalIntervalMs = 15'000;
constexpr int64_t kRecentIntervalNs = 1'000'000'000;
constexpr std::string_view kTextFormat = "text/plain; version=0.0.4; charset=utf-8";

// As Go calls it.
#if defined(__x86_64__)
constexpr std::string_view kArchitecture = "amd64";
#elif defined(__aarch64__)
constexpr std::string_view kArchitecture = "arm64";
#else
constexpr std::string_view kArchitecture = "unknown";
#endif

// Notifications.
constexpr std::string_view kStarting =
    "The server is starting: it reads what it had not yet written to blocks.";
constexpr std::string_view kReloadFailed = "Configuration reload has failed.";
constexpr std::string_view kStopping = "The server is shutting down.";

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

// Both take the same header.
Status CheckOneKindOfUsers(const PlatformConfig& config, const httpclient::WebSettings& web) {
  if (config.users == nullptr || web.security.basic_auth_users.empty()) return {};
  return core::Fail(
      core::Code::kInvalidArgument,
      "--web.config.file: basic_auth_users cannot be used together with grafana.ini, whose users log "
      "in by basic authentication too; leave one of them out");
}

Result<std::string> ReadAsset(std::string_view name) {
  const Asset* asset = FindAsset(name);
  if (asset == nullptr) return core::Fail(core::Code::kInternal, "{} is not embedded", name);
  std::string text;
  SEXTANT_TRY(net::Decompress(net::Encoding::kGzip, asset->gzip, asset->size_bytes, text));
  return text;
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
        tracing_({services_.io, services_.executor, services_.clock, services_.registry,
                  services_.logger.With("component", "tracing")},
                 client_,
                 {.service_name = options_.is_whole_platform ? "sextant" : "prometheus",
                  .version = std::string(Version())}),
        notifier_(client_, services_.executor, services_.clock, services_.registry, services_.logger,
                  options_.notifier),
        notifications_(services_.clock, services_.registry, options_.max_notification_subscribers),
        reload_successful_(
            services_.registry.AddGauge("prometheus_config_last_reload_successful",
                                        "Whether the last configuration reload attempt was successful.")),
        reload_time_(services_.registry.AddGauge("prometheus_config_last_reload_success_timestamp_seconds",
                                                 "Timestamp of the last successful configuration reload.")),
        query_gate_(static_cast<size_t>(options_.engine.max_concurrency)),
        auto_reload_timer_(services_.io, services_.executor, core::Priority::kBackground) {
    services_.registry
        .AddGauge("sextant_build_info", "What runs here; the value is always 1.",
                  {{"version", std::string(Version())}})
        .Set(1);
    services_.registry
        .AddGauge(
            "prometheus_build_info", "The same under the name that Prometheus' dashboards ask for.",
            {{"goarch", std::string(kArchitecture)}, {"goos", "linux"}, {"version", std::string(Version())}})
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
  Status StartServer(const PlatformConfig& config);
  core::Result<api::HeaderHook> MakeAddHeaders() const;
  Result<httpclient::WebSettings> ReadWeb(const PlatformConfig& config) const;
  Status ApplyWeb(httpclient::WebSettings web, const std::shared_ptr<const users::Settings>& users);
  Status ApplyAll(PlatformConfig config);
  void LookForChanges();
  void NoteFiles(const PlatformConfig& config);
  Status StartAlerting(std::shared_ptr<const alerting::Config> config);
  void StartHostAgent();
  void SampleHostAt(int64_t monotonic_ns);
  Status Apply(PlatformConfig config);
  Status ApplyCollector(const PlatformConfig& config);
  void ApplyDiscovery(const config::PrometheusConfig& config);
  std::vector<scrape::LocalJob> LocalJobs(const config::PrometheusConfig& config);
  net::Router MakeRouter();
  void AddStoreRoutes(net::Router& router, const std::function<model::Labels()>& external_labels);
  void AddOriginalsRoutes(net::Router& router);
  void AddDashboardRoutes(net::Router& router);
  bool IsOwnUrl(std::string_view url) const;

  const PlatformOptions options_;
  Services services_;
  const uint64_t memory_limit_bytes_;
  const std::string user_agent_ = fmt::format("Sextant/{}", Version());
  core::MemoryBudget budget_;
  core::PosixFileSystem files_;
  net::HttpClient client_;
  tracing::Tracing tracing_;
  AlertmanagerNotifier notifier_;
  api::NotificationBoard notifications_;
  core::Gauge& reload_successful_;
  core::Gauge& reload_time_;

  const std::shared_ptr<tsdb::ReplayProgress> replay_ = std::make_shared<tsdb::ReplayProgress>();
  std::unique_ptr<tsdb::Db> db_;
  std::unique_ptr<remote::ReadStorage> queryable_;  // db_ and what remote_read names
  std::unique_ptr<promql::QueryLog> query_log_;
  std::unique_ptr<core::ExecutorParallel> query_helpers_;
  std::unique_ptr<promql::Engine> engine_;
  api::QueryGate query_gate_;
  std::unique_ptr<node::HostWatch> host_watch_;  // of the whole platform only, as the two below
  std::unique_ptr<net::Timer> recent_timer_;
  std::unique_ptr<node::NodeAgent> node_agent_;
  std::unique_ptr<alerting::Alertmanager> alertmanager_;  // of the whole platform only
  std::unique_ptr<AlertFanout> alerts_;
  std::unique_ptr<scrape::ScrapeManager> scrape_;
  std::unique_ptr<discovery::Manager> target_discovery_;  // from the first configuration on that needs it
  std::unique_ptr<discovery::Manager> alertmanager_discovery_;  // likewise
  uint64_t alertmanager_generation_ = 0;                        // of what it looks for
  std::unique_ptr<rules::ConcurrentEvals> concurrent_evals_;    // null: not enabled
  std::unique_ptr<RuleRunner> rules_;
  std::unique_ptr<remote::WriteReceiver> write_receiver_;  // null: not enabled
  std::unique_ptr<remote::OtlpStore> otlp_store_;
  std::unique_ptr<remote::OtlpReceiver> otlp_receiver_;  // null: not enabled
  std::unique_ptr<CollectorService> collector_;          // of the whole platform only
  const std::shared_ptr<model::CommitLogHold> journal_hold_ = std::make_shared<model::CommitLogHold>();
  std::unique_ptr<remote::WriteStorage> remote_write_;
  std::unique_ptr<DashboardService> dashboards_;
  net::Router own_routes_;  // what the server's own data sources answer
  std::string openapi_;     // as it is embedded
  std::unique_ptr<UserService> users_;
  std::unique_ptr<net::HttpServer> server_;

  std::atomic<bool> is_ready_ = false;
  bool is_stopped_ = false;
  bool is_tls_ = false;
  bool has_web_users_ = false;  // of the web configuration file
  // Of the web configuration file; null: none.
  std::atomic<std::shared_ptr<const std::map<std::string, std::string>>> web_headers_;
  std::string route_prefix_;
  std::string external_url_;  // without a slash at its end; empty: not given
  net::Timer auto_reload_timer_;
  mutable std::mutex config_mutex_;
  std::vector<std::function<void(Status)>> reload_waiters_;  // guarded by config_mutex_, as what follows
  std::vector<std::string> watched_files_;
  std::vector<std::string> watched_patterns_;
  uint64_t files_fingerprint_ = 0;
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
  store.adds_zeros_at_start = options_.store.adds_zeros_at_start;
  store.chunk_encodings = EffectiveChunkEncodings(options_.store, config);
  store.max_exemplars = config.max_exemplars();
  store.upload_list_path = options_.store.upload_list_path;
  if (options_.store.journal_segment_bytes > 0) {
    store.journal_segment_bytes = options_.store.journal_segment_bytes;
  }
  store.replay_progress = replay_;
  if (options_.is_agent) {
    store.journal_only = true;
    store.block_form = tsdb::BlockForm::kDense;
    store.block_range_ms = options_.agent_kept_ms;
    store.max_block_range_ms = 0;
    store.stale_series_threshold = 0;
  }
  journal_hold_->first_file = remote::WriteStorage::FirstNeededFile(files_, RemoteDir());
  store.journal_hold = journal_hold_;
  SEXTANT_ASSIGN(db_, tsdb::Db::Open(files_, services_.clock, services_.logger, services_.registry, store));

  queryable_ = std::make_unique<remote::ReadStorage>(
      *db_,
      [this]() -> std::optional<core::TimestampMs> {
        std::optional<core::TimestampMs> oldest_ms = db_->OldestTimeMs();
        // What came while everything was starting may have holes.
        if (oldest_ms) *oldest_ms += 2 * options_.store.min_block_ms;
        return oldest_ms;
      },
      remote::ReadServices{client_, services_.clock, services_.registry, user_agent_, tracing_.tracer()});

  promql::EngineOptions engine = options_.engine;
  core::MemoryShare& query_memory = budget_.AddShare("queries", kQueryShare);
  engine.max_bytes = static_cast<int64_t>(query_memory.limit_bytes());
  engine.memory = &query_memory;
  query_log_ = std::make_unique<promql::QueryLog>(files_, services_.clock, &services_.registry);
  engine.query_log = query_log_.get();
  engine.tracer = tracing_.tracer();
  query_helpers_ = std::make_unique<core::ExecutorParallel>(
      services_.executor, core::Priority::kQuery, std::max(1u, std::thread::hardware_concurrency()));
  engine.parallel = query_helpers_.get();
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
  // First, since new pipelines may find their ports taken, and then nothing is to have changed.
  if (collector_) SEXTANT_TRY(ApplyCollector(config));
  SEXTANT_TRY(tracing_.Apply(config.prometheus.tracing));
  SEXTANT_TRY(query_log_->SetFile(config.prometheus.global.query_log_file));
  model::Labels external_labels = ExternalLabels(config.prometheus);
  if (alertmanager_) SEXTANT_TRY(alertmanager_->SetConfig(config.alerting));
  SEXTANT_TRY(notifier_.Apply(config.prometheus.alerting, external_labels));
  alerts_->SetExternalLabels(external_labels);
  SEXTANT_TRY(remote_write_->Apply(config.prometheus.remote_write, external_labels));
  queryable_->Apply(config.prometheus.remote_read, external_labels);
  otlp_store_->SetConfig(config.prometheus.otlp);
  SEXTANT_TRY(scrape_->Apply(config.prometheus.scrape_configs, LocalJobs(config.prometheus)));
  ApplyDiscovery(config.prometheus);

  Retention retention = EffectiveRetention(options_.store.retention, config.prometheus.storage);
  db_->SetRetention(retention.time_ms, retention.size_bytes, retention.percentage);
  dashboards_->Apply(config.grafana);

  rules::RuleOptions rule_options = options_.rules;
  rule_options.default_interval_ms = config.prometheus.global.evaluation_interval_ms;
  rule_options.default_query_offset_ms = config.prometheus.global.rule_query_offset_ms;
  rule_options.external_labels = config.prometheus.global.external_labels;
  rule_options.external_url = PageUrl();
  rules_->Update(rule_options, config.rule_files);
  db_->SetOutOfOrderWindow(config.prometheus.storage.out_of_order_window_ms());
  db_->SetMaxExemplars(config.prometheus.storage.max_exemplars());
  db_->SetStaleSeriesThreshold(
      options_.is_agent ? 0 : EffectiveStaleThreshold(options_.store, config.prometheus.storage));
  db_->SetChunkEncodings(EffectiveChunkEncodings(options_.store, config.prometheus.storage));

  std::lock_guard lock(config_mutex_);
  external_labels_ = external_labels;
  retention_ = retention;
  config_yaml_ = config::DumpPrometheusConfig(config.prometheus);
  reload_successful_.Set(1);
  reload_time_.Set(static_cast<double>(services_.clock.NowMs() / 1000));
  return {};
}

Status Platform::Impl::ApplyCollector(const PlatformConfig& config) {
  CollectorSettings settings = config.collector;
  // Where somebody must say who they are, no port is open besides that nobody asked for.
  const bool is_guarded = config.users != nullptr || has_web_users_;
  if (is_guarded && settings.kind == CollectorSettings::Kind::kBuiltin)
    settings.kind = CollectorSettings::Kind::kNone;
  return collector_->Apply(settings).map_error(core::AddContext("otelcol"));
}

// Looks for targets and Alertmanagers as the configuration says.
void Platform::Impl::ApplyDiscovery(const config::PrometheusConfig& config) {
  std::map<std::string, config::DiscoveryConfigs> jobs;
  for (const config::ScrapeConfig& job : config.scrape_configs) {
    if (!job.discovery.empty()) jobs[job.job_name] = job.discovery;
  }
  std::map<std::string, config::DiscoveryConfigs> alertmanagers;
  for (size_t i = 0; i < config.alerting.alertmanagers.size(); ++i) {
    const config::DiscoveryConfigs& found = config.alerting.alertmanagers[i].discovery;
    if (!found.empty()) alertmanagers[AlertmanagerNotifier::DiscoverySet(i)] = found;
  }
  auto apply = [&](std::unique_ptr<discovery::Manager>& manager, std::string name, const auto& sets,
                   discovery::Manager::Update update) {
    if (!manager && sets.empty()) return;  // nothing to look for, and never was
    if (!manager) {
      discovery::Services services{services_.io,       client_,
                                   services_.executor, services_.clock,
                                   services_.registry, services_.logger.With("component", "discovery"),
                                   user_agent_};
      discovery::ManagerOptions options;
      options.name = std::move(name);
      options.interval_ms = options_.discovery_interval_ms;
      manager =
          std::make_unique<discovery::Manager>(std::move(services), std::move(options), std::move(update));
    }
    manager->Apply(sets);
  };
  apply(target_discovery_, "scrape", jobs,
        [this](discovery::TargetSets sets) { scrape_->SetDiscovered(std::move(sets)); });
  uint64_t generation = notifier_.discovery_generation();
  if (alertmanager_discovery_ && generation != alertmanager_generation_) {
    alertmanager_discovery_->Stop();
    alertmanager_discovery_.reset();
  }
  alertmanager_generation_ = generation;
  apply(alertmanager_discovery_, "notify", alertmanagers, [this, generation](discovery::TargetSets sets) {
    notifier_.SetDiscovered(generation, std::move(sets));
  });
}

// What reads the store.
void Platform::Impl::AddStoreRoutes(net::Router& router,
                                    const std::function<model::Labels()>& external_labels) {
  const api::QueryApiDeps queries{*queryable_, *engine_, services_.clock, query_gate_,
                                  options_.per_step_stats};
  api::AddQueryRoutes(router, queries);
  api::AddExplainRoutes(router, queries);
  api::AddSearchRoutes(router, {*queryable_, *engine_, scrape_->metadata(), services_.clock,
                                options_.enable_search_api, options_.search_max_limit});
  api::AddExemplarRoutes(router, {*db_, options_.engine.parser});
  api::AddFederateRoutes(router, {*db_, services_.clock, services_.registry, options_.engine.lookback_ms,
                                  external_labels, engine_->Limits({})});
  api::AddRemoteReadRoutes(
      router, {*queryable_, services_.registry, external_labels, options_.remote_read_max_samples,
               options_.remote_read_frame_bytes, options_.remote_read_max_concurrent});
  api::AddRuleRoutes(router, {rules_->manager(), [this] { return notifier_.Urls(); }});
  api::AddAdminRoutes(router, {*db_, services_.clock, options_.data_dir, options_.enable_admin_api});
}

// What Prometheus and Alertmanager answer to those who read.
void Platform::Impl::AddOriginalsRoutes(net::Router& router) {
  api::AddTargetRoutes(router, *scrape_);
  api::AddTargetMetadataRoute(router, *scrape_);
  api::AddNotificationRoutes(router, notifications_);
  api::AddSelfMetricsRoute(router, services_.registry);
  auto external_labels = [this] {
    std::lock_guard lock(config_mutex_);
    return external_labels_;
  };
  if (options_.is_agent) {
    api::AddAgentRoutes(router);
  } else {
    AddStoreRoutes(router, external_labels);
  }
  if (alertmanager_)
    api::AddAlertmanagerRoutes(router, {*alertmanager_, services_.registry, std::string(Version())});
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
                                replay_, options_.is_agent});
}

// Dashboards, folders and data sources, and the queries of dashboards.
void Platform::Impl::AddDashboardRoutes(net::Router& router) {
  api::AddDashboardRoutes(router, {dashboards_->library(), std::string(Version()), "home",
                                   [access = users_->access()](const net::HttpRequest& request) {
                                     return api::PreferredHome(*access, request);
                                   }});
  api::AddAnnotationRoutes(router, dashboards_->annotations(), services_.clock);
  AddOriginalsRoutes(own_routes_);
  api::AddDataSourceRoutes(router, {dashboards_->sources(), client_, services_.executor, services_.registry,
                                    user_agent_, own_routes_, [this] { return dashboards_->Reload(); },
                                    [this] { return dashboards_->Problems(); }});
  if (options_.is_agent) return;
  const api::QueryApiDeps queries{*queryable_, *engine_, services_.clock, query_gate_,
                                  options_.per_step_stats};
  api::AddFrameQueryRoutes(router, {queries, dashboards_->sources()});
  api::AddBatchRoutes(router, queries, {*db_, options_.engine.parser}, services_.executor);
}

// Whether a data source's URL is one of ours.
bool Platform::Impl::IsOwnUrl(std::string_view text) const {
  auto url = net::ParseUrl(text);
  if (!url) return false;
  auto without_slash = [](std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    return path;
  };
  if (!external_url_.empty() && without_slash(text) == external_url_) return true;
  if (url->scheme != (is_tls_ ? "https" : "http") || without_slash(url->path) != route_prefix_) return false;
  bool is_here = url->host == "localhost" || url->host == "127.0.0.1" || url->host == "::1";
  for (size_t i = 0; i < options_.listen.size() && is_here; ++i) {
    auto bound = net::ParseHostPort(server_->bound_address(i));
    if (bound && bound->port == url->EffectivePort()) return true;
  }
  return false;
}

net::Router Platform::Impl::MakeRouter() {
  net::Router router;
  api::FeatureSwitches features;
  features.engine = options_.engine;
  features.per_step_stats = options_.per_step_stats;
  features.admin_api = options_.enable_admin_api;
  features.search_api = options_.enable_search_api;
  features.lifecycle = options_.web.enable_lifecycle;
  features.remote_write_receiver = options_.enable_remote_write_receiver;
  features.auto_reload = options_.web.auto_reload;
  features.otlp_write_receiver = options_.enable_otlp_receiver;
  features.otlp_delta_conversion = options_.converts_otlp_deltas;
  features.otlp_native_delta = options_.keeps_otlp_deltas;
  features.agent_mode = options_.is_agent;
  features.xor2_encoding = options_.store.chunk_encodings.xor2_floats;
  features.histograms_st_encoding = options_.store.chunk_encodings.histogram_start_times;
  features.start_zeros = options_.store.adds_zeros_at_start;
  features.extra_scrape_metrics = options_.config.extra_scrape_metrics;
  features.concurrent_rule_eval = options_.max_concurrent_evals.has_value();
  features.host_watch = host_watch_ != nullptr;
  api::AddFeatureRoutes(router, features);
  api::AddOpenApiRoutes(router, openapi_, {std::string(Version()), PageUrl() + "/api/v1"});
  AddOriginalsRoutes(router);
  api::AddRemoteRoutes(router, {write_receiver_.get(), otlp_receiver_.get()});
  router.SetPrefix(route_prefix_);
  api::AddLifecycleRoutes(router, {options_.web.enable_lifecycle,
                                   [this](std::function<void(Status)> done) {
                                     {
                                       std::lock_guard lock(config_mutex_);
                                       reload_waiters_.push_back(std::move(done));
                                     }
                                     core::SignalSelf(SIGHUP);
                                   },
                                   [] { core::SignalSelf(SIGTERM); }});
  if (collector_) collector_->AddRoutes(router);
  if (host_watch_) api::AddHostRoutes(router, *host_watch_, services_.clock);
  AddDashboardRoutes(router);
  api::AddUserRoutes(router, {*users_->access(), services_.executor, services_.registry, services_.clock});
  if (!options_.pages.console_templates_dir.empty() && !options_.is_agent) {
    api::AddConsoleRoutes(router, {options_.pages.console_templates_dir, options_.pages.console_libraries_dir,
                                   PageUrl(), *engine_, *queryable_, services_.clock, [this] {
                                     std::map<std::string, std::string> labels;
                                     std::lock_guard lock(config_mutex_);
                                     for (model::LabelView label : external_labels_)
                                       labels.emplace(label.name, label.value);
                                     return labels;
                                   }});
  }
  api::AddUserAssetRoutes(router, options_.pages.user_assets_dir);
  AddPageRoutes(router, options_.pages.title);
  return router;
}

// What each answer gets beside its own headers: those of the web configuration file, and CORS'.
core::Result<api::HeaderHook> Platform::Impl::MakeAddHeaders() const {
  api::HeaderHook cors;
  if (!options_.cors_origin.empty()) {
    SEXTANT_ASSIGN(cors,
                   api::MakeCors(options_.cors_origin).map_error(core::AddContext("--web.cors.origin")));
  }
  if (options_.web.config_file.empty()) return cors;
  return [this, cors = std::move(cors)](const net::HttpRequest& request, net::HttpHeaders& headers) {
    if (auto fixed = web_headers_.load()) {
      for (const auto& [name, value] : *fixed) headers.Set(name, value);
    }
    if (cors) cors(request, headers);
  };
}

// Listens before the store is open: opening may take its time, and says how far it is.
Status Platform::Impl::StartServer(const PlatformConfig& config) {
  net::Router router;
  api::AddStartRoutes(router, services_.registry, replay_);
  api::AddNotificationRoutes(router, notifications_);
  notifications_.Show(kStarting);
  router.SetPrefix(route_prefix_);
  net::HttpServerOptions server;
  server.listen = options_.listen;
  server.limits.max_connections = options_.max_connections;
  if (options_.web_read_timeout_ms) {
    server.timeouts.body_ms = *options_.web_read_timeout_ms;
    server.timeouts.idle_ms = *options_.web_read_timeout_ms;
    server.timeouts.header_ms = std::min(server.timeouts.header_ms, *options_.web_read_timeout_ms);
  }
  SEXTANT_ASSIGN(httpclient::WebSettings web, LoadWebSettings(options_.web));
  SEXTANT_TRY(CheckOneKindOfUsers(config, web));
  users_ = std::make_unique<UserService>(services_, options_.data_dir, route_prefix_);
  SEXTANT_TRY(users_->Apply(config.users));
  server.gate = users_->access();
  server.tracer = tracing_.tracer();
  has_web_users_ = !web.security.basic_auth_users.empty();
  server.security = std::move(web.security);
  is_tls_ = server.security.has_tls();
  web_headers_ = std::make_shared<const std::map<std::string, std::string>>(std::move(web.headers));
  SEXTANT_ASSIGN(server.add_headers, MakeAddHeaders());
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
    alerting.version = Version();
    alerting.instance = HostName();
    SEXTANT_ASSIGN(alertmanager_,
                   alerting::Alertmanager::Start(
                       std::move(config),
                       {services_.io, services_.executor, client_, services_.clock, services_.registry,
                        files_, services_.logger.With("component", "alerting"), tracing_.tracer()},
                       alerting));
  }
  alerts_ = std::make_unique<AlertFanout>(alertmanager_.get(), notifier_, services_.logger);
  return {};
}

void Platform::Impl::StartHostAgent() {
  host_watch_ = std::make_unique<node::HostWatch>(node::DefaultNodeOptions(), services_.clock);
  node_agent_ = std::make_unique<node::NodeAgent>(
      host_watch_->options(),
      node::BuildInfo{.version = std::string(Version()), .revision = "", .branch = ""}, services_.clock,
      services_.logger);
  recent_timer_ = std::make_unique<net::Timer>(services_.io, services_.executor, core::Priority::kIngest);
  SampleHostAt(services_.clock.MonotonicNs());
}

// The host's last hour, second by second.
void Platform::Impl::SampleHostAt(int64_t monotonic_ns) {
  recent_timer_->StartAt(monotonic_ns, [this, monotonic_ns] {
    host_watch_->recent().Sample();
    // After a pause (a suspended machine) the rhythm begins anew.
    const int64_t now_ns = services_.clock.MonotonicNs();
    const int64_t next_ns = monotonic_ns + kRecentIntervalNs;
    SampleHostAt(next_ns > now_ns ? next_ns : now_ns + kRecentIntervalNs);
  });
}

Status Platform::Impl::Start() {
  // What the user wrote is checked before anything is touched.
  SEXTANT_ASSIGN(PlatformConfig config, LoadPlatformConfig(options_.config, services_.logger));
  SEXTANT_ASSIGN(route_prefix_, RoutePrefix(options_.web));
  SEXTANT_ASSIGN(external_url_, ExternalUrl(options_.web));
  SEXTANT_TRY(StartServer(config));
  SEXTANT_TRY(OpenStore(config.prometheus.storage));
  dashboards_ = std::make_unique<DashboardService>(
      services_, DashboardService::Options{options_.data_dir, options_.is_whole_platform,
                                           [this](std::string_view url) { return IsOwnUrl(url); }});
  SEXTANT_TRY(dashboards_->Start());
  SEXTANT_ASSIGN(openapi_, ReadAsset("api/openapi.yaml"));
  if (options_.is_whole_platform) StartHostAgent();
  SEXTANT_TRY(StartAlerting(config.alerting));
  scrape_ = std::make_unique<scrape::ScrapeManager>(
      services_.io, client_, services_.executor, services_.clock, *db_, services_.registry, services_.logger,
      user_agent_, options_.scrape_time_tolerance_ms, tracing_.tracer(),
      exposition::ParserOptions{.created_times = options_.reads_created_times,
                                .type_and_unit_labels = options_.engine.type_and_unit_labels});
  if (options_.max_concurrent_evals) {
    concurrent_evals_ =
        std::make_unique<rules::ConcurrentEvals>(services_.executor, *options_.max_concurrent_evals);
  }
  rules_ = std::make_unique<RuleRunner>(
      services_.io, services_.executor, services_.clock,
      rules::RuleContext{*engine_, *queryable_, *db_, alerts_.get(), services_.clock, services_.registry,
                         services_.logger, concurrent_evals_.get(), tracing_.tracer()});
  remote_write_ = std::make_unique<remote::WriteStorage>(
      remote::WriteServices{services_.io, client_, services_.executor, services_.clock, files_,
                            services_.registry, services_.logger.With("component", "remote_write"), *db_,
                            [this](std::string_view family) { return scrape_->metadata().List(family); },
                            user_agent_, RemoteDir(), tracing_.tracer()},
      journal_hold_);
  if (options_.enable_remote_write_receiver) {
    remote::WriteReceiverOptions write_receiver = options_.write_receiver;
    write_receiver.adds_type_and_unit_labels = options_.engine.type_and_unit_labels;
    write_receiver_ = std::make_unique<remote::WriteReceiver>(
        *db_, services_.registry, services_.logger.With("component", "remote_write_receiver"),
        [this](std::string_view family, const model::MetricMetadata& metadata) {
          scrape_->metadata().Add(family, metadata);
        },
        write_receiver);
  }
  remote::OtlpStoreOptions otlp;
  otlp.converts_deltas = options_.converts_otlp_deltas;
  otlp.keeps_deltas = options_.keeps_otlp_deltas;
  otlp.adds_type_and_unit_labels = options_.engine.type_and_unit_labels;
  otlp.lookback_ms = options_.engine.lookback_ms;
  const core::Logger otlp_logger = services_.logger.With("component", "otlp_receiver");
  otlp_store_ =
      std::make_unique<remote::OtlpStore>(*db_, services_.clock, services_.registry, otlp_logger, otlp);
  otlp_store_->SetConfig(config.prometheus.otlp);
  if (options_.enable_otlp_receiver)
    otlp_receiver_ = std::make_unique<remote::OtlpReceiver>(*otlp_store_, services_.registry, otlp_logger);
  if (options_.is_whole_platform)
    collector_ = std::make_unique<CollectorService>(services_, client_, *otlp_store_);
  server_->SetRouter(MakeRouter());
  NoteFiles(config);
  SEXTANT_TRY(Apply(std::move(config)));
  is_ready_ = true;
  notifications_.Withdraw(kStarting);
  LookForChanges();
  return {};
}

// The web configuration file, read again. Refuses what ApplyWeb would, so that nothing has changed by then.
Result<httpclient::WebSettings> Platform::Impl::ReadWeb(const PlatformConfig& config) const {
  SEXTANT_ASSIGN(httpclient::WebSettings web, LoadWebSettings(options_.web));
  SEXTANT_TRY(CheckOneKindOfUsers(config, web));
  SEXTANT_TRY(CheckWebSecurity(web.security, is_tls_));
  return web;
}

// Who may ask, and how: after all else, so that a reload that fails leaves it as it was.
Status Platform::Impl::ApplyWeb(httpclient::WebSettings web,
                                const std::shared_ptr<const users::Settings>& users) {
  SEXTANT_TRY(users_->Apply(users));
  if (options_.web.config_file.empty()) return {};
  SEXTANT_TRY(server_->SetSecurity(web.security));
  web_headers_ = std::make_shared<const std::map<std::string, std::string>>(std::move(web.headers));
  return {};
}

Status Platform::Impl::ApplyAll(PlatformConfig config) {
  SEXTANT_ASSIGN(httpclient::WebSettings web, ReadWeb(config));
  const std::shared_ptr<const users::Settings> users = config.users;
  has_web_users_ = !web.security.basic_auth_users.empty();
  SEXTANT_TRY(Apply(std::move(config)));
  return ApplyWeb(std::move(web), users);
}

// Remembers which files make the configuration, and how they are now.
void Platform::Impl::NoteFiles(const PlatformConfig& config) {
  uint64_t fingerprint = FingerprintFiles(config.files, config.patterns);
  std::lock_guard lock(config_mutex_);
  watched_files_ = config.files;
  watched_patterns_ = config.patterns;
  files_fingerprint_ = fingerprint;
}

// Asks for a reload when the configuration's files have changed, and looks again after the interval.
void Platform::Impl::LookForChanges() {
  if (!options_.web.auto_reload) return;
  std::vector<std::string> files;
  std::vector<std::string> patterns;
  {
    std::lock_guard lock(config_mutex_);
    files = watched_files_;
    patterns = watched_patterns_;
  }
  uint64_t fingerprint = FingerprintFiles(files, patterns);
  bool is_changed = false;
  {
    std::lock_guard lock(config_mutex_);
    is_changed = std::exchange(files_fingerprint_, fingerprint) != fingerprint;
  }
  if (is_changed) core::SignalSelf(SIGHUP);
  auto_reload_timer_.StartAfter(std::max(options_.web.auto_reload_interval_ms, kMinAutoReloadMs),
                                [this] { LookForChanges(); });
}

Status Platform::Impl::Reload() {
  std::vector<std::function<void(Status)>> waiters;
  {
    std::lock_guard lock(config_mutex_);
    waiters.swap(reload_waiters_);
  }
  Result<PlatformConfig> config = LoadPlatformConfig(options_.config, services_.logger);
  if (config) NoteFiles(*config);
  const Status applied = config ? ApplyAll(std::move(*config)) : Status(tl::unexpected(config.error()));
  if (applied) {
    services_.logger.Info("configuration reloaded");
    notifications_.Withdraw(kReloadFailed);
  } else {
    reload_successful_.Set(0);
    notifications_.Show(kReloadFailed);
    services_.logger.Error("configuration not reloaded; the one before stays in force",
                           {{"error", applied.error()}});
  }
  for (const auto& waiter : waiters) waiter(applied);
  return applied;
}

void Platform::Impl::Stop() {
  if (is_stopped_) return;
  is_stopped_ = true;
  auto guard = std::make_unique<ShutdownGuard>(services_.logger, kShutdownBoundMs);
  bool was_ready = is_ready_.exchange(false);
  auto_reload_timer_.Cancel();
  if (recent_timer_) recent_timer_->Cancel();
  {
    std::lock_guard lock(config_mutex_);
    reload_waiters_.clear();
  }
  notifications_.Show(kStopping);
  if (server_) server_->Stop(kRequestGraceMs);
  if (collector_) {
    guard = std::make_unique<ShutdownGuard>(services_.logger, kPipelineDrainMs + kShutdownBoundMs);
    collector_->Stop();
    guard = std::make_unique<ShutdownGuard>(services_.logger, kShutdownBoundMs);
  }
  if (users_) users_->Stop();
  if (dashboards_) dashboards_->Stop();
  if (target_discovery_) target_discovery_->Stop();
  if (alertmanager_discovery_) alertmanager_discovery_->Stop();
  if (scrape_) scrape_->Stop();
  if (rules_) rules_->Stop();
  if (alertmanager_) alertmanager_->Stop();
  if (remote_write_) {
    guard = std::make_unique<ShutdownGuard>(services_.logger, options_.remote_flush_ms + kShutdownBoundMs);
    remote_write_->Stop(options_.remote_flush_ms);
    guard = std::make_unique<ShutdownGuard>(services_.logger, kShutdownBoundMs);
  }
  notifier_.Stop();
  tracing_.Stop();
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
  for (size_t i = 0; i < options_.listen.size(); ++i)
    urls.push_back(
        fmt::format("{}://{}{}", is_tls_ ? "https" : "http", server_->bound_address(i), route_prefix_));
  return urls;
}

std::string Platform::Impl::PageUrl() const {
  if (!external_url_.empty()) return external_url_;
  // An address that stands for all of the machine's is no address for a browser.
  std::string address = options_.listen.front();
  size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.empty() || host == "0.0.0.0" || host == "[::]") address = HostName() + address.substr(colon);
  return fmt::format("{}://{}{}", is_tls_ ? "https" : "http", address, route_prefix_);
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
