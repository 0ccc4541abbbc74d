#include "gotemplate/html_context.h"

#include <fmt/format.h>

#include <algorithm>

#include "gotemplate/css_text.h"
#include "gotemplate/unicode.h"

namespace sextant::gotemplate {
namespace {

constexpr std::string_view kHtmlSpace = " \t\n\f\r";

bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsAlnum(char c) { return IsAlpha(c) || (c >= '0' && c <= '9'); }

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  return out;
}

bool StartsWithIgnoringCase(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && Lower(text.substr(0, lower.size())) == lower;
}

HtmlStep ErrorStep(std::string message, std::string_view text) {
  return {HtmlContext::Error(std::move(message)), text.size()};
}

size_t SkipSpace(std::string_view text, size_t i) {
  return std::min(text.find_first_not_of(kHtmlSpace, i), text.size());
}

std::string_view TagOf(HtmlElement element) {
  switch (element) {
    case HtmlElement::kScript:
      return "script";
    case HtmlElement::kStyle:
      return "style";
    case HtmlElement::kTextarea:
      return "textarea";
    case HtmlElement::kTitle:
      return "title";
    default:
      return "";
  }
}

HtmlElement ElementOf(std::string_view name) {
  for (const HtmlElement element :
       {HtmlElement::kScript, HtmlElement::kStyle, HtmlElement::kTextarea, HtmlElement::kTitle}) {
    if (TagOf(element) == name) return element;
  }
  return HtmlElement::kNone;
}

HtmlState ContentOf(HtmlElement element) {
  switch (element) {
    case HtmlElement::kScript:
      return HtmlState::kJs;
    case HtmlElement::kStyle:
      return HtmlState::kCss;
    case HtmlElement::kTextarea:
    case HtmlElement::kTitle:
      return HtmlState::kRcdata;
    default:
      return HtmlState::kText;
  }
}

HtmlState StartOf(HtmlAttr attr) {
  switch (attr) {
    case HtmlAttr::kScript:
      return HtmlState::kJs;
    case HtmlAttr::kStyle:
      return HtmlState::kCss;
    case HtmlAttr::kUrl:
      return HtmlState::kUrl;
    case HtmlAttr::kSrcset:
      return HtmlState::kSrcset;
    default:
      return HtmlState::kAttr;
  }
}

// --- text and tags ---

struct TagName {
  size_t end;
  HtmlElement element;
};
TagName EatTagName(std::string_view s, size_t i) {
  if (i == s.size() || !IsAlpha(s[i])) return {i, HtmlElement::kNone};
  size_t j = i + 1;
  while (j < s.size()) {
    if (IsAlnum(s[j])) {
      ++j;
    } else if ((s[j] == ':' || s[j] == '-') && j + 1 < s.size() && IsAlnum(s[j + 1])) {
      j += 2;
    } else {
      break;
    }
  }
  return {j, ElementOf(Lower(s.substr(i, j - i)))};
}

HtmlStep AfterText(HtmlContext c, std::string_view s) {
  size_t k = 0;
  while (true) {
    size_t i = s.find('<', k);
    if (i == std::string_view::npos || i + 1 == s.size()) return {std::move(c), s.size()};
    if (s.substr(i, 4) == "<!--") return {{.state = HtmlState::kHtmlComment}, i + 4};
    ++i;
    const bool is_end = s[i] == '/';
    if (is_end && ++i == s.size()) return {std::move(c), s.size()};
    const TagName tag = EatTagName(s, i);
    if (tag.end != i) {
      return {{.state = HtmlState::kTag, .element = is_end ? HtmlElement::kNone : tag.element}, tag.end};
    }
    k = tag.end;
  }
}

// The end of an attribute's name, or npos with a reason.
size_t EatAttrName(std::string_view s, size_t i, std::string& error) {
  for (size_t j = i; j < s.size(); ++j) {
    if (kHtmlSpace.find(s[j]) != std::string_view::npos || s[j] == '=' || s[j] == '>') return j;
    if (s[j] == '\'' || s[j] == '"' || s[j] == '<') {
      error = fmt::format("{} in attribute name: {}", Quote(s.substr(j, 1)), Quote(s.substr(0, 32)));
      return std::string_view::npos;
    }
  }
  return s.size();
}

HtmlAttr AttrOf(HtmlElement element, std::string_view name) {
  if (element == HtmlElement::kScript && name == "type") return HtmlAttr::kScriptType;
  switch (ContentOfAttr(name)) {
    case AttrContent::kUrl:
      return HtmlAttr::kUrl;
    case AttrContent::kCss:
      return HtmlAttr::kStyle;
    case AttrContent::kJs:
      return HtmlAttr::kScript;
    case AttrContent::kSrcset:
      return HtmlAttr::kSrcset;
    default:
      return HtmlAttr::kNone;
  }
}

HtmlStep AfterTag(HtmlContext c, std::string_view s) {
  const size_t i = SkipSpace(s, 0);
  if (i == s.size()) return {std::move(c), s.size()};
  if (s[i] == '>') return {{.state = ContentOf(c.element), .element = c.element}, i + 1};
  std::string error;
  const size_t j = EatAttrName(s, i, error);
  if (j == std::string_view::npos) return ErrorStep(std::move(error), s);
  if (i == j) {
    return ErrorStep(fmt::format("expected space, attr name, or end of tag, but got {}", Quote(s.substr(i))),
                     s);
  }
  return {{.state = j == s.size() ? HtmlState::kAttrName : HtmlState::kAfterName,
           .attr = AttrOf(c.element, Lower(s.substr(i, j - i))),
           .element = c.element},
          j};
}

HtmlStep AfterAttrName(HtmlContext c, std::string_view s) {
  std::string error;
  const size_t i = EatAttrName(s, 0, error);
  if (i == std::string_view::npos) return ErrorStep(std::move(error), s);
  if (i != s.size()) c.state = HtmlState::kAfterName;
  return {std::move(c), i};
}

HtmlStep AfterName(HtmlContext c, std::string_view s) {
  const size_t i = SkipSpace(s, 0);
  if (i == s.size()) return {std::move(c), s.size()};
  if (s[i] != '=') {
    c.state = HtmlState::kTag;  // an attribute without a value
    return {std::move(c), i};
  }
  c.state = HtmlState::kBeforeValue;
  return {std::move(c), i + 1};
}

HtmlStep BeforeValue(HtmlContext c, std::string_view s) {
  size_t i = SkipSpace(s, 0);
  if (i == s.size()) return {std::move(c), s.size()};
  c.delim = HtmlDelim::kSpaceOrTagEnd;
  if (s[i] == '\'' || s[i] == '"') {
    c.delim = s[i] == '"' ? HtmlDelim::kDoubleQuote : HtmlDelim::kSingleQuote;
    ++i;
  }
  c.state = StartOf(c.attr);
  return {std::move(c), i};
}

HtmlStep InUrl(HtmlContext c, std::string_view s) {
  if (s.find_first_of("#?") != std::string_view::npos) {
    c.url_part = UrlPart::kQueryOrFragment;
  } else if (SkipSpace(s, 0) != s.size() && c.url_part == UrlPart::kNone) {
    c.url_part = UrlPart::kPreQuery;
  }
  return {std::move(c), s.size()};
}

// --- scripts ---

bool IsIdentPart(char c) {
  return IsAlnum(c) || c == '$' || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

// What a slash after `s` would begin.
JsSlash NextSlash(std::string_view s, JsSlash preceding) {
  while (!s.empty()) {
    if (kHtmlSpace.find(s.back()) != std::string_view::npos) {
      s.remove_suffix(1);
    } else if (s.ends_with("\u2028") || s.ends_with("\u2029")) {
      s.remove_suffix(3);
    } else {
      break;
    }
  }
  if (s.empty()) return preceding;
  const char c = s.back();
  if (c == '+' || c == '-') {
    // "x++ /" divides, "x + /" does not.
    size_t start = s.size() - 1;
    while (start > 0 && s[start - 1] == c) --start;
    return (s.size() - start) % 2 == 1 ? JsSlash::kRegexp : JsSlash::kDivision;
  }
  if (c == '.') {
    return s.size() > 1 && s[s.size() - 2] >= '0' && s[s.size() - 2] <= '9' ? JsSlash::kDivision
                                                                            : JsSlash::kRegexp;
  }
  if (std::string_view(",<>=*%&|^?!~([:;{}").find(c) != std::string_view::npos) return JsSlash::kRegexp;
  size_t j = s.size();
  while (j > 0 && IsIdentPart(s[j - 1])) --j;
  for (const std::string_view keyword : {"break", "case", "continue", "delete", "do", "else", "finally", "in",
                                         "instanceof", "return", "throw", "try", "typeof", "void"}) {
    if (s.substr(j) == keyword) return JsSlash::kRegexp;
  }
  return JsSlash::kDivision;
}

HtmlStep InJs(HtmlContext c, std::string_view s) {
  size_t i = s.find_first_of("\"`'/{}<-#");
  if (i == std::string_view::npos) {
    c.js_slash = NextSlash(s, c.js_slash);
    return {std::move(c), s.size()};
  }
  c.js_slash = NextSlash(s.substr(0, i), c.js_slash);
  const auto begin = [&](HtmlState state) {
    c.state = state;
    c.js_slash = JsSlash::kRegexp;
  };
  switch (s[i]) {
    case '"':
      begin(HtmlState::kJsDoubleQuoted);
      break;
    case '\'':
      begin(HtmlState::kJsSingleQuoted);
      break;
    case '`':
      begin(HtmlState::kJsTemplate);
      break;
    case '/':
      if (s.substr(i, 2) == "//" || s.substr(i, 2) == "/*") {
        c.state = s[i + 1] == '/' ? HtmlState::kJsLineComment : HtmlState::kJsBlockComment;
        ++i;
      } else if (c.js_slash == JsSlash::kRegexp) {
        c.state = HtmlState::kJsRegexp;
      } else if (c.js_slash == JsSlash::kDivision) {
        c.js_slash = JsSlash::kRegexp;
      } else {
        return ErrorStep(fmt::format("'/' could start a division or regexp: {}", Quote(s.substr(i, 32))), s);
      }
      break;
    case '<':
      if (s.substr(i, 4) == "<!--") {
        c.state = HtmlState::kJsHtmlOpenComment;
        i += 3;
      }
      break;
    case '-':
      if (s.substr(i, 3) == "-->") {
        c.state = HtmlState::kJsHtmlCloseComment;
        i += 2;
      }
      break;
    case '#':
      if (s.substr(i, 2) == "#!") {
        c.state = HtmlState::kJsLineComment;
        ++i;
      }
      break;
    case '{':
      if (!c.js_brace_depth.empty()) ++c.js_brace_depth.back();
      break;
    default:  // '}'
      if (!c.js_brace_depth.empty() && --c.js_brace_depth.back() < 0) {
        c.js_brace_depth.pop_back();
        c.state = HtmlState::kJsTemplate;
      }
  }
  return {std::move(c), i + 1};
}

HtmlStep InJsTemplate(HtmlContext c, std::string_view s) {
  size_t k = 0;
  while (true) {
    const size_t i = s.find_first_of("`\\$", k);
    if (i == std::string_view::npos) return {std::move(c), s.size()};
    if (s[i] == '`') {
      c.state = HtmlState::kJs;
      return {std::move(c), i + 1};
    }
    if (s.substr(i, 2) == "${") {
      c.js_brace_depth.push_back(0);
      c.state = HtmlState::kJs;
      return {std::move(c), i + 2};
    }
    if (s[i] == '\\' && i + 1 == s.size())
      return ErrorStep(fmt::format("unfinished escape sequence in JS string: {}", Quote(s)), s);
    k = i + (s[i] == '\\' ? 2 : 1);
  }
}

HtmlStep InJsDelimited(HtmlContext c, std::string_view s) {
  const std::string_view specials = c.state == HtmlState::kJsDoubleQuoted   ? "\\\""
                                    : c.state == HtmlState::kJsSingleQuoted ? "\\'"
                                                                            : "\\/[]";
  size_t k = 0;
  bool in_charset = false;
  while (true) {
    size_t i = s.find_first_of(specials, k);
    if (i == std::string_view::npos) break;
    if (s[i] == '\\') {
      if (++i == s.size())
        return ErrorStep(fmt::format("unfinished escape sequence in JS string: {}", Quote(s)), s);
    } else if (s[i] == '[') {
      in_charset = true;
    } else if (s[i] == ']') {
      in_charset = false;
    } else if (s[i] == '/' && i > 0 && StartsWithIgnoringCase(s.substr(i - 1), "</script")) {
      ++i;  // does not end the expression; it is escaped later
    } else if (!in_charset) {
      c.state = HtmlState::kJs;
      c.js_slash = JsSlash::kDivision;
      return {std::move(c), i + 1};
    }
    k = i + 1;
  }
  if (in_charset) return ErrorStep(fmt::format("unfinished JS regexp charset: {}", Quote(s)), s);
  return {std::move(c), s.size()};
}

HtmlStep InBlockComment(HtmlContext c, std::string_view s) {
  const size_t i = s.find("*/");
  if (i == std::string_view::npos) return {std::move(c), s.size()};
  c.state = c.state == HtmlState::kJsBlockComment ? HtmlState::kJs : HtmlState::kCss;
  return {std::move(c), i + 2};
}

HtmlStep InLineComment(HtmlContext c, std::string_view s) {
  const bool is_css = c.state == HtmlState::kCssLineComment;
  size_t i = s.find_first_of(is_css ? "\n\f\r" : "\n\r");
  if (!is_css) i = std::min({i, s.find("\u2028"), s.find("\u2029")});
  if (i == std::string_view::npos) return {std::move(c), s.size()};
  c.state = is_css ? HtmlState::kCss : HtmlState::kJs;
  return {std::move(c), i};
}

// --- style sheets ---

HtmlStep InCss(HtmlContext c, std::string_view s) {
  size_t k = 0;
  while (true) {
    const size_t i = s.find_first_of("(\"'/", k);
    if (i == std::string_view::npos) return {std::move(c), s.size()};
    if (s[i] == '(') {
      const std::string_view before = s.substr(0, s.find_last_not_of(kHtmlSpace, i == 0 ? 0 : i - 1) + 1);
      if (i > 0 && EndsWithCssKeyword(before, "url")) {
        size_t j = SkipSpace(s, i + 1);
        c.state = HtmlState::kCssUrl;
        if (j != s.size() && (s[j] == '"' || s[j] == '\'')) {
          c.state = s[j] == '"' ? HtmlState::kCssDoubleQuotedUrl : HtmlState::kCssSingleQuotedUrl;
          ++j;
        }
        return {std::move(c), j};
      }
    } else if (s[i] == '/') {
      if (s.substr(i, 2) == "//" || s.substr(i, 2) == "/*") {
        c.state = s[i + 1] == '/' ? HtmlState::kCssLineComment : HtmlState::kCssBlockComment;
        return {std::move(c), i + 2};
      }
    } else {
      c.state = s[i] == '"' ? HtmlState::kCssDoubleQuoted : HtmlState::kCssSingleQuoted;
      return {std::move(c), i + 1};
    }
    k = i + 1;
  }
}

HtmlStep InCssString(HtmlContext c, std::string_view s) {
  std::string_view specials = "\\\t\n\f\r )";
  if (c.state == HtmlState::kCssDoubleQuoted || c.state == HtmlState::kCssDoubleQuotedUrl) specials = "\\\"";
  if (c.state == HtmlState::kCssSingleQuoted || c.state == HtmlState::kCssSingleQuotedUrl) specials = "\\'";
  size_t k = 0;
  while (true) {
    size_t i = s.find_first_of(specials, k);
    if (i == std::string_view::npos) {
      return {InUrl(std::move(c), DecodeCss(s.substr(k))).context, s.size()};
    }
    if (s[i] != '\\') {
      c.state = HtmlState::kCss;
      return {std::move(c), i + 1};
    }
    if (++i == s.size())
      return ErrorStep(fmt::format("unfinished escape sequence in CSS string: {}", Quote(s)), s);
    c = InUrl(std::move(c), DecodeCss(s.substr(0, i + 1))).context;
    k = i + 1;
  }
}

HtmlStep Transition(HtmlContext c, std::string_view s) {
  switch (c.state) {
    case HtmlState::kText:
      return AfterText(std::move(c), s);
    case HtmlState::kTag:
      return AfterTag(std::move(c), s);
    case HtmlState::kAttrName:
      return AfterAttrName(std::move(c), s);
    case HtmlState::kAfterName:
      return AfterName(std::move(c), s);
    case HtmlState::kBeforeValue:
      return BeforeValue(std::move(c), s);
    case HtmlState::kHtmlComment: {
      const size_t i = s.find("-->");
      if (i != std::string_view::npos) return {{}, i + 3};
      return {std::move(c), s.size()};
    }
    case HtmlState::kUrl:
      return InUrl(std::move(c), s);
    case HtmlState::kJs:
      return InJs(std::move(c), s);
    case HtmlState::kJsTemplate:
      return InJsTemplate(std::move(c), s);
    case HtmlState::kJsDoubleQuoted:
    case HtmlState::kJsSingleQuoted:
    case HtmlState::kJsRegexp:
      return InJsDelimited(std::move(c), s);
    case HtmlState::kJsBlockComment:
    case HtmlState::kCssBlockComment:
      return InBlockComment(std::move(c), s);
    case HtmlState::kJsLineComment:
    case HtmlState::kJsHtmlOpenComment:
    case HtmlState::kJsHtmlCloseComment:
    case HtmlState::kCssLineComment:
      return InLineComment(std::move(c), s);
    case HtmlState::kCss:
      return InCss(std::move(c), s);
    case HtmlState::kCssDoubleQuoted:
    case HtmlState::kCssSingleQuoted:
    case HtmlState::kCssDoubleQuotedUrl:
    case HtmlState::kCssSingleQuotedUrl:
    case HtmlState::kCssUrl:
      return InCssString(std::move(c), s);
    case HtmlState::kRcdata:
    case HtmlState::kAttr:
    case HtmlState::kSrcset:
    case HtmlState::kError:
    case HtmlState::kDead:
      break;
  }
  return {std::move(c), s.size()};
}

// Where "</element" stands that ends a script, a style sheet and the like; npos: nowhere.
size_t SpecialEnd(const HtmlContext& c, std::string_view s) {
  if (c.element == HtmlElement::kNone) return std::string_view::npos;
  // Ends inside literals are escaped, not obeyed.
  if (c.element == HtmlElement::kScript && (IsInScriptLiteral(c.state) || IsComment(c.state)))
    return std::string_view::npos;
  const std::string end = fmt::format("</{}", TagOf(c.element));
  for (size_t i = s.find("</"); i != std::string_view::npos; i = s.find("</", i + 1)) {
    const std::string_view rest = s.substr(i);
    if (!StartsWithIgnoringCase(rest, end)) continue;
    if (rest.size() == end.size() ||
        std::string_view("> \t\n\f/").find(rest[end.size()]) != std::string_view::npos) {
      return i;
    }
  }
  return std::string_view::npos;
}

// The entities that a person writes in an attribute.
std::string Unescaped(std::string_view s) {
  static constexpr std::pair<std::string_view, std::string_view> kEntities[] = {
      {"&amp;", "&"}, {"&lt;", "<"},   {"&gt;", ">"},    {"&quot;", "\""}, {"&apos;", "'"},
      {"&#39;", "'"}, {"&#34;", "\""}, {"&#x27;", "'"},  {"&#x22;", "\""}, {"&colon;", ":"},
      {"&sol;", "/"}, {"&num;", "#"},  {"&quest;", "?"}, {"&lpar;", "("},  {"&rpar;", ")"}};
  std::string out;
  for (size_t i = 0; i < s.size();) {
    const auto* found = std::find_if(std::begin(kEntities), std::end(kEntities),
                                     [&](const auto& e) { return s.substr(i).starts_with(e.first); });
    if (s[i] == '&' && found != std::end(kEntities)) {
      out += found->second;
      i += found->first.size();
    } else {
      out += s[i++];
    }
  }
  return out;
}

bool IsScriptType(std::string_view type) {
  std::string name = Lower(type.substr(0, type.find(';')));
  name = std::string(TrimSpace(name));
  for (const std::string_view known :
       {"application/ecmascript", "application/javascript", "application/json", "application/ld+json",
        "application/x-ecmascript", "application/x-javascript", "module", "text/ecmascript",
        "text/javascript", "text/javascript1.0", "text/javascript1.1", "text/javascript1.2",
        "text/javascript1.3", "text/javascript1.4", "text/javascript1.5", "text/jscript", "text/livescript",
        "text/x-ecmascript", "text/x-javascript"}) {
    if (name == known) return true;
  }
  return name.empty();
}

}  // namespace

bool IsComment(HtmlState state) {
  switch (state) {
    case HtmlState::kHtmlComment:
    case HtmlState::kJsBlockComment:
    case HtmlState::kJsLineComment:
    case HtmlState::kJsHtmlOpenComment:
    case HtmlState::kJsHtmlCloseComment:
    case HtmlState::kCssBlockComment:
    case HtmlState::kCssLineComment:
      return true;
    default:
      return false;
  }
}

bool IsInScriptLiteral(HtmlState state) {
  return state == HtmlState::kJsDoubleQuoted || state == HtmlState::kJsSingleQuoted ||
         state == HtmlState::kJsRegexp || state == HtmlState::kJsTemplate;
}

HtmlStep ContextAfterText(HtmlContext c, std::string_view s) {
  if (c.delim == HtmlDelim::kNone) {
    const size_t end = SpecialEnd(c, s);
    if (end == 0) return {{}, 0};
    return Transition(std::move(c), s.substr(0, end));
  }
  std::string_view ends = " \t\n\f\r>";
  if (c.delim == HtmlDelim::kDoubleQuote) ends = "\"";
  if (c.delim == HtmlDelim::kSingleQuote) ends = "'";
  size_t i = std::min(s.find_first_of(ends), s.size());
  if (c.delim == HtmlDelim::kSpaceOrTagEnd) {
    const size_t bad = s.substr(0, i).find_first_of("\"'<=`");
    if (bad != std::string_view::npos) {
      return ErrorStep(fmt::format("{} in unquoted attr: {}", Quote(s.substr(bad, 1)), Quote(s.substr(0, i))),
                       s);
    }
  }
  if (i == s.size()) {
    const std::string decoded = Unescaped(s);
    std::string_view rest = decoded;
    while (!rest.empty()) {
      HtmlStep step = Transition(c, rest);
      const bool is_stuck = step.size == 0 && step.context == c;
      c = std::move(step.context);
      if (is_stuck) break;
      rest.remove_prefix(step.size);
    }
    return {std::move(c), s.size()};
  }
  HtmlElement element = c.element;
  if (c.state == HtmlState::kAttr && element == HtmlElement::kScript && c.attr == HtmlAttr::kScriptType &&
      !IsScriptType(s.substr(0, i))) {
    element = HtmlElement::kNone;
  }
  if (c.delim != HtmlDelim::kSpaceOrTagEnd) ++i;  // the quote
  return {{.state = HtmlState::kTag, .element = element}, i};
}

HtmlContext Nudged(HtmlContext c) {
  switch (c.state) {
    case HtmlState::kTag:
      c.state = HtmlState::kAttrName;
      c.attr = HtmlAttr::kNone;
      break;
    case HtmlState::kBeforeValue:
      c.state = StartOf(c.attr);
      c.delim = HtmlDelim::kSpaceOrTagEnd;
      c.attr = HtmlAttr::kNone;
      break;
    case HtmlState::kAfterName:
      c.state = HtmlState::kAttrName;
      c.attr = HtmlAttr::kNone;
      break;
    default:
      break;
  }
  return c;
}

AttrContent ContentOfAttr(std::string_view name) {
  if (name.starts_with("data-")) {
    name.remove_prefix(5);
  } else if (const size_t colon = name.find(':'); colon != std::string_view::npos) {
    if (name.substr(0, colon) == "xmlns") return AttrContent::kUrl;
    name.remove_prefix(colon + 1);
  }
  constexpr std::string_view kUrls[] = {
      "action", "archive",  "background", "cite",   "classid", "codebase", "data",   "formaction", "href",
      "icon",   "longdesc", "manifest",   "poster", "profile", "src",      "usemap", "xmlns"};
  constexpr std::string_view kUnsafe[] = {
      "accept-charset", "async",    "challenge",   "charset",    "crossorigin",    "defer",
      "enctype",        "form",     "formenctype", "formmethod", "formnovalidate", "http-equiv",
      "keytype",        "language", "method",      "novalidate", "pattern",        "rel",
      "sandbox",        "type",     "value"};
  if (std::ranges::find(kUrls, name) != std::end(kUrls)) return AttrContent::kUrl;
  if (std::ranges::find(kUnsafe, name) != std::end(kUnsafe)) return AttrContent::kUnsafe;
  if (name == "style") return AttrContent::kCss;
  if (name == "srcdoc") return AttrContent::kHtml;
  if (name == "srcset") return AttrContent::kSrcset;
  if (name.starts_with("on")) return AttrContent::kJs;
  // Attributes of one's own may hold addresses, too.
  for (const std::string_view part : {"src", "uri", "url"}) {
    if (name.find(part) != std::string_view::npos) return AttrContent::kUrl;
  }
  return AttrContent::kPlain;
}

std::string HtmlContext::ToString() const {
  static constexpr std::string_view kStates[] = {
      "stateText",           "stateTag",         "stateAttrName",
      "stateAfterName",      "stateBeforeValue", "stateHTMLCmt",
      "stateRCDATA",         "stateAttr",        "stateURL",
      "stateSrcset",         "stateJS",          "stateJSDqStr",
      "stateJSSqStr",        "stateJSTmplLit",   "stateJSRegexp",
      "stateJSBlockCmt",     "stateJSLineCmt",   "stateJSHTMLOpenCmt",
      "stateJSHTMLCloseCmt", "stateCSS",         "stateCSSDqStr",
      "stateCSSSqStr",       "stateCSSDqURL",    "stateCSSSqURL",
      "stateCSSURL",         "stateCSSBlockCmt", "stateCSSLineCmt",
      "stateError",          "stateDead"};
  static constexpr std::string_view kDelims[] = {"delimNone", "delimDoubleQuote", "delimSingleQuote",
                                                 "delimSpaceOrTagEnd"};
  static constexpr std::string_view kParts[] = {"urlPartNone", "urlPartPreQuery", "urlPartQueryOrFrag",
                                                "urlPartUnknown"};
  static constexpr std::string_view kSlashes[] = {"jsCtxRegexp", "jsCtxDivOp", "jsCtxUnknown"};
  static constexpr std::string_view kAttrs[] = {"attrNone",  "attrScript", "attrScriptType",
                                                "attrStyle", "attrURL",    "attrSrcset"};
  static constexpr std::string_view kElements[] = {"elementNone", "elementScript", "elementStyle",
                                                   "elementTextarea", "elementTitle"};
  return fmt::format("{{{} {} {} {} [{}] {} {}}}", kStates[static_cast<size_t>(state)],
                     kDelims[static_cast<size_t>(delim)], kParts[static_cast<size_t>(url_part)],
                     kSlashes[static_cast<size_t>(js_slash)], fmt::join(js_brace_depth, " "),
                     kAttrs[static_cast<size_t>(attr)], kElements[static_cast<size_t>(element)]);
}

}  // namespace sextant::gotemplate
