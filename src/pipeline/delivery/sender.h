// One way to a peer: what an exporter does with a batch, without queue and retries.
#pragma once

#include "core/result.h"
#include "pipeline/consumer.h"

namespace sextant::pipeline {

class Sender {
 public:
  virtual ~Sender() = default;
  virtual core::Status Start() { return {}; }
  // No Send comes any more; those under way are cut off. Their `done` may still be called after this.
  virtual void Shutdown() {}
  // Tries once, in bounded time. Runs on the executor; `done` may be called on any thread, I/O threads too.
  // A refusal says whether another try may help.
  virtual void Send(Telemetry batch, Done done) = 0;
};

}  // namespace sextant::pipeline
