// What all signals of OTLP have in common: values, attributes, resources and scopes
// (opentelemetry.proto.common.v1 and resource.v1).
//
// Texts and lists are views into the Memory of the data they belong to, or into the message that was decoded.
// They are never changed where they stand: an edit makes a new list (AttributeEditor) and puts it in place of
// the old one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "otlp/memory.h"

namespace sextant::otlp {

struct KeyValue;

enum class ValueKind : uint8_t { kEmpty, kText, kBool, kInt, kDouble, kBytes, kArray, kMap };

// A value; of the union, what `kind` says is set.
struct AnyValue {
  ValueKind kind = ValueKind::kEmpty;
  union {
    int64_t integer;        // kInt; for kBool 0 or 1
    double number;          // kDouble
    std::string_view text;  // kText, kBytes
    List<KeyValue> items;   // kMap; for kArray without keys
  };

  AnyValue() : integer(0) {}
  static AnyValue Text(std::string_view text) { return AnyValue(ValueKind::kText, text); }
  static AnyValue Bytes(std::string_view bytes) { return AnyValue(ValueKind::kBytes, bytes); }
  static AnyValue Bool(bool value) { return AnyValue(ValueKind::kBool, value ? 1 : 0); }
  static AnyValue Int(int64_t value) { return AnyValue(ValueKind::kInt, value); }
  static AnyValue Double(double value) { return AnyValue(value); }
  static AnyValue Array(List<KeyValue> items) { return AnyValue(ValueKind::kArray, items); }
  static AnyValue Map(List<KeyValue> items) { return AnyValue(ValueKind::kMap, items); }

  bool is_text() const { return kind == ValueKind::kText; }

 private:
  AnyValue(ValueKind kind, std::string_view value) : kind(kind), text(value) {}
  AnyValue(ValueKind kind, int64_t value) : kind(kind), integer(value) {}
  AnyValue(ValueKind kind, List<KeyValue> value) : kind(kind), items(value) {}
  explicit AnyValue(double value) : kind(ValueKind::kDouble), number(value) {}
};

struct KeyValue {
  std::string_view key;
  AnyValue value;
};

using Attributes = List<KeyValue>;

// The value of a key, or null. The first of a repeated key counts.
const AnyValue* FindAttribute(const Attributes& attributes, std::string_view key);

// The value as text, as the collector's pcommon.Value.AsString has it: numbers in decimal, bytes in base64,
// lists and maps as JSON with sorted keys, nothing as "".
std::string ValueText(const AnyValue& value);

// Whether two values are equal, maps also when their keys stand in another order.
bool operator==(const AnyValue& a, const AnyValue& b);

// A value with all its texts and lists in another memory.
AnyValue CopyValue(const AnyValue& value, Memory& memory);
Attributes CopyAttributes(const Attributes& attributes, Memory& memory);

// Changes a list of attributes: begins with what it has and is put back when all is done.
//
//   AttributeEditor editor(resource.attributes, data.memory);
//   editor.Set("collector.name", AnyValue::Text("a"));
//   editor.Apply();
//
// Keys and values that are set must live as long as the data does: constants, parts of the same data, or
// copies in its memory.
class AttributeEditor {
 public:
  AttributeEditor(Attributes& attributes, Memory& memory);

  const AnyValue* Find(std::string_view key) const;
  // Puts the value in place of the key's, or at the end.
  void Set(std::string_view key, const AnyValue& value);
  // Whether there was such a key.
  bool Remove(std::string_view key);
  template <typename Drops>
  void RemoveIf(Drops&& drops) {
    has_changed_ |= std::erase_if(items_, drops) > 0;
  }
  const std::vector<KeyValue>& items() const { return items_; }
  // Puts the new list in place of the old one.
  void Apply();

 private:
  Attributes& target_;
  Memory& memory_;
  std::vector<KeyValue> items_;
  bool has_changed_ = false;
};

// What a resource says of an entity it belongs to.
struct EntityRef {
  std::string_view schema_url;
  std::string_view type;
  List<std::string_view> id_keys;
  List<std::string_view> description_keys;
};

struct Resource {
  Attributes attributes;
  uint32_t dropped_attributes_count = 0;
  List<EntityRef> entity_refs;
};

struct Scope {
  std::string_view name;
  std::string_view version;
  Attributes attributes;
  uint32_t dropped_attributes_count = 0;
};

}  // namespace sextant::otlp
