// What all signals of OTLP have in common: values, attributes, resources and scopes
// (opentelemetry.proto.common.v1 and resource.v1).
//
// Texts are views: of the message that was decoded, or of the decoded data's own store of texts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sextant::otlp {

struct KeyValue;

enum class ValueKind : uint8_t { kEmpty, kText, kBool, kInt, kDouble, kBytes, kArray, kMap };

struct AnyValue {
  ValueKind kind = ValueKind::kEmpty;
  union {
    int64_t integer = 0;  // kInt; for kBool 0 or 1
    double number;        // kDouble
  };
  std::string_view text;        // kText, kBytes
  std::vector<KeyValue> items;  // kMap; for kArray without keys
};

struct KeyValue {
  std::string_view key;
  AnyValue value;
};

using Attributes = std::vector<KeyValue>;

// The value of a key, or null. The first of a repeated key counts.
const AnyValue* FindAttribute(const Attributes& attributes, std::string_view key);

// The value as text, as the collector's pcommon.Value.AsString has it: numbers in decimal, bytes in base64,
// lists and maps as JSON with sorted keys, nothing as "".
std::string ValueText(const AnyValue& value);

struct Resource {
  Attributes attributes;
};

struct Scope {
  std::string_view name;
  std::string_view version;
  Attributes attributes;
};

}  // namespace sextant::otlp
