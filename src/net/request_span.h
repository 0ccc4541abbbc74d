// The spans of HTTP requests, with the names and attributes of OpenTelemetry's conventions: of those that a
// server answers, and of those that a client sends.
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/
#pragma once

#include <string_view>

#include "core/trace.h"
#include "net/http_client.h"
#include "net/http_message.h"

namespace sextant::net {

// Begins the span of a request that has arrived, and puts it in place of what the client sent in the
// request's headers. Holds nothing without a tracer. `version` is of HTTP: "1.1", "2". `begin_ns` is on the
// monotonic clock.
core::Span StartRequestSpan(core::Tracer* tracer, HttpRequest& request, std::string_view version,
                            int64_t begin_ns);
// Ends it with its answer.
void FinishRequestSpan(int status, size_t body_bytes, core::Span& span);

// How much of a URL a span shows; never credentials.
enum class ShownUrl { kWhole, kHostOnly };

// Begins the span of a request about to be sent, and puts it into the request's headers. Holds nothing
// without a tracer, and then changes nothing.
core::Span StartFetchSpan(core::Tracer* tracer, std::string_view name, const core::SpanContext* parent,
                          FetchRequest& request, ShownUrl shown = ShownUrl::kWhole);
// Sets what came back; the caller ends it.
void NoteAnswer(const core::Result<FetchResponse>& answer, core::Span& span);

}  // namespace sextant::net
