#include "gotemplate/alertmanager.h"

#include <algorithm>
#include <array>

#include "core/base64.h"
#include "gotemplate/text_functions.h"
#include "gotemplate/unicode.h"

namespace sextant::gotemplate {
namespace {

using core::Result;
using Args = std::span<const Value>;

constexpr std::string_view kUrlBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

Result<const AlertmanagerEnvironment*> EnvironmentOf(Call& call) {
  const auto* environment = dynamic_cast<const AlertmanagerEnvironment*>(call.environment());
  if (environment == nullptr) return FailCall("not available here");
  return environment;
}

Result<Value> Title(Call&, Args args) { return Value::String(TitleCase(args[0].AsString())); }

Result<Value> Trim(Call&, Args args) { return Value::String(std::string(TrimSpace(args[0].AsString()))); }

Result<Value> Join(Call& call, Args args) {
  BoundedText out(call.max_text_bytes());
  bool first = true;
  for (const Value& item : args[1].AsList().items()) {
    if (out.exceeded()) break;
    if (!first) out.Append(args[0].AsString());
    first = false;
    out.Append(item.AsString());
  }
  return FinishText(out);
}

Result<Value> StringSlice(Call&, Args args) {
  return Value::OfList({args.begin(), args.end()}, kStringListType);
}

Result<Value> Date(Call&, Args args) {
  return Value::String(FormatTime(args[1].AsTime(), args[0].AsString()));
}

Result<Value> InZone(Call&, Args args) {
  SEXTANT_ASSIGN(auto location, LoadLocation(args[0].AsString()));
  Time time = args[1].AsTime();
  time.location = std::move(location);
  return Value::OfTime(std::move(time));
}

Result<Value> Now(Call& call, Args) {
  SEXTANT_ASSIGN(const AlertmanagerEnvironment* environment, EnvironmentOf(call));
  return Value::OfTime(Time::FromUnixMs(environment->now_ms));
}

Result<Value> Since(Call& call, Args args) {
  SEXTANT_ASSIGN(const AlertmanagerEnvironment* environment, EnvironmentOf(call));
  return Value::Duration(SubNanos(Time::FromUnixMs(environment->now_ms), args[0].AsTime()));
}

Result<Value> RouteLabel(Call& call, Args args) {
  SEXTANT_ASSIGN(const AlertmanagerEnvironment* environment, EnvironmentOf(call));
  if (environment->fill_route_label) {
    SEXTANT_ASSIGN(std::string text, environment->fill_route_label(std::string(args[0].AsString())));
    return Value::String(std::move(text));
  }
  const auto found = environment->route_labels.find(args[0].AsString());
  return Value::String(found == environment->route_labels.end() ? "" : found->second);
}

Result<Value> ToJson(Call& call, Args args) {
  BoundedText out(call.max_text_bytes());
  if (!AppendJson(out, args[0])) return FailCall("json: unsupported value");
  return FinishText(out);
}

Result<Value> Dict(Call&, Args args) {
  if (args.size() % 2 != 0) return FailCall("dict requires an even number of arguments");
  Map::Entries entries;
  for (size_t i = 0; i < args.size(); i += 2) {
    if (args[i].kind() != Kind::kString) return FailCall("dict keys must be strings");
    entries.insert_or_assign(args[i].AsString(), args[i + 1]);
  }
  return Value::OfMap(std::move(entries));
}

Result<Value> MakeList(Call&, Args args) { return Value::OfList({args.begin(), args.end()}); }

Result<Value> Append(Call&, Args args) {
  if (args[0].kind() != Kind::kList)
    return FailCall("wrong type for value; expected []interface {{}}; got {}", args[0].TypeName());
  std::vector<Value> items = args[0].AsList().items();
  items.insert(items.end(), args.begin() + 1, args.end());
  return Value::OfList(std::move(items));
}

Result<Value> Base64Encode(Call&, Args args) {
  std::string out = core::EncodeBase64(args[0].AsString());
  std::ranges::replace(out, '+', '-');
  std::ranges::replace(out, '/', '_');
  return Value::String(std::move(out));
}

Result<Value> Base64Decode(Call&, Args args) {
  const std::string& text = args[0].AsString();
  const auto fail = [](size_t at) { return FailCall("illegal base64 data at input byte {}", at); };
  if (text.size() % 4 != 0) return fail(text.size());
  std::string out;
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t group = 0;
    size_t count = 0;
    for (size_t j = 0; j < 4; ++j) {
      const size_t digit = kUrlBase64.find(text[i + j]);
      const bool is_padding = text[i + j] == '=' && j >= 2 && i + 4 == text.size();
      if (digit == std::string_view::npos ? !is_padding : count != j) return fail(i + j);
      group = group << 6 | (is_padding ? 0u : static_cast<uint32_t>(digit));
      if (!is_padding) ++count;
    }
    for (size_t j = 1; j < count; ++j) out += static_cast<char>(group >> (24 - 8 * j) & 0xFF);
  }
  return Value::String(std::move(out));
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// net/url.QueryUnescape.
Result<Value> UrlUnescape(Call&, Args args) {
  const std::string& text = args[0].AsString();
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) return FailCall("invalid URL escape {}", Quote(text.substr(i, 3)));
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return Value::String(std::move(out));
}

Result<Value> ToDate(Call&, Args args) {
  return Value::OfTime(ParseTime(args[0].AsString(), args[1].AsString()).value_or(Time()));
}

Result<Value> MustToDate(Call&, Args args) {
  SEXTANT_ASSIGN(Time time, ParseTime(args[0].AsString(), args[1].AsString()));
  return Value::OfTime(std::move(time));
}

FunctionMap MakeFunctions() {
  const Param any = Param::Any();
  const Param text = Param::String();
  FunctionMap map;
  map["toUpper"] = ToUpperFunction();
  map["toLower"] = ToLowerFunction();
  map["title"] = {{text}, false, Title};
  map["trimSpace"] = {{text}, false, Trim};
  map["join"] = {{text, Param::Strings()}, false, Join};
  map["match"] = MatchFunction();
  map["safeHtml"] = SafeHtmlFunction();
  map["safeUrl"] = SafeUrlFunction();
  map["urlUnescape"] = {{text}, false, UrlUnescape};
  map["reReplaceAll"] = ReReplaceAllFunction();
  map["stringSlice"] = {{text}, true, StringSlice};
  map["date"] = {{text, Param::OfTime()}, false, Date};
  map["tz"] = {{text, Param::OfTime()}, false, InZone};
  map["now"] = {{}, false, Now};
  map["since"] = {{Param::OfTime()}, false, Since};
  map["humanizeDuration"] = HumanizeDurationFunction();
  map["toJson"] = {{any}, false, ToJson};
  map["dict"] = {{any}, true, Dict};
  map["list"] = {{any}, true, MakeList};
  map["append"] = {{any, any}, true, Append};
  map["base64encode"] = {{text}, false, Base64Encode};
  map["base64decode"] = {{text}, false, Base64Decode};
  map["toDate"] = {{text, text}, false, ToDate};
  map["mustToDate"] = {{text, text}, false, MustToDate};
  map["routeLabels"] = {{text}, false, RouteLabel};
  return map;
}

}  // namespace

std::shared_ptr<const FunctionMap> AlertmanagerFunctions() {
  static const auto map = std::make_shared<const FunctionMap>(MakeFunctions());
  return map;
}

}  // namespace sextant::gotemplate
