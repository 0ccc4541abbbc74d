#include "net/request_span.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "net/trace_headers.h"
#include "net/url.h"

namespace sextant::net {

namespace {

// "127.0.0.1:9090" or "[::1]:9090" under two names; the port only if there is one.
void SetAddress(std::string_view address, std::string_view host_name, std::string_view port_name,
                core::Span& span) {
  const size_t colon = address.rfind(':');
  std::string_view host = address;
  if (colon != std::string_view::npos && address.find(']', colon) == std::string_view::npos) {
    host = address.substr(0, colon);
    int64_t port = 0;
    const std::string_view digits = address.substr(colon + 1);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (parsed.ec == std::errc() && !digits.empty()) span.SetAttribute(port_name, port);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  span.SetAttribute(host_name, std::string(host));
}

}  // namespace

core::Span StartRequestSpan(core::Tracer* tracer, HttpRequest& request, std::string_view version,
                            int64_t begin_ns) {
  if (tracer == nullptr || !tracer->is_on()) return {};
  const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  const core::SpanContext parent = ReadTraceHeaders(request.headers);
  core::Span span = tracer->Start(
      fmt::format("{} {}", request.method, path),
      {.kind = core::SpanKind::kServer, .parent = &parent, .has_remote_parent = true, .start_ns = begin_ns});
  SetTraceHeaders(span.context(), request.headers);
  if (!span.is_recorded()) return span;
  span.SetAttribute("http.request.method", request.method);
  span.SetAttribute("url.scheme", std::string(request.is_tls ? "https" : "http"));
  span.SetAttribute("url.path", std::string(path));
  SetAddress(request.headers.Get("Host"), "server.address", "server.port", span);
  SetAddress(request.remote_address, "network.peer.address", "network.peer.port", span);
  span.SetAttribute("network.protocol.version", std::string(version));
  if (request.headers.Has("User-Agent"))
    span.SetAttribute("user_agent.original", std::string(request.headers.Get("User-Agent")));
  if (!request.body.empty())
    span.SetAttribute("http.request.body.size", static_cast<int64_t>(request.body.size()));
  return span;
}

void FinishRequestSpan(int status, size_t body_bytes, core::Span& span) {
  span.SetAttribute("http.response.status_code", int64_t{status});
  span.SetAttribute("http.response.body.size", static_cast<int64_t>(body_bytes));
  if (status >= 500) span.SetError("");
  span.End();
}

core::Span StartFetchSpan(core::Tracer* tracer, std::string_view name, const core::SpanContext* parent,
                          FetchRequest& request, ShownUrl shown) {
  core::Span span = core::StartSpan(tracer, name, {.kind = core::SpanKind::kClient, .parent = parent});
  SetTraceHeaders(span.context(), request.headers);
  if (!span.is_recorded()) return span;
  span.SetAttribute("http.request.method", request.method);
  const std::string_view url = request.url;
  const size_t scheme = url.find("://");
  const size_t host_begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const size_t host_end = std::min(url.find_first_of("/?#", host_begin), url.size());
  std::string_view authority = url.substr(host_begin, host_end - host_begin);
  authority = authority.substr(authority.rfind('@') + 1);
  if (shown == ShownUrl::kWhole) {
    span.SetAttribute("url.full",
                      fmt::format("{}{}{}", url.substr(0, host_begin), authority, url.substr(host_end)));
  }
  SetAddress(authority, "server.address", "server.port", span);
  return span;
}

void NoteAnswer(const core::Result<FetchResponse>& answer, core::Span& span) {
  if (!span.is_recorded()) return;
  if (!answer) return span.SetError(answer.error().message());
  span.SetAttribute("http.response.status_code", int64_t{answer->status});
  if (answer->status >= 400) span.SetError(StatusText(answer->status));
}

}  // namespace sextant::net
