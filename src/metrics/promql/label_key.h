// Keys of label sets for grouping and matching: the bytes of the labels that count, so that equal keys mean equal labels
// (no hash is trusted). A KeyMap numbers the distinct keys from 0 in order of appearance.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/labels.h"

namespace sextant::promql {

// Which labels count.
struct LabelSelection {
  std::vector<std::string> names;    // sorted
  bool is_without = false;           // all but `names`; else only `names`
  bool drops_metric_name = false;    // with is_without: nor the metric name
  bool hides_metadata = false;       // metric name, type and unit never count

  bool Counts(std::string_view name) const;
};

// Writes the key of a label set into `key`.
void MakeLabelKey(const model::Labels& labels, const LabelSelection& selection, std::string& key);
uint64_t HashLabelKey(std::string_view key);
// The labels that count.
model::Labels SelectLabels(const model::Labels& labels, const LabelSelection& selection);

class KeyMap {
 public:
  // The number of a label set's key, and whether it is new.
  std::pair<size_t, bool> Add(const model::Labels& labels, const LabelSelection& selection) {
    MakeLabelKey(labels, selection, scratch_);
    auto it = numbers_.find(std::string_view(scratch_));
    if (it != numbers_.end()) return {it->second, false};
    size_t number = numbers_.size();
    numbers_.emplace(scratch_, number);
    return {number, true};
  }
  // The number of a label set's key, if it was added.
  std::optional<size_t> Find(const model::Labels& labels, const LabelSelection& selection) {
    MakeLabelKey(labels, selection, scratch_);
    auto it = numbers_.find(std::string_view(scratch_));
    return it == numbers_.end() ? std::nullopt : std::optional(it->second);
  }
  size_t size() const { return numbers_.size(); }

 private:
  struct KeyHash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return HashLabelKey(key); }
  };

  absl::flat_hash_map<std::string, size_t, KeyHash, std::equal_to<>> numbers_;
  std::string scratch_;
};

}  // namespace sextant::promql
