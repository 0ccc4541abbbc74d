// What all connections of one HttpServer share: routes, limits, credentials, counters, and the count of what
// is still open, which Stop waits for. Internal to net.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "net/basic_auth.h"
#include "net/grpc_wire.h"
#include "net/http_server.h"
#include "net/rate_limiter.h"
#include "net/tls.h"

namespace sextant::net {

// The metrics of one route (or of what matched none).
class RouteMetrics {
 public:
  RouteMetrics(core::Registry& registry, std::string name);
  void Observe(int status, double duration_seconds, size_t response_bytes);

 private:
  core::Counter& CounterFor(int status);

  core::Registry& registry_;
  const std::string name_;
  core::Histogram& duration_;
  core::Histogram& response_bytes_;
  // Counters by status, made when first needed: five classes of 32.
  std::array<std::atomic<core::Counter*>, 5 * 32> by_status_{};
};

// Routes and their metrics.
struct RouteTable {
  RouteTable(core::Registry& registry, Router router_in);
  const Router router;
  std::vector<std::unique_ptr<RouteMetrics>> metrics;  // by Route::index
};

// Credentials in force; replaced as a whole.
struct SecurityState {
  std::shared_ptr<BasicAuth> auth;       // null: no authentication
  TlsContextPtr tls;                     // null: plain
  std::shared_ptr<RateLimiter> limiter;  // null: no limit
};

class ServerCore {
 public:
  ServerCore(core::Executor& executor_in, const core::Clock& clock_in, core::Registry& registry_in,
             core::Logger logger_in, Router router_in, HttpServerOptions options_in);

  // Counts a refusal ("header_bytes") in sextant_http_refused_total.
  void CountRefusal(std::string_view reason);

  // The routes in force. All tables live as long as this, since requests go on with theirs.
  const Router& router() const { return current_routes_.load(std::memory_order_acquire)->router; }
  void SetRouter(Router router);  // once
  RouteMetrics& MetricsOf(const Route& route) const;

  SecurityState security() const;
  void SetSecurity(SecurityState security);

  // Reserves room for request bodies of all connections together; false when there is none.
  bool ReserveBody(size_t bytes);
  void ReleaseBody(size_t bytes);

  // Connections and handlers under way; Stop waits until there are none.
  bool AddConnection();  // false at the limit
  void RemoveConnection();
  void AddHandler();
  void RemoveHandler();
  // True when nothing is left, false when `timeout` passed before.
  bool WaitIdle(std::chrono::milliseconds timeout);
  // Without bound, for handlers that do not look at their cancellation.
  void WaitIdle();

  core::Executor& executor;
  const core::Clock& clock;
  core::Registry& registry;
  core::Logger logger;
  HttpServerOptions options;
  std::atomic<bool> stopping{false};
  std::atomic<bool> http2_enabled{true};
  // Password checks waiting or under way: bounded, since each costs much.
  std::atomic<int> password_checks{0};

  const std::shared_ptr<GrpcBufferPool> message_pool;
  RouteMetrics unmatched_metrics;
  core::Counter& received_bytes;
  core::Counter& sent_bytes;
  core::Counter& accepted_connections;
  core::Gauge& open_connections;

 private:
  const RouteTable first_routes_;
  std::unique_ptr<const RouteTable> later_routes_;
  std::atomic<const RouteTable*> current_routes_;
  mutable std::mutex security_mutex_;
  SecurityState security_;
  std::atomic<size_t> buffered_body_bytes_{0};
  std::mutex idle_mutex_;
  std::condition_variable idle_;
  size_t connections_ = 0;
  size_t handlers_ = 0;
};

}  // namespace sextant::net
