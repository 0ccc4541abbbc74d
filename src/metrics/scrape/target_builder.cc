#include "metrics/scrape/target_builder.h"

#include <algorithm>
#include <unordered_set>

#include "core/duration.h"
#include "net/url.h"

namespace sextant::scrape {

namespace {

using core::Code;
using core::Fail;
using core::Result;

// Completes what a group and its target say with what the configuration says.
model::Labels CompleteLabels(const config::ScrapeConfig& config, model::LabelsBuilder builder) {
  auto set_default = [&](std::string_view name, std::string_view value) {
    if (builder.Get(name).empty()) builder.Set(name, value);
  };
  set_default("job", config.job_name);
  set_default(kScrapeIntervalLabel, core::FormatDuration(config.scrape_interval_ms));
  set_default(kScrapeTimeoutLabel, core::FormatDuration(config.scrape_timeout_ms));
  set_default(kMetricsPathLabel, config.metrics_path);
  set_default(kSchemeLabel, config.scheme);
  for (const auto& [name, values] : config.params) {
    if (!values.empty()) set_default(std::string(kParamLabelPrefix) + name, values.front());
  }
  return builder.Build();
}

// The URL that labels and configured parameters make.
std::string TargetUrl(const config::ScrapeConfig& config, const model::Labels& labels) {
  net::QueryParams params;
  for (const auto& [name, values] : config.params) {
    std::string_view first = labels.Get(std::string(kParamLabelPrefix) + name);
    for (size_t i = 0; i < values.size(); ++i)
      params.Add(name, i == 0 && !first.empty() ? std::string(first) : values[i]);
  }
  for (model::LabelView label : labels) {
    if (!label.name.starts_with(kParamLabelPrefix)) continue;
    std::string name(label.name.substr(kParamLabelPrefix.size()));
    if (!config.params.contains(name)) params.Add(name, std::string(label.value));
  }
  std::string_view path = labels.Get(kMetricsPathLabel);
  std::string url = fmt::format("{}://{}{}{}", labels.Get(kSchemeLabel), labels.Get(kAddressLabel),
                                path.starts_with('/') ? "" : "/", path);
  if (!params.empty()) url += "?" + params.Encode();
  return url;
}

Result<ScrapeTarget> MakeTarget(const config::ScrapeConfig& config, model::Labels discovered,
                                const model::Labels& relabelled) {
  ScrapeTarget target;
  std::string_view address = relabelled.Get(kAddressLabel);
  if (address.empty()) return Fail(Code::kInvalidArgument, "no address");
  if (address.find('/') != std::string_view::npos) {
    return Fail(Code::kInvalidArgument, "\"{}\" is not a valid hostname", address);
  }
  SEXTANT_ASSIGN(target.interval_ms, core::ParseDuration(relabelled.Get(kScrapeIntervalLabel))
                                         .map_error(core::AddContext("error parsing scrape interval")));
  SEXTANT_ASSIGN(target.timeout_ms, core::ParseDuration(relabelled.Get(kScrapeTimeoutLabel))
                                        .map_error(core::AddContext("error parsing scrape timeout")));
  if (target.interval_ms == 0) return Fail(Code::kInvalidArgument, "scrape interval cannot be 0");
  if (target.timeout_ms == 0) return Fail(Code::kInvalidArgument, "scrape timeout cannot be 0");
  if (target.timeout_ms > target.interval_ms) {
    return Fail(Code::kInvalidArgument,
                "scrape timeout cannot be greater than scrape interval (\"{}\" > \"{}\")",
                core::FormatDuration(target.timeout_ms), core::FormatDuration(target.interval_ms));
  }
  target.url = TargetUrl(config, relabelled);
  model::LabelsBuilder builder;
  for (model::LabelView label : relabelled) {
    if (!label.name.starts_with("__")) builder.Set(label.name, label.value);
  }
  if (builder.Get("instance").empty()) builder.Set("instance", address);
  target.labels = builder.Build();
  target.discovered_labels = std::move(discovered);
  return target;
}

}  // namespace

std::string_view TargetHealthText(TargetHealth health) {
  switch (health) {
    case TargetHealth::kUnknown:
      return "unknown";
    case TargetHealth::kUp:
      return "up";
    case TargetHealth::kDown:
      return "down";
  }
  return "unknown";
}

namespace {

// Collects the targets of one job.
class ListBuilder {
 public:
  ListBuilder(const config::ScrapeConfig& config, const relabel::Rules& rules)
      : config_(config), rules_(rules) {}

  void Add(model::LabelsBuilder labels) {
    model::Labels discovered = CompleteLabels(config_, std::move(labels));
    std::optional<model::Labels> relabelled = rules_.Relabel(discovered);
    if (!relabelled) {
      list_.dropped.push_back(std::move(discovered));
      return;
    }
    Result<ScrapeTarget> target = MakeTarget(config_, discovered, *relabelled);
    if (!target) {
      list_.errors.push_back(target.error().WithContext(
          fmt::format("job {}, target {}", config_.job_name, discovered.Get(kAddressLabel))));
      return;
    }
    if (seen_.insert(target->url + '\xff' + target->labels.ToString()).second)
      list_.active.push_back(std::move(*target));
  }

  TargetList Take() && { return std::move(list_); }

 private:
  const config::ScrapeConfig& config_;
  const relabel::Rules& rules_;
  TargetList list_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

TargetList BuildTargets(const config::ScrapeConfig& config, const relabel::Rules& rules,
                        std::span<const discovery::TargetGroup> groups) {
  ListBuilder list(config, rules);
  for (const config::StaticTargets& group : config.static_configs) {
    for (const std::string& address : group.targets) {
      model::LabelsBuilder labels;
      for (const auto& [name, value] : group.labels) labels.Set(name, value);
      labels.Set(kAddressLabel, address);
      list.Add(std::move(labels));
    }
  }
  for (const discovery::TargetGroup& group : groups) {
    for (const model::Labels& target : group.targets) {
      model::LabelsBuilder labels(group.labels);
      for (model::LabelView label : target) labels.Set(label.name, label.value);
      list.Add(std::move(labels));
    }
  }
  return std::move(list).Take();
}

}  // namespace sextant::scrape
