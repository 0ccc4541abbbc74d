#include "pipeline/processors/cumulative_to_delta_processor.h"

#include <algorithm>
#include <mutex>

#include "pipeline/fields.h"
#include "pipeline/match_properties.h"
#include "pipeline/processors/cumulative_to_delta.h"

namespace sextant::pipeline {

namespace {

using config::Member;
using config::Node;
using core::Status;

struct MatchMetrics {
  std::string match_type;
  std::optional<MatchProperties::RegexpCache> regexp;
  std::vector<std::string> metrics;
  std::vector<std::string> metric_types;
};

struct CumulativeToDeltaConfig {
  DurationNs max_staleness_ns = 0;
  CumulativeToDelta::InitialValue initial_value = CumulativeToDelta::InitialValue::kAuto;
  MatchMetrics include;
  MatchMetrics exclude;
};

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::optional<otlp::MetricKind> KindOf(std::string_view word) {
  std::string lower = Lower(word);
  if (lower == "sum") return otlp::MetricKind::kSum;
  if (lower == "histogram") return otlp::MetricKind::kHistogram;
  if (lower == "exponentialhistogram") return otlp::MetricKind::kExponentialHistogram;
  return std::nullopt;
}

Status CheckMatch(const MatchMetrics& match, std::string_view which, Node node) {
  if (!match.metrics.empty() && match.match_type.empty()) {
    return node.Fail("match_type must be set if metrics are supplied");
  }
  if (!match.match_type.empty() && match.metrics.empty()) {
    return node.Fail("metrics must be supplied if match_type is set");
  }
  for (const std::string& type : match.metric_types) {
    if (!KindOf(type)) {
      return node.Fail(
          "found invalid metric type in {}.metric_types: {}. Valid values are [exponentialhistogram "
          "histogram "
          "sum]",
          which, type);
    }
  }
  if (match.metrics.empty()) return {};
  core::Result<TextSet> set = TextSet::Make(match.metrics, match.match_type);
  if (!set) return node.Fail("{}: {}", which, set.error().message());
  return {};
}

Status CheckStaleness(DurationNs staleness_ns, Node node) {
  if (staleness_ns < 0) return node.Fail("max_staleness must not be negative");
  if (staleness_ns == 0 || staleness_ns >= 1'000'000) return {};
  std::string text = FormatGoDuration(staleness_ns);
  if (staleness_ns <= 86'400) {
    return node.Fail(
        "max_staleness ({}) appears to be missing a unit suffix; did you mean '{}s' or '{}'? Use '0' for "
        "infinite retention",
        text, staleness_ns, FormatGoDuration(staleness_ns * 1'000'000'000));
  }
  return node.Fail(
      "max_staleness ({}) is unreasonably small; duration values require a unit suffix (e.g., '300s', '5m', "
      "'1h') or use '0' for infinite retention",
      text);
}

const config::Struct& FieldsOf(const MatchMetrics*) {
  using C = MatchMetrics;
  static const config::Struct kFields = config::Struct::Of<C>({
      Member<&C::match_type>("match_type"),
      Member<&C::regexp>("regexp"),
      Member<&C::metrics>("metrics"),
      Member<&C::metric_types>("metric_types"),
  });
  return kFields;
}

const config::Struct& FieldsOf(const CumulativeToDeltaConfig*) {
  using C = CumulativeToDeltaConfig;
  using Initial = CumulativeToDelta::InitialValue;
  static const config::Struct kFields = config::Struct::Of<C>(
      {
          Member<&C::max_staleness_ns>("max_staleness", GoDurationNs()),
          Member<&C::initial_value>("initial_value", config::Enum<Initial>({{"auto", Initial::kAuto},
                                                                            {"keep", Initial::kKeep},
                                                                            {"drop", Initial::kDrop}},
                                                                           "unknown initial_value: {}")),
          Member<&C::include>("include"),
          Member<&C::exclude>("exclude"),
      },
      [](C& config, Node node) -> Status {
        SEXTANT_TRY(CheckMatch(config.include, "include", node));
        SEXTANT_TRY(CheckMatch(config.exclude, "exclude", node));
        return CheckStaleness(config.max_staleness_ns, node);
      });
  return kFields;
}

// Names and kinds of metrics; what is not given matches all.
class MetricSet {
 public:
  static core::Result<MetricSet> Make(const MatchMetrics& match) {
    MetricSet set;
    if (!match.metrics.empty()) {
      SEXTANT_ASSIGN(set.names_, TextSet::Make(match.metrics, match.match_type));
    }
    for (const std::string& type : match.metric_types) set.kinds_.push_back(*KindOf(type));
    return set;
  }

  bool Includes(const otlp::Metric& metric) const {
    return (!names_ || names_->Matches(metric.name)) && (kinds_.empty() || HasKind(metric.kind));
  }
  bool Excludes(const otlp::Metric& metric) const {
    return (names_ && names_->Matches(metric.name)) || HasKind(metric.kind);
  }

 private:
  bool HasKind(otlp::MetricKind kind) const { return std::ranges::find(kinds_, kind) != kinds_.end(); }

  std::optional<TextSet> names_;
  std::vector<otlp::MetricKind> kinds_;
};

class CumulativeToDeltaProcessor final : public Processor {
 public:
  CumulativeToDeltaProcessor(const ComponentSettings& settings, const CumulativeToDeltaConfig& config,
                             MetricSet include, MetricSet exclude, Consumer& next)
      : clock_(settings.environment.clock),
        logger_(settings.logger),
        include_(std::move(include)),
        exclude_(std::move(exclude)),
        next_(next),
        converter_({.initial_value = config.initial_value,
                    .max_stale_ms = config.max_staleness_ns / 1'000'000,
                    .start_ns = NowNs()}) {
    core::Registry& registry = settings.environment.telemetry;
    auto dropped = [&](std::string reason) {
      return &registry.AddCounter("otelcol_cumulativetodelta_datapoints_dropped",
                                  "Number of datapoints dropped", {{"reason", std::move(reason)}});
    };
    initial_ = dropped("initial");
    reset_ = dropped("reset");
    mismatch_ = dropped("bucket_mismatch");
    over_limit_ = dropped("limit");
    tracked_ = &registry.AddGauge("otelcol_cumulativetodelta_streams_tracked", "Number of streams tracked");
  }

  void Consume(Telemetry batch, Done done) override {
    if (HasWork(batch.metrics())) {
      std::lock_guard lock(mutex_);
      converter_.ForgetStale(NowNs());
      Convert(batch.MutableMetrics());
      NoteCounts();
    }
    if (batch.CountItems() == 0) return done({});
    next_.Consume(std::move(batch), std::move(done));
  }

 private:
  uint64_t NowNs() const { return static_cast<uint64_t>(clock_.NowMs()) * 1'000'000; }

  bool IsForUs(const otlp::Metric& metric) const {
    if (metric.temporality != otlp::Temporality::kCumulative) return false;
    if (metric.kind == otlp::MetricKind::kSum && !metric.is_monotonic) return false;
    return include_.Includes(metric) && !exclude_.Excludes(metric);
  }

  bool HasWork(const otlp::MetricsData& data) const {
    for (const otlp::ResourceMetrics& resource : data.resources) {
      for (const otlp::ScopeMetrics& scope : resource.scopes) {
        if (std::ranges::any_of(scope.metrics, [&](const otlp::Metric& metric) { return IsForUs(metric); })) {
          return true;
        }
      }
    }
    return false;
  }

  void Convert(otlp::MetricsData& data) {
    for (otlp::ResourceMetrics& resource : data.resources) {
      for (otlp::ScopeMetrics& scope : resource.scopes) {
        std::erase_if(scope.metrics, [&](otlp::Metric& metric) {
          return IsForUs(metric) && !converter_.Convert(resource, scope, metric);
        });
      }
      std::erase_if(resource.scopes, [](const otlp::ScopeMetrics& scope) { return scope.metrics.empty(); });
    }
    std::erase_if(data.resources,
                  [](const otlp::ResourceMetrics& resource) { return resource.scopes.empty(); });
  }

  void NoteCounts() {
    CumulativeToDelta::Counts now = converter_.counts();
    initial_->Increment(static_cast<double>(now.initial - noted_.initial));
    reset_->Increment(static_cast<double>(now.reset - noted_.reset));
    mismatch_->Increment(static_cast<double>(now.bucket_mismatch - noted_.bucket_mismatch));
    over_limit_->Increment(static_cast<double>(now.over_limit - noted_.over_limit));
    tracked_->Set(static_cast<double>(now.streams));
    if (now.over_limit > 0 && noted_.over_limit == 0) {
      logger_.Warn("there are too many streams, data points of new ones are dropped; see max_staleness");
    }
    noted_ = now;
  }

  const core::Clock& clock_;
  core::Logger logger_;
  const MetricSet include_;
  const MetricSet exclude_;
  Consumer& next_;
  core::Counter* initial_ = nullptr;
  core::Counter* reset_ = nullptr;
  core::Counter* mismatch_ = nullptr;
  core::Counter* over_limit_ = nullptr;
  core::Gauge* tracked_ = nullptr;
  std::mutex mutex_;  // guards what follows
  CumulativeToDelta converter_;
  CumulativeToDelta::Counts noted_;
};

Made<Processor> MakeCumulativeToDelta(const ComponentSettings& settings,
                                      const CumulativeToDeltaConfig& config, Signal, Consumer& next) {
  SEXTANT_ASSIGN(MetricSet include, MetricSet::Make(config.include));
  SEXTANT_ASSIGN(MetricSet exclude, MetricSet::Make(config.exclude));
  return std::make_unique<CumulativeToDeltaProcessor>(settings, config, std::move(include),
                                                      std::move(exclude), next);
}

}  // namespace

ComponentType CumulativeToDeltaProcessorType() {
  return ProcessorType<CumulativeToDeltaConfig>("cumulative_to_delta", {"cumulativetodelta"},
                                                {Signal::kMetrics}, &MakeCumulativeToDelta);
}

}  // namespace sextant::pipeline
