#include "alerting/route.h"

#include <algorithm>

namespace sextant::alerting {
namespace {

size_t ReceiverIndex(const Config& config, const std::string& name) {
  for (size_t i = 0; i < config.receivers.size(); ++i) {
    if (config.receivers[i].name == name) return i;
  }
  SEXTANT_CHECK(false);  // the configuration was checked
}

std::vector<const NamedIntervals*> FindIntervals(const Config& config,
                                                 const std::vector<std::string>& names) {
  std::vector<const NamedIntervals*> intervals;
  for (const std::string& name : names) intervals.push_back(config.FindInterval(name));
  return intervals;
}

std::unique_ptr<Route> Build(const Config& config, const RouteConfig& from, const Route* parent,
                             size_t& next_index) {
  auto route = std::make_unique<Route>();
  if (parent != nullptr) {
    route->receiver = parent->receiver;
    route->group_by = parent->group_by;
    route->group_by_all = parent->group_by_all;
    route->group_wait_ms = parent->group_wait_ms;
    route->group_interval_ms = parent->group_interval_ms;
    route->repeat_interval_ms = parent->repeat_interval_ms;
    route->labels = parent->labels;
  }
  route->index = next_index++;
  if (!from.receiver.empty()) route->receiver = ReceiverIndex(config, from.receiver);
  if (from.group_by) {
    route->group_by_all = from.group_by_all;
    route->group_by = from.group_by_all ? std::vector<std::string>() : *from.group_by;
    std::sort(route->group_by.begin(), route->group_by.end());
  }
  route->group_wait_ms = from.group_wait_ms.value_or(route->group_wait_ms);
  route->group_interval_ms = from.group_interval_ms.value_or(route->group_interval_ms);
  route->repeat_interval_ms = from.repeat_interval_ms.value_or(route->repeat_interval_ms);
  route->matchers = from.matchers;
  route->mute_intervals = FindIntervals(config, from.mute_time_intervals);
  route->active_intervals = FindIntervals(config, from.active_time_intervals);
  route->continues = from.continues;
  for (const auto& [name, text] : from.labels) route->labels[name] = text;
  route->key = (parent != nullptr ? parent->key + "/" : "") + MatchersText(route->matchers);
  for (const RouteConfig& child : from.routes) {
    route->routes.push_back(Build(config, child, route.get(), next_index));
  }
  return route;
}

// Appends the routes below and including `route` that want the alert; nothing when its matchers do not.
void Match(const Route& route, const model::Labels& labels, std::vector<const Route*>& out) {
  if (!MatchesAll(route.matchers, labels)) return;
  const size_t before = out.size();
  for (const auto& child : route.routes) {
    const size_t before_child = out.size();
    Match(*child, labels, out);
    if (out.size() > before_child && !child->continues) break;
  }
  if (out.size() == before) out.push_back(&route);
}

}  // namespace

model::Labels Route::GroupLabels(const model::Labels& labels) const {
  if (group_by_all) return labels;
  model::LabelsBuilder builder;
  for (const std::string& name : group_by) builder.Set(name, labels.Get(name));
  return builder.Build();
}

Mute Route::MutedAt(core::TimestampMs now_ms) const {
  const auto holds = [now_ms](const NamedIntervals* interval) { return interval->Contains(now_ms); };
  if (!active_intervals.empty() && std::none_of(active_intervals.begin(), active_intervals.end(), holds)) {
    Mute mute{MuteReason::kOutsideActiveIntervals};
    for (const NamedIntervals* interval : active_intervals) mute.intervals.push_back(interval->name);
    return mute;
  }
  Mute mute;
  for (const NamedIntervals* interval : mute_intervals) {
    if (!holds(interval)) continue;
    mute.reason = MuteReason::kMuteInterval;
    mute.intervals.push_back(interval->name);
  }
  return mute;
}

std::unique_ptr<Route> BuildRoutes(const Config& config) {
  size_t next_index = 0;
  return Build(config, *config.route, nullptr, next_index);
}

std::vector<const Route*> MatchRoutes(const Route& root, const model::Labels& labels) {
  std::vector<const Route*> routes;
  Match(root, labels, routes);
  return routes;
}

}  // namespace sextant::alerting
