#include "api/grafana_json.h"

#include "core/json_writer.h"

namespace sextant::api {

net::HttpResponse GrafanaMessage(int status, std::string_view message, std::string_view word) {
  core::JsonWriter json;
  json.BeginObject().Key("message").String(message);
  if (!word.empty()) json.Key("status").String(word);
  json.EndObject();
  return net::HttpResponse::Json(status, std::move(json).Take());
}

net::HttpResponse GrafanaError(const core::Error& error) {
  switch (error.code()) {
    case core::Code::kInvalidArgument:
    case core::Code::kPermissionDenied:
    case core::Code::kUnimplemented:
      return GrafanaMessage(400, error.message());
    case core::Code::kNotFound:
      return GrafanaMessage(404, error.message(), "not-found");
    case core::Code::kAlreadyExists:
      return GrafanaMessage(412, error.message(), "version-mismatch");
    case core::Code::kResourceExhausted:
      return GrafanaMessage(507, error.message());
    case core::Code::kUnavailable:
      return GrafanaMessage(503, error.message());
    default:
      return GrafanaMessage(500, error.message());
  }
}

bool IsCrossSite(const net::HttpRequest& request) {
  std::string_view site = request.headers.Get("Sec-Fetch-Site");
  return site == "cross-site" || site == "same-site";
}

net::HttpResponse CrossSiteRefusal() {
  return GrafanaMessage(403, "a page of another site may not change anything here");
}

}  // namespace sextant::api
