// All scraping: turns scrape configurations, and what was discovered for them, into targets and keeps one
// loop per target running. A new configuration, and new discoveries, stop what is gone, start what is new,
// and leave the rest alone.
//
// Thread-safe; Apply, SetDiscovered and Stop must not be called from an executor or I/O thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/prometheus_config.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/trace.h"
#include "metrics/discovery/manager.h"
#include "metrics/relabel/relabel.h"
#include "metrics/scrape/body_preview.h"
#include "metrics/scrape/buffer_pool.h"
#include "metrics/scrape/metadata_store.h"
#include "metrics/scrape/scrape_loop.h"
#include "metrics/scrape/scrape_metrics.h"
#include "metrics/scrape/target.h"

namespace sextant::scrape {

// A job whose target is inside this process.
struct LocalJob {
  std::string name;      // the job label
  std::string instance;  // the instance label
  core::DurationMs interval_ms = 15'000;
  LocalSource source;
};

class ScrapeManager {
 public:
  static constexpr size_t kMaxPreviews = 8;

  // References must outlive the manager. `user_agent` goes into requests; `time_tolerance_ms`
  // and `tracer` are ScrapeServices'. `parser` is what holds for all jobs of how bodies are read.
  ScrapeManager(net::IoContext& io, net::HttpClient& client, core::Executor& executor,
                const core::Clock& clock, model::Appendable& storage, core::Registry& registry,
                core::Logger logger, std::string user_agent,
                core::DurationMs time_tolerance_ms = kTimeToleranceMs, core::Tracer* tracer = nullptr,
                const exposition::ParserOptions& parser = {});
  ~ScrapeManager();  // stops

  // Makes these jobs the ones that are scraped. Errors: kInvalidArgument for rules that do not compile;
  // nothing has changed then. Targets that make no sense are logged and left out.
  core::Status Apply(const std::vector<config::ScrapeConfig>& jobs, std::vector<LocalJob> local_jobs = {});

  // Takes the targets that were discovered for jobs, in place of those before; jobs that are not among them
  // have none. They count for later configurations, too.
  void SetDiscovered(discovery::TargetSets sets);

  // Stops all loops. Series are not marked as stale: the process is ending and will be back.
  void Stop();

  TargetsStatus Status() const;
  // Names of the pools, sorted.
  std::vector<std::string> PoolNames() const;
  // The job's configuration, or nullptr when there is no such job (or it is one inside this process).
  std::shared_ptr<const config::ScrapeConfig> PoolConfig(const std::string& name) const;

  // Asks an active target of the pool for what it answers now; its scrapes go on beside that. `url` is the
  // target's scrape_url. The callback is called once, from inside or later on the executor. Errors:
  // kInvalidArgument (no such pool), kNotFound (no such target), kUnavailable (kMaxPreviews are under
  // way). Not from an I/O thread.
  core::Status PreviewBody(const std::string& pool, std::string_view url, BodyPreviewCallback callback) const;

  const MetadataStore& metadata() const { return metadata_; }
  // For what others learn of metrics.
  MetadataStore& metadata() { return metadata_; }

 private:
  struct Pool {
    std::shared_ptr<const PoolSettings> settings;
    std::shared_ptr<const config::ScrapeConfig> config;  // null for a local job
    std::shared_ptr<const relabel::Rules> rules;         // for its targets; null for a local job
    std::shared_ptr<const std::vector<discovery::TargetGroup>> groups;  // discovered
    std::string fingerprint;  // of the configuration: equal means the same treatment of targets
    std::vector<std::shared_ptr<ScrapeLoop>> loops;
    std::vector<model::Labels> dropped;  // the first kMaxDroppedKept
    uint64_t dropped_count = 0;
  };
  using Pools = std::map<std::string, Pool>;

  core::Result<Pool> MakePool(const config::ScrapeConfig& job) const;
  core::Status OpenFailureLogs(const std::vector<config::ScrapeConfig>& jobs);
  Pool MakeLocalPool(const LocalJob& job, std::vector<ScrapeTarget>& targets) const;
  std::vector<ScrapeTarget> FindTargets(Pool& pool);
  void StartLoops(Pool& pool, Pool* previous, std::vector<ScrapeTarget> targets,
                  std::vector<std::shared_ptr<ScrapeLoop>>& started);
  void NoteTargets(const std::string& name, const Pool& pool);

  const core::Logger logger_;
  const std::string user_agent_;
  const exposition::ParserOptions parser_;
  ScrapeMetrics metrics_;
  MetadataStore metadata_;
  BufferPool buffers_;
  core::PosixFileSystem files_;
  ScrapeServices services_;

  std::mutex apply_mutex_;            // held over a change of loops; taken before mutex_
  discovery::TargetSets discovered_;  // guarded by apply_mutex_
  std::map<std::string, std::shared_ptr<FailureLog>> failure_logs_;  // likewise, by path
  bool is_stopped_ = false;                                          // likewise
  const std::shared_ptr<std::atomic<size_t>> previews_ = std::make_shared<std::atomic<size_t>>(0);
  mutable std::mutex mutex_;
  Pools pools_;  // guarded by mutex_
};

}  // namespace sextant::scrape
