#include "config/yaml_writer.h"

#include <charconv>
#include <cmath>

#include "config/text.h"
#include "core/result.h"

namespace sextant::config {

namespace {

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  for (std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

// Whether a text without quotes would be read back as exactly this text.
bool IsPlainSafe(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  if (IsOneOf(text, {"~",   "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE",
                     "yes", "Yes",  "YES",  "no",   "No",   "NO",   "on",   "On",    "ON",    "off",
                     "Off", "OFF",  "y",    "Y",    "n",    "N",    "<<",   "="})) {
    return false;
  }
  constexpr std::string_view kIndicators = "-?:,[]{}#&*!|>'\"%@`";
  bool starts_a_word = kIndicators.find(text.front()) == std::string_view::npos;
  if (!starts_a_word) return false;
  // Numbers and dates would lose their being text.
  if ((text.front() >= '0' && text.front() <= '9') || text.front() == '+' || text.front() == '.') {
    if (text.find_first_not_of("0123456789+-.:eExXabcdefABCDEF_oTZ ") == std::string_view::npos) return false;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) return false;
    if (text[i] == ':' && i + 1 < text.size() && text[i + 1] == ' ') return false;
    if (text[i] == '#' && text[i - 1] == ' ') return false;
  }
  return IsUtf8(text);
}

// A double-quoted YAML scalar.
std::string QuoteYaml(std::string_view text) {
  std::string out = "\"";
  bool is_utf8 = IsUtf8(text);
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !is_utf8)) {
      out += fmt::format("\\x{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

void YamlWriter::StartItem() {
  if (levels_.empty()) return;
  Level& level = levels_.back();
  if (after_dash_) {
    after_dash_ = false;
  } else {
    if (level.is_empty && after_key_) {
      out_ += '\n';
      after_key_ = false;
    }
    out_.append(static_cast<size_t>(level.indent), ' ');
  }
  level.is_empty = false;
}

void YamlWriter::Key(std::string_view key) {
  StartItem();
  out_ += IsPlainSafe(key) ? std::string(key) : QuoteYaml(key);
  out_ += ':';
  after_key_ = true;
}

void YamlWriter::StartInline() {
  if (!levels_.empty() && levels_.back().kind == Kind::kSequence) {
    StartItem();
    out_ += "- ";
  } else if (after_key_) {
    out_ += ' ';
  }
  after_key_ = false;
  after_dash_ = false;
}

void YamlWriter::Raw(std::string_view text) {
  StartInline();
  out_ += text;
  out_ += '\n';
}

void YamlWriter::Begin(Kind kind) {
  int indent = 0;
  if (!levels_.empty()) {
    Level& parent = levels_.back();
    if (parent.kind == Kind::kSequence) {
      StartItem();
      out_ += "- ";
      after_dash_ = true;
      indent = parent.indent + 2;
    } else {
      indent = kind == Kind::kSequence ? parent.indent : parent.indent + 2;
    }
  }
  levels_.push_back(Level{.kind = kind, .indent = indent});
}

void YamlWriter::End(std::string_view when_empty) {
  bool was_empty = levels_.back().is_empty;
  levels_.pop_back();
  if (!was_empty) return;
  // The dash or the key is written already; what is empty stands behind it.
  if (after_key_) out_ += ' ';
  after_key_ = false;
  after_dash_ = false;
  out_ += when_empty;
  out_ += '\n';
}

void YamlWriter::Text(std::string_view text) { Raw(IsPlainSafe(text) ? std::string(text) : QuoteYaml(text)); }
void YamlWriter::Int(int64_t value) { Raw(fmt::format("{}", value)); }
void YamlWriter::Uint(uint64_t value) { Raw(fmt::format("{}", value)); }

void YamlWriter::Float(double value) {
  if (std::isnan(value)) return Raw(".nan");
  if (std::isinf(value)) return Raw(value > 0 ? ".inf" : "-.inf");
  Raw(fmt::format("{}", value));
}

}  // namespace sextant::config
