#include "app/pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <string>

#include "app/assets.h"
#include "net/compression.h"

namespace sextant::app {

namespace {

// Asset names carry a hash of their content, so they never change; a page is another one each time.
constexpr std::string_view kForever = "public, max-age=31536000, immutable";
constexpr std::string_view kNever = "no-store";
// The application needs nothing from elsewhere. Its editor makes its styles while it runs: the page tells it
// a word that only this answer allows them by.
constexpr std::string_view kContentPolicy =
    "default-src 'self'; style-src 'self'{}; img-src 'self' data:; frame-ancestors 'self'; base-uri 'none'";
constexpr size_t kNonceWords = 4;  // of 32 bits

bool AcceptsGzip(const net::HttpRequest& request) {
  return net::NegotiateEncoding(request.headers.Get("Accept-Encoding")) != net::Encoding::kIdentity &&
         request.headers.Get("Accept-Encoding").find("gzip") != std::string_view::npos;
}

// The headers of an asset. An empty nonce allows no styles beside those in files.
net::HttpResponse Begin(const Asset& asset, std::string_view cache_control, const std::string& nonce) {
  net::HttpResponse response;
  response.headers.Set("Content-Type", asset.content_type);
  response.headers.Set("Cache-Control", cache_control);
  response.headers.Set("X-Content-Type-Options", "nosniff");
  response.headers.Set("Content-Security-Policy",
                       fmt::format(fmt::runtime(kContentPolicy),
                                   nonce.empty() ? std::string() : fmt::format(" 'nonce-{}'", nonce)));
  return response;
}

std::string MakeNonce() {
  std::random_device device;  // the kernel's
  std::string nonce;
  for (size_t i = 0; i < kNonceWords; ++i) nonce += fmt::format("{:08x}", device());
  return nonce;
}

net::HttpResponse ServeAsset(const net::HttpRequest& request, std::string_view name) {
  const Asset* asset = FindAsset(name);
  if (asset == nullptr) return net::HttpResponse::Text(404, "not found\n");
  net::HttpResponse response = Begin(*asset, kForever, {});
  response.headers.Set("ETag", asset->etag);
  response.headers.Set("Vary", "Accept-Encoding");
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

// The way from a request's address to the root of the application: "./", "../../".
std::string RootFrom(const net::HttpRequest& request, const std::string& prefix) {
  std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  const auto slashes = std::ranges::count(path, '/') - std::ranges::count(prefix, '/');
  if (slashes < 2) return "./";
  std::string root;
  for (auto i = slashes; i > 1; --i) root += "../";
  return root;
}

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// Who looks, as far as the page must know before it asks: nobody in particular where users are off.
std::string_view VisitorOf(const net::HttpRequest& request) {
  if (request.role.empty()) return "off";
  return request.user.empty() ? "anonymous" : "user";
}

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

// The page is built for the root of a host; its addresses are made relative to the one it is asked at, so
// that it works below a route prefix and behind a proxy that takes a path away.
net::HttpResponse ServePage(const net::HttpRequest& request, const std::string& prefix,
                            const std::string& title) {
  const Asset* asset = FindAsset("ui/index.html");
  if (asset == nullptr) return net::HttpResponse::Text(404, "not found\n");
  const std::string root = RootFrom(request, prefix);
  const std::string nonce = MakeNonce();
  net::HttpResponse response = Begin(*asset, kNever, nonce);
  if (core::Status inflated =
          net::Decompress(net::Encoding::kGzip, asset->gzip, asset->size_bytes, response.body);
      !inflated) {
    return net::HttpResponse::Text(500, inflated.error().message() + "\n");
  }
  ReplaceAll(response.body, "\"/assets/", fmt::format("\"{}assets/", root));
  ReplaceAll(response.body, "name=\"sextant-root\" content=\"/\"",
             fmt::format("name=\"sextant-root\" content=\"{}\"", root));
  ReplaceAll(response.body, "name=\"sextant-visitor\" content=\"off\"",
             fmt::format("name=\"sextant-visitor\" content=\"{}\"", VisitorOf(request)));
  if (!title.empty()) {
    ReplaceAll(response.body, "<title>Sextant</title>", fmt::format("<title>{}</title>", EscapeHtml(title)));
  }
  ReplaceAll(response.body, "name=\"sextant-nonce\" content=\"\"",
             fmt::format("name=\"sextant-nonce\" content=\"{}\"", nonce));
  return response;
}

}  // namespace

void AddPageRoutes(net::Router& router, const std::string& title) {
  net::RouteOptions options;
  options.compress = false;
  for (const char* page : {"/",
                           "/query",
                           "/graph",
                           "/targets",
                           "/alerts",
                           "/cardinality",
                           "/explain",
                           "/machine",
                           "/login",
                           "/dashboards",
                           "/d/{uid}",
                           "/d/{uid}/*",
                           "/rules",
                           "/status",
                           "/tsdb-status",
                           "/config",
                           "/flags",
                           "/service-discovery",
                           "/alertmanager",
                           "/silences",
                           "/alert-history",
                           "/routing",
                           "/pipelines",
                           "/profile",
                           "/users",
                           "/service-accounts"}) {
    router.Add(
        "GET", page,
        [prefix = router.prefix(), title](const net::HttpRequest& request) {
          return ServePage(request, prefix, title);
        },
        options);
  }
  router.Add(
      "GET", "/assets/*",
      [](const net::HttpRequest& request) {
        return ServeAsset(request, "ui/assets/" + std::string(request.PathParam("*")));
      },
      options);
}

}  // namespace sextant::app
