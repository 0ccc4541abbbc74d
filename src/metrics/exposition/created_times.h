// Since when the samples of an OpenMetrics 1.0 family count: what its `_created` samples say, which stand
// among them, behind as a rule.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <string_view>

#include "core/clock.h"
#include "metrics/exposition/family.h"

namespace sextant::exposition {

class CreatedTimes {
 public:
  // Whether families of this type have such samples.
  static bool AreFor(MetricType type);

  // Reads those of the samples that `body` begins with, up to the next comment. What is malformed among them
  // is passed over: whoever reads the samples will find it.
  void Read(std::string_view body, MetricType type);

  // In milliseconds, of a series that is no `_created` one itself; 0: nothing is said.
  core::TimestampMs Of(std::string_view series);

  // Whether the bytes of a series of the type at hand are those of such a sample.
  bool IsCreated(std::string_view series);

 private:
  // What a family's samples with the same labels have in common; false when the bytes are malformed.
  bool ReadKey(std::string_view series, bool& is_created);

  MetricType type_ = MetricType::kUnknown;
  absl::flat_hash_map<model::Labels, core::TimestampMs, std::hash<model::Labels>> times_;
  model::LabelsBuilder key_;
};

}  // namespace sextant::exposition
