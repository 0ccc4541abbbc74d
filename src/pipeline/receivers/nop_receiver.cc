#include "pipeline/receivers/nop_receiver.h"

namespace sextant::pipeline {

namespace {

struct NopConfig {};

const config::Struct& FieldsOf(const NopConfig*) {
  static const config::Struct kFields = config::Struct::Of<NopConfig>({});
  return kFields;
}

Made<Receiver> MakeNop(const ComponentSettings&, const NopConfig&, const Outputs&) {
  return std::make_unique<Receiver>();
}

}  // namespace

ComponentType NopReceiverType() {
  return ReceiverType<NopConfig>("nop", {}, {Signal::kTraces, Signal::kMetrics, Signal::kLogs}, &MakeNop);
}

}  // namespace sextant::pipeline
