// Evaluates PromQL over anything that implements model::Queryable. The answers are those of Prometheus 3.14,
// numerics, annotations and error texts included.
//
// How a query passes through: the parser makes a tree; plan.h turns it into a plan for the query's times
// (durations and
// @ resolved, step-invariant parts marked, equal selectors joined); eval.h computes columns, that is every
// series over all steps at once (see value.h); the answer is assembled as a QueryResult.
//
// An Engine keeps no state between queries but its metrics; any number of threads may query it at once. A
// query runs on the calling thread, which EngineOptions::parallel may help, until it is done, fails, is
// cancelled, or exceeds a limit; it then frees all it held. How many run at once is the caller's business
// (the query executor).
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "core/clock.h"
#include "core/memory_budget.h"
#include "core/metrics.h"
#include "core/parallel.h"
#include "core/result.h"
#include "core/trace.h"
#include "metrics/promql/ast.h"
#include "metrics/promql/parser.h"
#include "metrics/promql/query_result.h"
#include "model/storage.h"

namespace sextant::promql {

class QueryLog;
class QueryProfile;

struct EngineOptions {
  // How far back an instant selector looks for a sample (--query.lookback-delta).
  DurationMs lookback_ms = 5 * 60'000;
  // Most samples that one query may hold in memory at a time (--query.max-samples).
  int64_t max_samples = 50'000'000;
  // Most bytes of samples and results that one query may hold at a time; 0 is no limit.
  int64_t max_bytes = int64_t{4} << 30;
  // Memory that all queries of the engine share; a query that needs more than is left fails. Null: no such
  // bound. Must outlive the engine.
  core::MemoryShare* memory = nullptr;
  // Whose threads may help a query to read series; null: it runs on the calling thread alone. Must outlive
  // the engine.
  core::Parallel* parallel = nullptr;
  // Below this many series times steps (an instant counts for some) other threads cost more than they save.
  // Tests set 0.
  size_t least_shared_work = 20'000;
  // A query that runs longer is stopped (--query.timeout).
  DurationMs timeout_ms = 2 * 60'000;
  // Published as prometheus_engine_queries_concurrent_max; the executor that runs queries enforces it.
  int64_t max_concurrency = 20;
  // The step of a subquery that names none (Prometheus: the global evaluation interval).
  DurationMs default_subquery_step_ms = 60'000;
  // Which parts of the language are switched on, and the limits on the text and the height of an expression.
  ParserOptions parser;
  // The metric name stays until the end of the query (feature flag promql-delayed-name-removal).
  bool delayed_name_removal = false;
  // rate() and increase() judge by the __type__ label (feature flag type-and-unit-labels).
  bool type_and_unit_labels = false;
  // Counters are judged by their start timestamps, too, and start_timestamp() answers (feature flag
  // use-start-timestamps).
  bool use_start_timestamps = false;
  // Where queries are logged; null: nowhere. Must outlive the engine.
  QueryLog* query_log = nullptr;
  // Makes spans of queries and their phases; null: none. Must outlive the engine.
  core::Tracer* tracer = nullptr;
};

struct QueryOptions {
  DurationMs lookback_ms = 0;  // instead of the engine's, when positive
  DurationMs timeout_ms = 0;   // instead of the engine's, when positive and shorter
  // When it becomes true, the query stops within 100 ms. May be null; must outlive the query.
  const std::atomic<bool>* cancelled = nullptr;
  // A range query gives its value as a ColumnsResult, not as a MatrixResult.
  bool keeps_columns = false;
  // Fill QueryStats::samples_per_step.
  bool per_step_stats = false;
  // For the variants that take a parsed expression: its text, from which annotations compute line and column.
  // When empty, annotations come without a place.
  std::string_view query_text;
  // How long the query has waited before; part of its statistics and of its timeout.
  int64_t queued_ns = 0;
  // Who asks, for the query log: members of a JSON object.
  std::string_view origin;
  // Filled with what each part of the query took, also when it fails. May be null; must outlive the query.
  QueryProfile* profile = nullptr;
  // The span that the query's belong to. May be null; must outlive the query.
  const core::SpanContext* parent = nullptr;
};

// Decides the HTTP status and the API's errorType.
enum class QueryErrorType {
  kBadData,    // the expression or a parameter is wrong: 400
  kExecution,  // it cannot be computed, or takes too much: 422
  kCanceled,   // the client went away: 499
  kTimeout,    // it took too long: 503
  kInternal,   // the storage failed: 500
};
// "bad_data", "execution", "canceled", "timeout", "internal".
std::string_view QueryErrorTypeText(QueryErrorType type);

struct QueryError {
  QueryErrorType type = QueryErrorType::kExecution;
  std::string message;  // Prometheus' text

  // The same as an error value: kInvalidArgument, kInternal, kCancelled, kDeadlineExceeded.
  core::Error ToError() const;
};

using QueryOutcome = tl::expected<QueryResult, QueryError>;

class Evaluator;
class QueryContext;
struct QueryLimits;
struct PlanNode;
struct HeldVector;
struct HeldValue;

class Engine {
 public:
  // `clock` and `registry` must outlive the engine; `registry` may be null.
  Engine(EngineOptions options, const core::Clock& clock, core::Registry* registry);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const EngineOptions& options() const { return options_; }
  // What a query with these options may use; also for other long requests, which a QueryContext bounds.
  QueryLimits Limits(const QueryOptions& options) const;

  // The value of an expression at one time. Any type of expression; a range selector yields a matrix.
  QueryOutcome Instant(const model::Queryable& queryable, std::string_view query, TimestampMs time_ms,
                       const QueryOptions& options = {}) const;
  QueryOutcome Instant(const model::Queryable& queryable, const Expr& expr, TimestampMs time_ms,
                       const QueryOptions& options = {}) const;

  // The values of an instant vector or scalar expression at start_ms, start_ms + step_ms, … up to end_ms:
  // always a matrix (or columns, see QueryOptions), ordered by labels. step_ms must be positive and end_ms
  // not before start_ms (kBadData). The caller bounds the number of steps; more than ten million are refused
  // here.
  QueryOutcome Range(const model::Queryable& queryable, std::string_view query, TimestampMs start_ms,
                     TimestampMs end_ms, DurationMs step_ms, const QueryOptions& options = {}) const;
  QueryOutcome Range(const model::Queryable& queryable, const Expr& expr, TimestampMs start_ms,
                     TimestampMs end_ms, DurationMs step_ms, const QueryOptions& options = {}) const;

 private:
  struct Request;

  static tl::expected<Grid, QueryError> MakeGrid(TimestampMs start_ms, TimestampMs end_ms,
                                                 DurationMs step_ms);
  QueryOutcome Parse(const model::Queryable& queryable, std::string_view query, Request& request) const;
  QueryOutcome Run(const model::Queryable& queryable, const Expr& expr, const Request& request) const;
  core::Result<HeldValue> Evaluate(const model::Queryable& queryable, const Expr& expr,
                                   const Request& request, QueryContext& context,
                                   const core::SpanContext& parent) const;
  core::Result<HeldValue> RootValue(Evaluator& evaluator, const PlanNode& root, const Request& request,
                                    QueryContext& context, const core::SpanContext& parent) const;
  static core::Result<HeldValue> VectorValue(HeldVector vector, const Request& request,
                                             QueryContext& context);
  static core::Result<HeldValue> RangeValue(HeldVector vector, const Request& request, QueryContext& context);

  const EngineOptions options_;
  const core::Clock& clock_;
  core::Counter* queries_total_samples_ = nullptr;
  core::Gauge* queries_running_ = nullptr;
  // How long a part of queries takes, under both of the original's names.
  struct SliceSeconds {
    core::Histogram* histogram = nullptr;
    core::Summary* summary = nullptr;
    void Observe(double seconds) const {
      histogram->Observe(seconds);
      summary->Observe(seconds);
    }
  };
  SliceSeconds queue_seconds_;
  SliceSeconds prepare_seconds_;
  SliceSeconds inner_eval_seconds_;
  SliceSeconds result_sort_seconds_;
};

}  // namespace sextant::promql
