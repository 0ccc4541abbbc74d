#include "pipeline/config_value.h"

namespace sextant::pipeline {

namespace {

using config::Node;
using core::Result;
using otlp::AnyValue;
using otlp::KeyValue;
using otlp::ValueKind;

Result<ConfigValue> ReadScalar(Node node) {
  ConfigValue value;
  if (node.is_plain()) {
    std::string_view text = node.text();
    bool is_true = text == "true" || text == "True" || text == "TRUE";
    if (is_true || text == "false" || text == "False" || text == "FALSE") {
      value.kind = ValueKind::kBool;
      value.integer = is_true ? 1 : 0;
      return value;
    }
    if (Result<int64_t> integer = node.AsInt()) {
      value.kind = ValueKind::kInt;
      value.integer = *integer;
      return value;
    }
    if (Result<double> number = node.AsFloat()) {
      value.kind = ValueKind::kDouble;
      value.number = *number;
      return value;
    }
  }
  value.kind = ValueKind::kText;
  SEXTANT_ASSIGN(value.text, node.AsText());
  return value;
}

// The document's depth is bounded.
Result<ConfigValue> Read(Node node) {
  if (node.IsNull()) return ConfigValue();
  if (node.IsScalar()) return ReadScalar(node);
  ConfigValue value;
  value.kind = node.IsMapping() ? ValueKind::kMap : ValueKind::kArray;
  for (Node child : node.children()) {
    if (node.IsMapping()) value.keys.emplace_back(child.key());
    SEXTANT_ASSIGN(ConfigValue item, Read(child));
    value.items.push_back(std::move(item));
  }
  return value;
}

void Write(const ConfigValue& value, config::YamlWriter& out) {
  switch (value.kind) {
    case ValueKind::kEmpty:
      return out.Null();
    case ValueKind::kText:
    case ValueKind::kBytes:
      return out.Text(value.text);
    case ValueKind::kBool:
      return out.Bool(value.integer != 0);
    case ValueKind::kInt:
      return out.Int(value.integer);
    case ValueKind::kDouble:
      return out.Float(value.number);
    case ValueKind::kArray:
      out.BeginSequence();
      for (const ConfigValue& item : value.items) Write(item, out);
      return out.EndSequence();
    case ValueKind::kMap:
      out.BeginMapping();
      for (size_t i = 0; i < value.items.size(); ++i) {
        out.Key(value.keys[i]);
        Write(value.items[i], out);
      }
      return out.EndMapping();
  }
}

}  // namespace

AnyValue ConfigValue::In(otlp::Memory& memory) const {
  switch (kind) {
    case ValueKind::kEmpty:
      return {};
    case ValueKind::kText:
    case ValueKind::kBytes:
      return AnyValue::Text(memory.Copy(text));
    case ValueKind::kBool:
      return AnyValue::Bool(integer != 0);
    case ValueKind::kInt:
      return AnyValue::Int(integer);
    case ValueKind::kDouble:
      return AnyValue::Double(number);
    case ValueKind::kArray:
    case ValueKind::kMap: {
      std::vector<KeyValue> list;
      for (size_t i = 0; i < items.size(); ++i) {
        std::string_view key = kind == ValueKind::kMap ? memory.Copy(keys[i]) : std::string_view();
        list.push_back({key, items[i].In(memory)});
      }
      auto held = memory.CopyList<KeyValue>(list);
      return kind == ValueKind::kMap ? AnyValue::Map(held) : AnyValue::Array(held);
    }
  }
  return {};
}

config::CodecFor<ConfigValue> AnyConfigValue() {
  return config::Custom<ConfigValue>(Read, Write, [](const ConfigValue& value) { return !value.IsSet(); });
}

}  // namespace sextant::pipeline
