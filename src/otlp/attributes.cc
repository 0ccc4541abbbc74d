#include "otlp/attributes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base64.h"
#include "core/float_text.h"
#include "otlp/json_text.h"

namespace sextant::otlp {

namespace {

// As Go's encoding/json writes numbers.
void AppendNumber(double number, std::string& out) {
  if (std::isnan(number) || std::isinf(number)) {
    out += std::isnan(number) ? "json: unsupported value: NaN"
           : number > 0       ? "json: unsupported value: +Inf"
                              : "json: unsupported value: -Inf";
    return;
  }
  double size = std::fabs(number);
  if (size == 0 || (size >= 1e-6 && size < 1e21)) return core::AppendFixed(out, number);
  core::AppendScientific(out, number);
  // encoding/json writes e-7 where strconv writes e-07.
  size_t exponent = out.size() - 4;
  if (out.substr(exponent, 3) == "e-0") out.erase(exponent + 2, 1);
}

// The depth is bounded by the decoder's.
void AppendJson(const AnyValue& value, std::string& out) {
  switch (value.kind) {
    case ValueKind::kEmpty:
      out += "null";
      return;
    case ValueKind::kText:
      return AppendJsonText(out, value.text);
    case ValueKind::kBool:
      out += value.integer != 0 ? "true" : "false";
      return;
    case ValueKind::kInt:
      out += fmt::format("{}", value.integer);
      return;
    case ValueKind::kDouble:
      return AppendNumber(value.number, out);
    case ValueKind::kBytes:
      out += '"';
      out += core::EncodeBase64(value.text);
      out += '"';
      return;
    case ValueKind::kArray: {
      out += '[';
      bool is_first = true;
      for (const KeyValue& item : value.items) {
        if (!is_first) out += ',';
        is_first = false;
        AppendJson(item.value, out);
      }
      out += ']';
      return;
    }
    case ValueKind::kMap: {
      std::vector<const KeyValue*> sorted;
      for (const KeyValue& item : value.items) sorted.push_back(&item);
      std::ranges::stable_sort(sorted, {}, [](const KeyValue* item) { return item->key; });
      out += '{';
      for (size_t i = 0; i < sorted.size(); ++i) {
        if (i > 0) out += ',';
        AppendJsonText(out, sorted[i]->key);
        out += ':';
        AppendJson(sorted[i]->value, out);
      }
      out += '}';
      return;
    }
  }
}

bool EqualLists(const List<KeyValue>& a, const List<KeyValue>& b) {
  return std::ranges::equal(
      a, b, [](const KeyValue& x, const KeyValue& y) { return x.key == y.key && x.value == y.value; });
}

bool EqualMaps(const List<KeyValue>& a, const List<KeyValue>& b) {
  if (a.size() != b.size()) return false;
  if (EqualLists(a, b)) return true;
  return std::ranges::all_of(a, [&](const KeyValue& item) {
    const AnyValue* other = FindAttribute(b, item.key);
    return other != nullptr && *other == item.value;
  });
}

}  // namespace

bool operator==(const AnyValue& a, const AnyValue& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case ValueKind::kEmpty:
      return true;
    case ValueKind::kText:
    case ValueKind::kBytes:
      return a.text == b.text;
    case ValueKind::kBool:
    case ValueKind::kInt:
      return a.integer == b.integer;
    case ValueKind::kDouble:
      return a.number == b.number;
    case ValueKind::kArray:
      return EqualLists(a.items, b.items);
    case ValueKind::kMap:
      return EqualMaps(a.items, b.items);
  }
  return false;
}

AnyValue CopyValue(const AnyValue& value, Memory& memory) {
  switch (value.kind) {
    case ValueKind::kText:
    case ValueKind::kBytes:
      return value.kind == ValueKind::kText ? AnyValue::Text(memory.Copy(value.text))
                                            : AnyValue::Bytes(memory.Copy(value.text));
    case ValueKind::kArray:
    case ValueKind::kMap:
      return value.kind == ValueKind::kArray ? AnyValue::Array(CopyAttributes(value.items, memory))
                                             : AnyValue::Map(CopyAttributes(value.items, memory));
    default:
      return value;
  }
}

Attributes CopyAttributes(const Attributes& attributes, Memory& memory) {
  std::vector<KeyValue> items;
  items.reserve(attributes.size());
  for (const KeyValue& item : attributes) {
    items.push_back({memory.Copy(item.key), CopyValue(item.value, memory)});
  }
  return memory.CopyList<KeyValue>(items);
}

AttributeEditor::AttributeEditor(Attributes& attributes, Memory& memory)
    : target_(attributes), memory_(memory), items_(attributes.begin(), attributes.end()) {}

const AnyValue* AttributeEditor::Find(std::string_view key) const {
  auto found = std::ranges::find(items_, key, &KeyValue::key);
  return found == items_.end() ? nullptr : &found->value;
}

void AttributeEditor::Set(std::string_view key, const AnyValue& value) {
  has_changed_ = true;
  auto found = std::ranges::find(items_, key, &KeyValue::key);
  if (found == items_.end()) {
    items_.push_back({key, value});
  } else {
    found->value = value;
  }
}

bool AttributeEditor::Remove(std::string_view key) {
  auto found = std::ranges::find(items_, key, &KeyValue::key);
  if (found == items_.end()) return false;
  items_.erase(found);
  has_changed_ = true;
  return true;
}

void AttributeEditor::Apply() {
  if (has_changed_) target_ = memory_.CopyList<KeyValue>(items_);
  has_changed_ = false;
}

const AnyValue* FindAttribute(const Attributes& attributes, std::string_view key) {
  for (const KeyValue& attribute : attributes) {
    if (attribute.key == key) return &attribute.value;
  }
  return nullptr;
}

std::string ValueText(const AnyValue& value) {
  switch (value.kind) {
    case ValueKind::kEmpty:
      return "";
    case ValueKind::kText:
      return std::string(value.text);
    case ValueKind::kBytes:
      return core::EncodeBase64(value.text);
    default: {
      std::string out;
      AppendJson(value, out);
      return out;
    }
  }
}

}  // namespace sextant::otlp
