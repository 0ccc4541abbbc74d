// W3C trace states as spans bring them, and OTEL_RESOURCE_ATTRIBUTES: whatever comes is read or refused, and
// a trace state that was read says the same when it is written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pipeline/processors/host_detectors.h"
#include "pipeline/trace_state.h"

namespace pipeline = sextant::pipeline;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto state = pipeline::TraceState::Parse(text)) {
    std::string written = state->Text();
    auto again = pipeline::TraceState::Parse(written);
    if (!again || again->Text() != written) std::abort();
    if (again->sampling.threshold != state->sampling.threshold) std::abort();
    if (again->sampling.randomness != state->sampling.randomness) std::abort();
  }
  if (auto attributes = pipeline::ParseResourceAttributes(text)) {
    for (const auto& [key, value] : *attributes) {
      if (key.empty() || value.texts.size() != 1) std::abort();
    }
  }
  return 0;
}
