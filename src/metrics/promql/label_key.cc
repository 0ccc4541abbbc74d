#include "metrics/promql/label_key.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "metrics/promql/series_source.h"

namespace sextant::promql {

bool LabelSelection::Counts(std::string_view name) const {
  if (hides_metadata && IsMetadataLabel(name)) return false;
  bool is_named = std::binary_search(names.begin(), names.end(), name, std::less<>());
  if (!is_without) return is_named;
  return !is_named && !(drops_metric_name && name == model::kMetricName);
}

void MakeLabelKey(const model::Labels& labels, const LabelSelection& selection, std::string& key) {
  key.clear();
  if (!selection.is_without && selection.names.empty()) return;
  auto append = [&key](std::string_view text) {
    auto size = static_cast<uint32_t>(text.size());
    char prefix[sizeof size];
    std::memcpy(prefix, &size, sizeof size);
    key.append(prefix, sizeof size);
    key.append(text);
  };
  // Both are in order of the names.
  auto name = selection.names.begin();
  for (model::LabelView label : labels) {
    while (name != selection.names.end() && *name < label.name) ++name;
    const bool is_named = name != selection.names.end() && *name == label.name;
    if (selection.is_without == is_named) continue;
    if (label.name.starts_with('_')) {
      if (selection.hides_metadata && IsMetadataLabel(label.name)) continue;
      if (selection.is_without && selection.drops_metric_name && label.name == model::kMetricName) continue;
    }
    append(label.name);
    append(label.value);
  }
}

uint64_t HashLabelKey(std::string_view key) { return XXH3_64bits(key.data(), key.size()); }

model::Labels SelectLabels(const model::Labels& labels, const LabelSelection& selection) {
  std::vector<model::LabelView> kept;
  for (model::LabelView label : labels) {
    if (selection.Counts(label.name)) kept.push_back(label);
  }
  return model::Labels::FromSorted(kept);
}

}  // namespace sextant::promql
