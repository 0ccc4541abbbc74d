#include "api/rules_api.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "api/envelope.h"
#include "api/params.h"
#include "api/query_json.h"
#include "core/float_text.h"
#include "model/value.h"

namespace sextant::api {

namespace {

using core::JsonWriter;

double Seconds(core::DurationMs duration_ms) { return static_cast<double>(duration_ms) / 1000; }

// Go's strconv.FormatFloat(v, 'e', -1, 64).
std::string ScientificText(double value) {
  if (!std::isfinite(value)) return model::FormatValue(value);
  std::string text;
  core::AppendScientific(text, value);
  return text;
}

void WriteAlert(JsonWriter& json, const rules::ActiveAlert& alert) {
  json.BeginObject().Key("labels");
  WriteLabels(json, alert.labels);
  json.Key("annotations");
  WriteLabels(json, alert.annotations);
  json.Key("state").String(rules::AlertStateText(alert.state));
  json.Key("activeAt").String(FormatRfc3339(alert.active_at_ms));
  if (alert.keep_firing_since_ms != 0)
    json.Key("keepFiringSince").String(FormatRfc3339(alert.keep_firing_since_ms));
  json.Key("value").String(ScientificText(alert.value)).EndObject();
}

void WriteRule(JsonWriter& json, const rules::RuleStatus& rule, bool with_alerts) {
  json.BeginObject();
  if (rule.is_alert) json.Key("state").String(rules::AlertStateText(rule.state));
  json.Key("name").String(rule.name).Key("query").String(rule.query);
  if (rule.is_alert) {
    json.Key("duration")
        .Double(Seconds(rule.for_ms))
        .Key("keepFiringFor")
        .Double(Seconds(rule.keep_firing_for_ms));
  }
  if (rule.is_alert || !rule.labels.empty()) {
    json.Key("labels");
    WriteLabels(json, rule.labels);
  }
  if (rule.is_alert) {
    json.Key("annotations");
    WriteLabels(json, rule.annotations);
    json.Key("alerts").BeginArray();
    if (with_alerts) {
      for (const rules::ActiveAlert& alert : rule.alerts) WriteAlert(json, alert);
    }
    json.EndArray();
  }
  json.Key("health").String(rules::RuleHealthText(rule.health));
  if (!rule.last_error.empty()) json.Key("lastError").String(rule.last_error);
  json.Key("evaluationTime").Double(rule.evaluation_seconds);
  json.Key("lastEvaluation").String(FormatRfc3339(rule.last_evaluation_ms));
  json.Key("type").String(rule.is_alert ? "alerting" : "recording").EndObject();
}

// A part of the groups.
struct Page {
  size_t max_groups = 0;   // 0: all
  std::string next_token;  // of the group that the page begins with; empty: the first
};

// What tells a group from others, for whoever asks for the next page.
std::string TokenOf(const rules::GroupStatus& group) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (std::string_view text :
       {std::string_view(group.file), std::string_view(";"), std::string_view(group.name)}) {
    for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  return fmt::format("{:016x}", hash);
}

ApiResult<Page> ReadPage(const net::QueryParams& params) {
  Page page;
  page.next_token = params.Get("group_next_token");
  std::string_view text = params.Get("group_limit");
  if (text.empty() && page.next_token.empty()) return page;
  if (text.empty()) {
    return tl::unexpected(ApiError::InvalidParameter(
        "group_next_token", "group_limit needs to be present in order to paginate over the groups"));
  }
  int32_t limit = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size()) {
    return tl::unexpected(ApiError::InvalidParameter(
        "group_limit", fmt::format("group_limit needs to be a valid number: {}", model::QuoteGo(text))));
  }
  if (limit <= 0) {
    return tl::unexpected(
        ApiError::InvalidParameter("group_limit", "group_limit needs to be greater than 0"));
  }
  page.max_groups = static_cast<size_t>(limit);
  return page;
}

// What /rules was asked to leave out.
struct RuleFilter {
  std::optional<bool> is_alert;
  std::vector<std::string> names;
  std::vector<std::string> groups;
  std::vector<std::string> files;
  std::vector<std::vector<model::Matcher>> matcher_sets;
  bool with_alerts = true;
  Page page;

  static bool Accepts(const std::vector<std::string>& wanted, const std::string& value) {
    return wanted.empty() || std::ranges::find(wanted, value) != wanted.end();
  }
  bool Accepts(const rules::GroupStatus& group) const {
    return Accepts(groups, group.name) && Accepts(files, group.file);
  }
  bool Accepts(const rules::RuleStatus& rule) const {
    if (is_alert && *is_alert != rule.is_alert) return false;
    if (!Accepts(names, rule.name)) return false;
    return matcher_sets.empty() || std::ranges::any_of(matcher_sets, [&](const auto& matchers) {
             return model::MatchesAll(matchers, rule.labels);
           });
  }
};

ApiResult<RuleFilter> ReadFilter(const net::HttpRequest& request) {
  auto form = request.Form();
  if (!form) return tl::unexpected(ApiError::BadData(form.error().message()));
  RuleFilter filter;
  auto page = ReadPage(*form);
  if (!page) return tl::unexpected(page.error());
  filter.page = std::move(*page);
  std::string_view type = form->Get("type");
  if (type != "" && type != "alert" && type != "record") {
    return tl::unexpected(
        ApiError::InvalidParameter("type", fmt::format("not supported value {}", model::QuoteGo(type))));
  }
  if (!type.empty()) filter.is_alert = type == "alert";
  std::string_view exclude = form->Get("exclude_alerts");
  constexpr std::string_view kTrue[] = {"1", "t", "T", "TRUE", "true", "True"};
  constexpr std::string_view kFalse[] = {"", "0", "f", "F", "FALSE", "false", "False"};
  filter.with_alerts = std::ranges::find(kTrue, exclude) == std::end(kTrue);
  if (filter.with_alerts && std::ranges::find(kFalse, exclude) == std::end(kFalse)) {
    return tl::unexpected(ApiError::InvalidParameter("exclude_alerts", "not a boolean"));
  }
  filter.names = form->GetAll("rule_name[]");
  filter.groups = form->GetAll("rule_group[]");
  filter.files = form->GetAll("file[]");
  auto sets = MatchersParam(*form);
  if (!sets) return tl::unexpected(sets.error());
  filter.matcher_sets = std::move(*sets);
  return filter;
}

// The groups and rules that were asked for, of the page that was asked for; `next_token` is that of the next.
ApiResult<std::vector<rules::GroupStatus>> SelectGroups(std::vector<rules::GroupStatus> groups,
                                                        const RuleFilter& filter, std::string& next_token) {
  const Page& page = filter.page;
  bool asks_for_rules = filter.is_alert || !filter.names.empty() || !filter.matcher_sets.empty();
  bool has_begun = page.next_token.empty();
  std::vector<rules::GroupStatus> selected;
  for (rules::GroupStatus& group : groups) {
    has_begun = has_begun || TokenOf(group) == page.next_token;
    if (!has_begun || !filter.Accepts(group)) continue;
    std::erase_if(group.rules, [&](const rules::RuleStatus& rule) { return !filter.Accepts(rule); });
    if (asks_for_rules && group.rules.empty()) continue;
    if (page.max_groups > 0 && selected.size() == page.max_groups) {
      next_token = TokenOf(group);
      break;
    }
    selected.push_back(std::move(group));
  }
  if (has_begun) return selected;
  return tl::unexpected(ApiError::InvalidParameter(
      "group_next_token",
      fmt::format("invalid group_next_token '{}'. were rule groups changed?", page.next_token)));
}

net::HttpResponse HandleRules(const RulesApiDeps& deps, const net::HttpRequest& request) {
  auto filter = ReadFilter(request);
  if (!filter) return ErrorResponse(filter.error());
  std::string next_token;
  auto groups = SelectGroups(deps.rules.Status(), *filter, next_token);
  if (!groups) return ErrorResponse(groups.error());
  return SuccessResponse([&](JsonWriter& json) {
    json.BeginObject().Key("groups").BeginArray();
    for (const rules::GroupStatus& group : *groups) {
      json.BeginObject()
          .Key("name")
          .String(group.name)
          .Key("file")
          .String(group.file)
          .Key("rules")
          .BeginArray();
      for (const rules::RuleStatus& rule : group.rules) WriteRule(json, rule, filter->with_alerts);
      json.EndArray().Key("interval").Double(Seconds(group.interval_ms)).Key("limit").Int(group.limit);
      json.Key("evaluationTime").Double(group.evaluation_seconds);
      json.Key("lastEvaluation").String(FormatRfc3339(group.last_evaluation_ms)).EndObject();
    }
    json.EndArray();
    if (!next_token.empty()) json.Key("groupNextToken").String(next_token);
    json.EndObject();
  });
}

net::HttpResponse HandleAlerts(const RulesApiDeps& deps, const net::HttpRequest&) {
  return SuccessResponse([&](JsonWriter& json) {
    json.BeginObject().Key("alerts").BeginArray();
    for (const rules::ActiveAlert& alert : deps.rules.ActiveAlerts()) WriteAlert(json, alert);
    json.EndArray().EndObject();
  });
}

net::HttpResponse HandleAlertmanagers(const RulesApiDeps& deps, const net::HttpRequest&) {
  return SuccessResponse([&](JsonWriter& json) {
    json.BeginObject().Key("activeAlertmanagers").BeginArray();
    AlertmanagerUrls urls = deps.alertmanagers();
    for (const std::string& url : urls.active) json.BeginObject().Key("url").String(url).EndObject();
    json.EndArray().Key("droppedAlertmanagers").BeginArray();
    for (const std::string& url : urls.dropped) json.BeginObject().Key("url").String(url).EndObject();
    json.EndArray().EndObject();
  });
}

}  // namespace

void AddRuleRoutes(net::Router& router, RulesApiDeps deps) {
  router.Add("GET", "/api/v1/rules",
             [deps](const net::HttpRequest& request) { return HandleRules(deps, request); });
  router.Add("GET", "/api/v1/alerts",
             [deps](const net::HttpRequest& request) { return HandleAlerts(deps, request); });
  router.Add("GET", "/api/v1/alertmanagers",
             [deps](const net::HttpRequest& request) { return HandleAlertmanagers(deps, request); });
}

}  // namespace sextant::api
