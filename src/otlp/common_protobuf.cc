#include "otlp/common_protobuf.h"

#include "otlp/metrics.h"
#include "wire/decode.h"

namespace sextant::otlp {

using core::Status;
using wire::Bytes;
using wire::Fixed64;
using wire::ReaderOf;
using wire::Varint;
using wire::View;

namespace {

Status ReadValue(std::string_view bytes, DecodeBudget& budget, int depth, AnyValue& out);

Status ReadArray(std::string_view bytes, DecodeBudget& budget, int depth, AnyValue& out) {
  wire::pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    if (reader.tag_and_type() != Bytes(1)) {
      reader.skip();
      continue;
    }
    SEXTANT_ASSIGN(KeyValue * item, budget.Add(out.items));
    SEXTANT_TRY(ReadValue(View(reader), budget, depth + 1, item->value));
  }
  return {};
}

Status ReadMap(std::string_view bytes, DecodeBudget& budget, int depth, AnyValue& out) {
  wire::pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    if (reader.tag_and_type() != Bytes(1)) {
      reader.skip();
      continue;
    }
    SEXTANT_ASSIGN(KeyValue * item, budget.Add(out.items));
    SEXTANT_TRY(ReadKeyValue(View(reader), budget, depth + 1, *item));
  }
  return {};
}

Status ReadValue(std::string_view bytes, DecodeBudget& budget, int depth, AnyValue& out) {
  if (depth > kMaxValueDepth) {
    return core::Fail(core::Code::kResourceExhausted, "values are nested deeper than {}", kMaxValueDepth);
  }
  wire::pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        out.kind = ValueKind::kText;
        out.text = View(reader);
        break;
      case Varint(2):
        out.kind = ValueKind::kBool;
        out.integer = reader.get_bool() ? 1 : 0;
        break;
      case Varint(3):
        out.kind = ValueKind::kInt;
        out.integer = reader.get_int64();
        break;
      case Fixed64(4):
        out.kind = ValueKind::kDouble;
        out.number = reader.get_double();
        break;
      case Bytes(5):
        out.kind = ValueKind::kArray;
        out.items.clear();
        SEXTANT_TRY(ReadArray(View(reader), budget, depth, out));
        break;
      case Bytes(6):
        out.kind = ValueKind::kMap;
        out.items.clear();
        SEXTANT_TRY(ReadMap(View(reader), budget, depth, out));
        break;
      case Bytes(7):
        out.kind = ValueKind::kBytes;
        out.text = View(reader);
        break;
      default:
        reader.skip();
    }
  }
  return {};
}

}  // namespace

Status ReadKeyValue(std::string_view bytes, DecodeBudget& budget, int depth, KeyValue& out) {
  wire::pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        out.key = View(reader);
        break;
      case Bytes(2):
        SEXTANT_TRY(ReadValue(View(reader), budget, depth, out.value));
        break;
      default:
        reader.skip();
    }
  }
  return {};
}

Status AddAttribute(std::string_view bytes, DecodeBudget& budget, Attributes& out) {
  SEXTANT_ASSIGN(KeyValue * attribute, budget.Add(out));
  return ReadKeyValue(bytes, budget, 0, *attribute);
}

Status ReadResource(std::string_view bytes, DecodeBudget& budget, Resource& out) {
  wire::pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    if (reader.tag_and_type() == Bytes(1)) {
      SEXTANT_TRY(AddAttribute(View(reader), budget, out.attributes));
    } else {
      reader.skip();
    }
  }
  return {};
}

Status ReadScope(std::string_view bytes, DecodeBudget& budget, Scope& out) {
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
        SEXTANT_TRY(AddAttribute(View(reader), budget, out.attributes));
        break;
      default:
        reader.skip();
    }
  }
  return {};
}

}  // namespace sextant::otlp
