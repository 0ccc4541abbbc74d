#include "api/search_api.h"

#include <algorithm>
#include <charconv>

#include "api/envelope.h"
#include "api/params.h"
#include "api/query_params.h"
#include "api/search_filters.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/stable_sort.h"

namespace sextant::api {

namespace {

constexpr int64_t kDefaultLimit = 100;
constexpr int64_t kMaxBatch = 10'000;
constexpr size_t kMaxTerms = 32;
// A name is judged in one go, in time that grows with its length times that of a term.
constexpr size_t kMaxTermBytes = 4'096;
// What a name costs to judge, per character of it and of a term.
constexpr size_t kWorkOfCharacter = 4;
constexpr size_t kWorkOfName = 64;
constexpr core::DurationMs kDefaultRangeMs = 3600 * 1000;

enum class What { kMetricNames, kLabelNames, kLabelValues };

std::string_view NameOf(What what) {
  switch (what) {
    case What::kMetricNames:
      return "metric_names";
    case What::kLabelNames:
      return "label_names";
    case What::kLabelValues:
      break;
  }
  return "label_values";
}

enum class Order { kAscending, kDescending, kScore };

struct SearchParams {
  std::vector<std::vector<model::Matcher>> matcher_sets;
  SearchTerms terms;
  Order order = Order::kAscending;
  bool with_score = false;
  bool with_metadata = false;
  core::TimestampMs start_ms = 0;
  core::TimestampMs end_ms = 0;
  size_t limit = 1;  // at least 1
  size_t batch = 1;  // likewise
  std::string label;
};

struct Found {
  std::string name;
  double score = 0;
};

tl::unexpected<ApiError> BadData(std::string message) {
  return tl::unexpected(ApiError::BadData(std::move(message)));
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Go's strconv.ParseBool.
ApiResult<bool> BoolParam(const net::QueryParams& params, std::string_view name, bool otherwise) {
  std::string_view text = params.Get(name);
  if (text.empty()) return otherwise;
  for (std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return BadData(fmt::format("invalid {} {}: must be boolean", name, model::QuoteGo(text)));
}

ApiResult<int64_t> PositiveParam(const net::QueryParams& params, std::string_view name, int64_t otherwise) {
  std::string_view text = params.Get(name);
  if (text.empty()) return otherwise;
  std::optional<int64_t> value = ParseInteger(text);
  if (!value || *value < 1) {
    return BadData(fmt::format("invalid {} {}: must be a positive integer", name, model::QuoteGo(text)));
  }
  return *value;
}

ApiResult<SearchTerms> ReadTerms(const net::QueryParams& params) {
  SearchTerms terms;
  terms.terms = params.GetAll("search[]");
  if (terms.terms.size() > kMaxTerms)
    return BadData(fmt::format("too many search[] terms: at most {}", kMaxTerms));
  for (const std::string& term : terms.terms) {
    if (term.size() > kMaxTermBytes)
      return BadData(fmt::format("a search[] term has {} bytes: at most {}", term.size(), kMaxTermBytes));
  }
  if (std::string_view text = params.Get("fuzz_threshold"); !text.empty()) {
    std::optional<int64_t> threshold = ParseInteger(text);
    if (!threshold || *threshold < 0 || *threshold > 100) {
      return BadData(fmt::format("invalid fuzz_threshold {}: must be 0-100", model::QuoteGo(text)));
    }
    terms.threshold = static_cast<double>(*threshold) / 100;
  }
  if (std::string_view text = params.Get("fuzz_alg"); text == "jarowinkler") {
    terms.algorithm = FuzzyAlgorithm::kJaroWinkler;
  } else if (!text.empty() && text != "subsequence") {
    return BadData(fmt::format("unsupported fuzz_alg {}: must be one of [subsequence jarowinkler]",
                               model::QuoteGo(text)));
  }
  auto case_sensitive = BoolParam(params, "case_sensitive", true);
  if (!case_sensitive) return tl::unexpected(case_sensitive.error());
  terms.case_sensitive = *case_sensitive;
  return terms;
}

ApiResult<Order> ReadOrder(const net::QueryParams& params, What what, bool has_terms) {
  std::string_view by = params.Get("sort_by");
  std::string_view direction = params.Get("sort_dir");
  if (!direction.empty() && by.empty()) return BadData("sort_dir is only valid when sort_by is set");
  if (!direction.empty() && by == "score") return BadData("sort_dir is not supported for sort_by=score");
  if (!direction.empty() && direction != "asc" && direction != "dsc") {
    return BadData(fmt::format("invalid sort_dir {}: must be \"asc\" or \"dsc\"", model::QuoteGo(direction)));
  }
  if (by == "score" && !has_terms) return BadData("sort_by=score requires search[] to be set");
  if (!by.empty() && by != "alpha" && by != "score") {
    return BadData(fmt::format("invalid sort_by {} for {}: must be \"alpha\" or \"score\"",
                               model::QuoteGo(by), NameOf(what)));
  }
  if (by == "score") return Order::kScore;
  return direction == "dsc" ? Order::kDescending : Order::kAscending;
}

// The parameters `limit` and `batch_size` into `read`.
ApiResult<bool> ReadSizes(const net::QueryParams& params, int64_t max_limit, SearchParams& read) {
  auto limit =
      PositiveParam(params, "limit", max_limit > 0 ? std::min(kDefaultLimit, max_limit) : kDefaultLimit);
  if (!limit) return tl::unexpected(limit.error());
  if (max_limit > 0 && *limit > max_limit) {
    return BadData(fmt::format("limit {} exceeds maximum of {}", *limit, max_limit));
  }
  auto batch = PositiveParam(params, "batch_size", kDefaultLimit);
  if (!batch) return tl::unexpected(batch.error());
  if (*batch > kMaxBatch)
    return BadData(fmt::format("batch_size {} exceeds maximum of {}", *batch, kMaxBatch));
  read.limit = static_cast<size_t>(*limit);
  read.batch = static_cast<size_t>(std::min(*batch, *limit));
  return true;
}

// A time; here the error does not name the parameter as elsewhere.
ApiResult<core::TimestampMs> SearchTime(const net::QueryParams& params, std::string_view name,
                                        core::TimestampMs otherwise) {
  std::string_view text = params.Get(name);
  if (text.empty()) return otherwise;
  core::Result<core::TimestampMs> time = ParseTime(text);
  if (time) return *time;
  return BadData(fmt::format("invalid time value for '{}': {}", name, time.error().message()));
}

ApiResult<SearchParams> ReadParams(const SearchApiDeps& deps, What what, const net::QueryParams& params) {
  SearchParams read;
  const core::TimestampMs now_ms = deps.clock.NowMs();
  auto start = SearchTime(params, "start", now_ms - kDefaultRangeMs);
  if (!start) return tl::unexpected(start.error());
  auto end = SearchTime(params, "end", now_ms);
  if (!end) return tl::unexpected(end.error());
  read.start_ms = *start;
  read.end_ms = *end;
  auto sets = MatchersParam(params, false);
  if (!sets) return tl::unexpected(sets.error());
  read.matcher_sets = std::move(*sets);
  auto terms = ReadTerms(params);
  if (!terms) return tl::unexpected(terms.error());
  read.terms = std::move(*terms);
  auto with_score = BoolParam(params, "include_score", false);
  if (!with_score) return tl::unexpected(with_score.error());
  read.with_score = *with_score;
  auto order = ReadOrder(params, what, !read.terms.terms.empty());
  if (!order) return tl::unexpected(order.error());
  read.order = *order;
  if (auto sizes = ReadSizes(params, deps.max_limit, read); !sizes) return tl::unexpected(sizes.error());
  auto with_metadata = BoolParam(params, "include_metadata", false);
  if (!with_metadata) return tl::unexpected(with_metadata.error());
  read.with_metadata = *with_metadata && what == What::kMetricNames;
  read.label =
      what == What::kMetricNames ? std::string(model::kMetricName) : std::string(params.Get("label"));
  if (what == What::kLabelValues && read.label.empty())
    return BadData("missing required parameter \"label\"");
  return read;
}

// All names that were found, in order, each once.
core::Result<std::vector<Found>> Find(const SearchApiDeps& deps, What what, const SearchParams& params,
                                      promql::QueryContext& context, promql::Holding& holding) {
  SEXTANT_ASSIGN(std::unique_ptr<model::Querier> querier,
                 deps.storage.NewQuerier(params.start_ms, params.end_ms));
  std::vector<std::vector<model::Matcher>> sets = params.matcher_sets;
  if (sets.empty()) sets.emplace_back();
  const SearchFilter filter(params.terms);
  size_t term_bytes = 0;
  for (const std::string& term : params.terms.terms) term_bytes += term.size();
  const model::SelectHints hints{.check = context.checker()};
  std::vector<Found> found;
  for (const std::vector<model::Matcher>& matchers : sets) {
    SEXTANT_ASSIGN(std::vector<std::string> names, what == What::kLabelNames
                                                       ? querier->LabelNames(matchers, hints)
                                                       : querier->LabelValues(params.label, matchers, hints));
    promql::Holding of_names(context);
    for (const std::string& name : names) {
      SEXTANT_TRY(context.Tick(kWorkOfName));
      SEXTANT_TRY(of_names.Add(0, static_cast<int64_t>(sizeof name + name.size())));
    }
    for (std::string& name : names) {
      SEXTANT_TRY(context.Tick(kWorkOfName + kWorkOfCharacter * name.size() * (1 + term_bytes)));
      std::optional<double> score = filter.Score(name);
      if (!score) continue;
      SEXTANT_TRY(holding.Add(0, static_cast<int64_t>(sizeof(Found) + name.size())));
      found.push_back({std::move(name), *score});
    }
  }
  if (sets.size() > 1) {
    SEXTANT_TRY(
        promql::StableSort(found, context, [](const Found& a, const Found& b) { return a.name < b.name; }));
    auto is_same = [&](const Found& a, const Found& b) {
      return !context.Spend(kWorkOfName) && a.name == b.name;
    };
    found.erase(std::unique(found.begin(), found.end(), is_same), found.end());
    SEXTANT_TRY(context.Tick(0));
  }
  if (params.order == Order::kDescending) std::ranges::reverse(found);
  if (params.order == Order::kScore) {
    SEXTANT_TRY(
        promql::StableSort(found, context, [](const Found& a, const Found& b) { return a.score > b.score; }));
  }
  return found;
}

void WriteFound(core::JsonWriter& json, const SearchApiDeps& deps, const SearchParams& params,
                const Found& found) {
  json.BeginObject().Key("name").String(found.name);
  if (params.with_score) json.Key("score").Double(found.score);
  if (params.with_metadata) {
    auto families = deps.metadata.List(found.name);
    if (auto it = families.find(found.name); it != families.end() && !it->second.empty()) {
      const model::MetricMetadata& metadata = it->second.front();
      json.Key("type").String(metadata.type.empty() ? "unknown" : metadata.type);
      if (!metadata.help.empty()) json.Key("help").String(metadata.help);
      if (!metadata.unit.empty()) json.Key("unit").String(metadata.unit);
    }
  }
  json.EndObject();
}

// One line per batch, at least one, and one that says whether there is more.
std::string WriteLines(const SearchApiDeps& deps, const SearchParams& params,
                       const std::vector<Found>& found) {
  const size_t shown = std::min(found.size(), params.limit);
  std::string lines;
  for (size_t begin = 0; begin == 0 || begin < shown; begin += params.batch) {
    core::JsonWriter json;
    json.BeginObject().Key("results").BeginArray();
    for (size_t i = begin; i < std::min(shown, begin + params.batch); ++i)
      WriteFound(json, deps, params, found[i]);
    json.EndArray().EndObject();
    lines += std::move(json).Take() + '\n';
  }
  core::JsonWriter json;
  json.BeginObject().Key("status").String("success").Key("has_more").Bool(shown < found.size()).EndObject();
  return lines + std::move(json).Take() + '\n';
}

net::HttpResponse HandleSearch(const SearchApiDeps& deps, What what, const net::HttpRequest& request) {
  if (!deps.is_enabled) return ErrorResponse({ErrorType::kUnavailable, "search API disabled"});
  auto form = request.Form();
  if (!form) return ErrorResponse(ApiError::BadData("error parsing form values: " + form.error().message()));
  auto params = ReadParams(deps, what, *form);
  if (!params) return ErrorResponse(params.error());
  promql::QueryContext context(ListLimits(deps.engine, request), deps.clock);
  promql::Holding holding(context);
  core::Result<std::vector<Found>> found = Find(deps, what, *params, context, holding);
  if (!found) return ErrorResponse(ListError(found.error()));
  net::HttpResponse response;
  response.headers.Set("Content-Type", "application/x-ndjson; charset=utf-8");
  response.body = WriteLines(deps, *params, *found);
  return response;
}

}  // namespace

void AddSearchRoutes(net::Router& router, SearchApiDeps deps) {
  for (What what : {What::kMetricNames, What::kLabelNames, What::kLabelValues}) {
    for (const char* method : {"GET", "POST"}) {
      router.Add(method, fmt::format("/api/v1/search/{}", NameOf(what)),
                 [deps, what](const net::HttpRequest& request) { return HandleSearch(deps, what, request); });
    }
  }
}

}  // namespace sextant::api
