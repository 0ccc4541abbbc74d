#include "pipeline/trace_state.h"

#include <algorithm>

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr size_t kDigits = 14;
constexpr size_t kMaxMembers = 32;         // as W3C says
constexpr size_t kMaxSamplingBytes = 256;  // as OpenTelemetry says

std::optional<uint64_t> ParseDigits(std::string_view text) {
  uint64_t value = 0;
  for (char c : text) {
    uint64_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint64_t>(c - 'a') + 10;
    } else {
      return std::nullopt;
    }
    value = value << 4 | digit;
  }
  return value;
}

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// "key" or "tenant@system".
bool IsMemberKey(std::string_view key) {
  if (key.empty() || key.size() > 256 || !IsLowerOrDigit(key.front())) return false;
  return std::ranges::all_of(key, [](char c) {
    return IsLowerOrDigit(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
  });
}

bool IsMemberValue(std::string_view value) {
  return value.size() <= 256 &&
         std::ranges::all_of(value, [](char c) { return c >= 0x20 && c <= 0x7e && c != ',' && c != '='; });
}

bool IsFieldKey(std::string_view key) {
  return !key.empty() && key.front() >= 'a' && key.front() <= 'z' && std::ranges::all_of(key, IsLowerOrDigit);
}

bool IsFieldValue(std::string_view value) {
  return std::ranges::all_of(value, [](char c) {
    return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
  });
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes off what is before the separator, and the separator.
std::string_view TakePart(std::string_view& rest, char separator) {
  size_t end = rest.find(separator);
  std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return part;
}

}  // namespace

std::string ThresholdText(uint64_t threshold) {
  std::string text = fmt::format("{:014x}", threshold);
  text.erase(text.find_last_not_of('0') + 1);
  return text.empty() ? "0" : text;
}

std::optional<uint64_t> ParseThreshold(std::string_view text) {
  if (text.empty() || text.size() > kDigits) return std::nullopt;
  std::optional<uint64_t> value = ParseDigits(text);
  if (value) *value <<= 4 * (kDigits - text.size());
  return value;
}

std::optional<uint64_t> ParseRandomness(std::string_view text) {
  if (text.size() != kDigits) return std::nullopt;
  return ParseDigits(text);
}

uint64_t RandomnessOf(const otlp::TraceId& id) {
  uint64_t value = 0;
  for (size_t i = 9; i < 16; ++i) value = value << 8 | id.bytes[i];
  return value;
}

Result<SamplingEntry> SamplingEntry::Parse(std::string_view text) {
  SamplingEntry entry;
  if (text.size() > kMaxSamplingBytes) {
    return Fail(Code::kInvalidArgument, "the tracestate's entry \"ot\" is too long");
  }
  while (!text.empty()) {
    std::string_view field = TakePart(text, ';');
    size_t colon = field.find(':');
    std::string_view key = field.substr(0, colon);
    if (colon == std::string_view::npos || !IsFieldKey(key) || !IsFieldValue(field.substr(colon + 1))) {
      return Fail(Code::kInvalidArgument, "the tracestate's entry \"ot\" is malformed");
    }
    std::string_view value = field.substr(colon + 1);
    if (key == "th") {
      entry.threshold = ParseThreshold(value);
      if (!entry.threshold) return Fail(Code::kInvalidArgument, "the tracestate's threshold is malformed");
    } else if (key == "rv") {
      entry.randomness = ParseRandomness(value);
      if (!entry.randomness) return Fail(Code::kInvalidArgument, "the tracestate's randomness is malformed");
    } else {
      entry.others.emplace_back(key, value);
    }
  }
  return entry;
}

std::string SamplingEntry::Text() const {
  std::string text;
  auto add = [&](std::string_view key, std::string_view value) {
    if (!text.empty()) text += ';';
    text += key;
    text += ':';
    text += value;
  };
  if (randomness) add("rv", fmt::format("{:014x}", *randomness));
  if (threshold) add("th", ThresholdText(*threshold));
  for (const auto& [key, value] : others) add(key, value);
  return text;
}

Result<TraceState> TraceState::Parse(std::string_view text) {
  TraceState state;
  while (!text.empty()) {
    std::string_view member = Trim(TakePart(text, ','));
    if (member.empty()) continue;
    size_t equals = member.find('=');
    std::string_view key = member.substr(0, equals);
    if (equals == std::string_view::npos || !IsMemberKey(key) || !IsMemberValue(member.substr(equals + 1)) ||
        state.others.size() >= kMaxMembers) {
      return Fail(Code::kInvalidArgument, "the tracestate is malformed");
    }
    std::string_view value = member.substr(equals + 1);
    if (key == "ot") {
      SEXTANT_ASSIGN(state.sampling, SamplingEntry::Parse(value));
    } else {
      state.others.emplace_back(key, value);
    }
  }
  return state;
}

std::string TraceState::Text() const {
  std::string text;
  auto add = [&](std::string_view key, std::string_view value) {
    if (!text.empty()) text += ',';
    text += key;
    text += '=';
    text += value;
  };
  if (std::string entry = sampling.Text(); !entry.empty()) add("ot", entry);
  for (const auto& [key, value] : others) add(key, value);
  return text;
}

}  // namespace sextant::pipeline
