#include "app/amtool_route_cases.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "alerting/inhibitor.h"
#include "alerting/route.h"
#include "config/decode.h"

namespace sextant::app {

struct RouteCaseAlert {
  std::map<std::string, std::string> labels;
  std::vector<std::string> expected_receivers;
  bool expected_inhibited = false;
};

struct RouteCase {
  std::string name;
  std::vector<RouteCaseAlert> alerts;
};

struct RouteCaseFile {
  std::vector<RouteCase> tests;
};

const config::Struct& FieldsOf(const RouteCaseAlert*) {
  using namespace config;
  static const Struct kFields = Struct::Of<RouteCaseAlert>(
      {
          Member<&RouteCaseAlert::labels>("labels"),
          Member<&RouteCaseAlert::expected_receivers>("expected_receivers"),
          Member<&RouteCaseAlert::expected_inhibited>("expected_inhibited"),
      },
      [](RouteCaseAlert& alert, Node node) -> core::Status {
        if (!alert.expected_inhibited || alert.expected_receivers.empty()) return {};
        return node.Fail("at most one of expected_receivers and expected_inhibited must be there");
      });
  return kFields;
}

const config::Struct& FieldsOf(const RouteCase*) {
  using namespace config;
  static const Struct kFields = Struct::Of<RouteCase>({
      Member<&RouteCase::name>("name"),
      Member<&RouteCase::alerts>("alerts"),
  });
  return kFields;
}

const config::Struct& FieldsOf(const RouteCaseFile*) {
  using namespace config;
  static const Struct kFields =
      Struct::Of<RouteCaseFile>({Member<&RouteCaseFile::tests>("tests").Required()});
  return kFields;
}

namespace {

// They fire at one moment; which one does not matter.
constexpr core::TimestampMs kNowMs = 1;

model::Labels LabelsOf(const RouteCaseAlert& alert) {
  model::LabelsBuilder builder;
  for (const auto& [name, value] : alert.labels) builder.Set(name, value);
  return builder.Build();
}

std::string ShownLabels(const RouteCaseAlert& alert) {
  std::string text;
  for (const auto& [name, value] : alert.labels)
    text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ", ", name, value);
  return "{" + text + "}";
}

// As Go shows a list.
std::string ShownList(const std::vector<std::string>& names) {
  return fmt::format("[{}]", fmt::join(names, " "));
}

// What is wrong with one alert of a case; empty: nothing.
std::string Judge(const RouteCaseAlert& alert, const alerting::Config& config, const alerting::Route& root,
                  const alerting::Inhibitor& inhibitor) {
  const model::Labels labels = LabelsOf(alert);
  const bool is_inhibited = !inhibitor.InhibitedBy(labels, kNowMs).empty();
  if (alert.expected_inhibited) {
    if (config.inhibit_rules.empty()) return "expected_inhibited=true but no inhibit_rules are configured";
    return is_inhibited ? "" : "expected to be inhibited but was not";
  }
  if (is_inhibited)
    return fmt::format("expected receivers {} but alert is inhibited", ShownList(alert.expected_receivers));
  std::vector<std::string> receivers;
  for (const alerting::Route* route : alerting::MatchRoutes(root, labels))
    receivers.push_back(config.receivers[route->receiver].name);
  if (receivers == alert.expected_receivers) return "";
  return fmt::format("expected receivers {} but got {}", ShownList(alert.expected_receivers),
                     ShownList(receivers));
}

std::string RunCase(const RouteCase& one, const alerting::Config& config, const alerting::Route& root) {
  alerting::Inhibitor inhibitor(config);
  for (const RouteCaseAlert& alert : one.alerts) {
    auto firing = std::make_shared<alerting::Alert>();
    firing->labels = LabelsOf(alert);
    firing->updated_at_ms = kNowMs;
    inhibitor.Update(alerting::Fingerprint(firing->labels), firing);
  }
  for (size_t i = 0; i < one.alerts.size(); ++i) {
    const std::string wrong = Judge(one.alerts[i], config, root, inhibitor);
    if (!wrong.empty()) return fmt::format("alert[{}] {}: {}", i, ShownLabels(one.alerts[i]), wrong);
  }
  return "";
}

}  // namespace

core::Result<RouteCasesOutcome> RunRouteCases(const std::string& path, const alerting::Config& config) {
  SEXTANT_ASSIGN(const config::Document document, config::Document::Load(path));
  SEXTANT_ASSIGN(const RouteCaseFile file, config::Decode<RouteCaseFile>(document.root()));
  const auto root = alerting::BuildRoutes(config);
  RouteCasesOutcome outcome;
  for (const RouteCase& one : file.tests) {
    const std::string wrong = RunCase(one, config, *root);
    outcome.lines.push_back(wrong.empty() ? "PASS " + one.name
                                          : fmt::format("FAIL {} / {}", one.name, wrong));
    outcome.has_passed = outcome.has_passed && wrong.empty();
  }
  return outcome;
}

}  // namespace sextant::app
