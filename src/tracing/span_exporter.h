// Sends ended spans to a collector, in batches: when 512 wait, and every five seconds what there is. At most
// 2,048 wait; further ones are dropped. A batch that the collector may take later is repeated for a minute.
// What is sent, refused and dropped is counted.
//
// Take may be called from any thread and never waits; Stop by one.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/executor.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/trace.h"
#include "net/io.h"
#include "tracing/span_transport.h"

namespace sextant::tracing {

struct ExporterOptions {
  std::vector<core::SpanAttribute> resource = {};  // who we are
  std::string scope = {};                          // name of what makes the spans
  size_t max_waiting = 2'048;
  size_t max_batch = 512;
  core::DurationMs interval_ms = 5'000;
  core::DurationMs first_retry_ms = 5'000;
  core::DurationMs max_retry_ms = 30'000;
  core::DurationMs max_retrying_ms = 60'000;
};

// What it works with; all of it must outlive it.
struct ExporterServices {
  net::IoContext& io;
  core::Executor& executor;
  const core::Clock& clock;
  core::Registry& registry;
  core::Logger logger;
};

class SpanExporter final : public core::SpanSink, public std::enable_shared_from_this<SpanExporter> {
 public:
  static std::shared_ptr<SpanExporter> Start(ExporterServices services,
                                             std::unique_ptr<SpanTransport> transport,
                                             ExporterOptions options);
  ~SpanExporter() override = default;

  // Counts the span as dropped when too many wait, or after Stop.
  void Take(core::SpanData span) override;

  // Sends what waits, for as long as `within_ms`; what is left then is dropped and counted. Not from the
  // executor's threads; may be called again.
  void Stop(core::DurationMs within_ms);

 private:
  SpanExporter(ExporterServices services, std::unique_ptr<SpanTransport> transport, ExporterOptions options);

  // All with the lock held.
  void Arm(core::DurationMs delay_ms);
  std::optional<std::string> NextRequest();
  void Drop(size_t spans, const char* why);

  void Tick();
  void Send(std::string request);
  void OnSent(const SendOutcome& outcome);

  const ExporterServices services_;
  const ExporterOptions options_;
  const std::unique_ptr<SpanTransport> transport_;
  core::Counter& sent_;
  core::Counter& rejected_;

  std::mutex mutex_;
  std::condition_variable idle_;
  std::optional<net::Timer> timer_;      // gone after Stop
  std::vector<core::SpanData> waiting_;  // guarded by mutex_, as all that follows
  std::vector<core::SpanData> batch_;    // what is sent, or will be again
  bool is_sending_ = false;
  bool is_stopping_ = false;
  bool is_armed_soon_ = false;
  bool has_complained_ = false;      // of a collector that does not take them
  core::DurationMs backoff_ms_ = 0;  // 0: the batch has not been tried
  int64_t give_up_at_ns_ = 0;
};

}  // namespace sextant::tracing
