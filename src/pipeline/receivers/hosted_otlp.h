// OTLP at the address of the server that runs a collector: what comes there goes where the receiver `otlp`
// hands what comes to its own ports. With several receivers of the type it is `otlp` itself, or else the
// first by name, that stands in a pipeline of the signal. Without one, metrics go to the store; traces and
// logs are answered with UNIMPLEMENTED and 404, which tell the client not to try again.
//
// Any thread may call.
#pragma once

#include <array>
#include <condition_variable>
#include <map>
#include <mutex>

#include "net/router.h"
#include "pipeline/component.h"
#include "pipeline/receivers/receiver_metrics.h"

namespace sextant::pipeline {

class HostedOtlp {
 public:
  // `metrics_store` takes metrics while no receiver does; null: nobody. All of it must outlive this.
  HostedOtlp(core::Registry& telemetry, Consumer* metrics_store);

  // POST /v1/traces, /v1/metrics and /v1/logs, and the three gRPC services. This must outlive the server.
  void AddRoutes(net::Router& router);

  // A receiver has its data come here, too, from now on, until Detach; that returns when no call of its
  // outputs is under way.
  void Attach(const ComponentId& id, const Outputs& outputs);
  void Detach(const ComponentId& id);
  // While pipelines are exchanged, clients are told to try again.
  void SetPaused(bool is_paused);

 private:
  struct Attached {
    Outputs outputs;
    size_t calls = 0;  // under way
  };
  class Entry final : public Consumer {
   public:
    Entry(HostedOtlp& owner, Signal signal) : owner_(owner), signal_(signal) {}
    void Consume(Telemetry batch, Done done) override {
      owner_.Take(signal_, std::move(batch), std::move(done));
    }

   private:
    HostedOtlp& owner_;
    const Signal signal_;
  };

  void Take(Signal signal, Telemetry batch, Done done);

  Consumer* const metrics_store_;
  ReceiverMetrics grpc_metrics_;
  ReceiverMetrics http_metrics_;
  std::array<Entry, 3> entries_;  // by signal

  std::mutex mutex_;
  std::condition_variable idle_;
  std::map<ComponentId, Attached> attached_;  // guarded by mutex_
  bool is_paused_ = false;                    // likewise
};

}  // namespace sextant::pipeline
