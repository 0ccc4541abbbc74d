// W3C Trace Context in headers: which span a request belongs to, in and out.
// https://www.w3.org/TR/trace-context/
#pragma once

#include "core/trace.h"
#include "net/http_message.h"

namespace sextant::net {

// Not valid when there is none, or it is malformed.
core::SpanContext ReadTraceHeaders(const HttpHeaders& headers);
// Replaces what was there; a context that is not valid changes nothing.
void SetTraceHeaders(const core::SpanContext& context, HttpHeaders& headers);

}  // namespace sextant::net
