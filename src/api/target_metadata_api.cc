#include "api/target_metadata_api.h"

#include <algorithm>
#include <charconv>

#include "api/envelope.h"
#include "core/json_writer.h"
#include "metrics/promql/parser.h"

namespace sextant::api {

namespace {

// What one answer may hold; more is asked for in parts.
constexpr size_t kMaxEntries = 100'000;

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

struct Entry {
  const model::Labels* target = nullptr;
  scrape::MetadataStore::Statement statement;
};

core::Result<std::vector<Entry>> Find(const scrape::ScrapeManager& manager, const Wanted& wanted,
                                      const scrape::TargetsStatus& status) {
  size_t most = wanted.limit >= 0 ? std::min<size_t>(static_cast<size_t>(wanted.limit), kMaxEntries + 1)
                                  : kMaxEntries + 1;
  std::vector<Entry> entries;
  std::vector<scrape::MetadataStore::Statement> statements;
  for (const scrape::TargetStatus& target : status.active) {
    if (entries.size() >= most) break;
    if (target.metadata == nullptr || !model::MatchesAll(wanted.targets, target.labels)) continue;
    statements.clear();
    manager.metadata().Resolve(*target.metadata, wanted.metric, most - entries.size(), statements);
    for (auto& statement : statements) entries.push_back({&target.labels, std::move(statement)});
  }
  if (entries.size() > kMaxEntries) {
    return core::Fail(core::Code::kResourceExhausted, "more than {} entries: ask for fewer targets",
                      kMaxEntries);
  }
  return entries;
}

void Write(core::JsonWriter& json, const Entry& entry, bool with_metric) {
  json.BeginObject().Key("target").BeginObject();
  for (model::LabelView label : *entry.target) json.Key(label.name).String(label.value);
  json.EndObject();
  if (with_metric) json.Key("metric").String(entry.statement.family);
  const model::MetricMetadata& metadata = entry.statement.metadata;
  json.Key("type").String(metadata.type.empty() ? "unknown" : metadata.type);
  json.Key("help").String(metadata.help).Key("unit").String(metadata.unit).EndObject();
}

net::HttpResponse Handle(const scrape::ScrapeManager& manager, const net::HttpRequest& request) {
  auto wanted = ReadParams(request.Query());
  if (!wanted) return ErrorResponse(wanted.error());
  scrape::TargetsStatus status = manager.Status();
  auto entries = Find(manager, *wanted, status);
  if (!entries) return ErrorResponse(ApiError::From(entries.error()));
  return SuccessResponse([&](core::JsonWriter& json) {
    json.BeginArray();
    for (const Entry& entry : *entries) Write(json, entry, wanted->metric.empty());
    json.EndArray();
  });
}

}  // namespace

void AddTargetMetadataRoute(net::Router& router, const scrape::ScrapeManager& manager) {
  router.Add("GET", "/api/v1/targets/metadata",
             [&manager](const net::HttpRequest& request) { return Handle(manager, request); });
}

}  // namespace sextant::api
