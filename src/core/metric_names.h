// Which names metrics and labels may have, and how names that a reader does not take are escaped for it
// (https://prometheus.io/docs/instrumenting/escaping_schemes/).
//
// All functions are pure and may be called from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sextant::core {

enum class NameScheme {
  kUtf8,    // any UTF-8 that is not empty: Prometheus 3's default
  kLegacy,  // letters, digits and underscores, no digit in front; colons in names of metrics
};

// Whether a name is one of the scheme. Bytes that are not UTF-8 are none of kUtf8 either.
bool IsMetricName(std::string_view name, NameScheme scheme);
bool IsLabelName(std::string_view name, NameScheme scheme);

enum class Escaping {
  kAllowUtf8,    // names stay as they are
  kUnderscores,  // `_` for each character that the legacy scheme does not have
  kDots,         // `.` is `_dot_`, `_` is `__`, all else `__`
  kValues,       // U__ in front, `_` is `__`, all else its code point: `_2e_`
};

// "allow-utf-8", "underscores", "dots", "values": what HTTP headers and the configuration call it.
std::string_view EscapingName(Escaping escaping);
std::optional<Escaping> ParseEscaping(std::string_view name);

// A name escaped. With kDots also a legacy name changes, since each `_` is doubled; the others leave it.
std::string EscapeName(std::string_view name, Escaping escaping);

// The name of a metric or label in a body for a reader that asked for this escaping: what is a legacy name
// of a metric stays as it is in all of them.
std::string EscapeExposedName(std::string_view name, Escaping escaping);

}  // namespace sextant::core
