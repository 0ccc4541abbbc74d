#include "api/features_api.h"

#include "api/envelope.h"
#include "gotemplate/prometheus.h"
#include "metrics/promql/functions.h"

namespace sextant::api {

namespace {

std::map<std::string, bool> ApiFeatures(const FeatureSwitches& switches) {
  return {
      {"admin", switches.admin_api},
      {"exclude_alerts", true},
      {"label_values_match", true},
      {"lifecycle", switches.lifecycle},
      {"openapi_3.1", true},
      {"openapi_3.2", true},
      {"otlp_write_receiver", switches.otlp_write_receiver},
      {"query_stats", true},
      {"query_warnings", true},
      {"remote_write_receiver", switches.remote_write_receiver},
      {"search", switches.search_api},
      {"search_fuzz_alg_jarowinkler", true},
      {"search_fuzz_alg_subsequence", true},
      {"time_range_labels", true},
      {"time_range_series", true},
  };
}

std::map<std::string, bool> LanguageFeatures(const FeatureSwitches& switches) {
  const promql::ParserOptions& parser = switches.engine.parser;
  std::map<std::string, bool> features;
  for (const char* always :
       {"at_modifier", "bool", "by", "group_left", "group_right", "ignoring", "negative_offset", "offset",
        "on", "per_query_lookback_delta", "subqueries", "without"}) {
    features[always] = true;
  }
  features["anchored"] = features["smoothed"] = parser.extended_range_selectors;
  features["duration_expr"] = parser.duration_expressions;
  features["fill"] = features["fill_left"] = features["fill_right"] = parser.binop_fill;
  features["delayed_name_removal"] = switches.engine.delayed_name_removal;
  features["per_step_stats"] = switches.per_step_stats;
  features["type_and_unit_labels"] = switches.engine.type_and_unit_labels;
  return features;
}

std::map<std::string, bool> FunctionFeatures(const promql::ParserOptions& parser) {
  std::map<std::string, bool> features;
  for (const promql::Function& function : promql::Functions()) {
    features[std::string(function.name)] = !function.experimental || parser.experimental_functions;
  }
  return features;
}

std::map<std::string, bool> OperatorFeatures(const promql::ParserOptions& parser) {
  using promql::AggregateOp;
  using promql::BinaryOp;
  std::map<std::string, bool> features;
  for (auto op = static_cast<int>(BinaryOp::kAdd); op <= static_cast<int>(BinaryOp::kTrimLower); ++op) {
    features[std::string(OpText(static_cast<BinaryOp>(op)))] = true;
  }
  for (auto op = static_cast<int>(AggregateOp::kAvg); op <= static_cast<int>(AggregateOp::kTopk); ++op) {
    features[std::string(OpText(static_cast<AggregateOp>(op)))] = true;
  }
  for (AggregateOp op : {AggregateOp::kLimitk, AggregateOp::kLimitRatio}) {
    features[std::string(OpText(op))] = parser.experimental_functions;
  }
  // Those of label matchers, and the modifier.
  for (const char* op : {"=~", "!~", "@"}) features[op] = true;
  return features;
}

std::map<std::string, bool> DiscoveryFeatures() {
  std::map<std::string, bool> features;
  for (const char* missing :
       {"aws",     "azure",    "digitalocean", "ecs",       "elasticache", "eureka",   "gce",
        "hetzner", "ionos",    "kuma",         "lightsail", "linode",      "marathon", "msk",
        "nerve",   "nomad",    "oci",          "openstack", "outscale",    "ovhcloud", "puppetdb",
        "rds",     "scaleway", "serverset",    "stackit",   "triton",      "uyuni",    "vultr"}) {
    features[missing] = false;
  }
  for (const char* present :
       {"consul", "dns", "docker", "dockerswarm", "ec2", "file", "http", "kubernetes", "static"}) {
    features[present] = true;
  }
  return features;
}

std::map<std::string, bool> TemplateFeatures() {
  // The functions that are Prometheus' own: what Go's templates have anyway is no feature.
  std::map<std::string, bool> features;
  const std::shared_ptr<const gotemplate::FunctionMap> functions = gotemplate::PrometheusFunctions();
  for (const char* name : {"args",
                           "externalURL",
                           "first",
                           "graphLink",
                           "humanize",
                           "humanize1024",
                           "humanizeDuration",
                           "humanizePercentage",
                           "humanizeTimestamp",
                           "label",
                           "match",
                           "now",
                           "parseDuration",
                           "pathPrefix",
                           "query",
                           "reReplaceAll",
                           "safeHtml",
                           "sortByLabel",
                           "stripDomain",
                           "stripPort",
                           "strvalue",
                           "tableLink",
                           "title",
                           "toDuration",
                           "toLower",
                           "toTime",
                           "toUpper",
                           "urlQueryEscape",
                           "value"}) {
    features[name] = functions->contains(name);
  }
  return features;
}

}  // namespace

Features ListFeatures(const FeatureSwitches& switches) {
  const promql::ParserOptions& parser = switches.engine.parser;
  return {
      {"api", ApiFeatures(switches)},
      {"otlp_receiver",
       {{"delta_conversion", switches.otlp_delta_conversion},
        {"native_delta_ingestion", switches.otlp_native_delta}}},
      {"prometheus",
       {{"agent_mode", switches.agent_mode},
        {"auto_reload_config", switches.auto_reload},
        {"server_mode", !switches.agent_mode},
        {"stringlabels", false}}},
      {"promql", LanguageFeatures(switches)},
      {"promql_functions", FunctionFeatures(parser)},
      {"promql_operators", OperatorFeatures(parser)},
      {"rules",
       {{"concurrent_rule_eval", switches.concurrent_rule_eval},
        {"keep_firing_for", true},
        {"query_offset", true}}},
      {"scrape",
       {{"extra_scrape_metrics", switches.extra_scrape_metrics},
        {"start_timestamp_zero_ingestion", switches.start_zeros},
        {"type_and_unit_labels", switches.engine.type_and_unit_labels}}},
      {"service_discovery_providers", DiscoveryFeatures()},
      {"sextant", {{"host_watch", switches.host_watch}}},
      {"templating_functions", TemplateFeatures()},
      {"tsdb",
       {{"delayed_compaction", false},
        {"exemplar_storage", true},
        {"histograms_st_encoding", switches.histograms_st_encoding},
        {"isolation", true},
        {"native_histograms", true},
        {"st_storage", true},
        {"use_uncached_io", false},
        {"xor2_encoding", switches.xor2_encoding}}},
      {"ui", {{"ui_v2", false}, {"ui_v3", false}}},
  };
}

void AddFeatureRoutes(net::Router& router, const FeatureSwitches& switches) {
  router.Add("GET", "/api/v1/features", [features = ListFeatures(switches)](const net::HttpRequest&) {
    return SuccessResponse([&](core::JsonWriter& json) {
      json.BeginObject();
      for (const auto& [category, members] : features) {
        json.Key(category).BeginObject();
        for (const auto& [name, is_on] : members) json.Key(name).Bool(is_on);
        json.EndObject();
      }
      json.EndObject();
    });
  });
}

}  // namespace sextant::api
