// Scrapes one target at its rhythm: waits for its moment, fetches, appends, reports, and again.
//
// The moments of a target are `interval` apart, at an offset that its hash gives (scrape_offset.h), so that
// targets do not all come at once and keep their places over restarts. Samples get the moment itself as their
// time when the scrape begins within two milliseconds of it (regular times compress to almost nothing), as in
// Prometheus.
//
// The loop lives in a shared_ptr; timers, fetches and executor tasks hold it while they run. Status may be
// read from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "core/clock.h"
#include "core/executor.h"
#include "core/log.h"
#include "core/trace.h"
#include "metrics/scrape/body_appender.h"
#include "metrics/scrape/buffer_pool.h"
#include "metrics/scrape/failure_log.h"
#include "metrics/scrape/scrape_metrics.h"
#include "metrics/scrape/target.h"
#include "metrics/scrape/target_builder.h"
#include "model/storage.h"
#include "net/http_client.h"
#include "net/io.h"

namespace sextant::scrape {

// A source of metrics inside this process: makes a body. Called on the executor.
using LocalSource = std::function<core::Result<ScrapedBody>()>;

inline constexpr core::DurationMs kTimeToleranceMs = 2;

// What all loops share. All of it outlives them.
struct ScrapeServices {
  net::IoContext& io;
  net::HttpClient& client;
  core::Executor& executor;
  const core::Clock& clock;
  model::Appendable& storage;
  MetadataStore& metadata;
  ScrapeMetrics& metrics;
  BufferPool& buffers;
  // How far from its moment a scrape may begin and still carry the moment as its time; 0: it never does.
  core::DurationMs time_tolerance_ms = kTimeToleranceMs;
  // Makes a span of every fetch; null: none.
  core::Tracer* tracer = nullptr;
};

// What the loops of one job share, unchanging.
struct PoolSettings {
  std::string name;
  SampleRules samples;
  net::FetchRequest request;                // everything but the URL and the timeout
  config::HttpClientConfig http;            // for secrets that stand in files
  LocalSource local;                        // instead of fetching, when set
  std::shared_ptr<FailureLog> failure_log;  // null: none
};

class ScrapeLoop : public std::enable_shared_from_this<ScrapeLoop> {
 public:
  ScrapeLoop(ScrapeServices& services, std::shared_ptr<const PoolSettings> settings, ScrapeTarget target,
             core::DurationMs offset_ms, core::Logger logger);

  // Begins at the target's next moment; with `at_once` now (the first scrape after start).
  void Start(bool at_once);
  // Ends: nothing runs any more when it returns. With `mark_stale` its series are marked as ended, as for a
  // target that was removed while the process goes on. Not from an executor or I/O thread.
  void Stop(bool mark_stale);

  const ScrapeTarget& target() const { return target_; }
  const std::shared_ptr<const PoolSettings>& settings() const { return settings_; }
  TargetStatus Status() const;
  // What a scrape sends. Reads the secrets that stand in files. Not for targets in this process.
  core::Result<net::FetchRequest> MakeRequest() const;

 private:
  void ScheduleNext();
  void Begin();
  void Fetch();
  void Finish(core::Result<ScrapedBody> body);
  core::Result<std::shared_ptr<const net::PreparedRequest>> TakeRequest();
  core::Result<BodySummary> Append(const core::Result<ScrapedBody>& body, double duration_seconds);
  void NoteOutcome(const core::Result<BodySummary>& summary, double duration_seconds);
  void SetInFlight(bool in_flight);

  ScrapeServices& services_;
  const std::shared_ptr<const PoolSettings> settings_;
  const ScrapeTarget target_;
  const core::Logger logger_;
  const core::DurationMs offset_ms_;
  net::Timer timer_;

  // Touched by the scrape under way only.
  BodyAppender appender_;
  std::shared_ptr<const net::PreparedRequest> request_;  // made by the first scrape
  core::Span fetch_span_;                                // of the fetch under way
  core::TimestampMs due_ms_ = 0;
  core::TimestampMs time_ms_ = 0;
  int64_t begun_ns_ = 0;  // 0: not yet
  core::Summary& interval_seconds_;
  std::string last_trouble_;  // as the log knows it; "" when all went well

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  bool is_in_flight_ = false;
  bool is_stopped_ = false;
  net::FetchHandle fetch_;
  TargetStatus status_;
};

}  // namespace sextant::scrape
