// The metric family that a body's comments name, and which samples behind them are its.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/labels.h"

namespace sextant::exposition {

enum class MetricType : uint8_t {
  kUnknown,  // also "untyped"
  kCounter,
  kGauge,
  kHistogram,
  kGaugeHistogram,
  kSummary,
  kInfo,
  kStateSet,
};

// "counter", "gauge", …, "unknown": as the metadata API spells them.
std::string_view MetricTypeName(MetricType type);

// The labels that say what a metric is, with the feature type-and-unit-labels.
inline constexpr std::string_view kTypeLabel = "__type__";
inline constexpr std::string_view kUnitLabel = "__unit__";

// What comments have said of a family; all of it views the body.
struct Family {
  std::string_view name;
  MetricType type = MetricType::kUnknown;
  std::string_view unit;
};

// The name of the family that a sample of this name would be of, by the suffixes of a type: `a` for a
// counter's `a_total` and a histogram's `a_bucket`. `_created` is no such suffix.
std::string_view FamilyNameOf(std::string_view metric, MetricType type);

// Puts `__type__` and `__unit__` on the labels of a sample, in place of what stands there, as far as they are
// known and the sample is of the family.
void SetTypeAndUnit(const Family& family, model::LabelsBuilder& labels);

}  // namespace sextant::exposition
