// Values of any type in the settings (`value: 12`, `value: [a, b]`), which become values of attributes.
#pragma once

#include <string>
#include <vector>

#include "config/decode.h"
#include "otlp/attributes.h"

namespace sextant::pipeline {

struct ConfigValue {
  otlp::ValueKind kind = otlp::ValueKind::kEmpty;
  int64_t integer = 0;  // also of a bool
  double number = 0;
  std::string text;
  std::vector<std::string> keys;  // of a map
  std::vector<ConfigValue> items;

  bool IsSet() const { return kind != otlp::ValueKind::kEmpty; }
  // With all its texts in a memory.
  otlp::AnyValue In(otlp::Memory& memory) const;
};

// Plain words are what YAML takes them for: numbers, true and false, or text.
config::CodecFor<ConfigValue> AnyConfigValue();

}  // namespace sextant::pipeline
