#include "net/trace_headers.h"

namespace sextant::net {

namespace {

constexpr std::string_view kTraceparent = "traceparent";
constexpr std::string_view kTracestate = "tracestate";
constexpr size_t kMaxStateBytes = 512;

}  // namespace

core::SpanContext ReadTraceHeaders(const HttpHeaders& headers) {
  auto context = core::ParseTraceparent(headers.Get(kTraceparent));
  if (!context) return {};
  // A longer one may be dropped as a whole.
  const std::string_view state = headers.Get(kTracestate);
  if (state.size() <= kMaxStateBytes) context->trace_state = state;
  return *std::move(context);
}

void SetTraceHeaders(const core::SpanContext& context, HttpHeaders& headers) {
  if (!context.is_valid()) return;
  headers.Set(kTraceparent, core::FormatTraceparent(context));
  if (context.trace_state.empty()) {
    headers.Remove(kTracestate);
  } else {
    headers.Set(kTracestate, context.trace_state);
  }
}

}  // namespace sextant::net
