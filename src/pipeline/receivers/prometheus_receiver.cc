#include "pipeline/receivers/prometheus_receiver.h"

#include <map>
#include <memory>

#include "config/prometheus_config.h"
#include "metrics/discovery/manager.h"
#include "metrics/scrape/manager.h"
#include "pipeline/receivers/scraped_metrics.h"

namespace sextant::pipeline {

namespace {

using core::Result;
using core::Status;

constexpr std::string_view kScopeName =
    "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver";

using PrometheusPtr = std::shared_ptr<const config::PrometheusConfig>;

struct PrometheusReceiverConfig {
  PrometheusPtr config;
  bool trim_metric_suffixes = false;
};

// The sections of a Prometheus configuration that say nothing to a receiver, refused as the original does.
Result<PrometheusPtr> ReadPrometheus(config::Node node) {
  for (std::string_view section :
       {"rule_files", "alerting", "remote_write", "remote_read", "storage", "tracing", "otlp"}) {
    if (config::Node found = node.Find(section)) {
      return found.FailAtKey(core::Code::kInvalidArgument,
                             "unsupported features: this receiver scrapes only");
    }
  }
  SEXTANT_ASSIGN(config::PrometheusConfig config, config::ReadPrometheusConfig(node));
  return std::make_shared<const config::PrometheusConfig>(std::move(config));
}

Status CheckReceiver(PrometheusReceiverConfig& config, config::Node node) {
  if (config.config == nullptr || config.config->scrape_configs.empty()) {
    return node.Fail("no Prometheus scrape_configs or target_allocator set");
  }
  return {};
}

const config::Struct& FieldsOf(const PrometheusReceiverConfig*) {
  using namespace config;
  using C = PrometheusReceiverConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::config>("config", Custom<PrometheusPtr>(
                                           ReadPrometheus,
                                           [](const PrometheusPtr& prometheus, YamlWriter& out) {
                                             out.BeginMapping();
                                             out.Key("scrape_configs");
                                             out.BeginSequence();
                                             for (const ScrapeConfig& job : prometheus->scrape_configs) {
                                               internal::GetCodec<ScrapeConfig>().Write(&job, out);
                                             }
                                             out.EndSequence();
                                             out.EndMapping();
                                           },
                                           [](const PrometheusPtr& prometheus) { return !prometheus; })),
          Member<&C::trim_metric_suffixes>("trim_metric_suffixes"),
          NotYet("use_start_time_metric", "start times come from _created, or from the first scrape"),
          NotYet("start_time_metric_regex", "start times come from _created, or from the first scrape"),
          NotYet("report_extra_scrape_metrics", "use global.extra_scrape_metrics"),
          NotYet("target_allocator", "list the jobs under config"),
          NotYet("api_server"),
      },
      &CheckReceiver);
  return kFields;
}

class PrometheusReceiver final : public Receiver {
 public:
  PrometheusReceiver(const ComponentSettings& settings, const PrometheusReceiverConfig& config,
                     Consumer& next)
      : environment_(settings.environment),
        logger_(settings.logger),
        config_(config),
        next_(next),
        accepted_(environment_.telemetry.AddCounter(
            "otelcol_receiver_accepted_metric_points",
            "Number of metric points successfully pushed into the pipeline.",
            {{"receiver", settings.id.Text()}, {"transport", "http"}})),
        refused_(environment_.telemetry.AddCounter(
            "otelcol_receiver_refused_metric_points",
            "Number of metric points that could not be pushed into the pipeline.",
            {{"receiver", settings.id.Text()}, {"transport", "http"}})) {
    for (const config::ScrapeConfig& job : config.config->scrape_configs) schemes_[job.job_name] = job.scheme;
  }

  Status Start() override {
    store_ = std::make_unique<ScrapedMetrics>(
        ScrapedMetricsOptions{
            .trims_suffixes = config_.trim_metric_suffixes,
            .scope_name = std::string(kScopeName),
            .scope_version = environment_.version,
            .scheme_of_job = [this](const std::string& job) { return SchemeOf(job); },
            .metadata_of = [this](const std::string& family) { return MetadataOf(family); }},
        [this](otlp::MetricsData data) { Deliver(std::move(data)); });
    std::string user_agent = "Prometheus/" + environment_.version;
    scrape_ =
        std::make_unique<scrape::ScrapeManager>(environment_.io, environment_.http, environment_.executor,
                                                environment_.clock, *store_, registry_, logger_, user_agent);
    discovery_ = std::make_unique<discovery::Manager>(
        discovery::Services{environment_.io, environment_.http, environment_.executor, environment_.clock,
                            registry_, logger_, user_agent},
        discovery::ManagerOptions{.name = "scrape"},
        [this](discovery::TargetSets sets) { scrape_->SetDiscovered(std::move(sets)); });
    SEXTANT_TRY(scrape_->Apply(config_.config->scrape_configs));
    std::map<std::string, config::DiscoveryConfigs> sets;
    for (const config::ScrapeConfig& job : config_.config->scrape_configs) sets[job.job_name] = job.discovery;
    discovery_->Apply(sets);
    return {};
  }

  void Shutdown() override {
    discovery_->Stop();
    scrape_->Stop();
  }

 private:
  std::string SchemeOf(const std::string& job) const {
    auto found = schemes_.find(job);
    return found == schemes_.end() ? "http" : found->second;
  }

  // What was said last counts.
  std::optional<model::MetricMetadata> MetadataOf(const std::string& family) const {
    auto found = scrape_->metadata().List(family);
    auto said = found.find(family);
    if (said == found.end() || said->second.empty()) return std::nullopt;
    return said->second.back();
  }

  void Deliver(otlp::MetricsData data) {
    auto points = static_cast<double>(otlp::CountPoints(data));
    next_.Consume(Telemetry(std::move(data)), [this, points](Outcome outcome) {
      if (outcome) return accepted_.Increment(points);
      refused_.Increment(points);
      // A target is asked again soon, and tells its totals then.
      logger_.Warn("scraped metrics were refused", {{"err", outcome.error().message}, {"points", points}});
    });
  }

  Environment& environment_;
  const core::Logger logger_;
  const PrometheusReceiverConfig config_;
  Consumer& next_;
  core::Counter& accepted_;
  core::Counter& refused_;
  std::map<std::string, std::string> schemes_;  // by job
  core::Registry registry_;                     // of the scraping's own metrics
  std::unique_ptr<ScrapedMetrics> store_;
  std::unique_ptr<scrape::ScrapeManager> scrape_;
  std::unique_ptr<discovery::Manager> discovery_;
};

Made<Receiver> MakePrometheus(const ComponentSettings& settings, const PrometheusReceiverConfig& config,
                              const Outputs& outputs) {
  return std::make_unique<PrometheusReceiver>(settings, config, *outputs.metrics);
}

}  // namespace

ComponentType PrometheusReceiverType() {
  return ReceiverType<PrometheusReceiverConfig>("prometheus", {}, {Signal::kMetrics}, &MakePrometheus);
}

}  // namespace sextant::pipeline
