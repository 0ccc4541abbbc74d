#include "otlp/attributes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base64.h"
#include "core/float_text.h"

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

void AppendJsonText(std::string_view text, std::string& out) {
  out += '"';
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

// The depth is bounded by the decoder's.
void AppendJson(const AnyValue& value, std::string& out) {
  switch (value.kind) {
    case ValueKind::kEmpty:
      out += "null";
      return;
    case ValueKind::kText:
      return AppendJsonText(value.text, out);
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
        AppendJsonText(sorted[i]->key, out);
        out += ':';
        AppendJson(sorted[i]->value, out);
      }
      out += '}';
      return;
    }
  }
}

}  // namespace

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
