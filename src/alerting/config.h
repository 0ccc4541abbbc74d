// alertmanager.yml as typed values: routes, receivers, inhibition rules, time intervals.
//
//   SEXTANT_ASSIGN(auto config, alerting::LoadConfig("/etc/alertmanager/alertmanager.yml"));
//
// What Alertmanager 0.34 knows and we do not honour yet is refused by name; so is what Alertmanager itself
// refuses, with its words. A Config is immutable once loaded and may be shared
// between threads.
//
// Specification: https://prometheus.io/docs/alerting/latest/configuration/
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerting/event_recorder_config.h"
#include "alerting/matchers.h"
#include "alerting/receiver_config.h"
#include "alerting/time_interval.h"
#include "config/decode.h"
#include "config/http_client_config.h"
#include "config/tracing_config.h"
#include "core/clock.h"
#include "core/result.h"

namespace sextant::alerting {

// A list of matchers as the file has it, with what the parser had to say about it.
struct MatcherList {
  Matchers matchers;
  std::vector<std::string> warnings;
};

struct RouteConfig {
  std::string receiver;  // empty: the parent's
  std::optional<std::vector<std::string>> group_by;
  bool group_by_all = false;  // group_by: ['...']
  // match, match_re and matchers together, sorted.
  Matchers matchers;
  bool continues = false;
  std::optional<core::DurationMs> group_wait_ms;
  std::optional<core::DurationMs> group_interval_ms;
  std::optional<core::DurationMs> repeat_interval_ms;
  std::vector<std::string> mute_time_intervals;
  std::vector<std::string> active_time_intervals;
  std::map<std::string, std::string> labels;  // templates, filled in per group; children inherit them
  std::vector<RouteConfig> routes;

  MatcherList match;  // as written; `matchers` has them all
  MatcherList match_re;
  MatcherList matchers_field;
};

// One of several sources of a rule.
struct InhibitSourceConfig {
  MatcherList matchers_field;
  std::vector<std::string> equal;
};

struct InhibitRuleConfig {
  std::string name;
  Matchers source_matchers;  // all three spellings together
  Matchers target_matchers;
  std::vector<std::string> equal;
  std::vector<InhibitSourceConfig> sources;  // all must fire; in place of source_matchers and equal

  MatcherList source_match;  // as written
  MatcherList source_match_re;
  MatcherList source_matchers_field;
  MatcherList target_match;
  MatcherList target_match_re;
  MatcherList target_matchers_field;
};

struct GlobalConfig {
  core::DurationMs resolve_timeout_ms = 300'000;
  config::HttpClientConfig http;
  ReceiverDefaults receivers;
};

struct Config {
  GlobalConfig global;
  std::unique_ptr<RouteConfig> route;
  std::vector<ReceiverConfig> receivers;
  std::vector<InhibitRuleConfig> inhibit_rules;
  std::vector<std::string> templates;               // shell patterns, relative to the file's folder already
  std::vector<NamedIntervals> mute_time_intervals;  // older name of time_intervals
  std::vector<NamedIntervals> time_intervals;
  std::optional<config::AlertmanagerTracingConfig> tracing;
  std::optional<EventRecorderConfig> event_recorder;

  MatcherSyntax syntax = MatcherSyntax::kFallback;
  std::vector<std::string> warnings;  // what a person should change though it works
  std::string text;                   // the file as it was read, for the status page; secrets hidden

  const NamedIntervals* FindInterval(std::string_view name) const;
  const ReceiverConfig* FindReceiver(std::string_view name) const;
};

const config::Struct& FieldsOf(const RouteConfig*);
const config::Struct& FieldsOf(const InhibitSourceConfig*);
const config::Struct& FieldsOf(const InhibitRuleConfig*);
const config::Struct& FieldsOf(const GlobalConfig*);
const config::Struct& FieldsOf(const Config*);

// Errors: kInvalidArgument ("file:line:column: path: what"), kUnimplemented for what is not supported yet,
// and what reading the file gives. `syntax` is that of matchers and names of labels (the feature flags
// classic-mode and utf8-strict-mode).
core::Result<std::shared_ptr<const Config>> LoadConfig(const std::string& path,
                                                       MatcherSyntax syntax = MatcherSyntax::kFallback);
// `file_name` stands in errors, and relative paths count from its folder.
core::Result<std::shared_ptr<const Config>> ParseConfig(std::string_view text, const std::string& file_name,
                                                        MatcherSyntax syntax = MatcherSyntax::kFallback);
// The same from a node inside another document (the `alertmanager` section of sextant.yaml).
core::Result<std::shared_ptr<const Config>> DecodeConfig(config::Node node,
                                                         MatcherSyntax syntax = MatcherSyntax::kFallback);

// Whether a route asks for alerts of this name: one of its matchers is alertname="…".
bool NamesAlert(const RouteConfig& route, std::string_view alertname);

// What counts when the user gives no configuration: one receiver that writes notifications to the log and
// nothing else.
std::shared_ptr<const Config> BuiltInConfig();

}  // namespace sextant::alerting
