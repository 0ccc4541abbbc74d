#include "pipeline/connectors/forward_connector.h"

namespace sextant::pipeline {

namespace {

struct ForwardConfig {};

const config::Struct& FieldsOf(const ForwardConfig*) {
  static const config::Struct kFields = config::Struct::Of<ForwardConfig>({});
  return kFields;
}

class ForwardConnector final : public Connector {
 public:
  explicit ForwardConnector(Consumer& next) : next_(next) {}
  void Consume(Telemetry batch, Done done) override { next_.Consume(std::move(batch), std::move(done)); }

 private:
  Consumer& next_;
};

Made<Connector> MakeForward(const ComponentSettings&, const ForwardConfig&, Signal, Signal, Consumer& next) {
  return std::make_unique<ForwardConnector>(next);
}

}  // namespace

ComponentType ForwardConnectorType() {
  return ConnectorType<ForwardConfig>("forward", {},
                                      {{Signal::kTraces, Signal::kTraces},
                                       {Signal::kMetrics, Signal::kMetrics},
                                       {Signal::kLogs, Signal::kLogs}},
                                      &MakeForward);
}

}  // namespace sextant::pipeline
