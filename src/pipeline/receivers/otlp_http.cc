#include "pipeline/receivers/otlp_http.h"

#include <algorithm>
#include <memory>

#include "core/json_writer.h"
#include "metrics/remote/snappy_block.h"
#include "net/compression.h"
#include "pipeline/receivers/otlp_answer.h"
#include "pipeline/telemetry_codec.h"
#include "wire/encode.h"

namespace sextant::pipeline {

namespace {

using core::Result;
using net::GrpcCode;

constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kSnappy = "snappy";

std::string_view MediaType(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return type;
}

// The statuses that go with gRPC's, as the collector has them.
int HttpStatusOf(GrpcCode code) {
  switch (code) {
    case GrpcCode::kCancelled:
    case GrpcCode::kDeadlineExceeded:
    case GrpcCode::kAborted:
    case GrpcCode::kOutOfRange:
    case GrpcCode::kUnavailable:
    case GrpcCode::kDataLoss:
      return 503;
    case GrpcCode::kResourceExhausted:
      return 429;
    case GrpcCode::kInvalidArgument:
      return 400;
    case GrpcCode::kUnauthenticated:
      return 401;
    case GrpcCode::kPermissionDenied:
      return 403;
    case GrpcCode::kUnimplemented:
      return 404;
    default:
      return 500;
  }
}

// A google.rpc.Status in the request's own encoding.
net::HttpResponse Failure(int status, GrpcCode code, std::string_view message, std::string_view type) {
  net::HttpResponse response;
  response.status = status;
  response.headers.Set("Content-Type", type);
  if (type == kJson) {
    core::JsonWriter json;
    json.BeginObject().Key("code").Int(static_cast<int64_t>(code)).Key("message").String(message).EndObject();
    response.body = std::move(json).Take();
  } else {
    wire::PutUintField(response.body, 1, static_cast<uint64_t>(code));
    wire::PutBytesField(response.body, 2, message);
  }
  return response;
}

net::HttpResponse Success(std::string_view type, Signal signal, const Taken& taken) {
  net::HttpResponse response;
  response.headers.Set("Content-Type", type);
  response.body = type == kJson ? EncodeExportAnswerJson(signal, taken) : EncodeExportAnswer(taken);
  return response;
}

// As Go's http.Error answers.
net::HttpResponse PlainError(int status, std::string text) {
  net::HttpResponse response = net::HttpResponse::Text(status, std::move(text));
  response.headers.Set("X-Content-Type-Options", "nosniff");
  return response;
}

void AddCors(const CorsConfig& cors, const net::HttpRequest& request, net::HttpHeaders& headers) {
  headers.Add("Vary", "Origin");
  std::string_view origin = request.headers.Get("Origin");
  if (origin.empty() || !AllowsOrigin(cors, origin)) return;
  headers.Set("Access-Control-Allow-Origin", origin);
  headers.Set("Access-Control-Allow-Credentials", "true");
  if (cors.exposed_headers.empty()) return;
  std::string exposed;
  for (const std::string& name : cors.exposed_headers) exposed += (exposed.empty() ? "" : ", ") + name;
  headers.Set("Access-Control-Expose-Headers", exposed);
}

bool AllowsHeaders(const CorsConfig& cors, std::string_view asked) {
  constexpr std::string_view kAlways[] = {"Accept", "Content-Type", "X-Requested-With", "Origin"};
  while (!asked.empty()) {
    std::string_view name = asked.substr(0, asked.find(','));
    asked.remove_prefix(std::min(asked.size(), name.size() + 1));
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    auto is_name = [&](std::string_view known) { return known == "*" || net::EqualsIgnoreCase(known, name); };
    bool is_allowed = cors.allowed_headers.empty() ? std::ranges::any_of(kAlways, is_name)
                                                   : std::ranges::any_of(cors.allowed_headers, is_name);
    if (!name.empty() && !is_allowed && !net::EqualsIgnoreCase(name, "Origin")) return false;
  }
  return true;
}

// What a browser asks before it sends.
net::HttpResponse Preflight(const CorsConfig& cors, const net::HttpRequest& request) {
  net::HttpResponse response;
  response.status = 204;
  std::string_view method = request.headers.Get("Access-Control-Request-Method");
  std::string_view asked = request.headers.Get("Access-Control-Request-Headers");
  response.headers.Add("Vary", "Access-Control-Request-Method");
  response.headers.Add("Vary", "Access-Control-Request-Headers");
  bool is_method = method == "POST" || method == "GET" || method == "HEAD";
  if (!AllowsOrigin(cors, request.headers.Get("Origin")) || !is_method || !AllowsHeaders(cors, asked)) {
    return response;
  }
  response.headers.Set("Access-Control-Allow-Methods", method);
  if (!asked.empty()) response.headers.Set("Access-Control-Allow-Headers", asked);
  if (cors.max_age > 0) response.headers.Set("Access-Control-Max-Age", std::to_string(cors.max_age));
  return response;
}

void Handle(Signal signal, bool include_metadata, size_t max_body_bytes, Consumer& next,
            ReceiverMetrics& metrics, net::HttpRequest request, net::ResponseWriter writer) {
  std::string type(MediaType(request.headers.Get("Content-Type")));
  if (type != kProtobuf && type != kJson) {
    return writer.Send(
        PlainError(415, fmt::format("415 unsupported media type, supported: [{}, {}]", kJson, kProtobuf)));
  }
  std::shared_ptr<const Client> client = ClientOf(request.remote_address, request.headers, include_metadata);
  if (request.headers.Get("Content-Encoding") == kSnappy) {
    Result<std::string> plain = remote::UncompressSnappy(request.body, max_body_bytes);
    if (!plain) {
      bool is_limit = plain.error().code() == core::Code::kResourceExhausted;
      return writer.Send(
          Failure(is_limit ? 413 : 400, GrpcCode::kInvalidArgument, plain.error().message(), type));
    }
    request.body = std::move(*plain);
  }
  auto body = std::make_shared<const std::string>(std::move(request.body));
  Result<Telemetry> batch =
      DecodeBatch(signal, type == kJson ? OtlpEncoding::kJson : OtlpEncoding::kProtobuf, body);
  if (!batch) return writer.Send(Failure(400, GrpcCode::kInvalidArgument, batch.error().message(), type));
  size_t items = batch->CountItems();
  if (items == 0) return writer.Send(Success(type, signal, {}));
  batch->client = std::move(client);
  auto shared = std::make_shared<net::ResponseWriter>(std::move(writer));
  next.Consume(std::move(*batch), [&metrics, signal, items, shared, type](Outcome outcome) {
    metrics.Count(signal, items, outcome.has_value());
    if (outcome) return shared->Send(Success(type, signal, *outcome));
    const Refusal& refusal = outcome.error();
    GrpcCode code =
        refusal.code.value_or(refusal.is_permanent ? GrpcCode::kInternal : GrpcCode::kUnavailable);
    net::HttpResponse response = Failure(HttpStatusOf(code), code, refusal.message, type);
    if (refusal.retry_after_ms > 0) {
      response.headers.Set("Retry-After", std::to_string((refusal.retry_after_ms + 999) / 1000));
    }
    shared->Send(std::move(response));
  });
}

}  // namespace

OtlpHttp::OtlpHttp(const HttpServerConfig& config, net::HttpServerOptions& options) : config_(config) {
  if (!config.cors && config.response_headers.empty()) return;
  options.add_headers = [&config](const net::HttpRequest& request, net::HttpHeaders& headers) {
    for (const auto& [name, value] : config.response_headers) headers.Set(name, value.Reveal());
    if (config.cors) AddCors(*config.cors, request, headers);
  };
}

void OtlpHttp::AddRoute(net::Router& router, std::string_view path, Signal signal, Consumer& next,
                        ReceiverMetrics& metrics) const {
  net::RouteOptions options;
  options.priority = core::Priority::kIngest;
  options.compress = false;
  options.max_body_bytes = config_.max_request_body_size > 0
                               ? static_cast<size_t>(config_.max_request_body_size)
                               : size_t{20} << 20;
  options.passed_encodings = {std::string(kSnappy)};
  router.AddStream(
      "POST", path,
      [signal, &next, &metrics, include_metadata = config_.include_metadata,
       max_body_bytes = options.max_body_bytes](net::HttpRequest request, net::ResponseWriter writer) {
        Handle(signal, include_metadata, max_body_bytes, next, metrics, std::move(request),
               std::move(writer));
      },
      options);
  if (!config_.cors) return;
  router.Add("OPTIONS", path,
             [cors = *config_.cors](const net::HttpRequest& request) { return Preflight(cors, request); });
}

}  // namespace sextant::pipeline
