#include "otlp/common_protobuf.h"

#include "otlp/limits.h"
#include "wire/decode.h"

namespace sextant::otlp {

using core::Status;
using wire::Bytes;
using wire::Fixed64;
using wire::ReaderOf;
using wire::Varint;
using wire::View;

Status CommonReader::ReadItems(std::string_view bytes, bool has_keys, int depth, List<KeyValue>& out) {
  size_t mark = Mark();
  wire::pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    if (reader.tag_and_type() != Bytes(1)) {
      reader.skip();
      continue;
    }
    SEXTANT_TRY(budget_.Take(sizeof(KeyValue)));
    KeyValue item;
    if (has_keys) {
      SEXTANT_TRY(ReadKeyValue(View(reader), depth + 1, item));
    } else {
      SEXTANT_TRY(ReadValue(View(reader), depth + 1, item.value));
    }
    pending_.push_back(item);
  }
  out = Take(mark);
  return {};
}

Status CommonReader::ReadValue(std::string_view bytes, int depth, AnyValue& out) {
  if (depth > kMaxValueDepth) {
    return core::Fail(core::Code::kResourceExhausted, "values are nested deeper than {}", kMaxValueDepth);
  }
  wire::pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        out = AnyValue::Text(View(reader));
        break;
      case Varint(2):
        out = AnyValue::Bool(reader.get_bool());
        break;
      case Varint(3):
        out = AnyValue::Int(reader.get_int64());
        break;
      case Fixed64(4):
        out = AnyValue::Double(reader.get_double());
        break;
      case Bytes(5): {
        List<KeyValue> items;
        SEXTANT_TRY(ReadItems(View(reader), false, depth, items));
        out = AnyValue::Array(items);
        break;
      }
      case Bytes(6): {
        List<KeyValue> items;
        SEXTANT_TRY(ReadItems(View(reader), true, depth, items));
        out = AnyValue::Map(items);
        break;
      }
      case Bytes(7):
        out = AnyValue::Bytes(View(reader));
        break;
      default:
        reader.skip();
    }
  }
  return {};
}

Status CommonReader::ReadKeyValue(std::string_view bytes, int depth, KeyValue& out) {
  wire::pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        out.key = View(reader);
        break;
      case Bytes(2):
        SEXTANT_TRY(ReadValue(View(reader), depth, out.value));
        break;
      default:
        reader.skip();
    }
  }
  return {};
}

Status CommonReader::AddAttribute(std::string_view bytes) {
  SEXTANT_TRY(budget_.Take(sizeof(KeyValue)));
  KeyValue attribute;
  SEXTANT_TRY(ReadKeyValue(bytes, 0, attribute));
  pending_.push_back(attribute);
  return {};
}

Attributes CommonReader::Take(size_t mark) {
  Attributes list = memory_.CopyList(std::span<const KeyValue>(pending_).subspan(mark));
  pending_.resize(mark);
  return list;
}

Status CommonReader::ReadEntityRef(std::string_view bytes, EntityRef& out) {
  std::vector<std::string_view> id_keys;
  std::vector<std::string_view> description_keys;
  wire::pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        out.schema_url = View(reader);
        break;
      case Bytes(2):
        out.type = View(reader);
        break;
      case Bytes(3):
        SEXTANT_TRY(budget_.Take(sizeof(std::string_view)));
        id_keys.push_back(View(reader));
        break;
      case Bytes(4):
        SEXTANT_TRY(budget_.Take(sizeof(std::string_view)));
        description_keys.push_back(View(reader));
        break;
      default:
        reader.skip();
    }
  }
  out.id_keys = memory_.CopyList<std::string_view>(id_keys);
  out.description_keys = memory_.CopyList<std::string_view>(description_keys);
  return {};
}

Status CommonReader::ReadResource(std::string_view bytes, Resource& out) {
  size_t mark = Mark();
  std::vector<EntityRef> entities;
  wire::pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        SEXTANT_TRY(AddAttribute(View(reader)));
        break;
      case Varint(2):
        out.dropped_attributes_count = reader.get_uint32();
        break;
      case Bytes(3):
        SEXTANT_TRY(budget_.Take(sizeof(EntityRef)));
        SEXTANT_TRY(ReadEntityRef(View(reader), entities.emplace_back()));
        break;
      default:
        reader.skip();
    }
  }
  out.attributes = Take(mark);
  out.entity_refs = memory_.CopyList<EntityRef>(entities);
  return {};
}

Status CommonReader::ReadScope(std::string_view bytes, Scope& out) {
  size_t mark = Mark();
  wire::pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        out.name = View(reader);
        break;
      case Bytes(2):
        out.version = View(reader);
        break;
      case Bytes(3):
        SEXTANT_TRY(AddAttribute(View(reader)));
        break;
      case Varint(4):
        out.dropped_attributes_count = reader.get_uint32();
        break;
      default:
        reader.skip();
    }
  }
  out.attributes = Take(mark);
  return {};
}

Status CommonReader::ReadTraceId(std::string_view bytes, TraceId& out) {
  if (out.Assign(bytes)) return {};
  return core::Fail(core::Code::kInvalidArgument, "a trace id has {} bytes in place of 16", bytes.size());
}

Status CommonReader::ReadSpanId(std::string_view bytes, SpanId& out) {
  if (out.Assign(bytes)) return {};
  return core::Fail(core::Code::kInvalidArgument, "a span id has {} bytes in place of 8", bytes.size());
}

}  // namespace sextant::otlp
