#include "pipeline/processors/attributes_processor.h"

#include "pipeline/attribute_actions.h"
#include "pipeline/match_properties.h"

namespace sextant::pipeline {

namespace {

using config::Member;

struct AttributesConfig {
  std::optional<MatchProperties> include;
  std::optional<MatchProperties> exclude;
  std::vector<AttributeActionConfig> actions;
};

const config::Struct& FieldsOf(const AttributesConfig*) {
  using C = AttributesConfig;
  static const config::Struct kFields = config::Struct::Of<C>(
      {
          Member<&C::include>("include", config::Section<MatchProperties>()),
          Member<&C::exclude>("exclude", config::Section<MatchProperties>()),
          Member<&C::actions>("actions"),
      },
      [](C& config, config::Node node) -> core::Status {
        if (config.actions.empty()) return node.Fail("missing required field \"actions\"");
        return CheckActions(config.actions, node);
      });
  return kFields;
}

class AttributesProcessor final : public Processor {
 public:
  AttributesProcessor(const AttributesConfig& config, ItemFilter filter, Consumer& next)
      : actions_(config.actions), filter_(std::move(filter)), next_(next) {}

  void Consume(Telemetry batch, Done done) override {
    const Client* client = batch.client.get();
    switch (batch.signal()) {
      case Signal::kTraces:
        ChangeTraces(batch.MutableTraces(), client);
        break;
      case Signal::kMetrics:
        ChangeMetrics(batch.MutableMetrics(), client);
        break;
      case Signal::kLogs:
        ChangeLogs(batch.MutableLogs(), client);
        break;
    }
    next_.Consume(std::move(batch), std::move(done));
  }

 private:
  void ChangeTraces(otlp::TracesData& data, const Client* client) const {
    for (otlp::ResourceSpans& resource : data.resources) {
      for (otlp::ScopeSpans& scope : resource.scopes) {
        for (otlp::Span& span : scope.spans) {
          if (filter_.Takes(span, resource.resource, scope.scope)) {
            actions_.Apply(span.attributes, data.memory, client);
          }
        }
      }
    }
  }

  void ChangeMetrics(otlp::MetricsData& data, const Client* client) const {
    for (otlp::ResourceMetrics& resource : data.resources) {
      for (otlp::ScopeMetrics& scope : resource.scopes) {
        for (otlp::Metric& metric : scope.metrics) {
          if (!filter_.Takes(metric, resource.resource, scope.scope)) continue;
          auto change = [&](auto& points) {
            for (otlp::Point& point : points) actions_.Apply(point.attributes, data.memory, client);
          };
          change(metric.numbers);
          change(metric.histograms);
          change(metric.exponentials);
          change(metric.summaries);
        }
      }
    }
  }

  void ChangeLogs(otlp::LogsData& data, const Client* client) const {
    for (otlp::ResourceLogs& resource : data.resources) {
      for (otlp::ScopeLogs& scope : resource.scopes) {
        for (otlp::LogRecord& record : scope.records) {
          if (filter_.Takes(record, resource.resource, scope.scope)) {
            actions_.Apply(record.attributes, data.memory, client);
          }
        }
      }
    }
  }

  const AttributeActions actions_;
  const ItemFilter filter_;
  Consumer& next_;
};

Made<Processor> MakeAttributes(const ComponentSettings& settings, const AttributesConfig& config,
                               Signal signal, Consumer& next) {
  SEXTANT_ASSIGN(ItemFilter filter, ItemFilter::Make(config.include, config.exclude, signal));
  for (const auto& properties : {config.include, config.exclude}) {
    if (signal == Signal::kMetrics && properties && properties->metric_names.empty()) {
      settings.logger.Warn(
          "include and exclude choose metrics by metric_names only, so they choose all here");
    }
  }
  return std::make_unique<AttributesProcessor>(config, std::move(filter), next);
}

}  // namespace

ComponentType AttributesProcessorType() {
  return ProcessorType<AttributesConfig>("attributes", {}, {Signal::kTraces, Signal::kMetrics, Signal::kLogs},
                                         &MakeAttributes);
}

}  // namespace sextant::pipeline
