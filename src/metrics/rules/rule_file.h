// Rule files: groups of recording and alerting rules, read and checked as Prometheus does.
//
//   RuleFileResult file = LoadRuleFile("/etc/prometheus/rules/node.yml", {});
//   if (!file) for (const core::Error& error : file.error()) ...
//
// A file is checked as a whole: all that is wrong with its rules is reported at once, each as
// `FILE: LINE:COLUMN: group "G", rule N, "NAME": what` with Prometheus' texts. What is wrong with the YAML
// itself (unknown fields, wrong types, a second document) is one error with config's `FILE:LINE:COLUMN: path:
// what`.
//
// Format: https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/#rule_group
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/decode.h"
#include "core/clock.h"
#include "core/metric_names.h"
#include "core/result.h"
#include "metrics/promql/ast.h"
#include "metrics/promql/parser.h"

namespace sextant::rules {

// One rule: exactly one of `record` and `alert` is set.
struct RuleConfig {
  std::string record;  // the metric name of the result
  std::string alert;   // the alert's name
  std::string expr;
  core::DurationMs for_ms = 0;
  core::DurationMs keep_firing_for_ms = 0;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;

  // `expr`, parsed when the file was checked; no field of the file.
  std::shared_ptr<const promql::Expr> parsed;

  bool IsAlert() const { return !alert.empty(); }
  const std::string& name() const { return IsAlert() ? alert : record; }

  friend bool operator==(const RuleConfig& a, const RuleConfig& b) {
    return a.record == b.record && a.alert == b.alert && a.expr == b.expr && a.for_ms == b.for_ms &&
           a.keep_firing_for_ms == b.keep_firing_for_ms && a.labels == b.labels &&
           a.annotations == b.annotations;
  }
};

// Rules that are evaluated together, one after the other.
struct RuleGroupConfig {
  std::string name;
  core::DurationMs interval_ms = 0;  // 0: the global evaluation interval
  std::optional<core::DurationMs> query_offset_ms;
  int64_t limit = 0;                          // of series or alerts per rule; 0 or less is no limit
  std::map<std::string, std::string> labels;  // already merged into those of the rules
  std::vector<RuleConfig> rules;

  friend bool operator==(const RuleGroupConfig&, const RuleGroupConfig&) = default;
};

struct RuleFile {
  std::string path;
  std::vector<RuleGroupConfig> groups;
};

const config::Struct& FieldsOf(const RuleConfig*);
const config::Struct& FieldsOf(const RuleGroupConfig*);
const config::Struct& FieldsOf(const RuleFile*);

struct RuleFileOptions {
  // What names labels, annotations and recorded metrics may have.
  core::NameScheme name_scheme = core::NameScheme::kUtf8;
  promql::ParserOptions parser;
  bool ignores_unknown_fields = false;
};

// Everything that is wrong with a file; never empty.
using RuleFileErrors = std::vector<core::Error>;
using RuleFileResult = tl::expected<RuleFile, RuleFileErrors>;

// Reads and checks a text; `path` stands in front of every error.
RuleFileResult ParseRuleFile(std::string_view text, const std::string& path, const RuleFileOptions& options);
// Reads and checks a file.
RuleFileResult LoadRuleFile(const std::string& path, const RuleFileOptions& options);
// Reads and checks several; the errors of all of them.
tl::expected<std::vector<RuleFile>, RuleFileErrors> LoadRuleFiles(std::span<const std::string> paths,
                                                                  const RuleFileOptions& options);

// The first error, which says how many more there are.
core::Error Summarize(const RuleFileErrors& errors);

// The rules that watch a host and this program when the user has none (builtin_rules.yml); their path is
// "builtin".
RuleFile BuiltinRules();

// The rule whose alert always fires (heartbeat_rule.yml); its path is "builtin heartbeat".
inline constexpr std::string_view kHeartbeatAlert = "SextantHeartbeat";
RuleFile HeartbeatRule();

}  // namespace sextant::rules
