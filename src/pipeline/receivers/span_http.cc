#include "pipeline/receivers/span_http.h"

namespace sextant::pipeline {

namespace {

std::string_view MediaType(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return type;
}

void Handle(const SpanRoute& route, bool include_metadata, Consumer& next, ReceiverMetrics& metrics,
            net::HttpRequest request, net::ResponseWriter writer) {
  std::shared_ptr<const Client> client = ClientOf(request.remote_address, request.headers, include_metadata);
  std::string type(MediaType(request.headers.Get("Content-Type")));
  auto body = std::make_shared<const std::string>(std::move(request.body));
  core::Result<otlp::TracesData> data = route.decode(type, *body);
  if (!data) {
    int status = data.error().code() == core::Code::kUnimplemented ? 415 : 400;
    return writer.Send(net::HttpResponse::Text(status, route.decode_error + data.error().message()));
  }
  data->memory.Keep(body, body->size());
  Telemetry batch(std::move(*data));
  size_t items = batch.CountItems();
  if (items == 0) return writer.Send(net::HttpResponse::Text(202, ""));
  batch.client = std::move(client);
  auto shared = std::make_shared<net::ResponseWriter>(std::move(writer));
  next.Consume(std::move(batch), [&metrics, items, shared](Outcome outcome) {
    metrics.Count(Signal::kTraces, items, outcome.has_value());
    if (outcome) return shared->Send(net::HttpResponse::Text(202, ""));
    int status = outcome.error().is_permanent ? 400 : 500;
    shared->Send(net::HttpResponse::Text(status, outcome.error().message));
  });
}

}  // namespace

void AddSpanRoute(net::Router& router, std::string_view path, SpanRoute route, const HttpServerConfig& config,
                  Consumer& next, ReceiverMetrics& metrics) {
  net::RouteOptions options;
  options.priority = core::Priority::kIngest;
  options.compress = false;
  options.max_body_bytes =
      config.max_request_body_size > 0 ? static_cast<size_t>(config.max_request_body_size) : size_t{20} << 20;
  router.AddStream(
      "POST", path,
      [route = std::move(route), include_metadata = config.include_metadata, &next, &metrics](
          net::HttpRequest request, net::ResponseWriter writer) {
        Handle(route, include_metadata, next, metrics, std::move(request), std::move(writer));
      },
      options);
}

}  // namespace sextant::pipeline
