#include "api/query_api.h"

#include <algorithm>
#include <set>

#include "api/envelope.h"
#include "api/params.h"
#include "api/query_json.h"
#include "api/query_params.h"
#include "metrics/promql/annotations.h"
#include "metrics/promql/ast_json.h"
#include "metrics/promql/parser.h"
#include "metrics/promql/printer.h"

namespace sextant::api {

namespace {

constexpr size_t kAnnotationsShown = 10;
constexpr size_t kPieceBytes = 256 << 10;
constexpr std::string_view kTruncated = "results truncated due to limit";

// Cuts a vector or matrix to `limit` series; true when something was cut.
bool Truncate(promql::QueryResult& result, size_t limit) {
  auto cut = [limit](auto& series) {
    if (limit == 0 || series.size() <= limit) return false;
    series.resize(limit);
    return true;
  };
  if (auto* vector = std::get_if<promql::VectorResult>(&result.value)) return cut(*vector);
  if (auto* matrix = std::get_if<promql::MatrixResult>(&result.value)) return cut(*matrix);
  return false;
}

// Sends a query's outcome: short answers whole, long ones in pieces as they are written.
void SendOutcome(promql::QueryOutcome outcome, const QueryParamsRead& read, QueryJsonOptions options,
                 net::ResponseWriter writer) {
  if (!outcome) return writer.Send(ErrorResponse(ApiError::From(outcome.error())));
  using promql::AnnotationKind;
  std::vector<std::string> warnings =
      promql::LimitAnnotations(std::move(outcome->warnings), AnnotationKind::kWarning, kAnnotationsShown);
  std::vector<std::string> infos =
      promql::LimitAnnotations(std::move(outcome->infos), AnnotationKind::kInfo, kAnnotationsShown);
  if (Truncate(*outcome, read.limit)) warnings.emplace_back(kTruncated);

  options.with_stats = read.with_stats;
  bool is_started = false;
  auto send_piece = [&](core::JsonWriter& json) {
    if (json.size() < kPieceBytes) return true;
    if (!is_started) writer.Start(200, {{"Content-Type", "application/json"}});
    is_started = true;
    return writer.Write(json.TakePiece()).has_value();
  };

  core::JsonWriter json;
  json.BeginObject().Key("status").String("success").Key("data");
  if (!WriteQueryData(json, *outcome, options, send_piece)) return;  // the client is gone
  EndEnvelope(json, warnings, infos);
  std::string rest = std::move(json).Take();
  if (!is_started) return writer.Send(net::HttpResponse::Json(200, std::move(rest)));
  if (writer.Write(rest)) writer.Finish();
}

void SendError(net::ResponseWriter& writer, const ApiError& error) { writer.Send(ErrorResponse(error)); }

void HandleQuery(const QueryApiDeps& deps, net::HttpRequest request, net::ResponseWriter writer) {
  auto params = request.Form();
  if (!params) return SendError(writer, ApiError::BadData(params.error().message()));
  auto limit = LimitParam(*params);
  if (!limit) return SendError(writer, limit.error());
  auto time_ms = TimeParam(*params, "time", deps.clock.NowMs());
  if (!time_ms) return SendError(writer, time_ms.error());
  auto read = ReadQueryParams(*params, request, deps.per_step_stats);
  if (!read) return SendError(writer, read.error());
  RunGated(deps, std::move(request), std::move(writer), std::move(*read),
           [deps, time_ms = *time_ms](const QueryParamsRead& query, net::ResponseWriter answer) {
             SendOutcome(deps.engine.Instant(deps.storage, query.query, time_ms, query.options), query,
                         {.start_ms = time_ms}, std::move(answer));
           });
}

void HandleQueryRange(const QueryApiDeps& deps, net::HttpRequest request, net::ResponseWriter writer) {
  auto params = request.Form();
  if (!params) return SendError(writer, ApiError::BadData(params.error().message()));
  auto limit = LimitParam(*params);
  if (!limit) return SendError(writer, limit.error());
  auto range = ReadRange(*params);
  if (!range) return SendError(writer, range.error());
  auto read = ReadQueryParams(*params, request, deps.per_step_stats);
  if (!read) return SendError(writer, read.error());
  RunGated(deps, std::move(request), std::move(writer), std::move(*read),
           [deps, range = *range](const QueryParamsRead& query, net::ResponseWriter answer) {
             SendOutcome(deps.engine.Range(deps.storage, query.query, range.start_ms, range.end_ms,
                                           range.step_ms, query.options),
                         query, {.start_ms = range.start_ms, .step_ms = range.step_ms}, std::move(answer));
           });
}

net::HttpResponse HandleFormatQuery(const QueryApiDeps& deps, const net::HttpRequest& request) {
  auto params = request.Form();
  if (!params) return ErrorResponse(ApiError::BadData(params.error().message()));
  auto expr = promql::ParseExpr(params->Get("query"), deps.engine.options().parser);
  if (!expr) return ErrorResponse(ApiError::InvalidParameter("query", expr.error().Message()));
  return SuccessResponse([&](core::JsonWriter& json) { json.String(promql::Prettify(**expr)); });
}

net::HttpResponse HandleParseQuery(const QueryApiDeps& deps, const net::HttpRequest& request) {
  auto params = request.Form();
  if (!params) return ErrorResponse(ApiError::BadData(params.error().message()));
  auto expr = promql::ParseExpr(params->Get("query"), deps.engine.options().parser);
  if (!expr) return ErrorResponse(ApiError::InvalidParameter("query", expr.error().Message()));
  return SuccessResponse([&](core::JsonWriter& json) { promql::WriteAstJson(**expr, json); });
}

// What the metadata endpoints ask: a time range, selectors, a limit.
struct SeriesParams {
  core::TimestampMs start_ms = 0;
  core::TimestampMs end_ms = 0;
  std::vector<std::vector<model::Matcher>> matcher_sets;
  size_t limit = 0;
};

ApiResult<SeriesParams> ReadSeriesParams(const net::HttpRequest& request, bool names_matchers) {
  auto form = request.Form();
  if (!form) return tl::unexpected(ApiError::BadData(form.error().message()));
  SeriesParams params;
  auto limit = LimitParam(*form);
  if (!limit) return tl::unexpected(limit.error());
  auto start = TimeParam(*form, "start", kMinTimeMs);
  if (!start) return tl::unexpected(start.error());
  auto end = TimeParam(*form, "end", kMaxTimeMs);
  if (!end) return tl::unexpected(end.error());
  auto sets = MatchersParam(*form, names_matchers);
  if (!sets) return tl::unexpected(sets.error());
  params = {*start, *end, std::move(*sets), *limit};
  return params;
}

// Answers with a list of texts, cut to the limit with a warning.
net::HttpResponse TextList(std::vector<std::string> texts, size_t limit) {
  std::vector<std::string> warnings;
  if (limit > 0 && texts.size() > limit) {
    texts.resize(limit);
    warnings.emplace_back(kTruncated);
  }
  return SuccessResponse(
      [&](core::JsonWriter& json) {
        json.BeginArray();
        for (const std::string& text : texts) json.String(text);
        json.EndArray();
      },
      warnings);
}

// The union of what `list` finds for each selector, or for all series when there is none. One more than the
// limit is asked for, so that cutting can be noticed.
template <typename List>
net::HttpResponse ListTexts(const QueryApiDeps& deps, const SeriesParams& params, List list) {
  auto querier = deps.storage.NewQuerier(params.start_ms, params.end_ms);
  if (!querier) return ErrorResponse({ErrorType::kExecution, querier.error().message()});
  size_t ask = params.limit == 0 ? 0 : params.limit + 1;
  std::vector<std::vector<model::Matcher>> sets = params.matcher_sets;
  if (sets.empty()) sets.emplace_back();
  std::vector<std::string> all;
  for (const auto& matchers : sets) {
    core::Result<std::vector<std::string>> found = list(**querier, matchers, ask);
    if (!found) return ErrorResponse({ErrorType::kExecution, found.error().message()});
    if (all.empty()) {
      all = std::move(*found);
      continue;
    }
    all.insert(all.end(), std::make_move_iterator(found->begin()), std::make_move_iterator(found->end()));
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
  }
  return TextList(std::move(all), params.limit);
}

net::HttpResponse HandleLabels(const QueryApiDeps& deps, const net::HttpRequest& request) {
  auto params = ReadSeriesParams(request, false);
  if (!params) return ErrorResponse(params.error());
  return ListTexts(deps, *params,
                   [](const model::Querier& querier, const std::vector<model::Matcher>& matchers,
                      size_t limit) { return querier.LabelNames(matchers, limit); });
}

// Undoes the `U__` escaping of label names in paths (`U__my_2e_label` is my.label), as upstream does.
std::string UnescapeLabelName(std::string_view name) {
  if (!name.starts_with("U__")) return std::string(name);
  std::string out;
  for (std::string_view rest = name.substr(3); !rest.empty();) {
    if (rest[0] != '_') {
      out += rest[0];
      rest.remove_prefix(1);
      continue;
    }
    if (rest.starts_with("__")) {
      out += '_';
      rest.remove_prefix(2);
      continue;
    }
    size_t end = rest.find('_', 1);
    if (end == std::string_view::npos || end == 1 || end > 7) return std::string(name);
    uint32_t code = 0;
    for (char c : rest.substr(1, end - 1)) {
      int digit = c >= '0' && c <= '9'   ? c - '0'
                  : c >= 'a' && c <= 'f' ? c - 'a' + 10
                  : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                         : -1;
      if (digit < 0) return std::string(name);
      code = code * 16 + static_cast<uint32_t>(digit);
    }
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += {static_cast<char>(0xc0 | (code >> 6)), static_cast<char>(0x80 | (code & 63))};
    } else if (code < 0x10000) {
      out += {static_cast<char>(0xe0 | (code >> 12)), static_cast<char>(0x80 | ((code >> 6) & 63)),
              static_cast<char>(0x80 | (code & 63))};
    } else if (code < 0x110000) {
      out += {static_cast<char>(0xf0 | (code >> 18)), static_cast<char>(0x80 | ((code >> 12) & 63)),
              static_cast<char>(0x80 | ((code >> 6) & 63)), static_cast<char>(0x80 | (code & 63))};
    } else {
      return std::string(name);
    }
    rest.remove_prefix(end + 1);
  }
  return out;
}

net::HttpResponse HandleLabelValues(const QueryApiDeps& deps, const net::HttpRequest& request) {
  std::string name = UnescapeLabelName(request.PathParam("name"));
  if (name.empty() || !model::IsValidUtf8(name)) {
    return ErrorResponse(ApiError::BadData("invalid label name: " + model::QuoteGo(name)));
  }
  auto params = ReadSeriesParams(request, false);
  if (!params) return ErrorResponse(params.error());
  return ListTexts(deps, *params,
                   [&](const model::Querier& querier, const std::vector<model::Matcher>& matchers,
                       size_t limit) { return querier.LabelValues(name, matchers, limit); });
}

net::HttpResponse HandleSeries(const QueryApiDeps& deps, const net::HttpRequest& request) {
  auto params = ReadSeriesParams(request, true);
  if (!params) return ErrorResponse(params.error());
  if (params->matcher_sets.empty()) return ErrorResponse(ApiError::BadData("no match[] parameter provided"));
  auto querier = deps.storage.NewQuerier(params->start_ms, params->end_ms);
  if (!querier) return ErrorResponse({ErrorType::kExecution, querier.error().message()});
  model::SelectHints hints{.start_ms = params->start_ms,
                           .end_ms = params->end_ms,
                           .sorted = true,
                           .series_only = true,
                           .limit = params->limit == 0 ? 0 : params->limit + 1};
  std::set<model::Labels> all;
  for (const auto& matchers : params->matcher_sets) {
    auto series = (*querier)->Select(matchers, hints);
    if (!series) return ErrorResponse({ErrorType::kExecution, series.error().message()});
    for (size_t i = 0; i < (*series)->size(); ++i) all.insert((*series)->labels(i));
  }
  std::vector<std::string> warnings;
  if (params->limit > 0 && all.size() > params->limit) {
    all.erase(std::next(all.begin(), static_cast<std::ptrdiff_t>(params->limit)), all.end());
    warnings.emplace_back(kTruncated);
  }
  return SuccessResponse(
      [&](core::JsonWriter& json) {
        json.BeginArray();
        for (const model::Labels& labels : all) WriteLabels(json, labels);
        json.EndArray();
      },
      warnings);
}

}  // namespace

void AddQueryRoutes(net::Router& router, QueryApiDeps deps) {
  for (const char* method : {"GET", "POST"}) {
    router.AddStream(method, "/api/v1/query", [deps](net::HttpRequest request, net::ResponseWriter writer) {
      HandleQuery(deps, std::move(request), std::move(writer));
    });
    router.AddStream(method, "/api/v1/query_range",
                     [deps](net::HttpRequest request, net::ResponseWriter writer) {
                       HandleQueryRange(deps, std::move(request), std::move(writer));
                     });
    router.Add(method, "/api/v1/format_query",
               [deps](const net::HttpRequest& request) { return HandleFormatQuery(deps, request); });
    router.Add(method, "/api/v1/parse_query",
               [deps](const net::HttpRequest& request) { return HandleParseQuery(deps, request); });
    router.Add(method, "/api/v1/labels",
               [deps](const net::HttpRequest& request) { return HandleLabels(deps, request); });
    router.Add(method, "/api/v1/series",
               [deps](const net::HttpRequest& request) { return HandleSeries(deps, request); });
  }
  router.Add("GET", "/api/v1/label/{name}/values",
             [deps](const net::HttpRequest& request) { return HandleLabelValues(deps, request); });
}

}  // namespace sextant::api
