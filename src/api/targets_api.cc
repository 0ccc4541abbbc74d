#include "api/targets_api.h"

#include <simdjson.h>

#include <charconv>

#include "api/envelope.h"
#include "api/params.h"
#include "api/query_json.h"
#include "config/prometheus_config.h"
#include "core/duration.h"
#include "core/utf8.h"
#include "metrics/relabel/relabel.h"

namespace sextant::api {

namespace {

void WriteActiveTarget(core::JsonWriter& json, const scrape::TargetStatus& target) {
  json.BeginObject().Key("discoveredLabels");
  WriteLabels(json, target.discovered_labels);
  json.Key("labels");
  WriteLabels(json, target.labels);
  json.Key("scrapePool").String(target.pool);
  json.Key("scrapeUrl").String(target.scrape_url).Key("globalUrl").String(target.scrape_url);
  json.Key("lastError").String(target.last_error);
  json.Key("lastScrape").String(FormatRfc3339(target.last_scrape_ms));
  json.Key("lastScrapeDuration").Double(target.last_duration_seconds);
  json.Key("health").String(scrape::TargetHealthText(target.health));
  json.Key("scrapeInterval").String(core::FormatDuration(target.interval_ms));
  json.Key("scrapeTimeout").String(core::FormatDuration(target.timeout_ms));
  json.EndObject();
}

net::HttpResponse HandleTargets(const scrape::ScrapeManager& manager, const net::HttpRequest& request) {
  net::QueryParams params = request.Query();
  std::string state(params.Get("state"));
  if (state.empty()) state = "any";
  if (state != "any" && state != "active" && state != "dropped") {
    return ErrorResponse(ApiError::InvalidParameter("state", "must be one of any, active, dropped"));
  }
  std::string pool(params.Get("scrapePool"));
  auto is_asked = [&](const std::string& name) { return pool.empty() || name == pool; };
  scrape::TargetsStatus status = manager.Status();
  return SuccessResponse([&](core::JsonWriter& json) {
    json.BeginObject().Key("activeTargets").BeginArray();
    if (state != "dropped") {
      for (const scrape::TargetStatus& target : status.active) {
        if (is_asked(target.pool)) WriteActiveTarget(json, target);
      }
    }
    json.EndArray().Key("droppedTargets").BeginArray();
    if (state != "active") {
      for (const scrape::DroppedTarget& target : status.dropped) {
        if (!is_asked(target.pool)) continue;
        json.BeginObject().Key("discoveredLabels");
        WriteLabels(json, target.discovered_labels);
        json.Key("scrapePool").String(target.pool).EndObject();
      }
    }
    json.EndArray().Key("droppedTargetCounts").BeginObject();
    if (state != "active") {
      for (const auto& [name, count] : status.dropped_counts) {
        if (is_asked(name)) json.Key(name).UInt(count);
      }
    }
    json.EndObject().EndObject();
  });
}

net::HttpResponse HandleScrapePools(const scrape::ScrapeManager& manager, const net::HttpRequest&) {
  return SuccessResponse([&](core::JsonWriter& json) {
    json.BeginObject().Key("scrapePools").BeginArray();
    for (const std::string& name : manager.PoolNames()) json.String(name);
    json.EndArray().EndObject();
  });
}

ApiResult<std::shared_ptr<const config::ScrapeConfig>> PoolParam(const scrape::ScrapeManager& manager,
                                                                 const net::QueryParams& params) {
  std::string pool(params.Get("scrapePool"));
  if (pool.empty()) return tl::unexpected(ApiError::BadData("no scrapePool parameter provided"));
  std::shared_ptr<const config::ScrapeConfig> config = manager.PoolConfig(pool);
  if (config == nullptr) {
    return tl::unexpected(ApiError::BadData(
        fmt::format("error getting scrape config: scrape pool {} not found", model::QuoteGo(pool))));
  }
  return config;
}

net::HttpResponse HandlePoolConfig(const scrape::ScrapeManager& manager, const net::HttpRequest& request) {
  auto config = PoolParam(manager, request.Query());
  if (!config) return ErrorResponse(config.error());
  return SuccessResponse([&](core::JsonWriter& json) {
    json.BeginObject().Key("yaml").String(config::WriteYaml(**config)).EndObject();
  });
}

ApiResult<model::LabelsBuilder> LabelsParam(const net::QueryParams& params) {
  std::string text(params.Get("labels"));
  if (text.empty()) return tl::unexpected(ApiError::BadData("no labels parameter provided"));
  auto bad = [](std::string_view why) {
    return tl::unexpected(ApiError::BadData(fmt::format("error parsing labels: {}", why)));
  };
  simdjson::dom::parser parser;
  simdjson::padded_string padded(text);
  simdjson::dom::object fields;
  if (auto code = parser.parse(padded).get(fields); code != simdjson::SUCCESS)
    return bad(simdjson::error_message(code));
  model::LabelsBuilder labels;
  for (auto [name, value] : fields) {
    std::string_view label;
    if (value.get(label) != simdjson::SUCCESS) return bad("the value of a label must be a string");
    labels.Set(name, label);
  }
  return labels;
}

void WriteRule(core::JsonWriter& json, const config::RelabelRuleConfig& rule) {
  json.BeginObject();
  if (!rule.source_labels.empty()) {
    json.Key("source_labels").BeginArray();
    for (const std::string& name : rule.source_labels) json.String(name);
    json.EndArray();
  }
  auto text = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) json.Key(name).String(value);
  };
  text("separator", rule.separator);
  text("regex", rule.regex);
  if (rule.modulus != 0) json.Key("modulus").UInt(rule.modulus);
  text("target_label", rule.target_label);
  text("replacement", rule.replacement);
  text("action", config::RelabelActionName(rule.action));
  json.EndObject();
}

// What each relabelling rule of a job does to a label set, up to the one that drops it.
net::HttpResponse HandleRelabelSteps(const scrape::ScrapeManager& manager, const net::HttpRequest& request) {
  net::QueryParams params = request.Query();
  auto config = PoolParam(manager, params);
  if (!config) return ErrorResponse(config.error());
  auto labels = LabelsParam(params);
  if (!labels) return ErrorResponse(labels.error());
  return SuccessResponse([&](core::JsonWriter& json) {
    json.BeginObject().Key("steps").BeginArray();
    bool is_kept = true;
    for (const config::RelabelRuleConfig& config_rule : (*config)->relabel_configs) {
      if (!is_kept) break;
      json.BeginObject().Key("rule");
      WriteRule(json, config_rule);
      auto rule = relabel::Rules::Compile({config_rule});
      is_kept = rule && rule->Apply(*labels);
      json.Key("output");
      WriteLabels(json, is_kept ? labels->Build() : model::Labels());
      json.Key("keep").Bool(is_kept).EndObject();
    }
    json.EndArray().EndObject();
  });
}

// A number, here with an error text of its own; -1 when it is absent.
ApiResult<int64_t> CountParam(const net::QueryParams& params, std::string_view name) {
  std::string_view text = params.Get(name);
  if (text.empty()) return -1;
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  return tl::unexpected(ApiError::BadData(fmt::format("{} must be a number", name)));
}

net::HttpResponse HandleMetadata(const scrape::ScrapeManager& manager, const net::HttpRequest& request) {
  net::QueryParams params = request.Query();
  auto limit = CountParam(params, "limit");
  if (!limit) return ErrorResponse(limit.error());
  auto limit_per_metric = CountParam(params, "limit_per_metric");
  if (!limit_per_metric) return ErrorResponse(limit_per_metric.error());
  auto families = manager.metadata().List(params.Get("metric"));
  return SuccessResponse([&](core::JsonWriter& json) {
    json.BeginObject();
    int64_t written = 0;
    for (const auto& [name, statements] : families) {
      // No families at all are asked for by 0.
      if (*limit >= 0 && written++ == *limit) break;
      json.Key(name).BeginArray();
      int64_t count = 0;
      for (const model::MetricMetadata& metadata : statements) {
        if (*limit_per_metric > 0 && count++ == *limit_per_metric) break;
        json.BeginObject().Key("type").String(metadata.type.empty() ? "unknown" : metadata.type);
        json.Key("help").String(metadata.help).Key("unit").String(metadata.unit).EndObject();
      }
      json.EndArray();
    }
    json.EndObject();
  });
}

net::HttpResponse PreviewResponse(const scrape::BodyPreview& preview) {
  return SuccessResponse([&](core::JsonWriter& json) {
    json.BeginObject();
    json.Key("status").Int(preview.status);
    json.Key("contentType").String(core::RepairUtf8(preview.content_type));
    json.Key("contentEncoding").String(core::RepairUtf8(preview.content_encoding));
    json.Key("receivedBytes").UInt(preview.received_bytes);
    json.Key("durationSeconds").Double(preview.duration_seconds);
    json.Key("isText").Bool(preview.is_text);
    json.Key("body").String(preview.body);
    json.Key("error").String(core::RepairUtf8(preview.error));
    json.EndObject();
  });
}

void HandleBody(const scrape::ScrapeManager& manager, const net::HttpRequest& request,
                net::ResponseWriter writer) {
  net::QueryParams params = request.Query();
  std::string pool(params.Get("scrapePool"));
  std::string target(params.Get("target"));
  if (pool.empty()) return writer.Send(ErrorResponse(ApiError::BadData("no scrapePool parameter provided")));
  if (target.empty()) return writer.Send(ErrorResponse(ApiError::BadData("no target parameter provided")));
  auto shared = std::make_shared<net::ResponseWriter>(std::move(writer));
  core::Status begun = manager.PreviewBody(
      pool, target, [shared](const scrape::BodyPreview& preview) { shared->Send(PreviewResponse(preview)); });
  if (!begun) shared->Send(ErrorResponse(ApiError::From(begun.error())));
}

}  // namespace

void AddTargetRoutes(net::Router& router, const scrape::ScrapeManager& manager) {
  router.Add("GET", "/api/v1/targets",
             [&](const net::HttpRequest& request) { return HandleTargets(manager, request); });
  router.Add("GET", "/api/v1/scrape_pools",
             [&](const net::HttpRequest& request) { return HandleScrapePools(manager, request); });
  router.Add("GET", "/api/v1/scrape_pools/config",
             [&](const net::HttpRequest& request) { return HandlePoolConfig(manager, request); });
  router.Add("GET", "/api/v1/targets/relabel_steps",
             [&](const net::HttpRequest& request) { return HandleRelabelSteps(manager, request); });
  router.AddStream("GET", "/api/v1/targets/body",
                   [&](const net::HttpRequest& request, net::ResponseWriter writer) {
                     HandleBody(manager, request, std::move(writer));
                   });
  router.Add("GET", "/api/v1/metadata",
             [&](const net::HttpRequest& request) { return HandleMetadata(manager, request); });
}

}  // namespace sextant::api
