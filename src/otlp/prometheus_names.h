// Names of OTLP in Prometheus: metrics with the suffixes of their units and types, labels, units.
//
// With `allows_utf8` names stay as they are; without, what a classic name may not have becomes '_'. Results
// are those of Prometheus' otlptranslator, errors have its texts.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "otlp/metrics.h"

namespace sextant::otlp {

// Which type a name is made for.
enum class NamedType : uint8_t { kUnknown, kGauge, kMonotonicCounter, kOther };
NamedType NamedTypeOf(const Metric& metric);

struct MetricNamer {
  std::string name_space;
  bool adds_suffixes = true;
  bool allows_utf8 = false;

  // kInvalidArgument when nothing is left of the name.
  core::Result<std::string> Build(std::string_view name, std::string_view unit, NamedType type) const;
};

struct LabelNamer {
  bool allows_utf8 = false;
  bool prefixes_underscore = false;             // "_a" becomes "key_a"
  bool preserves_multiple_underscores = false;  // otherwise "a__b" becomes "a_b"

  core::Result<std::string> Build(std::string_view name) const;
};

// "By/s" → "bytes_per_second"
std::string BuildUnit(std::string_view unit, bool allows_utf8);

}  // namespace sextant::otlp
