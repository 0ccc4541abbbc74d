#include "api/remote_api.h"

namespace sextant::api {

namespace {

constexpr size_t kMaxWriteBodyBytes = 32 << 20;  // compressed

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
}

}  // namespace sextant::api
