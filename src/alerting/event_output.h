// An output of the event recorder that sends by itself, at its own pace: what it is given waits, within
// bounds, and what does not fit or cannot be sent is dropped and counted.
#pragma once

#include <string>

#include "core/clock.h"
#include "core/executor.h"
#include "core/log.h"
#include "core/metrics.h"
#include "net/http_client.h"
#include "net/io.h"

namespace sextant::alerting {

enum class EventFormat { kJson, kProtobuf };

// Thread-safe, but for Stop.
class EventOutput {
 public:
  virtual ~EventOutput() = default;

  // What it is called in metrics and in the log.
  virtual const std::string& name() const = 0;
  // What it wants to be given.
  virtual EventFormat format() const = 0;
  // Never waits.
  virtual void Send(std::string event) = 0;
  // Takes no more events, and no longer waits for company.
  virtual void Close() = 0;
  // Whether nothing waits or is under way.
  virtual bool IsDone() = 0;
  // Waits until all is sent or given up, for `within_ms`; then gives the rest up. After Close, and not from
  // the executor's threads.
  virtual void Stop(core::DurationMs within_ms) = 0;
};

// What outputs work with; all of it must outlive them.
struct EventOutputServices {
  net::IoContext& io;
  core::Executor& executor;
  net::HttpClient& client;
  const core::Clock& clock;
  core::Registry& registry;
  core::Logger logger;
};

// Counts what an output drops.
inline core::Counter& DroppedEvents(core::Registry& registry, const std::string& output) {
  return registry.AddCounter(
      "alertmanager_event_output_drops_total",
      "Events that an output dropped: its queue was full, or they could not be sent for good.",
      {{"output", output}});
}

}  // namespace sextant::alerting
