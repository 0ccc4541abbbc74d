#include "api/lifecycle_api.h"

#include <memory>

namespace sextant::api {

namespace {

net::HttpResponse Disabled() { return net::HttpResponse::Text(403, "Lifecycle API is not enabled."); }

void Reload(const LifecycleApiDeps& deps, net::ResponseWriter writer) {
  if (!deps.is_enabled) return writer.Send(Disabled());
  // std::function wants what it holds to be copied.
  auto shared = std::make_shared<net::ResponseWriter>(std::move(writer));
  deps.reload([shared](const core::Status& reloaded) {
    shared->Send(reloaded ? net::HttpResponse::Text(200, "")
                          : net::HttpResponse::Text(500, fmt::format("failed to reload config: {}\n",
                                                                     reloaded.error().message())));
  });
}

}  // namespace

void AddLifecycleRoutes(net::Router& router, LifecycleApiDeps deps) {
  for (const char* method : {"POST", "PUT"}) {
    router.AddStream(method, "/-/reload", [deps](net::HttpRequest, net::ResponseWriter writer) {
      Reload(deps, std::move(writer));
    });
    router.Add(method, "/-/quit", [deps](const net::HttpRequest&) {
      if (!deps.is_enabled) return Disabled();
      deps.quit();
      return net::HttpResponse::Text(200, "Requesting termination... Goodbye!");
    });
  }
}

}  // namespace sextant::api
