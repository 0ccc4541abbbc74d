#include "metrics/promql/engine.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "metrics/promql/eval.h"
#include "metrics/promql/label_functions.h"
#include "metrics/promql/output_series.h"
#include "metrics/promql/plan.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/query_log.h"
#include "metrics/promql/query_profile.h"
#include "metrics/promql/stable_sort.h"

namespace sextant::promql {

namespace {

constexpr int64_t kMaxSteps = 10'000'000;

double Seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

QueryError ToQueryError(const core::Error& error) {
  switch (error.code()) {
    case core::Code::kCancelled:
      return {QueryErrorType::kCanceled, error.message()};
    case core::Code::kDeadlineExceeded:
      return {QueryErrorType::kTimeout, error.message()};
    case core::Code::kInvalidArgument:
    case core::Code::kResourceExhausted:
    case core::Code::kUnimplemented:
      return {QueryErrorType::kExecution, error.message()};
    default:
      return {QueryErrorType::kInternal, error.message()};
  }
}

MatrixSeries ToMatrixSeries(SeriesColumn series, const Grid& grid) {
  MatrixSeries result;
  result.labels = std::move(series.labels);
  const Column& column = series.column;
  result.floats.reserve(column.CountPresent());
  for (size_t step = 0; step < grid.steps; ++step) {
    if (const HistogramPtr* histogram = column.histogram_ptr(step)) {
      result.histograms.push_back({grid.At(step), *histogram});
    } else if (IsPresent(column.values[step])) {
      result.floats.push_back({grid.At(step), column.values[step]});
    }
  }
  return result;
}

MatrixSeries ToMatrixSeries(RawSeries series) {
  MatrixSeries result;
  result.labels = std::move(series.labels);
  for (size_t i = 0; i < series.times_ms.size(); ++i) {
    if (!series.histograms.empty() && series.histograms[i]) {
      result.histograms.push_back({series.times_ms[i], std::move(series.histograms[i])});
    } else {
      result.floats.push_back({series.times_ms[i], series.values[i]});
    }
  }
  return result;
}

template <typename Series>
core::Status SortByLabels(std::vector<Series>& series, QueryContext& context) {
  return StableSort(series, context, [](const Series& a, const Series& b) { return a.labels < b.labels; });
}

// With delayed name removal: takes the names away that were kept so far, and joins what became equal.
core::Status RemoveNames(HeldVector& vector, QueryContext& context) {
  for (SeriesColumn& series : vector.series) {
    SEXTANT_TRY(context.Tick(64));
    if (series.drops_name) series.labels = WithoutMetadata(series.labels);
  }
  return MergeEqualSeries(vector, context);
}

}  // namespace

// A value with what it holds.
struct HeldValue {
  QueryValue value;
  Holding holding;
};

// One query as it was asked.
struct Engine::Request {
  Grid grid;
  bool is_range = false;
  TimestampMs time_ms = 0;
  std::string_view text;
  const QueryOptions& options;
};

std::string_view QueryErrorTypeText(QueryErrorType type) {
  switch (type) {
    case QueryErrorType::kBadData:
      return "bad_data";
    case QueryErrorType::kExecution:
      return "execution";
    case QueryErrorType::kCanceled:
      return "canceled";
    case QueryErrorType::kTimeout:
      return "timeout";
    case QueryErrorType::kInternal:
      return "internal";
  }
  return "internal";
}

core::Error QueryError::ToError() const {
  switch (type) {
    case QueryErrorType::kBadData:
    case QueryErrorType::kExecution:
      return {core::Code::kInvalidArgument, message};
    case QueryErrorType::kCanceled:
      return {core::Code::kCancelled, message};
    case QueryErrorType::kTimeout:
      return {core::Code::kDeadlineExceeded, message};
    case QueryErrorType::kInternal:
      break;
  }
  return {core::Code::kInternal, message};
}

Engine::Engine(EngineOptions options, const core::Clock& clock, core::Registry* registry)
    : options_(std::move(options)), clock_(clock) {
  if (!registry) return;
  registry->AddGauge("prometheus_engine_queries_concurrent_max", "The max number of concurrent queries.")
      .Set(static_cast<double>(options_.max_concurrency));
  queries_running_ = &registry->AddGauge("prometheus_engine_queries",
                                         "The current number of queries being executed or waiting.");
  queries_total_samples_ = &registry->AddCounter("prometheus_engine_query_samples_total",
                                                 "The total number of samples loaded by all queries.");
  auto slice = [&](const std::string& name) {
    return SliceSeconds{
        &registry->AddHistogram("prometheus_engine_query_duration_histogram_seconds",
                                "The duration of various parts of PromQL query execution.",
                                {0.01, 0.1, 1, 10}, {{"slice", name}}),
        &registry->AddSummary("prometheus_engine_query_duration_seconds", "Query timings, by part.",
                              {0.5, 0.9, 0.99}, {{"slice", name}})};
  };
  queue_seconds_ = slice("queue_time");
  prepare_seconds_ = slice("prepare_time");
  inner_eval_seconds_ = slice("inner_eval");
  result_sort_seconds_ = slice("result_sort");
}

QueryOutcome Engine::Instant(const model::Queryable& queryable, std::string_view query, TimestampMs time_ms,
                             const QueryOptions& options) const {
  Request request{{time_ms, 1, 1}, false, time_ms, query, options};
  return Parse(queryable, query, request);
}

QueryOutcome Engine::Instant(const model::Queryable& queryable, const Expr& expr, TimestampMs time_ms,
                             const QueryOptions& options) const {
  return Run(queryable, expr, {{time_ms, 1, 1}, false, time_ms, options.query_text, options});
}

QueryOutcome Engine::Range(const model::Queryable& queryable, std::string_view query, TimestampMs start_ms,
                           TimestampMs end_ms, DurationMs step_ms, const QueryOptions& options) const {
  auto grid = MakeGrid(start_ms, end_ms, step_ms);
  if (!grid) return tl::unexpected(grid.error());
  Request request{*grid, true, end_ms, query, options};
  return Parse(queryable, query, request);
}

QueryOutcome Engine::Range(const model::Queryable& queryable, const Expr& expr, TimestampMs start_ms,
                           TimestampMs end_ms, DurationMs step_ms, const QueryOptions& options) const {
  auto grid = MakeGrid(start_ms, end_ms, step_ms);
  if (!grid) return tl::unexpected(grid.error());
  return Run(queryable, expr, {*grid, true, end_ms, options.query_text, options});
}

tl::expected<Grid, QueryError> Engine::MakeGrid(TimestampMs start_ms, TimestampMs end_ms,
                                                DurationMs step_ms) {
  auto fail = [](std::string message) {
    return tl::unexpected(QueryError{QueryErrorType::kBadData, std::move(message)});
  };
  if (step_ms <= 0) return fail("zero or negative query resolution step widths are not accepted");
  if (start_ms < -kMaxTimestampMs || end_ms > kMaxTimestampMs) return fail("timestamp out of range");
  if (end_ms < start_ms) return fail("end timestamp must not be before start time");
  if ((end_ms - start_ms) / step_ms >= kMaxSteps) return fail(fmt::format("more than {} steps", kMaxSteps));
  return Grid{start_ms, step_ms, static_cast<size_t>((end_ms - start_ms) / step_ms) + 1};
}

QueryOutcome Engine::Parse(const model::Queryable& queryable, std::string_view query,
                           Request& request) const {
  ParseResult<ExprPtr> expr = ParseExpr(query, options_.parser);
  if (!expr) return tl::unexpected(QueryError{QueryErrorType::kBadData, expr.error().Message()});
  return Run(queryable, **expr, request);
}

QueryLimits Engine::Limits(const QueryOptions& options) const {
  QueryLimits limits;
  limits.max_samples = options_.max_samples;
  limits.max_bytes = options_.max_bytes;
  limits.memory = options_.memory;
  limits.parallel = options_.parallel;
  limits.least_shared_work = options_.least_shared_work;
  limits.timeout_ms = options_.timeout_ms;
  if (options.timeout_ms > 0) limits.timeout_ms = std::min(limits.timeout_ms, options.timeout_ms);
  limits.cancelled = options.cancelled;
  limits.timeout_ms -= options.queued_ns / 1'000'000;
  return limits;
}

QueryOutcome Engine::Run(const model::Queryable& queryable, const Expr& expr, const Request& request) const {
  ValueType type = TypeOf(expr);
  if (request.is_range && type != ValueType::kVector && type != ValueType::kScalar) {
    return tl::unexpected(QueryError{
        QueryErrorType::kBadData,
        fmt::format("invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                    DocumentedType(type))});
  }
  if (std::abs(request.grid.start_ms) > kMaxTimestampMs) {
    return tl::unexpected(QueryError{QueryErrorType::kBadData, "timestamp out of range"});
  }
  if (queries_running_) queries_running_->Add(1);
  const QueryLimits limits = Limits(request.options);
  QueryContext context(limits, clock_);
  context.set_profile(request.options.profile);
  int64_t start_ns = clock_.MonotonicNs();
  const int64_t queued_at_ns = start_ns - request.options.queued_ns;
  core::Span exec_span = core::StartSpan(options_.tracer, "promqlExec",
                                         {.parent = request.options.parent, .start_ns = queued_at_ns});
  if (exec_span.is_recorded()) exec_span.SetAttribute("query", std::string(request.text));
  core::StartSpan(options_.tracer, "promqlExecQueue",
                  {.parent = &exec_span.context(), .start_ns = queued_at_ns})
      .End();
  core::Span eval_span = core::StartSpan(options_.tracer, "promqlEval", {.parent = &exec_span.context()});
  core::Result<HeldValue> value = limits.timeout_ms > 0 || request.options.queued_ns == 0
                                      ? Evaluate(queryable, expr, request, context, eval_span.context())
                                      : core::Result<HeldValue>(core::Fail(core::Code::kDeadlineExceeded,
                                                                           "query timed out in query queue"));
  eval_span.End();
  if (!value) exec_span.SetError(value.error().message());
  context.FinishStats();
  QueryStats& stats = context.stats();
  stats.queue_seconds = Seconds(request.options.queued_ns);
  stats.eval_total_seconds = Seconds(clock_.MonotonicNs() - start_ns);
  if (queries_running_) {
    queries_running_->Add(-1);
    queries_total_samples_->Increment(static_cast<double>(stats.total_samples));
    queue_seconds_.Observe(stats.queue_seconds);
    prepare_seconds_.Observe(stats.prepare_seconds);
    inner_eval_seconds_.Observe(stats.inner_eval_seconds);
    result_sort_seconds_.Observe(stats.result_sort_seconds);
  }
  if (options_.query_log != nullptr && options_.query_log->is_enabled()) {
    options_.query_log->Write(
        {.query = request.text,
         .start_ms = request.grid.start_ms,
         .end_ms = request.time_ms,
         .step_ms = request.is_range ? request.grid.step_ms : 0,
         .error = value ? std::string_view() : std::string_view(value.error().message()),
         .stats = stats,
         .span_id = core::SpanIdText(eval_span.context()),
         .origin = request.options.origin});
  }
  if (!value) return tl::unexpected(ToQueryError(value.error()));
  QueryResult result;
  result.value = std::move(value->value);
  context.holdings()->GiveBackUnused();
  struct AnswerMemory {
    std::shared_ptr<QueryHoldings> holdings;
    Holding held;  // goes first
  };
  result.memory = std::make_shared<AnswerMemory>(context.holdings(), std::move(value->holding));
  result.warnings = context.annotations().Render(AnnotationKind::kWarning, request.text);
  result.infos = context.annotations().Render(AnnotationKind::kInfo, request.text);
  result.stats = std::move(stats);
  return result;
}

core::Result<HeldValue> Engine::Evaluate(const model::Queryable& queryable, const Expr& expr,
                                         const Request& request, QueryContext& context,
                                         const core::SpanContext& parent) const {
  SEXTANT_TRY(context.Check());
  int64_t start_ns = clock_.MonotonicNs();
  core::Span prepare_span = core::StartSpan(options_.tracer, "promqlPrepare", {.parent = &parent});
  PlanOptions plan_options;
  plan_options.grid = request.grid;
  plan_options.query_step_ms = request.is_range ? request.grid.step_ms : 0;
  plan_options.query_range_ms = request.is_range ? request.time_ms - request.grid.start_ms : 0;
  plan_options.lookback_ms =
      request.options.lookback_ms > 0 ? request.options.lookback_ms : options_.lookback_ms;
  plan_options.default_subquery_step_ms = options_.default_subquery_step_ms;
  SEXTANT_ASSIGN(Plan plan, MakePlan(expr, plan_options));
  SEXTANT_ASSIGN(std::unique_ptr<model::Querier> querier, queryable.NewQuerier(plan.min_ms, plan.max_ms));
  EvaluatorOptions evaluator_options;
  evaluator_options.lookback_ms = plan_options.lookback_ms;
  evaluator_options.delayed_name_removal = options_.delayed_name_removal;
  evaluator_options.type_and_unit_labels = options_.type_and_unit_labels;
  evaluator_options.use_start_timestamps = options_.use_start_timestamps;
  Evaluator evaluator(plan, *querier, evaluator_options, context);
  // The plan is told when the query is over, however it ends.
  auto finish_profile = [&, profile = request.options.profile](Plan*) {
    if (profile) profile->Finish(plan, request.text);
  };
  std::unique_ptr<Plan, decltype(finish_profile)> at_end(&plan, finish_profile);
  SEXTANT_TRY(evaluator.Select(plan_options.query_step_ms));
  if (request.options.per_step_stats) context.TrackSteps(request.grid.steps);
  int64_t prepared_ns = clock_.MonotonicNs();
  context.stats().prepare_seconds = Seconds(prepared_ns - start_ns);
  prepare_span.End();

  SEXTANT_ASSIGN(HeldValue value, RootValue(evaluator, *plan.root, request, context, parent));
  context.stats().inner_eval_seconds = Seconds(clock_.MonotonicNs() - prepared_ns);
  return value;
}

core::Result<HeldValue> Engine::RootValue(Evaluator& evaluator, const PlanNode& root, const Request& request,
                                          QueryContext& context, const core::SpanContext& parent) const {
  core::Span inner_span = core::StartSpan(options_.tracer, "promqlInnerEval", {.parent = &parent});
  switch (root.type) {
    case ValueType::kString:
      return HeldValue{StringResult{request.time_ms, root.text}, Holding(context)};
    case ValueType::kScalar: {
      SEXTANT_ASSIGN(HeldScalar scalar, evaluator.EvalScalar(root, request.grid));
      if (!request.is_range) {
        return HeldValue{ScalarResult{request.time_ms, scalar.values[0]}, Holding(context)};
      }
      HeldVector vector(context);
      SeriesColumn series;
      series.column.values = std::move(scalar.values);
      scalar.holding.Reset();
      SEXTANT_TRY(vector.Add(std::move(series)));
      return RangeValue(std::move(vector), request, context);
    }
    case ValueType::kMatrix: {
      Holding holding(context);
      SEXTANT_ASSIGN(std::vector<RawSeries> series, evaluator.EvalRange(root, request.grid, holding));
      MatrixResult matrix;
      for (RawSeries& one : series) {
        SEXTANT_TRY(context.Tick(one.times_ms.size()));
        matrix.push_back(ToMatrixSeries(std::move(one)));
      }
      SEXTANT_TRY(SortByLabels(matrix, context));
      return HeldValue{std::move(matrix), std::move(holding)};
    }
    default: {
      SEXTANT_ASSIGN(HeldVector vector, evaluator.EvalVector(root, request.grid));
      if (options_.delayed_name_removal) SEXTANT_TRY(RemoveNames(vector, context));
      int64_t computed_ns = clock_.MonotonicNs();
      inner_span.End();
      core::Span sort_span = core::StartSpan(options_.tracer, "promqlSort", {.parent = &parent});
      SEXTANT_ASSIGN(HeldValue value, request.is_range ? RangeValue(std::move(vector), request, context)
                                                       : VectorValue(std::move(vector), request, context));
      context.stats().result_sort_seconds = Seconds(clock_.MonotonicNs() - computed_ns);
      return value;
    }
  }
}

core::Result<HeldValue> Engine::RangeValue(HeldVector vector, const Request& request, QueryContext& context) {
  SEXTANT_TRY(SortByLabels(vector.series, context));
  if (request.options.keeps_columns) {
    return HeldValue{ColumnsResult{request.grid, std::move(vector.series)}, std::move(vector.holding)};
  }
  MatrixResult matrix;
  matrix.reserve(vector.series.size());
  for (SeriesColumn& series : vector.series) {
    SEXTANT_TRY(context.Tick(request.grid.steps));
    // A point takes more than a place in a column.
    auto more = static_cast<int64_t>(request.grid.steps * (sizeof(FloatPoint) - sizeof(double)));
    SEXTANT_TRY(vector.holding.Add(0, more));
    matrix.push_back(ToMatrixSeries(std::move(series), request.grid));
  }
  return HeldValue{std::move(matrix), std::move(vector.holding)};
}

core::Result<HeldValue> Engine::VectorValue(HeldVector vector, const Request& request,
                                            QueryContext& context) {
  VectorResult result;
  result.reserve(vector.series.size());
  for (SeriesColumn& series : vector.series) {
    SEXTANT_TRY(context.Tick(QueryContext::kWorkOfSeries));
    VectorSample sample;
    sample.labels = std::move(series.labels);
    sample.time_ms = request.time_ms;
    sample.value = series.column.values[0];
    if (const HistogramPtr* histogram = series.column.histogram_ptr(0)) sample.histogram = *histogram;
    result.push_back(std::move(sample));
  }
  return HeldValue{std::move(result), std::move(vector.holding)};
}

}  // namespace sextant::promql
