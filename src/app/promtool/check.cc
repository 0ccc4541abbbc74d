#include "app/promtool/check.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <set>

#include "app/promtool/check_discovery.h"
#include "app/promtool/lint_metrics.h"
#include "config/paths.h"
#include "config/prometheus_config.h"
#include "config/text.h"
#include "core/duration.h"
#include "httpclient/web_settings.h"
#include "metrics/discovery/file_discovery.h"
#include "metrics/rules/rule_file.h"
#include "net/http_client.h"

namespace sextant::promtool {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr core::DurationMs kLookbackMs = 300'000;
constexpr core::DurationMs kFetchTimeoutMs = 30'000;

// Which of the lints are on.
struct Lint {
  bool duplicate_rules = false;
  bool long_scrape_interval = false;
  bool is_fatal = false;
};

// Lints that each of the commands knows; the first is the default.
Result<Lint> ReadLint(const CommandArguments& arguments, std::string_view command) {
  std::string text = arguments.Get("lint", "duplicate-rules");
  Lint lint;
  lint.is_fatal = arguments.IsOn("lint-fatal");
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find(',', begin), text.size());
    std::string name = text.substr(begin, end - begin);
    begin = end + 1;
    if (name == "all") {
      lint.duplicate_rules = lint.long_scrape_interval = true;
    } else if (name == "duplicate-rules") {
      lint.duplicate_rules = true;
    } else if (name == "too-long-scrape-interval" && command == "config") {
      lint.long_scrape_interval = true;
    } else if (!name.empty() && name != "none") {
      return Fail(Code::kInvalidArgument, "unknown lint option \"{}\"", name);
    }
  }
  return lint;
}

// What became of several files: whether an error was found, and whether a lint was.
struct Verdict {
  bool has_error = false;
  bool has_lint = false;

  int ExitCode(const Lint& lint) const {
    if (has_error) return kFailure;
    return has_lint && lint.is_fatal ? kLintFailure : kSuccess;
  }
};

// Rules of one name and one set of labels, told as promtool tells them; "" when there are none twice.
std::string DescribeDuplicates(const rules::RuleFile& file) {
  std::map<std::pair<std::string, std::map<std::string, std::string>>, int> counts;
  for (const rules::RuleGroupConfig& group : file.groups) {
    for (const rules::RuleConfig& rule : group.rules) ++counts[{rule.name(), rule.labels}];
  }
  size_t duplicates = 0;
  std::string listed;
  for (const auto& [key, count] : counts) {
    if (count < 2) continue;
    ++duplicates;
    listed += fmt::format("Metric: {}\nLabel(s):\n", key.first);
    for (const auto& [name, value] : key.second) listed += fmt::format("\t{}: {}\n", name, value);
  }
  if (duplicates == 0) return "";
  return fmt::format(
      "lint error {} duplicate rule(s) found.\n{}Might cause inconsistency while recording expressions",
      duplicates, listed);
}

size_t CountRules(const rules::RuleFile& file) {
  size_t count = 0;
  for (const rules::RuleGroupConfig& group : file.groups) count += group.rules.size();
  return count;
}

void CheckParsedRules(const rules::RuleFileResult& file, const Lint& lint, Output& output, Verdict& verdict) {
  std::string duplicates = file && lint.duplicate_rules ? DescribeDuplicates(*file) : "";
  if (!file) {
    verdict.has_error = true;
    output.ErrorLine("  FAILED:");
    for (const core::Error& error : file.error()) output.ErrorLine(error.message());
    return;
  }
  if (!duplicates.empty()) {
    verdict.has_lint = true;
    output.ErrorLine("  FAILED:");
    output.ErrorLine(duplicates);
  } else {
    output.Line(fmt::format("  SUCCESS: {} rules found", CountRules(*file)));
  }
  output.Line("");
}

Result<int> CheckRules(const CommandArguments& arguments, const rules::RuleFileOptions& options,
                       Output& output) {
  SEXTANT_ASSIGN(Lint lint, ReadLint(arguments, "rules"));
  Verdict verdict;
  std::vector<std::string> files = arguments.positional();
  if (files.empty()) {
    output.Line("Checking standard input");
    std::string text(std::istreambuf_iterator<char>(std::cin), {});
    CheckParsedRules(rules::ParseRuleFile(text, "standard input", options), lint, output, verdict);
    return verdict.ExitCode(lint);
  }
  SEXTANT_TRY(RequireFiles(files, "rule-files"));
  for (const std::string& file : files) {
    output.Line("Checking " + file);
    CheckParsedRules(rules::LoadRuleFile(file, options), lint, output, verdict);
  }
  return verdict.ExitCode(lint);
}

Status RequireReadable(const std::string& path, std::string_view what) {
  if (path.empty() || access(path.c_str(), R_OK) == 0) return {};
  return Fail(Code::kNotFound, "error checking {} {}: it cannot be read", what, config::Quote(path));
}

Status CheckHttpFiles(const config::HttpClientConfig& http) {
  SEXTANT_TRY(RequireReadable(http.tls.ca_file, "ca file"));
  SEXTANT_TRY(RequireReadable(http.tls.cert_file, "client cert file"));
  SEXTANT_TRY(RequireReadable(http.tls.key_file, "client key file"));
  if (http.authorization)
    SEXTANT_TRY(RequireReadable(http.authorization->credentials_file, "authorization credentials file"));
  return {};
}

Status CheckTargetFiles(const config::DiscoveryConfigs& discovery, const std::string& where, Output& output) {
  for (const config::FileDiscoveryConfig& file : discovery.file) {
    for (const std::string& pattern : file.files) {
      SEXTANT_ASSIGN(std::vector<std::string> matches, config::ExpandGlob(pattern));
      for (const std::string& path : matches) {
        auto groups = discovery::ReadTargetFile(path);
        if (!groups) {
          return Fail(Code::kInvalidArgument, "checking SD file {}: {}", config::Quote(path),
                      groups.error().message());
        }
      }
      if (matches.empty()) {
        output.Line(fmt::format("  WARNING: file {} for file_sd in {} does not exist", config::Quote(pattern),
                                where));
      }
    }
  }
  return {};
}

// The files that the configuration's rule_files mean; one that is named and not there is an error.
Result<std::vector<std::string>> FindRuleFiles(const config::PrometheusConfig& config) {
  std::vector<std::string> files;
  for (const std::string& pattern : config.rule_files) {
    SEXTANT_ASSIGN(std::vector<std::string> matches, config::ExpandGlob(pattern));
    if (matches.empty() && pattern.find('*') == std::string::npos)
      return Fail(Code::kNotFound, "{} does not point to an existing file", config::Quote(pattern));
    files.insert(files.end(), matches.begin(), matches.end());
  }
  return files;
}

struct ConfigCheck {
  bool only_syntax = false;
  bool for_agent = false;
};

// What a configuration says of its rules.
struct RulesOfConfig {
  std::vector<std::string> files;
  core::NameScheme name_scheme = core::NameScheme::kUtf8;
};

Result<RulesOfConfig> CheckConfigFile(const std::string& file, const ConfigCheck& check, const Lint& lint,
                                      Output& output, Verdict& verdict) {
  SEXTANT_ASSIGN(config::PrometheusConfig config, config::LoadPrometheusConfig(file));
  if (check.for_agent) SEXTANT_TRY(config::CheckForAgent(config));
  RulesOfConfig found;
  found.name_scheme = config.global.names.scheme();
  std::vector<std::string>& rule_files = found.files;
  if (!check.only_syntax) {
    SEXTANT_ASSIGN(rule_files, FindRuleFiles(config));
    for (const config::ScrapeConfig& job : config.scrape_configs) {
      SEXTANT_TRY(CheckHttpFiles(job.http));
      SEXTANT_TRY(
          CheckTargetFiles(job.discovery, fmt::format("scrape job {}", config::Quote(job.job_name)), output));
    }
    for (const config::AlertmanagerTargetsConfig& group : config.alerting.alertmanagers) {
      SEXTANT_TRY(CheckHttpFiles(group.http));
      SEXTANT_TRY(CheckTargetFiles(group.discovery, "alertmanager config", output));
    }
  }
  for (const config::ScrapeConfig& job : config.scrape_configs) {
    if (!lint.long_scrape_interval || job.scrape_interval_ms < kLookbackMs) continue;
    verdict.has_lint = true;
    output.ErrorLine(fmt::format(
        "  lint error long scrape interval found. Data point will be marked as stale. Job: {}. Interval: {}",
        job.job_name, core::FormatDuration(job.scrape_interval_ms)));
  }
  if (!rule_files.empty()) output.Line(fmt::format("  SUCCESS: {} rule files found", rule_files.size()));
  return found;
}

Result<int> CheckConfig(const CommandArguments& arguments, const rules::RuleFileOptions& options,
                        Output& output) {
  SEXTANT_ASSIGN(Lint lint, ReadLint(arguments, "config"));
  SEXTANT_TRY(RequireFiles(arguments.positional(), "config-files"));
  Verdict verdict;
  for (const std::string& file : arguments.positional()) {
    output.Line("Checking " + file);
    auto found = CheckConfigFile(file, {arguments.IsOn("syntax-only"), arguments.IsOn("agent")}, lint, output,
                                 verdict);
    if (!found) {
      verdict.has_error = true;
      output.ErrorLine("  FAILED: " + found.error().message());
      output.Line("");
      continue;
    }
    output.Line(fmt::format(" SUCCESS: {} is valid prometheus config file syntax", file));
    output.Line("");
    rules::RuleFileOptions rule_options = options;
    rule_options.name_scheme = found->name_scheme;
    for (const std::string& rule_file : found->files) {
      output.Line("Checking " + rule_file);
      CheckParsedRules(rules::LoadRuleFile(rule_file, rule_options), lint, output, verdict);
    }
  }
  return verdict.ExitCode(lint);
}

Result<int> CheckWebConfig(const CommandArguments& arguments, Output& output) {
  SEXTANT_TRY(RequireFiles(arguments.positional(), "web-config-files"));
  bool has_failed = false;
  for (const std::string& file : arguments.positional()) {
    auto checked = httpclient::LoadWebSettings(file);
    has_failed = has_failed || !checked;
    if (checked) {
      output.Line(file + " SUCCESS");
    } else {
      output.ErrorLine(fmt::format("{} FAILED: {}", file, checked.error().message()));
    }
  }
  return has_failed ? kFailure : kSuccess;
}

Result<int> CheckServer(const CommandArguments& arguments, std::string_view path, Output& output) {
  std::string url = arguments.Get("url", "http://localhost:9090");
  while (url.ends_with('/')) url.pop_back();
  net::FetchRequest request;
  request.url = url + std::string(path);
  request.timeout_ms = kFetchTimeoutMs;
  SEXTANT_ASSIGN(config::HttpClientConfig http, LoadHttpConfig(arguments.Get("http.config.file")));
  auto response = FetchOnce(http, std::move(request));
  if (!response) {
    output.ErrorLine(response.error().message());
    return kFailure;
  }
  if (response->status != 200) {
    output.ErrorLine(fmt::format("check failed: URL={}, status={}", url, response->status));
    return kFailure;
  }
  output.ErrorLine("  SUCCESS:  " + response->body);
  return kSuccess;
}

// What each metric has of all series, the most first.
std::string CardinalityTable(const std::map<std::string, uint64_t>& counts) {
  std::vector<std::pair<std::string, uint64_t>> sorted(counts.begin(), counts.end());
  std::ranges::stable_sort(sorted, [](const auto& a, const auto& b) { return a.second > b.second; });
  uint64_t total = 0;
  for (const auto& [name, count] : sorted) total += count;
  std::vector<std::array<std::string, 3>> rows = {{"Metric", "Cardinality", "Percentage"}};
  for (const auto& [name, count] : sorted) {
    double percentage = 100 * static_cast<double>(count) / static_cast<double>(total);
    rows.push_back({name, fmt::format("{}", count), fmt::format("{:.2f}%", percentage)});
  }
  rows.push_back({"Total", fmt::format("{}", total), "100%"});
  std::array<size_t, 3> widths{};
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size() + 4);
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) text += fmt::format("{:<{}}", row[i], widths[i]);
    text += '\n';
  }
  return text;
}

Result<int> CheckMetrics(const CommandArguments& arguments, Output& output) {
  std::string text(std::istreambuf_iterator<char>(std::cin), {});
  std::string lint = arguments.Get("lint", "all");
  if (lint != "all" && lint != "none")
    return Fail(Code::kInvalidArgument, "unknown lint option \"{}\"", lint);
  auto problems = LintMetrics(text);
  if (!problems) {
    output.ErrorLine("error while linting: " + problems.error().message());
    return kFailure;
  }
  if (arguments.IsOn("extended")) {
    SEXTANT_ASSIGN(auto counts, CountMetrics(text));
    output.out += CardinalityTable(counts);
  }
  if (lint == "none") return kSuccess;
  for (const LintProblem& problem : *problems) output.ErrorLine(problem.metric + " " + problem.text);
  return problems->empty() ? kSuccess : kLintFailure;
}

}  // namespace

Result<int> RunCheck(const std::vector<std::string>& arguments, const std::vector<std::string>& features,
                     Output& output) {
  promql::EngineOptions engine;
  SEXTANT_TRY(EnableFeatures(features, engine));
  rules::RuleFileOptions options{.parser = engine.parser};
  std::string command = arguments.empty() ? "" : arguments.front();
  std::vector<std::string> rest(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
  if (command == "config") {
    SEXTANT_ASSIGN(auto parsed,
                   CommandArguments::Parse(rest, {"lint"},
                                           {"syntax-only", "agent", "lint-fatal", "ignore-unknown-fields"}));
    options.ignores_unknown_fields = parsed.IsOn("ignore-unknown-fields");
    return CheckConfig(parsed, options, output);
  }
  if (command == "rules") {
    SEXTANT_ASSIGN(auto parsed,
                   CommandArguments::Parse(rest, {"lint"}, {"lint-fatal", "ignore-unknown-fields"}));
    options.ignores_unknown_fields = parsed.IsOn("ignore-unknown-fields");
    return CheckRules(parsed, options, output);
  }
  if (command == "web-config") {
    SEXTANT_ASSIGN(auto parsed, CommandArguments::Parse(rest, {}, {}));
    return CheckWebConfig(parsed, output);
  }
  if (command == "healthy" || command == "ready") {
    SEXTANT_ASSIGN(auto parsed, CommandArguments::Parse(rest, {"url", "http.config.file"}, {}));
    return CheckServer(parsed, "/-/" + command, output);
  }
  if (command == "service-discovery") {
    SEXTANT_ASSIGN(auto parsed, CommandArguments::Parse(rest, {"timeout"}, {"agent"}));
    return CheckServiceDiscovery(parsed, output);
  }
  if (command == "metrics") {
    SEXTANT_ASSIGN(auto parsed, CommandArguments::Parse(rest, {"lint"}, {"extended"}));
    return CheckMetrics(parsed, output);
  }
  if (command.empty()) {
    return Fail(Code::kInvalidArgument,
                "must select a subcommand of 'check': config, rules, web-config, metrics, healthy, ready, "
                "service-discovery");
  }
  return Fail(Code::kInvalidArgument, "expected command but got \"{}\"", command);
}

}  // namespace sextant::promtool
