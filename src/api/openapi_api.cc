#include "api/openapi_api.h"

#include <fmt/format.h>

#include <memory>

namespace sextant::api {

namespace {

// Calls visit(line, with its line break) for each line behind the source's own comments.
template <typename Visit>
void ForEachLine(std::string_view source, Visit&& visit) {
  while (!source.empty()) {
    size_t size = std::min(source.find('\n'), source.size() - 1) + 1;
    if (std::string_view line = source.substr(0, size); !line.starts_with('#')) visit(line);
    source.remove_prefix(size);
  }
}

// A line of the head with the server's own values.
std::string OwnLine(std::string_view line, const OpenApiInfo& info) {
  if (line.starts_with("    version: ")) return fmt::format("    version: {}\n", info.version);
  if (line.starts_with("    - url: ")) return fmt::format("    - url: {}\n", info.server_url);
  return std::string(line);
}

net::HttpResponse Yaml(const std::string& text) {
  net::HttpResponse response;
  response.headers.Set("Content-Type", "application/yaml; charset=utf-8");
  response.headers.Set("Cache-Control", "no-cache, no-store, must-revalidate");
  response.body = text;
  return response;
}

}  // namespace

std::string OpenApi32(std::string_view source, const OpenApiInfo& info) {
  std::string out;
  out.reserve(source.size());
  ForEachLine(source, [&](std::string_view line) { out += OwnLine(line, info); });
  return out;
}

std::string OpenApi31(std::string_view source, const OpenApiInfo& info) {
  constexpr std::string_view kStreamPath = "    /notifications/live:";
  std::string out;
  out.reserve(source.size());
  bool in_stream_path = false;
  ForEachLine(source, [&](std::string_view line) {
    if (line.starts_with("openapi: ")) {
      out += "openapi: 3.1.0\n";
      return;
    }
    bool begins_path = line.size() > 4 && line.starts_with("    ") && line[4] != ' ';
    bool begins_section = line[0] != ' ';
    if (begins_path || begins_section) in_stream_path = line.starts_with(kStreamPath);
    if (in_stream_path) return;
    out += OwnLine(line, info);
  });
  return out;
}

void AddOpenApiRoutes(net::Router& router, std::string_view source, const OpenApiInfo& info) {
  auto v31 = std::make_shared<const std::string>(OpenApi31(source, info));
  auto v32 = std::make_shared<const std::string>(OpenApi32(source, info));
  router.Add("GET", "/api/v1/openapi.yaml", [v31, v32](const net::HttpRequest& request) {
    net::QueryParams params = request.Query();
    std::string_view version = params.Get("openapi_version");
    return Yaml(version == "3.2" || version == "3.2.0" ? *v32 : *v31);
  });
}

}  // namespace sextant::api
