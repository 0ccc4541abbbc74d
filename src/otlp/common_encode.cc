#include "otlp/common_encode.h"

#include "wire/decode.h"

namespace sextant::otlp {

using wire::ReverseWriter;

namespace {

void PutValue(ReverseWriter& out, const AnyValue& value);

void PutItems(ReverseWriter& out, const AnyValue& value) {
  if (value.kind == ValueKind::kMap) return PutAttributes(out, 1, value.items);
  for (const KeyValue& item : value.items | std::views::reverse) {
    size_t mark = out.Mark();
    PutValue(out, item.value);
    out.EndSubmessage(1, mark);
  }
}

void PutValue(ReverseWriter& out, const AnyValue& value) {
  switch (value.kind) {
    case ValueKind::kEmpty:
      return;
    case ValueKind::kText:
      return out.PutBytesItem(1, value.text);
    case ValueKind::kBool:
      return out.PutUintItem(2, value.integer != 0 ? 1 : 0);
    case ValueKind::kInt:
      return out.PutUintItem(3, static_cast<uint64_t>(value.integer));
    case ValueKind::kDouble:
      return out.PutDoubleItem(4, value.number);
    case ValueKind::kArray:
    case ValueKind::kMap: {
      size_t mark = out.Mark();
      PutItems(out, value);
      return out.EndSubmessage(value.kind == ValueKind::kArray ? 5 : 6, mark);
    }
    case ValueKind::kBytes:
      return out.PutBytesItem(7, value.text);
  }
}

// A key with a text, both short, in one piece; false for any other.
inline bool PutPlainAttribute(ReverseWriter& out, uint32_t field, const KeyValue& attribute) {
  constexpr size_t kAround = 6;  // tags and lengths of key, value and text
  std::string_view key = attribute.key;
  if (attribute.value.kind != ValueKind::kText || key.empty() || field >= ReverseWriter::kShortFields) {
    return false;
  }
  std::string_view text = attribute.value.text;
  size_t size = key.size() + text.size() + kAround;
  if (size >= ReverseWriter::kShortLengths) return false;
  char* place = out.Room(size + 2);
  place[0] = static_cast<char>(wire::Bytes(field));
  place[1] = static_cast<char>(size);
  place[2] = static_cast<char>(wire::Bytes(1));
  place[3] = static_cast<char>(key.size());
  wire::CopyShort(place + 4, key.data(), key.size());
  place += 4 + key.size();
  place[0] = static_cast<char>(wire::Bytes(2));
  place[1] = static_cast<char>(text.size() + 2);
  place[2] = static_cast<char>(wire::Bytes(1));
  place[3] = static_cast<char>(text.size());
  wire::CopyShort(place + 4, text.data(), text.size());
  return true;
}

}  // namespace

void PutAttributes(ReverseWriter& out, uint32_t field, const Attributes& attributes) {
  for (const KeyValue& attribute : attributes | std::views::reverse) {
    if (PutPlainAttribute(out, field, attribute)) continue;
    size_t mark = out.Mark();
    size_t value_mark = out.Mark();
    PutValue(out, attribute.value);
    out.EndSubmessage(2, value_mark);
    out.PutBytesField(1, attribute.key);
    out.EndSubmessage(field, mark);
  }
}

void PutValueField(ReverseWriter& out, uint32_t field, const AnyValue& value) {
  if (value.kind == ValueKind::kEmpty) return;
  size_t mark = out.Mark();
  PutValue(out, value);
  out.EndSubmessage(field, mark);
}

void PutResource(ReverseWriter& out, uint32_t field, const Resource& resource) {
  size_t mark = out.Mark();
  for (const EntityRef& entity : resource.entity_refs | std::views::reverse) {
    size_t entity_mark = out.Mark();
    for (std::string_view key : entity.description_keys | std::views::reverse) out.PutBytesItem(4, key);
    for (std::string_view key : entity.id_keys | std::views::reverse) out.PutBytesItem(3, key);
    out.PutBytesField(2, entity.type);
    out.PutBytesField(1, entity.schema_url);
    out.EndSubmessage(3, entity_mark);
  }
  out.PutUintField(2, resource.dropped_attributes_count);
  PutAttributes(out, 1, resource.attributes);
  out.EndSubmessage(field, mark);
}

void PutScope(ReverseWriter& out, uint32_t field, const Scope& scope) {
  size_t mark = out.Mark();
  out.PutUintField(4, scope.dropped_attributes_count);
  PutAttributes(out, 3, scope.attributes);
  out.PutBytesField(2, scope.version);
  out.PutBytesField(1, scope.name);
  out.EndSubmessage(field, mark);
}

}  // namespace sextant::otlp
