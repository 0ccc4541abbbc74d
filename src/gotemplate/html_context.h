// Where in an HTML document one is after some of its text: inside a tag, an attribute, a script, a style
// sheet, … It decides how a value that is filled in there must be escaped. The states are html/template's.
// Pure functions on plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sextant::gotemplate {

enum class HtmlState : uint8_t {
  kText,
  kTag,          // between attributes
  kAttrName,     // in an attribute's name
  kAfterName,    // after it, before "="
  kBeforeValue,  // after "=", before the value
  kHtmlComment,
  kRcdata,  // <textarea>, <title>
  kAttr,    // the value of an attribute without a language of its own
  kUrl,
  kSrcset,
  kJs,
  kJsDoubleQuoted,
  kJsSingleQuoted,
  kJsTemplate,
  kJsRegexp,
  kJsBlockComment,
  kJsLineComment,
  kJsHtmlOpenComment,
  kJsHtmlCloseComment,
  kCss,
  kCssDoubleQuoted,
  kCssSingleQuoted,
  kCssDoubleQuotedUrl,
  kCssSingleQuotedUrl,
  kCssUrl,
  kCssBlockComment,
  kCssLineComment,
  kError,
  kDead,  // after break or continue
};

enum class HtmlDelim : uint8_t { kNone, kDoubleQuote, kSingleQuote, kSpaceOrTagEnd };
enum class UrlPart : uint8_t { kNone, kPreQuery, kQueryOrFragment, kUnknown };
// What a "/" in a script would begin.
enum class JsSlash : uint8_t { kRegexp, kDivision, kUnknown };
enum class HtmlElement : uint8_t { kNone, kScript, kStyle, kTextarea, kTitle };
enum class HtmlAttr : uint8_t { kNone, kScript, kScriptType, kStyle, kUrl, kSrcset };

struct HtmlContext {
  HtmlState state = HtmlState::kText;
  HtmlDelim delim = HtmlDelim::kNone;
  UrlPart url_part = UrlPart::kNone;
  JsSlash js_slash = JsSlash::kRegexp;
  std::vector<int> js_brace_depth = {};  // of the ${…} of template literals, innermost last
  HtmlAttr attr = HtmlAttr::kNone;
  HtmlElement element = HtmlElement::kNone;
  std::string error = {};  // of kError

  static HtmlContext Error(std::string message) {
    return {.state = HtmlState::kError, .error = std::move(message)};
  }
  friend bool operator==(const HtmlContext&, const HtmlContext&) = default;
  // "{stateURL delimDoubleQuote …}", for errors and for names of templates that are escaped for it.
  std::string ToString() const;
};

bool IsComment(HtmlState state);
// In text that a browser reads as a script's literal.
bool IsInScriptLiteral(HtmlState state);

// The context after the beginning of `text`, and how many bytes that was (0 only where the state changes).
struct HtmlStep {
  HtmlContext context;
  size_t size;
};
HtmlStep ContextAfterText(HtmlContext context, std::string_view text);

// The context in which a value stands that follows `context` directly: `<a {{.}}` is an attribute's name.
HtmlContext Nudged(HtmlContext context);

// What an attribute holds, by its name in lower case.
enum class AttrContent : uint8_t { kPlain, kCss, kHtml, kJs, kUrl, kSrcset, kUnsafe };
AttrContent ContentOfAttr(std::string_view name);

}  // namespace sextant::gotemplate
