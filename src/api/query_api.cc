#include "api/query_api.h"

#include <algorithm>
#include <functional>

#include "api/envelope.h"
#include "api/json_stream.h"
#include "api/params.h"
#include "api/query_json.h"
#include "api/query_params.h"
#include "metrics/promql/ast_json.h"
#include "metrics/promql/parser.h"
#include "metrics/promql/printer.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/stable_sort.h"

namespace sextant::api {

namespace {

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
  if (auto* columns = std::get_if<promql::ColumnsResult>(&result.value)) return cut(columns->series);
  return false;
}

void SendOutcome(promql::QueryOutcome outcome, const QueryParamsRead& read, QueryJsonOptions options,
                 net::ResponseWriter writer) {
  if (!outcome) return writer.Send(ErrorResponse(ApiError::From(outcome.error())));
  ShownAnnotations shown = LimitAnnotations(*outcome);
  if (Truncate(*outcome, read.limit)) shown.warnings.emplace_back(kTruncated);
  options.with_stats = read.with_stats;
  JsonStream stream(std::move(writer));
  auto progress = [&stream](core::JsonWriter&) { return stream.Progress(); };
  if (!WriteQueryData(stream.json(), std::move(*outcome), options, progress)) return;
  stream.Finish(shown.warnings, shown.infos);
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
  read->limit = *limit;
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
  read->limit = *limit;
  read->options.keeps_columns = true;
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

constexpr size_t kWorkOfText = 64;

// Adds texts in order to others in order.
core::Status Unite(std::vector<std::string> found, std::vector<std::string>& all,
                   promql::QueryContext& context) {
  if (all.empty()) {
    all = std::move(found);
    return {};
  }
  std::vector<std::string> both;
  auto a = all.begin();
  auto b = found.begin();
  while (a != all.end() || b != found.end()) {
    SEXTANT_TRY(context.Tick(kWorkOfText));
    bool takes_second = a == all.end() || (b != found.end() && *b < *a);
    if (!takes_second && b != found.end() && *a == *b) ++b;
    both.push_back(std::move(takes_second ? *b++ : *a++));
  }
  all = std::move(both);
  return {};
}

// The union of what `list` finds for each selector, or for all series when there is none. One more than the
// limit is asked for, so that cutting can be noticed.
template <typename List>
core::Result<std::vector<std::string>> FindTexts(const QueryApiDeps& deps, const SeriesParams& params,
                                                 promql::QueryContext& context, promql::Holding& holding,
                                                 const List& list) {
  SEXTANT_ASSIGN(auto querier, deps.storage.NewQuerier(params.start_ms, params.end_ms));
  const model::SelectHints hints{.limit = params.limit == 0 ? 0 : params.limit + 1,
                                 .check = context.checker()};
  std::vector<std::vector<model::Matcher>> sets = params.matcher_sets;
  if (sets.empty()) sets.emplace_back();
  std::vector<std::string> all;
  for (const auto& matchers : sets) {
    SEXTANT_TRY(context.Check());
    SEXTANT_ASSIGN(std::vector<std::string> found, list(*querier, matchers, hints));
    int64_t bytes = 0;
    for (const std::string& text : found) {
      SEXTANT_TRY(context.Tick(1));
      bytes += static_cast<int64_t>(sizeof text + text.size());
    }
    SEXTANT_TRY(holding.Add(0, bytes));
    SEXTANT_TRY(Unite(std::move(found), all, context));
  }
  return all;
}

template <typename List>
void ListTexts(const QueryApiDeps& deps, const net::HttpRequest& request, net::ResponseWriter writer,
               const List& list) {
  auto params = ReadSeriesParams(request, false);
  if (!params) return SendError(writer, params.error());
  promql::QueryContext context(ListLimits(deps.engine, request), deps.clock);
  promql::Holding holding(context);
  core::Result<std::vector<std::string>> texts = FindTexts(deps, *params, context, holding, list);
  if (!texts) return SendError(writer, ListError(texts.error()));
  std::vector<std::string> warnings;
  if (params->limit > 0 && texts->size() > params->limit) {
    texts->resize(params->limit);
    warnings.emplace_back(kTruncated);
  }
  JsonStream stream(std::move(writer));
  stream.json().BeginArray();
  for (const std::string& text : *texts) {
    stream.json().String(text);
    if (!stream.Progress()) return;
  }
  stream.json().EndArray();
  stream.Finish(warnings, {});
}

void HandleLabels(const QueryApiDeps& deps, const net::HttpRequest& request, net::ResponseWriter writer) {
  ListTexts(deps, request, std::move(writer),
            [](const model::Querier& querier, const std::vector<model::Matcher>& matchers,
               const model::SelectHints& hints) { return querier.LabelNames(matchers, hints); });
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

void HandleLabelValues(const QueryApiDeps& deps, const net::HttpRequest& request,
                       net::ResponseWriter writer) {
  std::string name = UnescapeLabelName(request.PathParam("name"));
  if (name.empty() || !model::IsValidUtf8(name)) {
    return SendError(writer, ApiError::BadData("invalid label name: " + model::QuoteGo(name)));
  }
  ListTexts(deps, request, std::move(writer),
            [&](const model::Querier& querier, const std::vector<model::Matcher>& matchers,
                const model::SelectHints& hints) { return querier.LabelValues(name, matchers, hints); });
}

// The label sets that some selector finds, in order, each once.
core::Result<std::vector<model::Labels>> FindSeries(const QueryApiDeps& deps, const SeriesParams& params,
                                                    promql::QueryContext& context, promql::Holding& holding) {
  SEXTANT_ASSIGN(auto querier, deps.storage.NewQuerier(params.start_ms, params.end_ms));
  model::SelectHints hints{.start_ms = params.start_ms,
                           .end_ms = params.end_ms,
                           .sorted = params.limit > 0,
                           .series_only = true,
                           .limit = params.limit == 0 ? 0 : params.limit + 1,
                           .check = context.checker()};
  std::vector<model::Labels> all;
  for (const auto& matchers : params.matcher_sets) {
    SEXTANT_ASSIGN(auto series, querier->Select(matchers, hints));
    for (size_t i = 0; i < series->size(); ++i) {
      SEXTANT_TRY(context.Tick(kWorkOfText));
      all.push_back(series->labels(i));
      SEXTANT_TRY(holding.Add(0, static_cast<int64_t>(sizeof(model::Labels) + all.back().SizeBytes())));
    }
  }
  SEXTANT_TRY(promql::StableSort(all, context, std::less<model::Labels>()));
  auto is_same = [&](const model::Labels& a, const model::Labels& b) {
    return !context.Spend(kWorkOfText) && a == b;
  };
  all.erase(std::unique(all.begin(), all.end(), is_same), all.end());
  SEXTANT_TRY(context.Tick(0));
  return all;
}

void HandleSeries(const QueryApiDeps& deps, const net::HttpRequest& request, net::ResponseWriter writer) {
  auto params = ReadSeriesParams(request, true);
  if (!params) return SendError(writer, params.error());
  if (params->matcher_sets.empty())
    return SendError(writer, ApiError::BadData("no match[] parameter provided"));
  promql::QueryContext context(ListLimits(deps.engine, request), deps.clock);
  promql::Holding holding(context);
  core::Result<std::vector<model::Labels>> all = FindSeries(deps, *params, context, holding);
  if (!all) return SendError(writer, ListError(all.error()));
  std::vector<std::string> warnings;
  if (params->limit > 0 && all->size() > params->limit) {
    all->resize(params->limit);
    warnings.emplace_back(kTruncated);
  }
  JsonStream stream(std::move(writer));
  stream.json().BeginArray();
  for (const model::Labels& labels : *all) {
    WriteLabels(stream.json(), labels);
    if (!stream.Progress()) return;
  }
  stream.json().EndArray();
  stream.Finish(warnings, {});
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
    router.AddStream(method, "/api/v1/labels",
                     [deps](const net::HttpRequest& request, net::ResponseWriter writer) {
                       HandleLabels(deps, request, std::move(writer));
                     });
    router.AddStream(method, "/api/v1/series",
                     [deps](const net::HttpRequest& request, net::ResponseWriter writer) {
                       HandleSeries(deps, request, std::move(writer));
                     });
  }
  router.AddStream("GET", "/api/v1/label/{name}/values",
                   [deps](const net::HttpRequest& request, net::ResponseWriter writer) {
                     HandleLabelValues(deps, request, std::move(writer));
                   });
}

}  // namespace sextant::api
