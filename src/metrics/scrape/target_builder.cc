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

model::Labels DiscoveredLabels(const config::ScrapeConfig& config, const config::StaticTargets& group,
                               const std::string& address) {
  model::LabelsBuilder builder;
  for (const auto& [name, value] : group.labels) builder.Set(name, value);
  builder.Set(kAddressLabel, address);
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

TargetList BuildTargets(const config::ScrapeConfig& config, const relabel::Rules& rules) {
  TargetList list;
  std::unordered_set<std::string> seen;
  for (const config::StaticTargets& group : config.static_configs) {
    for (const std::string& address : group.targets) {
      model::Labels discovered = DiscoveredLabels(config, group, address);
      std::optional<model::Labels> relabelled = rules.Relabel(discovered);
      if (!relabelled) {
        list.dropped.push_back(std::move(discovered));
        continue;
      }
      Result<ScrapeTarget> target = MakeTarget(config, discovered, *relabelled);
      if (!target) {
        list.errors.push_back(
            target.error().WithContext(fmt::format("job {}, target {}", config.job_name, address)));
        continue;
      }
      if (seen.insert(target->url + '\xff' + target->labels.ToString()).second)
        list.active.push_back(std::move(*target));
    }
  }
  return list;
}

}  // namespace sextant::scrape
