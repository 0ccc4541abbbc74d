#include "pipeline/processors/resource_processor.h"

#include "pipeline/attribute_actions.h"

namespace sextant::pipeline {

namespace {

struct ResourceConfig {
  std::vector<AttributeActionConfig> attributes;
};

const config::Struct& FieldsOf(const ResourceConfig*) {
  static const config::Struct kFields =
      config::Struct::Of<ResourceConfig>({config::Member<&ResourceConfig::attributes>("attributes")},
                                         [](ResourceConfig& config, config::Node node) -> core::Status {
                                           if (config.attributes.empty())
                                             return node.Fail("missing required field \"attributes\"");
                                           return CheckActions(config.attributes, node);
                                         });
  return kFields;
}

class ResourceProcessor final : public Processor {
 public:
  ResourceProcessor(const ResourceConfig& config, Consumer& next)
      : actions_(config.attributes), next_(next) {}

  void Consume(Telemetry batch, Done done) override {
    const Client* client = batch.client.get();
    batch.ForEachResource([&](otlp::Resource& resource, otlp::Memory& memory) {
      actions_.Apply(resource.attributes, memory, client);
    });
    next_.Consume(std::move(batch), std::move(done));
  }

 private:
  const AttributeActions actions_;
  Consumer& next_;
};

Made<Processor> MakeResource(const ComponentSettings&, const ResourceConfig& config, Signal, Consumer& next) {
  return std::make_unique<ResourceProcessor>(config, next);
}

}  // namespace

ComponentType ResourceProcessorType() {
  return ProcessorType<ResourceConfig>("resource", {}, {Signal::kTraces, Signal::kMetrics, Signal::kLogs},
                                       &MakeResource);
}

}  // namespace sextant::pipeline
