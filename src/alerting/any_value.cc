#include "alerting/any_value.h"

#include "config/decode.h"

namespace sextant::alerting {
namespace {

using config::Node;
using config::NodeKind;
using config::YamlWriter;
using core::Result;
using gotemplate::Value;

// Of a filled text that is read as YAML.
constexpr config::DocumentLimits kLimits = {.size_bytes = 4u << 20, .depth = 32, .nodes = 200'000};

Value PlainScalar(Node node) {
  const std::string text(node.text());
  if (!node.is_plain()) return Value::String(text);
  // YAML 1.1 has more spellings of truth than anybody writes by intention.
  if (const auto number = node.AsInt()) return Value::Int(*number);
  if (const auto number = node.AsFloat()) return Value::Float(*number);
  if (const auto truth = node.AsBool()) return Value::Bool(*truth);
  return Value::String(text);
}

Value Parsed(std::string text) {
  auto document = config::Document::Parse(text, "", kLimits);
  if (!document || document->root().IsScalar()) {
    if (!document || !document->root().is_plain()) return Value::String(std::move(text));
    Value value = PlainScalar(document->root());
    return value.kind() == gotemplate::Kind::kString ? Value::String(std::move(text)) : value;
  }
  return AnyValueOf(document->root());
}

}  // namespace

Value AnyValueOf(Node node) {
  switch (node.kind()) {
    case NodeKind::kNull:
      return Value::Nil();
    case NodeKind::kScalar:
      return PlainScalar(node);
    case NodeKind::kSequence: {
      std::vector<Value> items;
      for (const Node child : node.children()) items.push_back(AnyValueOf(child));
      return Value::OfList(std::move(items));
    }
    case NodeKind::kMapping: {
      gotemplate::Map::Entries entries;
      for (const Node child : node.children()) entries.emplace(std::string(child.key()), AnyValueOf(child));
      return Value::OfMap(std::move(entries));
    }
  }
  return Value::Nil();
}

void WriteAnyValue(const Value& value, YamlWriter& out) {
  switch (value.kind()) {
    case gotemplate::Kind::kBool:
      return out.Bool(value.AsBool());
    case gotemplate::Kind::kInt:
      return out.Int(value.AsInt());
    case gotemplate::Kind::kFloat:
      return out.Float(value.AsFloat());
    case gotemplate::Kind::kString:
      return out.Text(value.AsString());
    case gotemplate::Kind::kList:
      out.BeginSequence();
      for (const Value& item : value.AsList().items()) WriteAnyValue(item, out);
      return out.EndSequence();
    case gotemplate::Kind::kMap:
      out.BeginMapping();
      for (const auto& [key, item] : value.AsMap().entries()) {
        out.Key(key);
        WriteAnyValue(item, out);
      }
      return out.EndMapping();
    default:
      return out.Null();
  }
}

Result<Value> FillAnyValue(const Value& value,
                           const std::function<Result<std::string>(const std::string&)>& fill) {
  switch (value.kind()) {
    case gotemplate::Kind::kString: {
      SEXTANT_ASSIGN(std::string text, fill(value.AsString()));
      return Parsed(std::move(text));
    }
    case gotemplate::Kind::kList: {
      std::vector<Value> items;
      for (const Value& item : value.AsList().items()) {
        SEXTANT_ASSIGN(items.emplace_back(), FillAnyValue(item, fill));
      }
      return Value::OfList(std::move(items));
    }
    case gotemplate::Kind::kMap: {
      gotemplate::Map::Entries entries;
      for (const auto& [key, item] : value.AsMap().entries()) {
        SEXTANT_ASSIGN(std::string name, fill(key));
        SEXTANT_ASSIGN(entries[std::move(name)], FillAnyValue(item, fill));
      }
      return Value::OfMap(std::move(entries));
    }
    default:
      return value;
  }
}

}  // namespace sextant::alerting
