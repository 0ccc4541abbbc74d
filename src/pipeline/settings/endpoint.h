// A server of a component, from its start to its end, with certificates that are read again.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"
#include "net/http_server.h"
#include "net/router.h"
#include "pipeline/component.h"
#include "pipeline/ticker.h"

namespace sextant::pipeline {

class Endpoint {
 public:
  // Serves from now on. With `reload_interval_ms` certificates are read again that often; those that cannot
  // be used are logged and change nothing. `settings`' environment must outlive this.
  static core::Result<std::unique_ptr<Endpoint>> Start(const ComponentSettings& settings, net::Router router,
                                                       net::HttpServerOptions options,
                                                       core::DurationMs reload_interval_ms = 0);
  ~Endpoint();  // stops
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // "127.0.0.1:4317", with the true port.
  std::string address() const { return server_->bound_address(); }
  // Takes nothing more, and answers what it took, in bounded time.
  void Stop();

 private:
  Endpoint(const ComponentSettings& settings, net::WebSecurity security);
  void Reload();

  const core::Logger logger_;
  const net::WebSecurity security_;
  std::unique_ptr<net::HttpServer> server_;
  Ticker ticker_;
};

}  // namespace sextant::pipeline
