#include "net/server_core.h"

#include <algorithm>

namespace sextant::net {

namespace {

// Buffers of gRPC messages that wait for the next ones.
constexpr size_t kMaxPooledBytes = 16 << 20;

}  // namespace

RouteMetrics::RouteMetrics(core::Registry& registry, std::string name)
    : registry_(registry),
      name_(std::move(name)),
      duration_(registry.AddHistogram("prometheus_http_request_duration_seconds",
                                      "Histogram of latencies for HTTP requests.",
                                      {.1, .2, .4, 1, 3, 8, 20, 60, 120}, {{"handler", name_}})),
      response_bytes_(registry.AddHistogram("prometheus_http_response_size_bytes",
                                            "Histogram of response size for HTTP requests.",
                                            {1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}, {{"handler", name_}})) {
}

core::Counter& RouteMetrics::CounterFor(int status) {
  size_t group = static_cast<size_t>(std::clamp(status / 100, 1, 5)) - 1;
  auto& slot = by_status_[group * 32 + std::min<size_t>(static_cast<size_t>(status % 100), 31)];
  core::Counter* counter = slot.load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter = &registry_.AddCounter("prometheus_http_requests_total", "Counter of HTTP requests.",
                                    {{"code", std::to_string(status)}, {"handler", name_}});
    slot.store(counter, std::memory_order_release);
  }
  return *counter;
}

void RouteMetrics::Observe(int status, double duration_seconds, size_t response_bytes) {
  CounterFor(status).Increment();
  duration_.Observe(duration_seconds);
  response_bytes_.Observe(static_cast<double>(response_bytes));
}

RouteTable::RouteTable(core::Registry& registry, Router router_in) : router(std::move(router_in)) {
  for (const auto& route : router.routes()) {
    metrics.push_back(std::make_unique<RouteMetrics>(registry, route->options.metric_name));
  }
}

ServerCore::ServerCore(core::Executor& executor_in, const core::Clock& clock_in, core::Registry& registry_in,
                       core::Logger logger_in, Router router_in, HttpServerOptions options_in)
    : executor(executor_in),
      clock(clock_in),
      registry(registry_in),
      logger(std::move(logger_in)),
      options(std::move(options_in)),
      http2_enabled(options.security.http2),
      message_pool(std::make_shared<GrpcBufferPool>(kMaxPooledBytes)),
      unmatched_metrics(registry, "unmatched"),
      received_bytes(
          registry.AddCounter("sextant_http_received_bytes_total", "Bytes received by the HTTP server.")),
      sent_bytes(registry.AddCounter("sextant_http_sent_bytes_total", "Bytes sent by the HTTP server.")),
      accepted_connections(registry.AddCounter("sextant_http_connections_accepted_total",
                                               "Connections accepted by the HTTP server.")),
      open_connections(registry.AddGauge("sextant_http_connections", "Connections open at the HTTP server.")),
      first_routes_(registry, std::move(router_in)),
      current_routes_(&first_routes_) {}

void ServerCore::SetRouter(Router router) {
  SEXTANT_CHECK(later_routes_ == nullptr);
  later_routes_ = std::make_unique<const RouteTable>(registry, std::move(router));
  current_routes_.store(later_routes_.get(), std::memory_order_release);
}

RouteMetrics& ServerCore::MetricsOf(const Route& route) const {
  const RouteTable* table = current_routes_.load(std::memory_order_acquire);
  bool is_current =
      route.index < table->router.routes().size() && table->router.routes()[route.index].get() == &route;
  return *(is_current ? table : &first_routes_)->metrics[route.index];
}

void ServerCore::CountRefusal(std::string_view reason) {
  registry
      .AddCounter("sextant_http_refused_total",
                  "Requests and connections that the HTTP server refused itself.",
                  {{"reason", std::string(reason)}})
      .Increment();
}

SecurityState ServerCore::security() const {
  std::lock_guard lock(security_mutex_);
  return security_;
}

void ServerCore::SetSecurity(SecurityState security) {
  std::lock_guard lock(security_mutex_);
  security_ = std::move(security);
}

bool ServerCore::ReserveBody(size_t bytes) {
  size_t before = buffered_body_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (before + bytes <= options.limits.max_buffered_body_bytes) return true;
  buffered_body_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  return false;
}

void ServerCore::ReleaseBody(size_t bytes) {
  buffered_body_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

bool ServerCore::AddConnection() {
  std::lock_guard lock(idle_mutex_);
  if (connections_ >= options.limits.max_connections) return false;
  ++connections_;
  accepted_connections.Increment();
  open_connections.Add(1);  // several servers may share it
  return true;
}

void ServerCore::RemoveConnection() {
  std::lock_guard lock(idle_mutex_);
  --connections_;
  open_connections.Add(-1);
  idle_.notify_all();
}

void ServerCore::AddHandler() {
  std::lock_guard lock(idle_mutex_);
  ++handlers_;
}

void ServerCore::RemoveHandler() {
  std::lock_guard lock(idle_mutex_);
  --handlers_;
  idle_.notify_all();
}

bool ServerCore::WaitIdle(std::chrono::milliseconds timeout) {
  std::unique_lock lock(idle_mutex_);
  return idle_.wait_for(lock, timeout, [&] { return connections_ == 0 && handlers_ == 0; });
}

void ServerCore::WaitIdle() {
  std::unique_lock lock(idle_mutex_);
  idle_.wait(lock, [&] { return connections_ == 0 && handlers_ == 0; });
}

}  // namespace sextant::net
