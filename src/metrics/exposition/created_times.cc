#include "metrics/exposition/created_times.h"

#include <cmath>
#include <string>

#include "metrics/exposition/open_metrics_parser.h"

namespace sextant::exposition {

namespace {

constexpr std::string_view kCreated = "_created";

}  // namespace

bool CreatedTimes::AreFor(MetricType type) {
  return type == MetricType::kCounter || type == MetricType::kHistogram || type == MetricType::kSummary;
}

bool CreatedTimes::ReadKey(std::string_view series, bool& is_created) {
  if (!ParseSeries(series, type_, key_)) return false;
  std::string_view name = key_.Get(model::kMetricName);
  is_created = name.ends_with(kCreated);
  name = is_created ? name.substr(0, name.size() - kCreated.size()) : FamilyNameOf(name, type_);
  key_.Set(model::kMetricName, std::string(name));
  if (type_ == MetricType::kHistogram) key_.Delete("le");
  if (type_ == MetricType::kSummary) key_.Delete("quantile");
  return true;
}

void CreatedTimes::Read(std::string_view body, MetricType type) {
  type_ = type;
  times_.clear();
  std::string_view samples = body.substr(0, body.find("\n#") + 1);  // all of it when there is no comment
  if (samples.empty()) samples = body;
  if (samples.find(kCreated) == std::string_view::npos) return;
  OpenMetricsParser parser(samples);
  while (parser.Next() == EntryKind::kSample) {
    const Entry& entry = parser.entry();
    bool is_created = false;
    if (entry.series.find(kCreated) == std::string_view::npos || !ReadKey(entry.series, is_created)) continue;
    if (is_created && std::isfinite(entry.value)) {
      times_.emplace(key_.Build(), OpenMetricsTimeMs(entry.value));
    }
  }
}

core::TimestampMs CreatedTimes::Of(std::string_view series) {
  if (times_.empty()) return 0;
  bool is_created = false;
  if (!ReadKey(series, is_created) || is_created) return 0;
  auto found = times_.find(key_.Build());
  return found == times_.end() ? 0 : found->second;
}

bool CreatedTimes::IsCreated(std::string_view series) {
  if (series.find(kCreated) == std::string_view::npos) return false;
  bool is_created = false;
  return ReadKey(series, is_created) && is_created;
}

}  // namespace sextant::exposition
