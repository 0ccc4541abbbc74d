#include "otlp/common_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/base64.h"
#include "otlp/limits.h"

namespace sextant::otlp {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;
using Element = JsonReader::Element;

// "startTimeUnixNano" → "start_time_unix_nano"; names are short.
class SnakeCase {
 public:
  explicit SnakeCase(std::string_view name) {
    for (char c : name) {
      if (c >= 'A' && c <= 'Z') {
        text_[size_++] = '_';
        c = static_cast<char>(c - 'A' + 'a');
      }
      text_[size_++] = c;
    }
  }
  std::string_view view() const { return {text_, size_}; }

 private:
  char text_[64];
  size_t size_ = 0;
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `text` has twice as many digits as `out` has bytes.
bool DecodeHex(std::string_view text, char* out) {
  for (size_t i = 0; i < text.size(); i += 2) {
    int high = HexDigit(text[i]);
    int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    *out++ = static_cast<char>(high << 4 | low);
  }
  return true;
}

// What views of decoded JSON refer to.
struct Parsed {
  simdjson::dom::parser parser;
};

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <typename T>
Status Set(std::optional<Element> found, std::optional<T> (*read)(Element), std::string_view name,
           std::string_view expected, T& out) {
  if (!found) return {};
  std::optional<T> value = read(*found);
  if (!value) return JsonReader::Wrong(name, expected);
  out = *value;
  return {};
}

}  // namespace

tl::unexpected<core::Error> JsonReader::Wrong(std::string_view name, std::string_view expected) {
  return Fail(Code::kInvalidArgument, "{} is not {}", name, expected);
}

Result<std::optional<Element>> JsonReader::Find(Element object, std::string_view name) {
  if (!object.is_object()) return Fail(Code::kInvalidArgument, "not an object, where {} may stand", name);
  Element found;
  if (object[name].get(found) != simdjson::SUCCESS) {
    SnakeCase other(name);
    if (other.view() == name || object[other.view()].get(found) != simdjson::SUCCESS) return std::nullopt;
  }
  if (found.is_null()) return std::nullopt;
  return found;
}

std::optional<int64_t> JsonReader::AsInt(Element element) {
  int64_t value = 0;
  if (element.get(value) == simdjson::SUCCESS) return value;
  std::string_view text;
  if (element.get(text) == simdjson::SUCCESS) return ParseNumber<int64_t>(text);
  return std::nullopt;
}

std::optional<uint64_t> JsonReader::AsUInt(Element element) {
  uint64_t value = 0;
  if (element.get(value) == simdjson::SUCCESS) return value;
  std::string_view text;
  if (element.get(text) == simdjson::SUCCESS) return ParseNumber<uint64_t>(text);
  return std::nullopt;
}

std::optional<double> JsonReader::AsDouble(Element element) {
  double value = 0;
  if (element.get(value) == simdjson::SUCCESS) return value;
  std::string_view text;
  if (element.get(text) != simdjson::SUCCESS) return std::nullopt;
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return ParseNumber<double>(text);
}

Status JsonReader::Text(Element object, std::string_view name, std::string_view& out) {
  SEXTANT_ASSIGN(std::optional<Element> found, Find(object, name));
  if (found && found->get(out) != simdjson::SUCCESS) return Wrong(name, "a text");
  return {};
}

Status JsonReader::Bool(Element object, std::string_view name, bool& out) {
  SEXTANT_ASSIGN(std::optional<Element> found, Find(object, name));
  if (found && found->get(out) != simdjson::SUCCESS) return Wrong(name, "true or false");
  return {};
}

Status JsonReader::Int(Element object, std::string_view name, int64_t& out) {
  SEXTANT_ASSIGN(std::optional<Element> found, Find(object, name));
  return Set(found, &AsInt, name, "a whole number", out);
}

Status JsonReader::UInt(Element object, std::string_view name, uint64_t& out) {
  SEXTANT_ASSIGN(std::optional<Element> found, Find(object, name));
  return Set(found, &AsUInt, name, "a whole number of at least 0", out);
}

Status JsonReader::Double(Element object, std::string_view name, double& out) {
  SEXTANT_ASSIGN(std::optional<Element> found, Find(object, name));
  return Set(found, &AsDouble, name, "a number", out);
}

Status JsonReader::HexBytes(Element object, std::string_view name, std::string_view& out) {
  std::string_view text;
  SEXTANT_TRY(Text(object, name, text));
  if (text.empty()) return {};
  std::string bytes(text.size() / 2, '\0');
  if (text.size() % 2 != 0 || !DecodeHex(text, bytes.data())) return Wrong(name, "hexadecimal");
  out = memory_.Copy(bytes);
  return {};
}

template <size_t N>
Status JsonReader::ReadId(Element object, std::string_view name, Id<N>& out) {
  std::string_view text;
  SEXTANT_TRY(Text(object, name, text));
  if (text.empty()) return {};
  if (text.size() != 2 * N) {
    return Fail(Code::kInvalidArgument, "{} has {} digits in place of {}", name, text.size(), 2 * N);
  }
  char bytes[N];
  if (!DecodeHex(text, bytes)) return Wrong(name, "hexadecimal");
  out.Assign({bytes, N});
  return {};
}

Status JsonReader::UInt32(Element object, std::string_view name, uint32_t& out) {
  uint64_t number = out;
  SEXTANT_TRY(UInt(object, name, number));
  if (number > UINT32_MAX) return Wrong(name, "a number of 32 bits");
  out = static_cast<uint32_t>(number);
  return {};
}

Status JsonReader::Int32(Element object, std::string_view name, int32_t& out) {
  int64_t number = out;
  SEXTANT_TRY(Int(object, name, number));
  if (number < INT32_MIN || number > INT32_MAX) return Wrong(name, "a number of 32 bits");
  out = static_cast<int32_t>(number);
  return {};
}

Status JsonReader::Enum(Element object, std::string_view name, std::span<const EnumName> names,
                        int32_t& out) {
  SEXTANT_ASSIGN(std::optional<Element> found, Find(object, name));
  if (!found) return {};
  std::string_view word;
  if (found->get(word) == simdjson::SUCCESS) {
    auto known = std::ranges::find(names, word, &EnumName::name);
    if (known == names.end()) return Wrong(name, "a known value");
    out = known->value;
    return {};
  }
  int64_t number = 0;
  if (found->get(number) != simdjson::SUCCESS || number < INT32_MIN || number > INT32_MAX) {
    return Wrong(name, "a known value");
  }
  out = static_cast<int32_t>(number);
  return {};
}

Status JsonReader::ReadTraceId(Element object, std::string_view name, TraceId& out) {
  return ReadId(object, name, out);
}

Status JsonReader::ReadSpanId(Element object, std::string_view name, SpanId& out) {
  return ReadId(object, name, out);
}

Result<Element> JsonReader::Parse(std::string_view text, Memory& memory) {
  auto parsed = std::make_shared<Parsed>();
  Element request;
  if (auto error = parsed->parser.parse(text.data(), text.size()).get(request); error != simdjson::SUCCESS) {
    return Fail(Code::kInvalidArgument, "malformed JSON: {}", simdjson::error_message(error));
  }
  memory.Keep(std::move(parsed), text.size());
  return request;
}

Status JsonReader::ReadItems(Element object, bool has_keys, int depth, AnyValue& out) {
  std::vector<KeyValue> items;
  SEXTANT_TRY(ForEach(object, "values", [&](Element item) -> Status {
    SEXTANT_ASSIGN(KeyValue * added, budget_.Add(items));
    return has_keys ? ReadKeyValue(item, depth + 1, *added) : ReadValue(item, depth + 1, added->value);
  }));
  List<KeyValue> list = memory_.CopyList<KeyValue>(items);
  out = has_keys ? AnyValue::Map(list) : AnyValue::Array(list);
  return {};
}

Status JsonReader::ReadValue(Element object, int depth, AnyValue& out) {
  if (depth > kMaxValueDepth) {
    return Fail(Code::kResourceExhausted, "values are nested deeper than {}", kMaxValueDepth);
  }
  struct Form {
    std::string_view name;
    ValueKind kind;
  };
  constexpr Form kForms[] = {
      {"stringValue", ValueKind::kText}, {"boolValue", ValueKind::kBool},
      {"intValue", ValueKind::kInt},     {"doubleValue", ValueKind::kDouble},
      {"arrayValue", ValueKind::kArray}, {"kvlistValue", ValueKind::kMap},
      {"bytesValue", ValueKind::kBytes},
  };
  for (const Form& form : kForms) {
    SEXTANT_ASSIGN(std::optional<Element> found, Find(object, form.name));
    if (!found) continue;
    switch (form.kind) {
      case ValueKind::kEmpty:
        return {};
      case ValueKind::kText: {
        std::string_view text;
        SEXTANT_TRY(Text(object, form.name, text));
        out = AnyValue::Text(text);
        return {};
      }
      case ValueKind::kBool: {
        bool value = false;
        SEXTANT_TRY(Bool(object, form.name, value));
        out = AnyValue::Bool(value);
        return {};
      }
      case ValueKind::kInt: {
        int64_t value = 0;
        SEXTANT_TRY(Int(object, form.name, value));
        out = AnyValue::Int(value);
        return {};
      }
      case ValueKind::kDouble: {
        double value = 0;
        SEXTANT_TRY(Double(object, form.name, value));
        out = AnyValue::Double(value);
        return {};
      }
      case ValueKind::kArray:
      case ValueKind::kMap:
        return ReadItems(*found, form.kind == ValueKind::kMap, depth, out);
      case ValueKind::kBytes: {
        std::string_view text;
        SEXTANT_TRY(Text(object, form.name, text));
        std::optional<std::string> bytes = core::DecodeUnpaddedBase64(text);
        if (!bytes) return Wrong(form.name, "base64");
        out = AnyValue::Bytes(memory_.Copy(*bytes));
        return {};
      }
    }
  }
  return {};
}

Status JsonReader::ReadKeyValue(Element object, int depth, KeyValue& out) {
  SEXTANT_TRY(Text(object, "key", out.key));
  SEXTANT_ASSIGN(std::optional<Element> value, Find(object, "value"));
  if (!value) return {};
  return ReadValue(*value, depth, out.value);
}

Status JsonReader::Value(Element object, std::string_view name, AnyValue& out) {
  SEXTANT_ASSIGN(std::optional<Element> value, Find(object, name));
  if (!value) return {};
  return ReadValue(*value, 0, out);
}

Status JsonReader::Attributes(Element object, std::string_view name, otlp::Attributes& out) {
  std::vector<KeyValue> items;
  SEXTANT_TRY(ForEach(object, name, [&](Element item) -> Status {
    SEXTANT_ASSIGN(KeyValue * added, budget_.Add(items));
    return ReadKeyValue(item, 0, *added);
  }));
  out = memory_.CopyList<KeyValue>(items);
  return {};
}

Status JsonReader::Texts(Element object, std::string_view name, List<std::string_view>& out) {
  std::vector<std::string_view> texts;
  SEXTANT_TRY(ForEach(object, name, [&](Element item) -> Status {
    SEXTANT_ASSIGN(std::string_view * added, budget_.Add(texts));
    if (item.get(*added) != simdjson::SUCCESS) return Wrong(name, "a list of texts");
    return {};
  }));
  out = memory_.CopyList<std::string_view>(texts);
  return {};
}

Status JsonReader::ReadEntityRef(Element object, EntityRef& out) {
  SEXTANT_TRY(Text(object, "schemaUrl", out.schema_url));
  SEXTANT_TRY(Text(object, "type", out.type));
  SEXTANT_TRY(Texts(object, "idKeys", out.id_keys));
  return Texts(object, "descriptionKeys", out.description_keys);
}

Status JsonReader::ReadResource(Element object, Resource& out) {
  SEXTANT_TRY(Attributes(object, "attributes", out.attributes));
  SEXTANT_TRY(UInt32(object, "droppedAttributesCount", out.dropped_attributes_count));
  std::vector<EntityRef> entities;
  SEXTANT_TRY(ForEach(object, "entityRefs", [&](Element item) -> Status {
    SEXTANT_ASSIGN(EntityRef * added, budget_.Add(entities));
    return ReadEntityRef(item, *added);
  }));
  out.entity_refs = memory_.CopyList<EntityRef>(entities);
  return {};
}

Status JsonReader::ReadScope(Element object, Scope& out) {
  SEXTANT_TRY(Text(object, "name", out.name));
  SEXTANT_TRY(Text(object, "version", out.version));
  SEXTANT_TRY(UInt32(object, "droppedAttributesCount", out.dropped_attributes_count));
  return Attributes(object, "attributes", out.attributes);
}

}  // namespace sextant::otlp
