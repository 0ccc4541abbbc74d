// What readers of metrics send as Accept, and names as they are escaped for them: whatever comes, the answer
// is one of the formats and escapings that there are, and an escaped name is one that the reader takes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/metric_names.h"
#include "metrics/exposition/negotiation.h"

namespace core = sextant::core;
namespace exposition = sextant::exposition;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (bool has_protobuf : {false, true}) {
    exposition::NegotiatedFormat format = exposition::Negotiate(text, has_protobuf);
    if (format.format == exposition::Format::kOpenMetrics) std::abort();
    if (!has_protobuf && format.format != exposition::Format::kPrometheusText) std::abort();
    // What it says of itself must ask for itself.
    exposition::NegotiatedFormat again =
        exposition::Negotiate(exposition::ContentTypeOf(format), has_protobuf);
    if (again.format != format.format || again.escaping != format.escaping) std::abort();
  }
  for (core::Escaping escaping :
       {core::Escaping::kUnderscores, core::Escaping::kDots, core::Escaping::kValues}) {
    if (text.empty()) break;
    if (!core::IsMetricName(core::EscapeName(text, escaping), core::NameScheme::kLegacy)) std::abort();
    if (!core::IsMetricName(core::EscapeExposedName(text, escaping), core::NameScheme::kLegacy)) std::abort();
  }
  return 0;
}
