#include "gotemplate/builtins.h"

#include <cmath>
#include <limits>

#include "gotemplate/call.h"
#include "gotemplate/unicode.h"

namespace sextant::gotemplate {
namespace {

using core::Result;
using Args = std::span<const Value>;

bool IsInteger(const Value& value) { return value.kind() == Kind::kInt; }

// Kinds that Go compares with each other.
bool SameBasicKind(const Value& a, const Value& b) { return a.kind() == b.kind(); }

bool IsComparable(const Value& value) {
  return value.kind() != Kind::kList && value.kind() != Kind::kMap && value.kind() != Kind::kFunction &&
         value.kind() != Kind::kStruct;
}

// −1, 0, 1 of two integers, one of which may be unsigned.
int CompareIntegers(const Value& a, const Value& b) {
  const bool a_unsigned = a.int_type() == IntType::kUint64;
  const bool b_unsigned = b.int_type() == IntType::kUint64;
  if (a_unsigned != b_unsigned) {
    const int64_t signed_value = a_unsigned ? b.AsInt() : a.AsInt();
    if (signed_value < 0) return a_unsigned ? 1 : -1;
  }
  if (a_unsigned || b_unsigned) {
    const auto x = static_cast<uint64_t>(a.AsInt());
    const auto y = static_cast<uint64_t>(b.AsInt());
    return x < y ? -1 : x > y ? 1 : 0;
  }
  return a.AsInt() < b.AsInt() ? -1 : a.AsInt() > b.AsInt() ? 1 : 0;
}

std::string ShortText(const Value& value) {
  BoundedText text(256);
  PrintValue(text, value);
  return text.Take();
}

tl::unexpected<core::Error> NotComparable(const Value& value) {
  return FailCall("non-comparable type {}: {}", ShortText(value), value.TypeName());
}

Result<bool> IsEqual(const Value& a, const Value& b) {
  if (!IsComparable(a)) return NotComparable(a);
  if (!IsComparable(b)) return NotComparable(b);
  if (a.IsNilOrMissing() || b.IsNilOrMissing()) return a.IsNilOrMissing() && b.IsNilOrMissing();
  if (!SameBasicKind(a, b)) {
    return FailCall("incompatible types for comparison: {} and {}", a.TypeName(), b.TypeName());
  }
  switch (a.kind()) {
    case Kind::kBool:
      return a.AsBool() == b.AsBool();
    case Kind::kInt:
      return CompareIntegers(a, b) == 0;
    case Kind::kFloat:
      return a.AsFloat() == b.AsFloat();
    case Kind::kString:
      return a.AsString() == b.AsString();
    case Kind::kTime:
      return CompareTimes(a.AsTime(), b.AsTime()) == 0;
    default:
      return false;
  }
}

Result<Value> Equal(Call&, Args args) {
  if (!IsComparable(args[0])) return NotComparable(args[0]);
  if (args.size() < 2) return FailCall("missing argument for comparison");
  for (const Value& other : args.subspan(1)) {
    SEXTANT_ASSIGN(const bool equal, IsEqual(args[0], other));
    if (equal) return Value::Bool(true);
  }
  return Value::Bool(false);
}

Result<Value> NotEqual(Call&, Args args) {
  SEXTANT_ASSIGN(const bool equal, IsEqual(args[0], args[1]));
  return Value::Bool(!equal);
}

// a < b; NaN is less than nothing.
Result<bool> IsLess(const Value& a, const Value& b) {
  const auto is_basic = [](const Value& value) {
    return value.kind() == Kind::kInt || value.kind() == Kind::kFloat || value.kind() == Kind::kString ||
           value.kind() == Kind::kBool;
  };
  if (!is_basic(a) || !is_basic(b)) return FailCall("invalid type for comparison");
  if (!SameBasicKind(a, b)) {
    return FailCall("incompatible types for comparison: {} and {}", a.TypeName(), b.TypeName());
  }
  switch (a.kind()) {
    case Kind::kInt:
      return CompareIntegers(a, b) < 0;
    case Kind::kFloat:
      return a.AsFloat() < b.AsFloat();
    case Kind::kString:
      return a.AsString() < b.AsString();
    default:
      return FailCall("invalid type for comparison");
  }
}

Result<Value> Less(Call&, Args args) { return IsLess(args[0], args[1]).map(Value::Bool); }

Result<Value> LessOrEqual(Call&, Args args) {
  SEXTANT_ASSIGN(const bool less, IsLess(args[0], args[1]));
  if (less) return Value::Bool(true);
  return IsEqual(args[0], args[1]).map(Value::Bool);
}

Result<Value> Greater(Call& call, Args args) {
  SEXTANT_ASSIGN(const Value less_or_equal, LessOrEqual(call, args));
  return Value::Bool(!less_or_equal.AsBool());
}

Result<Value> GreaterOrEqual(Call&, Args args) {
  SEXTANT_ASSIGN(const bool less, IsLess(args[0], args[1]));
  return Value::Bool(!less);
}

Result<Value> Not(Call&, Args args) { return Value::Bool(!args[0].IsTrue()); }

Result<Value> LazyOnly(Call&, Args) { return FailCall("is only evaluated lazily"); }

Result<Value> Length(Call&, Args args) {
  const Value& value = args[0];
  switch (value.kind()) {
    case Kind::kMissing:
    case Kind::kNil:
      return FailCall("len of nil pointer");
    case Kind::kString:
      return Value::Int(static_cast<int64_t>(value.AsString().size()));
    case Kind::kList:
      return Value::Int(static_cast<int64_t>(value.AsList().items().size()));
    case Kind::kMap:
      return Value::Int(static_cast<int64_t>(value.AsMap().entries().size()));
    default:
      return FailCall("len of type {}", value.TypeName());
  }
}

Result<size_t> CheckIndex(const Value& index, size_t limit) {
  if (index.IsNilOrMissing()) return FailCall("cannot index slice/array with nil");
  if (!IsInteger(index)) return FailCall("cannot index slice/array with type {}", index.TypeName());
  if (index.AsInt() < 0 || static_cast<uint64_t>(index.AsInt()) > limit) {
    return FailCall("index out of range: {}", index.AsInt());
  }
  return static_cast<size_t>(index.AsInt());
}

Result<Value> IndexOnce(const Value& item, const Value& index) {
  switch (item.kind()) {
    case Kind::kMissing:
    case Kind::kNil:
      return FailCall("index of nil pointer");
    case Kind::kString: {
      SEXTANT_ASSIGN(const size_t at, CheckIndex(index, item.AsString().size()));
      if (at == item.AsString().size()) return FailCall("index out of range: {}", at);
      return Value::Int(static_cast<unsigned char>(item.AsString()[at]), IntType::kInt);
    }
    case Kind::kList: {
      const auto& items = item.AsList().items();
      SEXTANT_ASSIGN(const size_t at, CheckIndex(index, items.size()));
      if (at == items.size()) return FailCall("index out of range: {}", at);
      return items[at];
    }
    case Kind::kMap: {
      if (index.IsNilOrMissing()) return FailCall("value is nil; should be of type string");
      if (index.kind() != Kind::kString) {
        return FailCall("value has type {}; should be string", index.TypeName());
      }
      const auto found = item.AsMap().entries().find(index.AsString());
      if (found != item.AsMap().entries().end()) return found->second;
      return item.AsMap().type().has_string_elems ? Value::String("") : Value::Nil();
    }
    default:
      return FailCall("can't index item of type {}", item.TypeName());
  }
}

Result<Value> Index(Call&, Args args) {
  if (args[0].IsMissing()) return FailCall("index of untyped nil");
  Value item = args[0];
  for (const Value& index : args.subspan(1)) {
    SEXTANT_ASSIGN(item, IndexOnce(item, index));
  }
  return item;
}

Result<Value> Slice(Call&, Args args) {
  const Value& item = args[0];
  if (item.IsNilOrMissing()) return FailCall("slice of untyped nil");
  if (args.size() > 4) return FailCall("too many slice indexes: {}", args.size() - 1);
  const bool is_string = item.kind() == Kind::kString;
  if (!is_string && item.kind() != Kind::kList)
    return FailCall("can't slice item of type {}", item.TypeName());
  if (is_string && args.size() == 4) return FailCall("cannot 3-index slice a string");
  const size_t size = is_string ? item.AsString().size() : item.AsList().items().size();
  size_t bounds[3] = {0, size, size};
  for (size_t i = 1; i < args.size(); ++i) {
    SEXTANT_ASSIGN(bounds[i - 1], CheckIndex(args[i], size));
  }
  if (bounds[0] > bounds[1]) return FailCall("invalid slice index: {} > {}", bounds[0], bounds[1]);
  if (bounds[1] > bounds[2]) return FailCall("invalid slice index: {} > {}", bounds[1], bounds[2]);
  if (is_string) return Value::String(item.AsString().substr(bounds[0], bounds[1] - bounds[0]));
  const auto& items = item.AsList().items();
  return Value::OfList({items.begin() + static_cast<std::ptrdiff_t>(bounds[0]),
                        items.begin() + static_cast<std::ptrdiff_t>(bounds[1])},
                       item.AsList().type());
}

Result<Value> PrintCall(Call& call, Args args) {
  BoundedText out(call.max_text_bytes());
  Print(out, args);
  return FinishText(out);
}

Result<Value> PrintLineCall(Call& call, Args args) {
  BoundedText out(call.max_text_bytes());
  PrintLine(out, args);
  return FinishText(out);
}

Result<Value> PrintFormattedCall(Call& call, Args args) {
  BoundedText out(call.max_text_bytes());
  PrintFormatted(out, args[0].AsString(), args.subspan(1));
  return FinishText(out);
}

// The text that escapers work on: a single string as it is, anything else as Print gives it.
Result<std::string> EscaperInput(Call& call, Args args) {
  if (args.size() == 1 && args[0].kind() == Kind::kString) return args[0].AsString();
  BoundedText out(call.max_text_bytes());
  for (const Value& arg : args) {
    if (arg.IsMissing()) {
      out.Append("<no value>");
    } else {
      PrintValue(out, arg);
    }
  }
  SEXTANT_ASSIGN(const Value text, FinishText(out));
  return text.AsString();
}

template <std::string (*Escape)(std::string_view)>
Result<Value> EscapeCall(Call& call, Args args) {
  SEXTANT_ASSIGN(const std::string input, EscaperInput(call, args));
  return Value::String(Escape(input));
}

Result<Value> CallFunction(Call& call, Args args) {
  if (args[0].IsNilOrMissing()) return FailCall("call of nil");
  if (args[0].kind() != Kind::kFunction) return FailCall("non-function of type {}", args[0].TypeName());
  const Function& function = args[0].AsFunction();
  const Args rest = args.subspan(1);
  const size_t fixed = function.params.size() - (function.is_variadic ? 1 : 0);
  if (rest.size() < fixed || (!function.is_variadic && rest.size() > fixed)) {
    return FailCall("wrong number of args: got {} want {}", rest.size(), function.params.size());
  }
  return function.body(call, rest);
}

FunctionMap MakeBuiltins() {
  const Param any = Param::Any();
  FunctionMap map;
  map["and"] = {{any, any}, true, LazyOnly};
  map["or"] = {{any, any}, true, LazyOnly};
  map["not"] = {{any}, false, Not};
  map["eq"] = {{any, any}, true, Equal};
  map["ne"] = {{any, any}, false, NotEqual};
  map["lt"] = {{any, any}, false, Less};
  map["le"] = {{any, any}, false, LessOrEqual};
  map["gt"] = {{any, any}, false, Greater};
  map["ge"] = {{any, any}, false, GreaterOrEqual};
  map["len"] = {{any}, false, Length};
  map["index"] = {{any, any}, true, Index};
  map["slice"] = {{any, any}, true, Slice};
  map["print"] = {{any}, true, PrintCall};
  map["println"] = {{any}, true, PrintLineCall};
  map["printf"] = {{Param::String(), any}, true, PrintFormattedCall};
  map["html"] = {{any}, true, EscapeCall<HtmlEscape>};
  map["js"] = {{any}, true, EscapeCall<JsEscape>};
  map["urlquery"] = {{any}, true, EscapeCall<QueryEscape>};
  map["call"] = {{any, any}, true, CallFunction};
  return map;
}

}  // namespace

Result<Value> FinishText(BoundedText& text) {
  if (text.exceeded()) return FailCall("text exceeds {} bytes", text.limit());
  return Value::String(text.Take());
}

const FunctionMap& BuiltinFunctions() {
  static const FunctionMap map = MakeBuiltins();
  return map;
}

std::string HtmlEscape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '\0':
        out += "\xEF\xBF\xBD";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string JsEscape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Rune rune = DecodeRune(text);
    switch (rune.value) {
      case '\\':
        out += "\\\\";
        break;
      case '\'':
        out += "\\'";
        break;
      case '"':
        out += "\\\"";
        break;
      case '<':
        out += "\\u003C";
        break;
      case '>':
        out += "\\u003E";
        break;
      case '&':
        out += "\\u0026";
        break;
      case '=':
        out += "\\u003D";
        break;
      default:
        if (rune.value < ' ') {
          out += fmt::format("\\u{:04X}", static_cast<uint32_t>(rune.value));
        } else if (rune.value < 0x80 || IsPrint(rune.value)) {
          out += text.substr(0, rune.size);
        } else {
          out += fmt::format("\\u{:04X}", static_cast<uint32_t>(rune.value));
        }
    }
    text.remove_prefix(rune.size);
  }
  return out;
}

std::string QueryEscape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace sextant::gotemplate
