// What others say to our tracing: a traceparent header (the first line), and a collector's answer.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/trace.h"
#include "otlp/span_export.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line_end = input.find('\n');
  if (const auto context = core::ParseTraceparent(input.substr(0, line_end))) {
    if (!context->is_valid()) std::abort();
    const auto again = core::ParseTraceparent(core::FormatTraceparent(*context));
    if (!again || again->trace_id != context->trace_id || again->span_id != context->span_id ||
        again->is_sampled != context->is_sampled)
      std::abort();
  }
  const std::string_view answer = line_end == std::string_view::npos ? input : input.substr(line_end + 1);
  static_cast<void>(otlp::DecodeExportResponse(answer));
  return 0;
}
