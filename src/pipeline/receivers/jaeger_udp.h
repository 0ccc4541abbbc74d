// Spans that Jaeger's clients send to its agent, one call of emitBatch in a UDP packet.
//
// Nobody waits for an answer, so that what cannot be taken is lost to its sender and counted:
// sextant_otelcol_jaeger_dropped_packets_total by reason, and refused spans as of every receiver. Packets
// wait in a queue of bounded length for a bounded number of workers on the executor.
#pragma once

#include <memory>
#include <string>

#include "config/decode.h"
#include "core/result.h"
#include "otlp/spans.h"
#include "pipeline/component.h"

namespace sextant::pipeline {

struct JaegerUdpConfig {
  std::string endpoint = {};
  int64_t queue_size = 1'000;  // packets
  int64_t max_packet_size = 65'000;
  int64_t workers = 10;
  int64_t socket_buffer_size = 0;  // 0: the system's
};

const config::Struct& FieldsOf(const JaegerUdpConfig*);

class JaegerUdp {
 public:
  using Decode = core::Result<otlp::TracesData> (*)(std::string_view packet);

  // Receives from now on. `transport` names it in metrics ("udp_thrift_compact"); `next` and the environment
  // must outlive it.
  static core::Result<std::unique_ptr<JaegerUdp>> Start(const ComponentSettings& settings,
                                                        const JaegerUdpConfig& config, std::string transport,
                                                        Decode decode, Consumer& next);
  ~JaegerUdp();  // stops
  JaegerUdp(const JaegerUdp&) = delete;
  JaegerUdp& operator=(const JaegerUdp&) = delete;

  // The true port, for tests.
  uint16_t port() const;
  // Takes nothing more and hands on what is queued; what is left after ten seconds is dropped and counted.
  void Stop();

 private:
  class State;
  explicit JaegerUdp(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace sextant::pipeline
