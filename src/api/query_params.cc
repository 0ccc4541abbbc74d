#include "api/query_params.h"

#include <memory>

#include "core/json_writer.h"
#include "metrics/promql/annotations.h"
#include "metrics/promql/query_context.h"
#include "net/trace_headers.h"

namespace sextant::api {

namespace {

constexpr int64_t kMaxPointsPerSeries = 11'000;

// As Prometheus' query log shows who asked: the other end of the connection, whatever its headers say.
std::string OriginOf(const net::HttpRequest& request) {
  std::string_view address = request.remote_address;
  address = address.substr(0, address.rfind(':'));
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  core::JsonWriter json;
  json.BeginObject();
  json.Key("clientIP").String(address);
  json.Key("method").String(request.method).Key("path").String(request.path).EndObject();
  return "\"httpRequest\":" + std::move(json).Take();
}

}  // namespace

ApiResult<QueryParamsRead> ReadQueryParams(const net::QueryParams& params, const net::HttpRequest& request,
                                           bool per_step_stats) {
  QueryParamsRead read;
  read.query = params.Get("query");
  if (std::string_view text = params.Get("timeout"); !text.empty()) {
    auto timeout = ParseApiDuration(text);
    if (!timeout) return tl::unexpected(ApiError::InvalidParameter("timeout", timeout.error().message()));
    read.options.timeout_ms = *timeout;
  }
  if (std::string_view text = params.Get("lookback_delta"); !text.empty()) {
    auto lookback = ParseApiDuration(text);
    if (!lookback) {
      return tl::unexpected(
          ApiError::BadData("error parsing lookback delta duration: " + lookback.error().message()));
    }
    read.options.lookback_ms = *lookback;
  }
  read.with_stats = !params.Get("stats").empty();
  read.options.per_step_stats = per_step_stats && params.Get("stats") == "all";
  read.options.cancelled = request.cancelled.get();
  read.origin = OriginOf(request);
  read.trace = net::ReadTraceHeaders(request.headers);
  return read;
}

promql::QueryLimits ListLimits(const promql::Engine& engine, const net::HttpRequest& request) {
  promql::QueryOptions options;
  options.cancelled = request.cancelled.get();
  return engine.Limits(options);
}

ApiError ListError(const core::Error& error) {
  bool has_stopped = error.code() == core::Code::kCancelled || error.code() == core::Code::kDeadlineExceeded;
  return has_stopped ? ApiError::From(error) : ApiError{ErrorType::kExecution, error.message()};
}

ShownAnnotations LimitAnnotations(promql::QueryResult& result) {
  using promql::AnnotationKind;
  constexpr size_t kAnnotationsShown = 10;
  return {promql::LimitAnnotations(std::move(result.warnings), AnnotationKind::kWarning, kAnnotationsShown),
          promql::LimitAnnotations(std::move(result.infos), AnnotationKind::kInfo, kAnnotationsShown)};
}

ApiResult<RangeParams> ReadRange(const net::QueryParams& params) {
  RangeParams range;
  auto start = ParseTime(params.Get("start"));
  if (!start) return tl::unexpected(ApiError::InvalidParameter("start", start.error().message()));
  auto end = ParseTime(params.Get("end"));
  if (!end) return tl::unexpected(ApiError::InvalidParameter("end", end.error().message()));
  if (*end < *start)
    return tl::unexpected(ApiError::InvalidParameter("end", "end timestamp must not be before start time"));
  auto step = ParseApiDuration(params.Get("step"));
  if (!step) return tl::unexpected(ApiError::InvalidParameter("step", step.error().message()));
  if (*step <= 0) {
    return tl::unexpected(ApiError::InvalidParameter(
        "step", "zero or negative query resolution step widths are not accepted. Try a positive integer"));
  }
  if ((static_cast<uint64_t>(*end) - static_cast<uint64_t>(*start)) / static_cast<uint64_t>(*step) >
      kMaxPointsPerSeries) {
    return tl::unexpected(
        ApiError::BadData("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
                          "query resolution (?step=XX)"));
  }
  range = {*start, *end, *step};
  return range;
}

void RunGated(const QueryApiDeps& deps, net::HttpRequest request, net::ResponseWriter writer,
              QueryParamsRead read,
              std::function<void(const QueryParamsRead& read, net::ResponseWriter writer)> answer) {
  struct Waiting {
    net::HttpRequest request;  // its cancellation flag is looked at
    net::ResponseWriter writer;
    QueryParamsRead read;
  };
  auto waiting = std::make_shared<Waiting>(std::move(request), std::move(writer), std::move(read));
  deps.gate.Run([waiting, answer = std::move(answer), &clock = deps.clock] {
    waiting->read.options.queued_ns = clock.MonotonicNs() - waiting->request.received_ns;
    waiting->read.options.origin = waiting->read.origin;
    waiting->read.options.parent = &waiting->read.trace;
    answer(waiting->read, std::move(waiting->writer));
  });
}

}  // namespace sextant::api
