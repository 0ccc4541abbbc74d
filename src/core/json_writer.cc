#include "core/json_writer.h"

#include <array>
#include <cmath>

#include "core/float_text.h"
#include "core/result.h"
#include "core/utf8.h"

namespace sextant::core {

namespace {

// Bytes that are copied as they are: ASCII except controls, quotes, backslash and the three that Go escapes
// for HTML.
constexpr std::array<bool, 256> MakePlain() {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 0x80; ++c)
    plain[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' && c != 0x7f;
  plain[0x7f] = true;
  return plain;
}
constexpr std::array<bool, 256> kPlain = MakePlain();

void AppendUnicodeEscape(std::string& out, unsigned code) {
  constexpr char kHex[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(code >> shift) & 15];
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  size_t at = 0;
  while (at < text.size()) {
    size_t start = at;
    while (at < text.size() && kPlain[static_cast<unsigned char>(text[at])]) ++at;
    out.append(text, start, at - start);
    if (at == text.size()) break;
    auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x80) {
      size_t length = Utf8Length(text, at);
      std::string_view sequence = text.substr(at, length);
      if (length == 0) {
        out += "\\ufffd";
        length = 1;
      } else if (sequence == "\u2028" || sequence == "\u2029") {
        AppendUnicodeEscape(out, sequence == "\u2028" ? 0x2028 : 0x2029);
      } else {
        out += sequence;
      }
      at += length;
      continue;
    }
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
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        AppendUnicodeEscape(out, c);
    }
    ++at;
  }
  out += '"';
}

void JsonWriter::Separate() {
  if (needs_comma_) out_ += ',';
  needs_comma_ = true;
}

JsonWriter& JsonWriter::Open(char bracket) {
  Separate();
  out_ += bracket;
  needs_comma_ = false;
  ++depth_;
  return *this;
}

JsonWriter& JsonWriter::Close(char bracket) {
  out_ += bracket;
  needs_comma_ = true;
  --depth_;
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view key) {
  Separate();
  AppendJsonString(out_, key);
  out_ += ':';
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::String(std::string_view value) {
  Separate();
  AppendJsonString(out_, value);
  return *this;
}

JsonWriter& JsonWriter::Int(int64_t value) { return Raw(fmt::format("{}", value)); }
JsonWriter& JsonWriter::UInt(uint64_t value) { return Raw(fmt::format("{}", value)); }
JsonWriter& JsonWriter::Bool(bool value) { return Raw(value ? "true" : "false"); }
JsonWriter& JsonWriter::Null() { return Raw("null"); }

JsonWriter& JsonWriter::Double(double value) {
  if (!std::isfinite(value)) return Null();
  double magnitude = std::fabs(value);
  bool is_exponent = magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21);
  Separate();
  if (!is_exponent) {
    AppendFixed(out_, value);
    return *this;
  }
  AppendScientific(out_, value);
  // encoding/json writes e-9 where FormatFloat writes e-09.
  size_t size = out_.size();
  if (out_[size - 4] == 'e' && out_[size - 3] == '-' && out_[size - 2] == '0') out_.erase(size - 2, 1);
  return *this;
}

JsonWriter& JsonWriter::Raw(std::string_view json) {
  Separate();
  out_ += json;
  return *this;
}

std::string JsonWriter::TakePiece() {
  std::string piece;
  piece.swap(out_);
  return piece;
}

std::string JsonWriter::Take() && {
  SEXTANT_CHECK(depth_ == 0);
  return std::move(out_);
}

}  // namespace sextant::core
