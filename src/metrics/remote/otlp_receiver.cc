#include "metrics/remote/otlp_receiver.h"

#include <fmt/format.h>

namespace sextant::remote {

namespace {

using core::Result;
using core::Status;

constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";

// As Go's http.Error answers.
net::HttpResponse ErrorText(int status, std::string text) {
  text += '\n';
  net::HttpResponse response = net::HttpResponse::Text(status, std::move(text));
  response.headers.Add("X-Content-Type-Options", "nosniff");
  return response;
}

// The data refers to the request's body.
Result<otlp::MetricsData> Decode(const net::HttpRequest& request) {
  std::string_view type = request.headers.Get("Content-Type");
  if (type != kProtobuf && type != kJson) {
    return core::Fail(core::Code::kInvalidArgument, "unsupported content type: {}, supported: [{}, {}]", type,
                      kJson, kProtobuf);
  }
  // What the server undoes has left no header.
  std::string_view encoding = request.headers.Get("Content-Encoding");
  if (!encoding.empty()) {
    return core::Fail(core::Code::kInvalidArgument,
                      "unsupported compression: {}. Only \"gzip\" or no compression supported", encoding);
  }
  return type == kJson ? otlp::DecodeMetricsJson(request.body) : otlp::DecodeMetrics(request.body);
}

}  // namespace

OtlpReceiver::OtlpReceiver(OtlpStore& store, core::Registry& registry, core::Logger logger)
    : store_(store),
      logger_(std::move(logger)),
      requests_refused_(registry.AddCounter("sextant_otlp_requests_refused_total",
                                            "OTLP requests of which nothing was stored.")) {}

net::HttpResponse OtlpReceiver::Handle(const net::HttpRequest& request) {
  net::HttpResponse response;
  Result<otlp::MetricsData> data = Decode(request);
  if (!data) {
    response = ErrorText(400, data.error().message());
  } else if (Status stored = store_.StoreAll(std::move(*data)); !stored) {
    int status = stored.error().code() == core::Code::kInvalidArgument ? 400 : 500;
    response = ErrorText(status, stored.error().message());
  }
  if (response.status != 200) {
    requests_refused_.Increment();
    logger_.Warn("an OTLP request was refused",
                 {{"status", response.status}, {"error", std::string_view(response.body).substr(0, 1'000)}});
  }
  return response;
}

}  // namespace sextant::remote
