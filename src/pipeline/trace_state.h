// What W3C's `tracestate` says of sampling: the entry `ot=th:…;rv:…` of OpenTelemetry's consistent
// probability sampling (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/). A
// threshold of 56 bits says what is dropped: an item is kept when its randomness is not below it.
//
// Everything is a view into the text that was parsed. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "otlp/ids.h"

namespace sextant::pipeline {

// One more than the greatest threshold: nothing would be kept.
inline constexpr uint64_t kThresholdEnd = uint64_t{1} << 56;

// The entry's fields: "th:c;rv:0123456789abcd;x:y".
struct SamplingEntry {
  std::optional<uint64_t> threshold;
  std::optional<uint64_t> randomness;
  std::vector<std::pair<std::string_view, std::string_view>> others = {};

  // kInvalidArgument for what is no such list, or a threshold or randomness that is none.
  static core::Result<SamplingEntry> Parse(std::string_view text);
  // "" when nothing is set.
  std::string Text() const;
};

struct TraceState {
  SamplingEntry sampling;
  std::vector<std::pair<std::string_view, std::string_view>> others = {};  // of other vendors

  // kInvalidArgument when it is no list of members, or for its "ot" entry.
  static core::Result<TraceState> Parse(std::string_view text);
  std::string Text() const;  // "ot" first
};

// A threshold's hexadecimal digits, without zeros at its end; "0" for none.
std::string ThresholdText(uint64_t threshold);
// Of up to 14 small hexadecimal digits.
std::optional<uint64_t> ParseThreshold(std::string_view text);
// Of 14 small hexadecimal digits.
std::optional<uint64_t> ParseRandomness(std::string_view text);
// The last 56 bits of a trace's id.
uint64_t RandomnessOf(const otlp::TraceId& id);

}  // namespace sextant::pipeline
