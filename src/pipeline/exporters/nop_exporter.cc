#include "pipeline/exporters/nop_exporter.h"

namespace sextant::pipeline {

namespace {

struct NopConfig {};

const config::Struct& FieldsOf(const NopConfig*) {
  static const config::Struct kFields = config::Struct::Of<NopConfig>({});
  return kFields;
}

class NopExporter final : public Exporter {
 public:
  void Consume(Telemetry, Done done) override { done({}); }
};

Made<Exporter> MakeNop(const ComponentSettings&, const NopConfig&, Signal) {
  return std::make_unique<NopExporter>();
}

}  // namespace

ComponentType NopExporterType() {
  return ExporterType<NopConfig>("nop", {}, {Signal::kTraces, Signal::kMetrics, Signal::kLogs}, &MakeNop);
}

}  // namespace sextant::pipeline
