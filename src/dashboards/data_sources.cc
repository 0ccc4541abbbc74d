#include "dashboards/data_sources.h"

#include <algorithm>

#include "dashboards/document.h"

namespace sextant::dashboards {

namespace {

bool SpeaksPrometheus(std::string_view type) {
  return type == "prometheus" || type == "grafana-amazonprometheus-datasource" || type == "mimir" ||
         type == "cortex" || type == "thanos";
}

}  // namespace

SourceKind KindOf(std::string_view type, std::string_view url,
                  const std::function<bool(std::string_view url)>& is_own) {
  bool is_here = url.empty() || is_own(url);
  if (SpeaksPrometheus(type)) return is_here ? SourceKind::kOwnMetrics : SourceKind::kRemoteMetrics;
  if (type == "alertmanager") return is_here ? SourceKind::kOwnAlerts : SourceKind::kRemoteAlerts;
  return SourceKind::kUnsupported;
}

DataSources::DataSources(bool has_alerts) : has_alerts_(has_alerts) { SetProvisioned({}); }

void DataSources::SetProvisioned(std::vector<DataSource> sources) {
  auto has = [&](std::string_view uid) {
    return std::ranges::any_of(sources, [&](const DataSource& source) { return source.uid == uid; });
  };
  if (!has("sextant")) {
    DataSource own;
    own.uid = "sextant";
    own.name = "Sextant";
    own.type = "prometheus";
    own.kind = SourceKind::kOwnMetrics;
    own.is_default =
        std::ranges::none_of(sources, [](const DataSource& source) { return source.is_default; });
    sources.push_back(std::move(own));
  }
  if (has_alerts_ && !has("sextant-alerts")) {
    DataSource own;
    own.uid = "sextant-alerts";
    own.name = "Sextant alerts";
    own.type = "alertmanager";
    own.kind = SourceKind::kOwnAlerts;
    sources.push_back(std::move(own));
  }
  auto list = std::make_shared<List_>();
  for (DataSource& source : sources) {
    if (source.kind == SourceKind::kOwnAlerts && !has_alerts_) {
      source.kind = SourceKind::kUnsupported;
      source.why_unsupported = "this server has no Alertmanager of its own; give its URL";
    }
    list->push_back(std::make_shared<const DataSource>(std::move(source)));
  }
  std::ranges::sort(*list, {}, [](const DataSourcePtr& source) { return source->name; });
  sources_.store(std::move(list));
}

template <typename Holds>
DataSourcePtr DataSources::FindWhere(Holds holds) const {
  auto list = sources_.load();
  auto found = std::ranges::find_if(*list, holds);
  return found == list->end() ? nullptr : *found;
}

std::vector<DataSourcePtr> DataSources::List() const { return *sources_.load(); }

DataSourcePtr DataSources::FindUid(std::string_view uid) const {
  return FindWhere([&](const DataSourcePtr& source) { return source->uid == uid; });
}

DataSourcePtr DataSources::FindName(std::string_view name) const {
  return FindWhere([&](const DataSourcePtr& source) { return source->name == name; });
}

DataSourcePtr DataSources::FindId(int64_t id) const {
  return FindWhere([&](const DataSourcePtr& source) { return NumericId(source->uid) == id; });
}

DataSourcePtr DataSources::Resolve(std::string_view uid_or_name, std::string_view type) const {
  if (!uid_or_name.empty() && uid_or_name != "default") {
    if (DataSourcePtr source = FindUid(uid_or_name)) return source;
    return FindName(uid_or_name);
  }
  DataSourcePtr fallback = FindWhere([](const DataSourcePtr& source) { return source->is_default; });
  if (type.empty() || (fallback != nullptr && fallback->type == type)) return fallback;
  return FindWhere([&](const DataSourcePtr& source) { return source->type == type; });
}

}  // namespace sextant::dashboards
