#include "gotemplate/html_escapers.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "gotemplate/call.h"
#include "gotemplate/css_text.h"
#include "gotemplate/format.h"
#include "gotemplate/html_context.h"
#include "gotemplate/unicode.h"

namespace sextant::gotemplate {
namespace {

using core::Result;
using Args = std::span<const Value>;

constexpr std::string_view kHtmlSpace = " \t\n\f\r";

// --- values as text ---

struct Shown {
  std::string text;
  TextType type = TextType::kPlain;
};

Result<Shown> Show(const Call& call, Args args) {
  if (args.size() == 1 && args[0].kind() == Kind::kString)
    return Shown{args[0].AsString(), args[0].text_type()};
  std::vector<Value> there;
  for (const Value& arg : args) {
    if (!arg.IsNilOrMissing()) there.push_back(arg);
  }
  BoundedText out(call.max_text_bytes());
  Print(out, there);
  SEXTANT_ASSIGN(const Value text, FinishText(out));
  return Shown{text.AsString()};
}

// Replacements by character; null: stays as it is.
using Replace = const char* (*)(char32_t rune);

std::string Replaced(std::string_view text, Replace replace) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const Rune rune = DecodeRune(text.substr(i));
    const char* replacement = rune.valid ? replace(rune.value) : nullptr;
    if (replacement != nullptr) {
      out += replacement;
    } else {
      out += text.substr(i, rune.size);
    }
    i += rune.size;
  }
  return out;
}

// --- HTML ---

const char* HtmlNorm(char32_t rune) {
  switch (rune) {
    case 0:
      return "\uFFFD";
    case '"':
      return "&#34;";
    case '\'':
      return "&#39;";
    case '+':
      return "&#43;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    default:
      return nullptr;
  }
}

const char* Html(char32_t rune) { return rune == '&' ? "&amp;" : HtmlNorm(rune); }

const char* NoSpaceNorm(char32_t rune) {
  switch (rune) {
    case 0:
      return "&#xfffd;";
    case '\t':
      return "&#9;";
    case '\n':
      return "&#10;";
    case '\v':
      return "&#11;";
    case '\f':
      return "&#12;";
    case '\r':
      return "&#13;";
    case ' ':
      return "&#32;";
    case '=':
      return "&#61;";
    case '`':
      return "&#96;";
    default:
      return HtmlNorm(rune);
  }
}

const char* NoSpace(char32_t rune) { return rune == '&' ? "&amp;" : NoSpaceNorm(rune); }

// The text of an HTML value without its tags, for attributes.
std::string StripTags(std::string_view html) {
  std::string out;
  HtmlContext c;
  for (size_t i = 0; i < html.size();) {
    if (c.delim != HtmlDelim::kNone || c.state == HtmlState::kError) break;
    HtmlStep step = ContextAfterText(c, html.substr(i));
    size_t end = i + step.size;
    if (c.state == HtmlState::kText || c.state == HtmlState::kRcdata) {
      if (step.context.state != c.state) {
        const size_t bracket = html.substr(0, end).rfind('<');
        if (bracket != std::string_view::npos && bracket >= i) end = bracket;
      }
      out += html.substr(i, end - i);
    } else if (step.context.delim != HtmlDelim::kNone) {
      // Skip the attribute's value.
      const std::string_view ends = step.context.delim == HtmlDelim::kDoubleQuote   ? "\""
                                    : step.context.delim == HtmlDelim::kSingleQuote ? "'"
                                                                                    : " \t\n\f\r>";
      const size_t found = std::min(html.find_first_of(ends, i + step.size), html.size());
      i = std::min(found + (ends.size() == 1 ? 1 : 0), html.size());
      c = {.state = HtmlState::kTag, .element = step.context.element};
      continue;
    }
    if (step.size == 0 && step.context == c) break;
    i += step.size;
    c = std::move(step.context);
  }
  return out;
}

Result<std::string> EscapeHtml(const Shown& shown) {
  return shown.type == TextType::kHtml ? shown.text : Replaced(shown.text, Html);
}
Result<std::string> EscapeAttr(const Shown& shown) {
  return shown.type == TextType::kHtml ? Replaced(StripTags(shown.text), HtmlNorm)
                                       : Replaced(shown.text, Html);
}
Result<std::string> EscapeRcdata(const Shown& shown) {
  return Replaced(shown.text, shown.type == TextType::kHtml ? HtmlNorm : Html);
}
Result<std::string> EscapeNoSpace(const Shown& shown) {
  if (shown.text.empty()) return std::string(kHarmless);
  return shown.type == TextType::kHtml ? Replaced(StripTags(shown.text), NoSpaceNorm)
                                       : Replaced(shown.text, NoSpace);
}
Result<std::string> EscapeComment(const Shown&) { return std::string(); }

Result<std::string> FilterName(const Shown& shown) {
  std::string name = shown.text;
  for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  const auto is_bad = [](char c) { return !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')); };
  if (name.empty() || ContentOfAttr(name) != AttrContent::kPlain || std::ranges::any_of(name, is_bad))
    return std::string(kHarmless);
  return name;
}

// --- URLs ---

bool IsHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

void AppendUrl(std::string& out, std::string_view url, bool is_normalized) {
  for (size_t i = 0; i < url.size(); ++i) {
    const char c = url[i];
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          std::string_view("-._~").find(c) != std::string_view::npos;
    const bool is_reserved = std::string_view("!#$&*+,/:;=?@[]").find(c) != std::string_view::npos;
    const bool is_escape = c == '%' && i + 2 < url.size() && IsHex(url[i + 1]) && IsHex(url[i + 2]);
    if (is_plain || (is_normalized && (is_reserved || is_escape))) {
      out += c;
    } else {
      out += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
  }
}

bool IsSafeUrl(std::string_view url) {
  const size_t colon = url.find(':');
  if (colon == std::string_view::npos || url.substr(0, colon).find('/') != std::string_view::npos)
    return true;
  const std::string protocol = ToLower(url.substr(0, colon));
  return protocol == "http" || protocol == "https" || protocol == "mailto";
}

Result<std::string> FilterUrl(const Shown& shown) {
  if (shown.type == TextType::kUrl || IsSafeUrl(shown.text)) return shown.text;
  return "#" + std::string(kHarmless);
}
Result<std::string> EscapeUrl(const Shown& shown) {
  std::string out;
  AppendUrl(out, shown.text, shown.type == TextType::kUrl);
  return out;
}
Result<std::string> NormalizeUrl(const Shown& shown) {
  std::string out;
  AppendUrl(out, shown.text, true);
  return out;
}

// One of a srcset's images: an address and what follows it.
void AppendSource(std::string& out, std::string_view source) {
  const size_t start = std::min(source.find_first_not_of(kHtmlSpace), source.size());
  const size_t end = std::min(source.find_first_of(kHtmlSpace, start), source.size());
  const std::string_view url = source.substr(start, end - start);
  const auto is_plain = [](char c) {
    return kHtmlSpace.find(c) != std::string_view::npos || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
  };
  if (!IsSafeUrl(url) || !std::ranges::all_of(source.substr(end), is_plain)) {
    out += "#" + std::string(kHarmless);
    return;
  }
  out += source.substr(0, start);
  AppendUrl(out, url, true);
  out += source.substr(end);
}

Result<std::string> EscapeSrcset(const Shown& shown) {
  std::string out;
  if (shown.type == TextType::kUrl) {
    AppendUrl(out, shown.text, true);
    for (size_t at = out.find(','); at != std::string::npos; at = out.find(',', at))
      out.replace(at, 1, "%2c");
    return out;
  }
  std::string_view rest = shown.text;
  while (true) {
    const size_t comma = std::min(rest.find(','), rest.size());
    AppendSource(out, rest.substr(0, comma));
    if (comma == rest.size()) return out;
    out += ',';
    rest.remove_prefix(comma + 1);
  }
}

// --- style sheets ---

Result<std::string> EscapeCss(const Shown& shown) {
  std::string out;
  bool was_escape = false;
  for (const char c : shown.text) {
    // A digit or a space would continue the escape.
    if (was_escape && (IsHex(c) || kHtmlSpace.find(c) != std::string_view::npos)) out += ' ';
    was_escape = false;
    if (c == '\\') {
      out += "\\\\";
    } else if (std::string_view("\0\t\n\f\r\"&'()+/:;<>{}", 18).find(c) != std::string_view::npos) {
      out += fmt::format("\\{:x}", static_cast<unsigned char>(c));
      was_escape = true;
    } else {
      out += c;
    }
  }
  if (was_escape) out += ' ';
  return out;
}

Result<std::string> FilterCssValue(const Shown& shown) {
  std::string value = DecodeCss(shown.text);
  std::string name;
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (std::string_view("\0\"'()/;@[\\]`{}<>", 16).find(c) != std::string_view::npos)
      return std::string(kHarmless);
    if (c == '-' && i > 0 && value[i - 1] == '-') return std::string(kHarmless);
    if (IsCssNameChar(c) && static_cast<unsigned char>(c) < 0x80)
      name += static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  }
  // Scripts in style sheets, of browsers long gone.
  if (name.find("expression") != std::string::npos || name.find("mozbinding") != std::string::npos)
    return std::string(kHarmless);
  return value;
}

// --- scripts ---

const char* JsString(char32_t rune) {
  switch (rune) {
    case 0:
      return "\\u0000";
    case '\t':
      return "\\t";
    case '\n':
      return "\\n";
    case '\v':
      return "\\u000b";
    case '\f':
      return "\\f";
    case '\r':
      return "\\r";
    case '"':
      return "\\u0022";
    case '`':
      return "\\u0060";
    case '&':
      return "\\u0026";
    case '\'':
      return "\\u0027";
    case '+':
      return "\\u002b";
    case '/':
      return "\\/";
    case '<':
      return "\\u003c";
    case '>':
      return "\\u003e";
    case '\\':
      return "\\\\";
    case 0x2028:
      return "\\u2028";
    case 0x2029:
      return "\\u2029";
    default:
      return nullptr;
  }
}

const char* JsTemplate(char32_t rune) {
  switch (rune) {
    case '$':
      return "\\u0024";
    case '{':
      return "\\u007b";
    case '}':
      return "\\u007d";
    default:
      return JsString(rune);
  }
}

const char* JsRegexp(char32_t rune) {
  switch (rune) {
    case '$':
      return "\\$";
    case '(':
      return "\\(";
    case ')':
      return "\\)";
    case '*':
      return "\\*";
    case '-':
      return "\\-";
    case '.':
      return "\\.";
    case '?':
      return "\\?";
    case '[':
      return "\\[";
    case ']':
      return "\\]";
    case '^':
      return "\\^";
    case '{':
      return "\\{";
    case '|':
      return "\\|";
    case '}':
      return "\\}";
    case '`':
      return nullptr;
    default:
      return JsString(rune);
  }
}

Result<std::string> EscapeJsString(const Shown& shown) { return Replaced(shown.text, JsString); }
Result<std::string> EscapeJsTemplate(const Shown& shown) { return Replaced(shown.text, JsTemplate); }
Result<std::string> EscapeJsRegexp(const Shown& shown) {
  std::string out = Replaced(shown.text, JsRegexp);
  return out.empty() ? "(?:)" : out;
}

// The value's own text if it has one, as JSON would have it.
Value ForScript(const Value& value) {
  const Type* type = value.type();
  if (type != nullptr && type->to_string != nullptr) return Value::String(type->to_string(value));
  return value;
}

Result<Value> EscapeJsValue(Call& call, Args args) {
  BoundedText json(call.max_text_bytes());
  bool is_written = false;
  if (args.size() == 1) {
    is_written = AppendJson(json, ForScript(args[0]));
  } else {
    SEXTANT_ASSIGN(const Shown shown, Show(call, args));
    is_written = AppendJson(json, Value::String(shown.text));
  }
  if (!is_written) return Value::String(" /* json: unsupported value */null ");
  SEXTANT_ASSIGN(const Value text, FinishText(json));
  const std::string& out = text.AsString();
  // Names and numbers must not run into words like "in".
  const auto is_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '$' || c == '_';
  };
  if (out.empty()) return Value::String(" null ");
  const bool needs_space = is_word(out.front()) || is_word(out.back());
  return Value::String(needs_space ? " " + out + " " : out);
}

Function Escaper(Result<std::string> (*escape)(const Shown& shown)) {
  return {{Param::Any()}, true, [escape](Call& call, Args args) -> Result<Value> {
            SEXTANT_ASSIGN(const Shown shown, Show(call, args));
            SEXTANT_ASSIGN(std::string text, escape(shown));
            BoundedText out(call.max_text_bytes());
            out.Append(text);
            return FinishText(out);
          }};
}

FunctionMap MakeEscapers() {
  FunctionMap map;
  map["_html_template_attrescaper"] = Escaper(EscapeAttr);
  map["_html_template_commentescaper"] = Escaper(EscapeComment);
  map["_html_template_cssescaper"] = Escaper(EscapeCss);
  map["_html_template_cssvaluefilter"] = Escaper(FilterCssValue);
  map["_html_template_htmlnamefilter"] = Escaper(FilterName);
  map["_html_template_htmlescaper"] = Escaper(EscapeHtml);
  map["_html_template_jsregexpescaper"] = Escaper(EscapeJsRegexp);
  map["_html_template_jsstrescaper"] = Escaper(EscapeJsString);
  map["_html_template_jstmpllitescaper"] = Escaper(EscapeJsTemplate);
  map["_html_template_jsvalescaper"] = {{Param::Any()}, true, EscapeJsValue};
  map["_html_template_nospaceescaper"] = Escaper(EscapeNoSpace);
  map["_html_template_rcdataescaper"] = Escaper(EscapeRcdata);
  map["_html_template_srcsetescaper"] = Escaper(EscapeSrcset);
  map["_html_template_urlescaper"] = Escaper(EscapeUrl);
  map["_html_template_urlfilter"] = Escaper(FilterUrl);
  map["_html_template_urlnormalizer"] = Escaper(NormalizeUrl);
  map["_eval_args_"] = Escaper([](const Shown& shown) -> Result<std::string> { return shown.text; });
  return map;
}

}  // namespace

const FunctionMap& HtmlEscapers() {
  static const FunctionMap kEscapers = MakeEscapers();
  return kEscapers;
}

}  // namespace sextant::gotemplate
