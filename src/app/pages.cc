#include "app/pages.h"

#include "app/assets.h"
#include "net/compression.h"

namespace sextant::app {

namespace {

// Asset names carry a hash of their content, so they never change; pages must be asked for again.
constexpr std::string_view kForever = "public, max-age=31536000, immutable";
constexpr std::string_view kRevalidate = "no-cache";
// The application needs nothing from elsewhere; styles are set by its chart and editor libraries.
constexpr std::string_view kContentPolicy =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'; "
    "base-uri 'none'";

bool AcceptsGzip(const net::HttpRequest& request) {
  return net::NegotiateEncoding(request.headers.Get("Accept-Encoding")) != net::Encoding::kIdentity &&
         request.headers.Get("Accept-Encoding").find("gzip") != std::string_view::npos;
}

net::HttpResponse ServeAsset(const net::HttpRequest& request, std::string_view name,
                             std::string_view cache_control) {
  const Asset* asset = FindAsset(name);
  if (asset == nullptr) return net::HttpResponse::Text(404, "not found\n");
  net::HttpResponse response;
  response.headers.Set("Content-Type", asset->content_type);
  response.headers.Set("Cache-Control", cache_control);
  response.headers.Set("ETag", asset->etag);
  response.headers.Set("Vary", "Accept-Encoding");
  response.headers.Set("X-Content-Type-Options", "nosniff");
  response.headers.Set("Content-Security-Policy", kContentPolicy);
  if (request.headers.Get("If-None-Match") == asset->etag) {
    response.status = 304;
    return response;
  }
  if (AcceptsGzip(request)) {
    response.headers.Set("Content-Encoding", "gzip");
    response.static_body = asset->gzip;
    return response;
  }
  if (core::Status inflated =
          net::Decompress(net::Encoding::kGzip, asset->gzip, asset->size_bytes, response.body);
      !inflated) {
    return net::HttpResponse::Text(500, inflated.error().message() + "\n");
  }
  return response;
}

}  // namespace

void AddPageRoutes(net::Router& router) {
  net::RouteOptions options;
  options.compress = false;
  for (const char* page : {"/", "/query", "/graph", "/targets", "/alerts", "/cardinality", "/explain",
                           "/dashboards", "/d/{uid}", "/d/{uid}/*", "/rules", "/status", "/tsdb-status",
                           "/config", "/flags", "/service-discovery", "/alertmanager", "/silences"}) {
    router.Add(
        "GET", page,
        [](const net::HttpRequest& request) { return ServeAsset(request, "ui/index.html", kRevalidate); },
        options);
  }
  router.Add(
      "GET", "/assets/*",
      [](const net::HttpRequest& request) {
        return ServeAsset(request, "ui/assets/" + std::string(request.PathParam("*")), kForever);
      },
      options);
}

}  // namespace sextant::app
