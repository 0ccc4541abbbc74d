#include "gotemplate/format.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdio>

#include "gotemplate/unicode.h"

namespace sextant::gotemplate {
namespace {

constexpr int kMaxWidth = 1'000'000;  // Go's own bound for width and precision

struct Flags {
  bool minus = false;
  bool plus = false;
  bool sharp = false;
  bool space = false;
  bool zero = false;
  int width = -1;
  int precision = -1;
};

// Digits and decimal exponent of the shortest text that reads back: 0.d1d2d3… × 10^point.
struct Decimal {
  std::string digits;
  int point = 0;
};

Decimal ShortestDecimal(double value) {
  if (value == 0) return {"0", 1};
  char buffer[40];
  const auto result =
      std::to_chars(buffer, buffer + sizeof buffer, std::abs(value), std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<size_t>(result.ptr - buffer));
  const size_t e = text.find('e');
  Decimal decimal;
  for (const char c : text.substr(0, e)) {
    if (c != '.') decimal.digits += c;
  }
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(), exponent);
  decimal.point = exponent + 1;
  return decimal;
}

std::string ShortestExponent(const Decimal& decimal, char e) {
  std::string out = decimal.digits.substr(0, 1);
  if (decimal.digits.size() > 1) out += "." + decimal.digits.substr(1);
  const int exponent = decimal.point - 1;
  return out + fmt::format("{}{}{:02}", e, exponent < 0 ? '-' : '+', std::abs(exponent));
}

std::string ShortestFixed(const Decimal& decimal) {
  const int size = static_cast<int>(decimal.digits.size());
  if (decimal.point <= 0)
    return "0." + std::string(static_cast<size_t>(-decimal.point), '0') + decimal.digits;
  if (decimal.point >= size)
    return decimal.digits + std::string(static_cast<size_t>(decimal.point - size), '0');
  const auto point = static_cast<size_t>(decimal.point);
  return decimal.digits.substr(0, point) + "." + decimal.digits.substr(point);
}

std::string FormatShortest(double value, char verb) {
  const Decimal decimal = ShortestDecimal(value);
  std::string out = std::signbit(value) ? "-" : "";
  switch (verb) {
    case 'e':
    case 'E':
      return out + ShortestExponent(decimal, verb);
    case 'f':
      return out + (value == 0 ? "0" : ShortestFixed(decimal));
    default:
      break;
  }
  // Go decides as if the precision were 6.
  const int exponent = decimal.point - 1;
  if (exponent < -4 || exponent >= 6) return out + ShortestExponent(decimal, verb == 'G' ? 'E' : 'e');
  return out + (value == 0 ? "0" : ShortestFixed(decimal));
}

// What one operand needs while it is printed.
class Printer {
 public:
  Printer(BoundedText& out, Flags flags) : out_(out), flags_(flags) {}

  // `top` is false for elements of lists, maps and structs.
  void Value(const gotemplate::Value& value, char32_t verb, bool top = true) {
    if (out_.exceeded()) return;
    if (verb == 'T') return Padded(value.IsNilOrMissing() ? "<nil>" : value.TypeName());
    if (verb == 'p') return BadVerb(value, verb);
    if (value.IsNilOrMissing()) {
      if (verb == 'v' || !top) return Padded("<nil>");
      return BadVerb(value, verb);
    }
    if (UsesString(value, verb)) return Text(StringOf(value), verb, value);
    switch (value.kind()) {
      case Kind::kBool:
        if (verb != 't' && verb != 'v') return BadVerb(value, verb);
        return Padded(value.AsBool() ? "true" : "false");
      case Kind::kInt:
        return Integer(value, verb);
      case Kind::kFloat:
        return Float(value, verb);
      case Kind::kString:
        return Text(value.AsString(), verb, value);
      case Kind::kList:
        return List(value.AsList(), verb);
      case Kind::kMap:
        return Map(value.AsMap(), verb);
      case Kind::kStruct:
        return Struct(value.AsStruct(), verb);
      case Kind::kTime:
        return BadVerb(value, verb);
      default:
        return BadVerb(value, verb);
    }
  }

 private:
  static bool HasString(const gotemplate::Value& value) {
    if (value.kind() == Kind::kTime) return true;
    if (value.kind() == Kind::kInt) {
      return value.int_type() == IntType::kDuration || value.int_type() == IntType::kMonth ||
             value.int_type() == IntType::kWeekday;
    }
    return value.type() != nullptr && value.type()->to_string != nullptr;
  }

  // Verbs that are valid for strings use a value's own String method.
  static bool UsesString(const gotemplate::Value& value, char32_t verb) {
    return HasString(value) && (verb == 'v' || verb == 's' || verb == 'q' || verb == 'x' || verb == 'X');
  }

  static std::string StringOf(const gotemplate::Value& value) {
    if (value.kind() == Kind::kTime) return TimeString(value.AsTime());
    if (value.kind() == Kind::kInt) {
      switch (value.int_type()) {
        case IntType::kDuration:
          return DurationString(value.AsInt());
        case IntType::kMonth:
          return MonthName(value.AsInt());
        default:
          return WeekdayName(value.AsInt());
      }
    }
    return value.type()->to_string(value);
  }

  void Padded(std::string_view text) {
    const size_t width = flags_.width > 0 ? static_cast<size_t>(flags_.width) : 0;
    const size_t runes = width > 0 ? CountRunes(text) : 0;
    const size_t fill = width > runes ? width - runes : 0;
    if (!flags_.minus) out_.Fill(flags_.zero ? '0' : ' ', fill);
    out_.Append(text);
    if (flags_.minus) out_.Fill(' ', fill);
  }

  void BadVerb(const gotemplate::Value& value, char32_t verb) {
    std::string text = "%!";
    AppendRune(text, verb);
    out_.Append(text);
    if (value.IsNilOrMissing()) return out_.Append("(<nil>)");
    out_.Append("(" + value.TypeName() + "=");
    Printer(out_, Flags{}).Value(value, 'v');
    out_.Append(")");
  }

  void Text(std::string_view text, char32_t verb, const gotemplate::Value& value) {
    if (flags_.precision >= 0 && (verb == 'v' || verb == 's' || verb == 'q')) {
      size_t end = 0;
      for (int i = 0; i < flags_.precision && end < text.size(); ++i)
        end += DecodeRune(text.substr(end)).size;
      text = text.substr(0, end);
    }
    switch (verb) {
      case 'v':
        if (flags_.sharp) return Padded(Quote(text));
        return Padded(text);
      case 's':
        return Padded(text);
      case 'q':
        if (flags_.sharp && text.find('`') == std::string_view::npos)
          return Padded(fmt::format("`{}`", text));
        return Padded(Quote(text, flags_.plus));
      case 'x':
        return Hex(text, "0123456789abcdef");
      case 'X':
        return Hex(text, "0123456789ABCDEF");
      default:
        return BadVerb(value, verb);
    }
  }

  void Hex(std::string_view text, std::string_view digits) {
    if (flags_.precision >= 0) text = text.substr(0, static_cast<size_t>(flags_.precision));
    if (text.size() > out_.limit()) return out_.Fill(' ', out_.limit() + 1);
    std::string hex;
    const std::string prefix = digits[10] == 'a' ? "0x" : "0X";
    for (size_t i = 0; i < text.size(); ++i) {
      if (flags_.space && i > 0) hex += ' ';
      if (flags_.sharp && (flags_.space || i == 0)) hex += prefix;
      const auto byte = static_cast<unsigned char>(text[i]);
      hex += digits[byte >> 4];
      hex += digits[byte & 0xF];
    }
    Padded(hex);
  }

  void Integer(const gotemplate::Value& value, char32_t verb) {
    const int64_t number = value.AsInt();
    const bool is_unsigned = value.int_type() == IntType::kUint64;
    const bool negative = number < 0 && !is_unsigned;
    const uint64_t magnitude = negative ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
    switch (verb) {
      case 'v':
      case 'd':
        return Digits(fmt::format("{}", magnitude), negative, "");
      case 'b':
        return Digits(fmt::format("{:b}", magnitude), negative, flags_.sharp ? "0b" : "");
      case 'o':
        return Digits(fmt::format("{:o}", magnitude), negative, flags_.sharp ? "0" : "");
      case 'O':
        return Digits(fmt::format("{:o}", magnitude), negative, "0o");
      case 'x':
        return Digits(fmt::format("{:x}", magnitude), negative, flags_.sharp ? "0x" : "");
      case 'X':
        return Digits(fmt::format("{:X}", magnitude), negative, flags_.sharp ? "0X" : "");
      case 'c':
        return Character(magnitude, negative);
      case 'q':
        return QuotedCharacter(magnitude, negative);
      case 'U':
        return Unicode(magnitude);
      default:
        return BadVerb(value, verb);
    }
  }

  void Digits(std::string digits, bool negative, std::string_view prefix) {
    const std::string_view sign = negative ? "-" : flags_.plus ? "+" : flags_.space ? " " : "";
    size_t wanted = 0;
    if (flags_.precision >= 0) {
      wanted = static_cast<size_t>(flags_.precision);
      if (wanted == 0 && digits == "0") digits.clear();
    } else if (flags_.zero && !flags_.minus && flags_.width > 0) {
      const size_t taken = sign.size() + prefix.size();
      wanted = static_cast<size_t>(flags_.width) > taken ? static_cast<size_t>(flags_.width) - taken : 0;
    }
    if (wanted > out_.limit()) return out_.Fill('0', wanted);
    if (digits.size() < wanted) digits.insert(0, wanted - digits.size(), '0');
    const bool zero = std::exchange(flags_.zero, false);
    Padded(std::string(sign) + std::string(prefix) + digits);
    flags_.zero = zero;
  }

  void Character(uint64_t code, bool negative) {
    std::string text;
    AppendRune(text, negative || code > 0x10FFFF ? kRuneError : static_cast<char32_t>(code));
    Padded(text);
  }

  void QuotedCharacter(uint64_t code, bool negative) {
    std::string text;
    AppendRune(text, negative || code > 0x10FFFF ? kRuneError : static_cast<char32_t>(code));
    if (text == "'") return Padded("'\\''");
    if (text == "\"") return Padded("'\"'");
    const std::string quoted = Quote(text, flags_.plus);
    Padded("'" + quoted.substr(1, quoted.size() - 2) + "'");
  }

  void Unicode(uint64_t code) {
    std::string text = fmt::format("U+{:04X}", code);
    if (flags_.sharp && code <= 0x10FFFF && IsPrint(static_cast<char32_t>(code))) {
      text += " '";
      AppendRune(text, static_cast<char32_t>(code));
      text += "'";
    }
    Padded(text);
  }

  void Float(const gotemplate::Value& value, char32_t verb) {
    char format = 'g';
    int precision = flags_.precision;
    switch (verb) {
      case 'v':
        break;
      case 'g':
      case 'G':
        format = static_cast<char>(verb);
        break;
      case 'e':
      case 'E':
        format = static_cast<char>(verb);
        if (precision < 0) precision = 6;
        break;
      case 'f':
      case 'F':
        format = 'f';
        if (precision < 0) precision = 6;
        break;
      default:
        return BadVerb(value, verb);
    }
    if (precision > static_cast<int>(out_.limit())) return out_.Fill('0', static_cast<size_t>(precision));
    std::string text = FormatFloat(value.AsFloat(), format, precision);
    std::string sign = text[0] == '-' || text[0] == '+' ? text.substr(0, 1) : "";
    text.erase(0, sign.size());
    const bool finite = std::isfinite(value.AsFloat());
    if (sign == "+" && !flags_.plus) sign = verb == 'v' || !finite ? "+" : "";
    if (sign.empty()) sign = flags_.plus ? "+" : flags_.space ? " " : "";
    if (flags_.zero && !flags_.minus && finite && flags_.width > 0) {
      const auto width = static_cast<size_t>(flags_.width);
      const size_t taken = sign.size() + text.size();
      out_.Append(sign);
      out_.Fill('0', width > taken ? width - taken : 0);
      return out_.Append(text);
    }
    const bool zero = std::exchange(flags_.zero, false);
    Padded(sign + text);
    flags_.zero = zero;
  }

  void List(const gotemplate::List& list, char32_t verb) {
    out_.Append('[');
    for (size_t i = 0; i < list.items().size() && !out_.exceeded(); ++i) {
      if (i > 0) out_.Append(' ');
      Value(list.items()[i], verb, false);
    }
    out_.Append(']');
  }

  void Map(const gotemplate::Map& map, char32_t verb) {
    out_.Append("map[");
    bool first = true;
    for (const auto& [key, value] : map.entries()) {
      if (out_.exceeded()) return;
      if (!first) out_.Append(' ');
      first = false;
      Value(gotemplate::Value::String(key), verb, false);
      out_.Append(':');
      Value(value, verb, false);
    }
    out_.Append(']');
  }

  void Struct(const gotemplate::Struct& object, char32_t verb) {
    out_.Append('{');
    for (size_t i = 0; i < object.values().size() && !out_.exceeded(); ++i) {
      if (i > 0) out_.Append(' ');
      if (flags_.plus && verb == 'v') {
        out_.Append(object.fields()[i].name);
        out_.Append(':');
      }
      Value(object.values()[i], verb, false);
    }
    out_.Append('}');
  }

  BoundedText& out_;
  Flags flags_;
};

// Walks a format string over its operands.
class FormatRun {
 public:
  FormatRun(BoundedText& out, std::string_view format, std::span<const Value> args)
      : out_(out), format_(format), args_(args) {}

  void Run() {
    while (!format_.empty() && !out_.exceeded()) {
      const size_t percent = format_.find('%');
      out_.Append(format_.substr(0, percent));
      if (percent == std::string_view::npos) break;
      format_.remove_prefix(percent + 1);
      Directive();
    }
    if (!reordered_ && next_ < args_.size()) Extra();
  }

 private:
  void Directive() {
    Flags flags;
    after_index_ = false;
    good_index_ = true;
    ReadFlags(flags);
    ArgIndex();
    if (Accept('*')) {
      if (!StarArg(flags.width)) out_.Append("%!(BADWIDTH)");
      if (flags.width < -1) {
        flags.width = -flags.width;
        flags.minus = true;
        flags.zero = false;
      }
      after_index_ = false;
    } else if (ReadNumber(flags.width) && after_index_) {
      good_index_ = false;  // "%[3]2d"
    }
    if (Accept('.')) {
      if (after_index_) good_index_ = false;  // "%[3].2d"
      ArgIndex();
      if (Accept('*')) {
        if (!StarArg(flags.precision)) out_.Append("%!(BADPREC)");
        if (flags.precision < -1) {
          flags.precision = -1;
          out_.Append("%!(BADPREC)");
        }
        after_index_ = false;
      } else if (!ReadNumber(flags.precision)) {
        flags.precision = 0;
      }
    }
    if (!after_index_) ArgIndex();
    if (format_.empty()) return out_.Append("%!(NOVERB)");
    const Rune verb = DecodeRune(format_);
    format_.remove_prefix(verb.size);
    Verb(verb.value, flags);
  }

  void Verb(char32_t verb, const Flags& flags) {
    if (verb == '%') return out_.Append('%');
    std::string shown;
    AppendRune(shown, verb);
    if (!good_index_) return out_.Append("%!" + shown + "(BADINDEX)");
    if (next_ >= args_.size()) return out_.Append("%!" + shown + "(MISSING)");
    Printer(out_, flags).Value(args_[next_++], verb);
  }

  void ReadFlags(Flags& flags) {
    while (!format_.empty()) {
      switch (format_[0]) {
        case '#':
          flags.sharp = true;
          break;
        case '0':
          flags.zero = true;
          break;
        case '+':
          flags.plus = true;
          break;
        case '-':
          flags.minus = true;
          break;
        case ' ':
          flags.space = true;
          break;
        default:
          return;
      }
      format_.remove_prefix(1);
    }
  }

  bool Accept(char c) {
    if (format_.empty() || format_[0] != c) return false;
    format_.remove_prefix(1);
    return true;
  }

  bool ReadNumber(int& out) {
    int value = 0;
    bool any = false;
    while (!format_.empty() && format_[0] >= '0' && format_[0] <= '9') {
      value = std::min(value * 10 + (format_[0] - '0'), kMaxWidth + 1);
      format_.remove_prefix(1);
      any = true;
    }
    if (any) out = value > kMaxWidth ? -1 : value;
    return any;
  }

  // "[n]": the next operand is the n-th.
  void ArgIndex() {
    if (format_.empty() || format_[0] != '[') return;
    reordered_ = true;
    const size_t close = format_.find(']');
    if (close == std::string_view::npos) {
      good_index_ = false;
      format_.remove_prefix(1);
      return;
    }
    size_t index = 0;
    const std::string_view digits = format_.substr(1, close - 1);
    const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    format_.remove_prefix(close + 1);
    if (error != std::errc() || rest != digits.data() + digits.size() || index < 1 || index > args_.size()) {
      good_index_ = false;
      return;
    }
    next_ = index - 1;
    after_index_ = true;
  }

  bool StarArg(int& out) {
    if (next_ >= args_.size()) return false;
    const Value& value = args_[next_++];
    if (value.kind() != Kind::kInt || value.AsInt() > kMaxWidth || value.AsInt() < -kMaxWidth) return false;
    out = static_cast<int>(value.AsInt());
    return true;
  }

  void Extra() {
    out_.Append("%!(EXTRA ");
    for (size_t i = next_; i < args_.size() && !out_.exceeded(); ++i) {
      if (i > next_) out_.Append(", ");
      if (args_[i].IsNilOrMissing()) {
        out_.Append("<nil>");
        continue;
      }
      out_.Append(args_[i].TypeName() + "=");
      Printer(out_, Flags{}).Value(args_[i], 'v');
    }
    out_.Append(')');
  }

  BoundedText& out_;
  std::string_view format_;
  std::span<const Value> args_;
  size_t next_ = 0;
  bool reordered_ = false;
  bool good_index_ = true;
  bool after_index_ = false;
};

}  // namespace

void BoundedText::Append(std::string_view text) {
  if (text.size() > limit_ - text_.size()) {
    exceeded_ = true;
    return;
  }
  text_ += text;
}

void BoundedText::Fill(char c, size_t count) {
  if (count > limit_ - text_.size()) {
    exceeded_ = true;
    return;
  }
  text_.append(count, c);
}

std::string FormatFloat(double value, char verb, int precision) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (precision < 0) return FormatShortest(value, verb);
  const char format[] = {'%', '.', '*', verb, '\0'};
  const int size = std::snprintf(nullptr, 0, format, precision, value);
  std::string out(static_cast<size_t>(size) + 1, '\0');
  std::snprintf(out.data(), out.size(), format, precision, value);
  out.pop_back();
  return out;
}

void Print(BoundedText& out, std::span<const Value> args) {
  bool previous_is_string = false;
  for (size_t i = 0; i < args.size(); ++i) {
    const bool is_string = args[i].kind() == Kind::kString;
    if (i > 0 && !is_string && !previous_is_string) out.Append(' ');
    PrintValue(out, args[i]);
    previous_is_string = is_string;
  }
}

void PrintLine(BoundedText& out, std::span<const Value> args) {
  for (size_t i = 0; i < args.size(); ++i) {
    if (i > 0) out.Append(' ');
    PrintValue(out, args[i]);
  }
  out.Append('\n');
}

void PrintFormatted(BoundedText& out, std::string_view format, std::span<const Value> args) {
  FormatRun(out, format, args).Run();
}

void PrintValue(BoundedText& out, const Value& value) { Printer(out, Flags{}).Value(value, 'v'); }

void AppendJsonString(BoundedText& out, std::string_view text) {
  out.Append('"');
  size_t plain = 0;  // start of what can be copied as it is
  size_t at = 0;
  const auto flush = [&](std::string_view escape, size_t size) {
    out.Append(text.substr(plain, at - plain));
    out.Append(escape);
    at += size;
    plain = at;
  };
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    switch (byte) {
      case '"':
        flush("\\\"", 1);
        continue;
      case '\\':
        flush("\\\\", 1);
        continue;
      case '\b':
        flush("\\b", 1);
        continue;
      case '\f':
        flush("\\f", 1);
        continue;
      case '\n':
        flush("\\n", 1);
        continue;
      case '\r':
        flush("\\r", 1);
        continue;
      case '\t':
        flush("\\t", 1);
        continue;
      default:
        break;
    }
    if (byte < 0x20 || byte == '<' || byte == '>' || byte == '&') {
      flush(fmt::format("\\u{:04x}", byte), 1);
      continue;
    }
    if (byte < 0x80) {
      ++at;
      continue;
    }
    const Rune rune = DecodeRune(text.substr(at));
    if (!rune.valid) {
      flush("\\ufffd", 1);
    } else if (rune.value == 0x2028 || rune.value == 0x2029) {
      flush(fmt::format("\\u{:04x}", static_cast<uint32_t>(rune.value)), rune.size);
    } else {
      at += rune.size;
    }
  }
  out.Append(text.substr(plain));
  out.Append('"');
}

namespace {

// encoding/json writes floats like ECMAScript: exponents only below 1e-6 and from 1e21 on, without a leading
// zero.
std::string JsonFloat(double value) {
  const double size = std::abs(value);
  if (value == 0 || (size >= 1e-6 && size < 1e21)) return FormatFloat(value, 'f', -1);
  std::string text = FormatFloat(value, 'e', -1);
  const size_t e = text.find("e-0");
  if (e != std::string::npos) text.erase(e + 2, 1);
  return text;
}

template <typename Range, typename Each>
bool AppendJsonSequence(BoundedText& out, char open, char close, const Range& range, Each each) {
  out.Append(open);
  bool first = true;
  for (const auto& item : range) {
    if (out.exceeded()) return true;
    if (!first) out.Append(',');
    first = false;
    if (!each(item)) return false;
  }
  out.Append(close);
  return true;
}

}  // namespace

bool AppendJson(BoundedText& out, const Value& value) {
  switch (value.kind()) {
    case Kind::kMissing:
    case Kind::kNil:
      out.Append("null");
      return true;
    case Kind::kBool:
      out.Append(value.AsBool() ? "true" : "false");
      return true;
    case Kind::kInt:
      out.Append(value.int_type() == IntType::kUint64
                     ? fmt::format("{}", static_cast<uint64_t>(value.AsInt()))
                     : fmt::format("{}", value.AsInt()));
      return true;
    case Kind::kFloat:
      if (!std::isfinite(value.AsFloat())) return false;
      out.Append(JsonFloat(value.AsFloat()));
      return true;
    case Kind::kString:
      AppendJsonString(out, value.AsString());
      return true;
    case Kind::kTime:
      AppendJsonString(out, FormatRfc3339Nano(value.AsTime()));
      return true;
    case Kind::kList:
      return AppendJsonSequence(out, '[', ']', value.AsList().items(),
                                [&](const Value& item) { return AppendJson(out, item); });
    case Kind::kMap:
      return AppendJsonSequence(out, '{', '}', value.AsMap().entries(), [&](const auto& entry) {
        AppendJsonString(out, entry.first);
        out.Append(':');
        return AppendJson(out, entry.second);
      });
    case Kind::kStruct: {
      const Struct& object = value.AsStruct();
      size_t i = 0;
      return AppendJsonSequence(out, '{', '}', object.values(), [&](const Value& field) {
        const FieldSpec& spec = object.fields()[i++];
        AppendJsonString(out, spec.json_name.empty() ? spec.name : spec.json_name);
        out.Append(':');
        return AppendJson(out, field);
      });
    }
    case Kind::kFunction:
      return false;
  }
  return false;
}

}  // namespace sextant::gotemplate
