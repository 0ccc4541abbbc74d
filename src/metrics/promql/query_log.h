// The query log: one line of JSON for every query that the engine ran, in the fields of Prometheus'
// (query_log_file of its configuration): what was asked, what it took, and who asked.
//
// Owned by who owns the engine; any thread may write, and change the file meanwhile. A line that cannot be
// written is counted, never waited for.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/file.h"
#include "core/json_writer.h"
#include "core/metrics.h"
#include "core/result.h"
#include "metrics/promql/query_result.h"

namespace sextant::promql {

// The members "timings" and "samples" of a query's statistics, as Prometheus' API and query log show them.
// Samples per step are shown when there are any; the steps begin at `start_ms`.
void WriteQueryStats(core::JsonWriter& json, const QueryStats& stats, core::TimestampMs start_ms,
                     core::DurationMs step_ms);

// Seconds since the epoch with up to three digits behind the point, as Prometheus' API writes times.
void AppendSeconds(std::string& out, core::TimestampMs time_ms);

struct QueryLogEntry {
  std::string_view query;
  core::TimestampMs start_ms = 0;
  core::TimestampMs end_ms = 0;
  core::DurationMs step_ms = 0;  // 0 of an instant query
  std::string_view error;        // empty: it succeeded
  const QueryStats& stats;
  std::string span_id;      // of the query's span; zeros: it has none
  std::string_view origin;  // members of a JSON object: `"httpRequest":{…}`; may be empty
};

class QueryLog {
 public:
  // All must outlive the log; `registry` may be null.
  QueryLog(core::FileSystem& files, const core::Clock& clock, core::Registry* registry);

  // Writes to this file from now on, opened anew even when it is the same (so that it can be rotated); "" for
  // none. On an error the file before stays.
  core::Status SetFile(const std::string& path);
  bool is_enabled() const { return is_enabled_.load(std::memory_order_relaxed); }

  void Write(const QueryLogEntry& entry);

 private:
  core::FileSystem& files_;
  const core::Clock& clock_;
  std::atomic<bool> is_enabled_{false};
  std::mutex mutex_;
  std::unique_ptr<core::File> file_;  // guarded by mutex_
  core::Gauge* enabled_ = nullptr;
  core::Counter* failures_ = nullptr;
};

}  // namespace sextant::promql
