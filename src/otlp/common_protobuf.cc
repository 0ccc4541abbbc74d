#include "otlp/common_protobuf.h"

#include "otlp/limits.h"
#include "otlp/message_reader.h"

namespace sextant::otlp {

using wire::Bytes;
using wire::Fixed64;
using wire::Varint;

namespace {

template <typename Number>
[[noreturn]] void Fail(core::Code code, fmt::format_string<Number&> format, Number number) {
  throw DecodeFailed{core::Error(code, fmt::format(format, number))};
}

// Reads the form that nearly all attributes have: a key and then a text or a whole number, each once and
// shorter than 128 bytes. False, with `out` as it was, for any other.
inline bool ReadPlainAttribute(std::string_view bytes, KeyValue& out) {
  constexpr size_t kAround =
      6;  // tags and lengths of key, value and text; a number has one byte for them less
  constexpr uint8_t kLong = 0x80;
  const auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
  if (bytes.size() < kAround || at[0] != Bytes(1)) return false;
  size_t key_size = at[1];
  if (key_size >= kLong || key_size + kAround > bytes.size()) return false;
  const uint8_t* value = at + 2 + key_size;
  size_t value_size = bytes.size() - key_size - 4;
  if (value[0] != Bytes(2) || value_size >= kLong || value[1] != value_size) return false;
  std::string_view key = bytes.substr(2, key_size);
  if (value[2] == Bytes(1) && value[3] == value_size - 2) {
    out = {key, AnyValue::Text(bytes.substr(key_size + kAround))};
    return true;
  }
  if (value[2] != Varint(3)) return false;
  if (value_size == 2 && value[3] < kLong) {
    out = {key, AnyValue::Int(value[3])};
    return true;
  }
  if (value_size == 3 && value[3] >= kLong && value[4] < kLong) {
    out = {key, AnyValue::Int((value[3] & 0x7f) | value[4] << 7)};
    return true;
  }
  return false;
}

}  // namespace

void CommonReader::ReadItems(std::string_view bytes, bool has_keys, int depth, List<KeyValue>& out) {
  size_t mark = Mark();
  MessageReader reader(bytes);
  while (uint32_t tag = reader.Next()) {
    if (tag != Bytes(1)) {
      reader.Skip();
      continue;
    }
    TakeFrom(budget_, sizeof(KeyValue));
    KeyValue item;
    if (has_keys) {
      ReadKeyValue(reader.View(), depth + 1, item);
    } else {
      ReadValue(reader.View(), depth + 1, item.value);
    }
    pending_.push_back(item);
  }
  out = Take(mark);
}

void CommonReader::ReadValue(std::string_view bytes, int depth, AnyValue& out) {
  if (depth > kMaxValueDepth) {
    Fail(core::Code::kResourceExhausted, "values are nested deeper than {}", kMaxValueDepth);
  }
  MessageReader reader(bytes);
  while (uint32_t tag = reader.Next()) {
    switch (tag) {
      case Bytes(1):
        out = AnyValue::Text(reader.View());
        break;
      case Varint(2):
        out = AnyValue::Bool(reader.Varint() != 0);
        break;
      case Varint(3):
        out = AnyValue::Int(static_cast<int64_t>(reader.Varint()));
        break;
      case Fixed64(4):
        out = AnyValue::Double(reader.Double());
        break;
      case Bytes(5): {
        List<KeyValue> items;
        ReadItems(reader.View(), false, depth, items);
        out = AnyValue::Array(items);
        break;
      }
      case Bytes(6): {
        List<KeyValue> items;
        ReadItems(reader.View(), true, depth, items);
        out = AnyValue::Map(items);
        break;
      }
      case Bytes(7):
        out = AnyValue::Bytes(reader.View());
        break;
      default:
        reader.Skip();
    }
  }
}

void CommonReader::ReadKeyValue(std::string_view bytes, int depth, KeyValue& out) {
  MessageReader reader(bytes);
  while (uint32_t tag = reader.Next()) {
    switch (tag) {
      case Bytes(1):
        out.key = reader.View();
        break;
      case Bytes(2):
        ReadValue(reader.View(), depth, out.value);
        break;
      default:
        reader.Skip();
    }
  }
}

void CommonReader::AddAttribute(std::string_view bytes) {
  TakeFrom(budget_, sizeof(KeyValue));
  KeyValue attribute;
  if (!ReadPlainAttribute(bytes, attribute)) ReadKeyValue(bytes, 0, attribute);
  pending_.push_back(attribute);
}

Attributes CommonReader::Take(size_t mark) {
  Attributes list = memory_.CopyList(std::span<const KeyValue>(pending_).subspan(mark));
  pending_.resize(mark);
  return list;
}

void CommonReader::ReadEntityRef(std::string_view bytes, EntityRef& out) {
  std::vector<std::string_view> id_keys;
  std::vector<std::string_view> description_keys;
  MessageReader reader(bytes);
  while (uint32_t tag = reader.Next()) {
    switch (tag) {
      case Bytes(1):
        out.schema_url = reader.View();
        break;
      case Bytes(2):
        out.type = reader.View();
        break;
      case Bytes(3):
        TakeFrom(budget_, sizeof(std::string_view));
        id_keys.push_back(reader.View());
        break;
      case Bytes(4):
        TakeFrom(budget_, sizeof(std::string_view));
        description_keys.push_back(reader.View());
        break;
      default:
        reader.Skip();
    }
  }
  out.id_keys = memory_.CopyList<std::string_view>(id_keys);
  out.description_keys = memory_.CopyList<std::string_view>(description_keys);
}

void CommonReader::ReadResource(std::string_view bytes, Resource& out) {
  size_t mark = Mark();
  std::vector<EntityRef> entities;
  MessageReader reader(bytes);
  while (uint32_t tag = reader.Next()) {
    switch (tag) {
      case Bytes(1):
        AddAttribute(reader.View());
        break;
      case Varint(2):
        out.dropped_attributes_count = reader.Varint32();
        break;
      case Bytes(3):
        TakeFrom(budget_, sizeof(EntityRef));
        ReadEntityRef(reader.View(), entities.emplace_back());
        break;
      default:
        reader.Skip();
    }
  }
  out.attributes = Take(mark);
  out.entity_refs = memory_.CopyList<EntityRef>(entities);
}

void CommonReader::ReadScope(std::string_view bytes, Scope& out) {
  size_t mark = Mark();
  MessageReader reader(bytes);
  while (uint32_t tag = reader.Next()) {
    switch (tag) {
      case Bytes(1):
        out.name = reader.View();
        break;
      case Bytes(2):
        out.version = reader.View();
        break;
      case Bytes(3):
        AddAttribute(reader.View());
        break;
      case Varint(4):
        out.dropped_attributes_count = reader.Varint32();
        break;
      default:
        reader.Skip();
    }
  }
  out.attributes = Take(mark);
}

void CommonReader::ReadTraceId(std::string_view bytes, TraceId& out) {
  if (!out.Assign(bytes)) [[unlikely]]
    Fail(core::Code::kInvalidArgument, "a trace id has {} bytes in place of 16", bytes.size());
}

void CommonReader::ReadSpanId(std::string_view bytes, SpanId& out) {
  if (!out.Assign(bytes)) [[unlikely]]
    Fail(core::Code::kInvalidArgument, "a span id has {} bytes in place of 8", bytes.size());
}

}  // namespace sextant::otlp
