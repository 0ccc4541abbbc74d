#include "pipeline/receivers/hosted_otlp.h"

#include <algorithm>

#include "pipeline/receivers/otlp_grpc.h"
#include "pipeline/receivers/otlp_http.h"

namespace sextant::pipeline {

namespace {

const ComponentId kReceiver{"otlp", ""};

std::string NobodyTakes(Signal signal) {
  return fmt::format(
      "{0} are not taken here: this version has no store for them, and no pipeline of {0} has a receiver "
      "otlp "
      "(section otelcol of sextant.yaml)",
      SignalName(signal));
}

}  // namespace

HostedOtlp::HostedOtlp(core::Registry& telemetry, Consumer* metrics_store)
    : metrics_store_(metrics_store),
      grpc_metrics_(telemetry, kReceiver, "grpc"),
      http_metrics_(telemetry, kReceiver, "http"),
      entries_{Entry(*this, Signal::kTraces), Entry(*this, Signal::kMetrics), Entry(*this, Signal::kLogs)} {}

void HostedOtlp::AddRoutes(net::Router& router) {
  const GrpcServerConfig grpc;
  const HttpServerConfig http;
  net::HttpServerOptions options;  // nothing to add without CORS and headers
  const OtlpHttp otlp_http(http, options);
  for (Signal signal : kSignals) {
    Entry& entry = entries_[static_cast<size_t>(signal)];
    AddOtlpGrpcRoute(router, grpc, signal, entry, grpc_metrics_);
    otlp_http.AddRoute(router, fmt::format("/v1/{}", SignalName(signal)), signal, entry, http_metrics_);
  }
}

void HostedOtlp::Attach(const ComponentId& id, const Outputs& outputs) {
  std::lock_guard lock(mutex_);
  attached_[id] = {outputs, 0};
}

void HostedOtlp::Detach(const ComponentId& id) {
  std::unique_lock lock(mutex_);
  auto found = attached_.find(id);
  if (found == attached_.end()) return;
  // It stays in the map until its calls have returned; nobody begins a new one.
  found->second.outputs = {};
  idle_.wait(lock, [&] { return found->second.calls == 0; });
  attached_.erase(found);
}

void HostedOtlp::SetPaused(bool is_paused) {
  std::lock_guard lock(mutex_);
  is_paused_ = is_paused;
}

void HostedOtlp::Take(Signal signal, Telemetry batch, Done done) {
  std::unique_lock lock(mutex_);
  if (is_paused_) {
    lock.unlock();
    return done(Refuse("the pipelines are being exchanged"));
  }
  auto receiver = std::ranges::find_if(
      attached_, [&](const auto& one) { return one.second.outputs.Of(signal) != nullptr; });
  if (receiver != attached_.end()) {
    Consumer& next = *receiver->second.outputs.Of(signal);
    ++receiver->second.calls;
    lock.unlock();
    next.Consume(std::move(batch), std::move(done));
    lock.lock();
    if (--receiver->second.calls == 0) idle_.notify_all();
    return;
  }
  lock.unlock();
  if (signal == Signal::kMetrics && metrics_store_ != nullptr)
    return metrics_store_->Consume(std::move(batch), std::move(done));
  done(tl::unexpected(
      Refusal{.message = NobodyTakes(signal), .is_permanent = true, .code = net::GrpcCode::kUnimplemented}));
}

}  // namespace sextant::pipeline
