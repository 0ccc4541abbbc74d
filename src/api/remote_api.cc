#include "api/remote_api.h"

namespace sextant::api {

namespace {

constexpr size_t kMaxWriteBodyBytes = 32 << 20;  // compressed
constexpr size_t kMaxOtlpBodyBytes = 32 << 20;   // also when decompressed

}  // namespace

void AddRemoteRoutes(net::Router& router, RemoteApiDeps deps) {
  router.Add("POST", "/api/v1/write",
             [receiver = deps.write_receiver](const net::HttpRequest& request) {
               if (receiver != nullptr) return receiver->Handle(request);
               return net::HttpResponse::Text(
                   404,
                   "remote write receiver needs to be enabled with --web.enable-remote-write-receiver\n");
             },
             {.priority = core::Priority::kIngest,
              .max_body_bytes = kMaxWriteBodyBytes,
              .passed_encodings = {"snappy"}});
  // The receiver words the refusal of other codings than gzip.
  router.Add("POST", "/api/v1/otlp/v1/metrics",
             [receiver = deps.otlp_receiver](const net::HttpRequest& request) {
               if (receiver != nullptr) return receiver->Handle(request);
               return net::HttpResponse::Text(
                   404, "otlp write receiver needs to be enabled with --web.enable-otlp-receiver\n");
             },
             {.priority = core::Priority::kIngest,
              .max_body_bytes = kMaxOtlpBodyBytes,
              .passed_encodings = {"snappy", "deflate", "zstd", "br", "lz4", "zlib"}});
}

}  // namespace sextant::api
