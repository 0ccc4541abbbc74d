#include "api/target_metadata_api.h"

#include <charconv>
#include <set>

#include "api/envelope.h"
#include "core/json_writer.h"
#include "metrics/promql/parser.h"

namespace sextant::api {

namespace {

// What one answer may hold; more is asked for in parts.
constexpr size_t kMaxEntries = 100'000;

using Families = std::map<std::string, std::vector<model::MetricMetadata>>;

struct Wanted {
  std::vector<model::Matcher> targets;  // no matchers: all
  std::string metric;                   // empty: all
  int64_t limit = -1;                   // none below 0
};

ApiResult<Wanted> ReadParams(const net::QueryParams& params) {
  Wanted wanted;
  if (std::string_view text = params.Get("limit"); !text.empty()) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), wanted.limit);
    if (error != std::errc() || end != text.data() + text.size())
      return tl::unexpected(ApiError::BadData("limit must be a number"));
  }
  if (std::string_view text = params.Get("match_target"); !text.empty()) {
    auto matchers = promql::ParseMetricSelector(text);
    if (!matchers) return tl::unexpected(ApiError::BadData(matchers.error().Message()));
    wanted.targets = std::move(*matchers);
  }
  wanted.metric = params.Get("metric");
  return wanted;
}

// The family of a series' name: the name itself, or without what histograms, summaries and OpenMetrics'
// counters put behind it.
Families::const_iterator FamilyOf(const Families& families, const std::string& name) {
  auto found = families.find(name);
  if (found != families.end()) return found;
  for (std::string_view suffix : {"_bucket", "_count", "_sum", "_total", "_info", "_created"}) {
    if (!name.ends_with(suffix)) continue;
    found = families.find(name.substr(0, name.size() - suffix.size()));
    if (found != families.end()) return found;
  }
  return families.end();
}

struct Entry {
  const model::Labels* target = nullptr;
  Families::const_iterator family;
};

core::Result<std::vector<Entry>> Find(const TargetMetadataApiDeps& deps, const Wanted& wanted,
                                      const scrape::TargetsStatus& status, const Families& families) {
  core::TimestampMs now_ms = deps.clock.NowMs();
  SEXTANT_ASSIGN(auto querier, deps.storage.NewQuerier(now_ms - deps.lookback_ms, now_ms));
  std::vector<Entry> entries;
  auto is_full = [&] { return wanted.limit >= 0 && entries.size() >= static_cast<size_t>(wanted.limit); };
  for (const scrape::TargetStatus& target : status.active) {
    if (is_full()) break;
    if (!model::MatchesAll(wanted.targets, target.labels)) continue;
    std::vector<model::Matcher> matchers;
    for (model::LabelView label : target.labels) {
      matchers.push_back(model::Matcher::Equal(label.name, label.value));
    }
    SEXTANT_ASSIGN(std::vector<std::string> names, querier->LabelValues(model::kMetricName, matchers, {}));
    std::set<std::string> seen;
    for (const std::string& name : names) {
      auto family = FamilyOf(families, name);
      if (family == families.end() || !seen.insert(family->first).second) continue;
      entries.push_back({&target.labels, family});
      if (entries.size() > kMaxEntries)
        return core::Fail(core::Code::kResourceExhausted, "more than {} entries: ask for fewer targets",
                          kMaxEntries);
    }
  }
  if (is_full()) entries.resize(static_cast<size_t>(wanted.limit));
  return entries;
}

void Write(core::JsonWriter& json, const Entry& entry, bool with_metric) {
  json.BeginObject().Key("target").BeginObject();
  for (model::LabelView label : *entry.target) json.Key(label.name).String(label.value);
  json.EndObject();
  if (with_metric) json.Key("metric").String(entry.family->first);
  const model::MetricMetadata& metadata = entry.family->second.front();
  json.Key("type").String(metadata.type.empty() ? "unknown" : metadata.type);
  json.Key("help").String(metadata.help).Key("unit").String(metadata.unit).EndObject();
}

net::HttpResponse Handle(const TargetMetadataApiDeps& deps, const net::HttpRequest& request) {
  auto wanted = ReadParams(request.Query());
  if (!wanted) return ErrorResponse(wanted.error());
  Families families = deps.manager.metadata().List(wanted->metric);
  scrape::TargetsStatus status = deps.manager.Status();
  auto entries = Find(deps, *wanted, status, families);
  if (!entries) return ErrorResponse(ApiError::From(entries.error()));
  return SuccessResponse([&](core::JsonWriter& json) {
    json.BeginArray();
    for (const Entry& entry : *entries) Write(json, entry, wanted->metric.empty());
    json.EndArray();
  });
}

}  // namespace

void AddTargetMetadataRoute(net::Router& router, TargetMetadataApiDeps deps) {
  router.Add("GET", "/api/v1/targets/metadata",
             [deps](const net::HttpRequest& request) { return Handle(deps, request); });
}

}  // namespace sextant::api
