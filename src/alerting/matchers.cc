#include "alerting/matchers.h"

#include <re2/re2.h>

#include <algorithm>

#include "config/text.h"
#include "core/regexp_syntax.h"
#include "gotemplate/unicode.h"

namespace sextant::alerting {

struct Matcher::Regexp {
  explicit Regexp(const std::string& pattern, const RE2::Options& options) : regex(pattern, options) {}
  RE2 regex;
};

namespace {

using core::Result;
using gotemplate::DecodeRune;
using gotemplate::Rune;

constexpr int64_t kMaxRegexMemoryBytes = int64_t{8} << 20;
constexpr size_t kMaxMatchersBytes = 64 << 10;
constexpr std::string_view kReserved = "{}!=~,\\\"'`";

std::string_view TypeText(MatcherType type) {
  switch (type) {
    case MatcherType::kEqual:
      return "=";
    case MatcherType::kNotEqual:
      return "!=";
    case MatcherType::kRegexp:
      return "=~";
    case MatcherType::kNotRegexp:
      return "!~";
  }
  return "=";
}

bool IsRegexpType(MatcherType type) {
  return type == MatcherType::kRegexp || type == MatcherType::kNotRegexp;
}

// The escapes of OpenMetrics.
std::string EscapeValue(std::string_view value) {
  std::string out;
  for (const char c : value) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '"':
        out += "\\\"";
        break;
      case '\n':
        out += "\\n";
        break;
      default:
        out += c;
    }
  }
  return out;
}

template <typename... Args>
tl::unexpected<core::Error> Bad(fmt::format_string<Args...> format, Args&&... args) {
  return core::Fail(core::Code::kInvalidArgument, format, std::forward<Args>(args)...);
}

// --- the classic syntax: lenient, split at commas outside of quotes ---

Result<std::string> UnescapeClassic(std::string_view raw) {
  std::string_view rest = raw;
  const bool quoted = rest.starts_with('"');
  if (quoted) rest.remove_prefix(1);
  if (!config::IsUtf8(rest)) return Bad("matcher value not valid UTF-8: {}", raw);
  std::string value;
  bool closed = !quoted;
  for (size_t i = 0; i < rest.size(); ++i) {
    const bool is_last = i + 1 == rest.size();
    if (rest[i] == '\\' && !is_last) {
      const char next = rest[++i];
      // A backslash before anything else stands for itself.
      if (next == 'n') {
        value += '\n';
      } else {
        if (next != '"' && next != '\\') value += '\\';
        value += next;
      }
    } else if (rest[i] == '"') {
      if (!quoted || !is_last) return Bad("matcher value contains unescaped double quote: {}", raw);
      closed = true;
    } else {
      value += rest[i];
    }
  }
  if (!closed) return Bad("matcher value contains unescaped double quote: {}", raw);
  return value;
}

// The space that Go's \s and our trimming know.
bool IsClassicSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

std::string_view TrimClassic(std::string_view text) {
  while (!text.empty() && IsClassicSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsClassicSpace(text.back())) text.remove_suffix(1);
  return text;
}

Result<Matcher> ParseClassicMatcher(std::string_view text) {
  const std::string_view trimmed = TrimClassic(text);
  size_t name_end = 0;
  while (name_end < trimmed.size() && (std::isalnum(static_cast<unsigned char>(trimmed[name_end])) != 0 ||
                                       trimmed[name_end] == '_' || trimmed[name_end] == ':')) {
    ++name_end;
  }
  const bool starts_well = name_end > 0 && std::isdigit(static_cast<unsigned char>(trimmed[0])) == 0;
  std::string_view rest = TrimClassic(trimmed.substr(name_end));
  MatcherType type = MatcherType::kEqual;
  size_t operator_size = 2;
  if (rest.starts_with("=~")) {
    type = MatcherType::kRegexp;
  } else if (rest.starts_with("!=")) {
    type = MatcherType::kNotEqual;
  } else if (rest.starts_with("!~")) {
    type = MatcherType::kNotRegexp;
  } else if (rest.starts_with('=')) {
    operator_size = 1;
  } else {
    operator_size = 0;
  }
  if (!starts_well || operator_size == 0) return Bad("bad matcher format: {}", text);
  SEXTANT_ASSIGN(std::string value, UnescapeClassic(TrimClassic(rest.substr(operator_size))));
  return Matcher::Make(type, std::string(trimmed.substr(0, name_end)), std::move(value));
}

Result<Matchers> ParseClassic(std::string_view text) {
  if (text.starts_with('{')) text.remove_prefix(1);
  if (text.ends_with('}')) text.remove_suffix(1);
  std::vector<std::string_view> parts;
  bool inside_quotes = false;
  bool escaped = false;
  size_t start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ',' && !inside_quotes) {
      parts.push_back(text.substr(start, i - start));
      start = i + 1;
      continue;
    }
    if (text[i] == '"' && !escaped) inside_quotes = !inside_quotes;
    escaped = text[i] == '\\' ? !escaped : false;
  }
  const std::string_view last = gotemplate::TrimSpace(text.substr(start));
  if (!last.empty()) parts.push_back(last);
  Matchers matchers;
  for (const std::string_view part : parts) {
    SEXTANT_ASSIGN(Matcher matcher, ParseClassicMatcher(part));
    matchers.push_back(std::move(matcher));
  }
  return matchers;
}

// --- the UTF-8 syntax ---

enum class TokenKind : uint8_t {
  kEof,
  kOpenBrace,
  kCloseBrace,
  kComma,
  kEquals,
  kNotEquals,
  kMatches,
  kNotMatches,
  kQuoted,
  kUnquoted
};

struct Token {
  TokenKind kind = TokenKind::kEof;
  std::string_view text;
  size_t column_start = 0;  // in characters
  size_t column_end = 0;

  std::string Where() const { return fmt::format("{}:{}: ", column_start, column_end); }
};

class Utf8Lexer {
 public:
  explicit Utf8Lexer(std::string_view text) : text_(text) {}

  size_t column() const { return column_; }

  Result<Token> Peek() {
    const size_t pos = pos_;
    const size_t column = column_;
    Result<Token> token = Scan();
    pos_ = pos;
    column_ = column;
    return token;
  }

  Result<Token> Scan() {
    while (pos_ < text_.size() && gotemplate::IsSpaceRune(DecodeRune(text_.substr(pos_)).value)) Advance();
    token_start_ = pos_;
    column_start_ = column_;
    if (pos_ >= text_.size()) return Finish(TokenKind::kEof);
    switch (text_[pos_]) {
      case '{':
        Advance();
        return Finish(TokenKind::kOpenBrace);
      case '}':
        Advance();
        return Finish(TokenKind::kCloseBrace);
      case ',':
        Advance();
        return Finish(TokenKind::kComma);
      case '=':
        Advance();
        if (!Accept('~')) return Finish(TokenKind::kEquals);
        return Finish(TokenKind::kMatches);
      case '!':
        Advance();
        if (Accept('=')) return Finish(TokenKind::kNotEquals);
        if (Accept('~')) return Finish(TokenKind::kNotMatches);
        return Wrong("expected one of '=~'");
      case '"':
        return Quoted();
      default:
        return Unquoted();
    }
  }

 private:
  void Advance() {
    pos_ += DecodeRune(text_.substr(pos_)).size;
    ++column_;
  }
  bool Accept(char c) {
    if (pos_ >= text_.size() || text_[pos_] != c) return false;
    Advance();
    return true;
  }

  Token Finish(TokenKind kind) const {
    return {kind, text_.substr(token_start_, pos_ - token_start_), column_start_, column_};
  }

  tl::unexpected<core::Error> Wrong(std::string_view what) const {
    return Bad("{}:{}: {}: {}", column_start_, column_, text_.substr(token_start_, pos_ - token_start_),
               what);
  }

  Result<Token> Quoted() {
    Advance();
    bool escaped = false;
    while (pos_ < text_.size()) {
      const char c = text_[pos_];
      Advance();
      if (escaped) {
        escaped = false;
      } else if (c == '\\') {
        escaped = true;
      } else if (c == '"') {
        return Finish(TokenKind::kQuoted);
      }
    }
    return Wrong("missing end \"");
  }

  Result<Token> Unquoted() {
    const auto is_part = [&] {
      return pos_ < text_.size() && kReserved.find(text_[pos_]) == std::string_view::npos &&
             !gotemplate::IsSpaceRune(DecodeRune(text_.substr(pos_)).value);
    };
    while (is_part()) Advance();
    if (pos_ == token_start_) {
      Advance();
      return Wrong("invalid input");
    }
    return Finish(TokenKind::kUnquoted);
  }

  std::string_view text_;
  size_t pos_ = 0;
  size_t column_ = 0;
  size_t token_start_ = 0;
  size_t column_start_ = 0;
};

class Utf8Parser {
 public:
  explicit Utf8Parser(std::string_view text) : lexer_(text) {}

  Result<Matchers> Parse() {
    SEXTANT_ASSIGN(Token token, lexer_.Peek());
    if (token.kind == TokenKind::kEof) return Matchers();
    const bool has_open_brace = token.kind == TokenKind::kOpenBrace;
    if (has_open_brace) {
      SEXTANT_TRY(lexer_.Scan());
      SEXTANT_ASSIGN(token, lexer_.Peek());
    }
    Matchers matchers;
    bool expects_matcher = token.kind != TokenKind::kCloseBrace && token.kind != TokenKind::kEof;
    while (expects_matcher) {
      SEXTANT_ASSIGN(Matcher matcher, ParseOne());
      matchers.push_back(std::move(matcher));
      SEXTANT_ASSIGN(expects_matcher, AnotherFollows());
    }
    SEXTANT_TRY(CloseBrace(has_open_brace));
    SEXTANT_ASSIGN(token, lexer_.Scan().map_error([](core::Error error) {
      return core::Error(error.code(), error.message() + ": expected end of input");
    }));
    if (token.kind != TokenKind::kEof) return Bad("{}{}: expected end of input", token.Where(), token.text);
    return matchers;
  }

 private:
  template <typename Accepts>
  Result<Token> Expect(std::string_view what, Accepts accepts) {
    Result<Token> token = lexer_.Peek();
    if (!token) return Bad("{}: {}", token.error().message(), what);
    if (token->kind == TokenKind::kEof) return Bad("end of input: {}", what);
    if (!accepts(token->kind)) return Bad("{}unexpected {}: {}", token->Where(), token->text, what);
    return lexer_.Scan();
  }

  static bool IsText(TokenKind kind) { return kind == TokenKind::kQuoted || kind == TokenKind::kUnquoted; }

  static Result<std::string> TextOf(const Token& token) {
    std::string text(token.text);
    if (token.kind == TokenKind::kQuoted && !gotemplate::Unquote(token.text, text)) {
      return Bad("{}{}: invalid input", token.Where(), token.text);
    }
    if (!config::IsUtf8(text)) return Bad("{}{}: invalid input", token.Where(), token.text);
    return text;
  }

  Result<Matcher> ParseOne() {
    SEXTANT_ASSIGN(const Token name_token, Expect("expected label name", IsText));
    SEXTANT_ASSIGN(std::string name, TextOf(name_token));
    SEXTANT_ASSIGN(const Token op,
                   Expect("expected an operator such as '=', '!=', '=~' or '!~'", [](TokenKind kind) {
                     return kind >= TokenKind::kEquals && kind <= TokenKind::kNotMatches;
                   }));
    SEXTANT_ASSIGN(const Token value_token, Expect("expected label value", IsText));
    SEXTANT_ASSIGN(std::string value, TextOf(value_token));
    const auto type =
        static_cast<MatcherType>(static_cast<int>(op.kind) - static_cast<int>(TokenKind::kEquals));
    return Matcher::Make(type, std::move(name), std::move(value))
        .map_error(core::AddContext("failed to create matcher"));
  }

  // After a matcher: a comma and another one, or what ends the list.
  Result<bool> AnotherFollows() {
    Result<Token> token = lexer_.Peek();
    if (!token) return Bad("{}: expected a comma or close brace", token.error().message());
    if (token->kind == TokenKind::kEof || token->kind == TokenKind::kCloseBrace) return false;
    if (token->kind != TokenKind::kComma) {
      return Bad("{}unexpected {}: expected a comma or close brace", token->Where(), token->text);
    }
    SEXTANT_TRY(lexer_.Scan());
    constexpr std::string_view kAfterComma = "expected a matcher or close brace after comma";
    token = lexer_.Peek();
    if (!token) return Bad("{}: {}", token.error().message(), kAfterComma);
    if (token->kind == TokenKind::kEof || token->kind == TokenKind::kCloseBrace) return false;
    if (!IsText(token->kind)) return Bad("{}unexpected {}: {}", token->Where(), token->text, kAfterComma);
    return true;
  }

  core::Status CloseBrace(bool has_open_brace) {
    SEXTANT_ASSIGN(const Token token, lexer_.Peek());
    const bool is_close = token.kind == TokenKind::kCloseBrace;
    if (has_open_brace && !is_close) {
      return Bad("0:{}: {}: expected close brace", lexer_.column(),
                 token.kind == TokenKind::kEof ? std::string("end of input")
                                               : fmt::format("{}unexpected {}", token.Where(), token.text));
    }
    if (is_close) {
      SEXTANT_TRY(lexer_.Scan());
      if (!has_open_brace) return Bad("0:{}: }}: expected opening brace", lexer_.column());
    }
    return {};
  }

  Utf8Lexer lexer_;
};

}  // namespace

Result<Matcher> Matcher::Make(MatcherType type, std::string name, std::string value) {
  Matcher matcher;
  matcher.type_ = type;
  matcher.name_ = std::move(name);
  matcher.value_ = std::move(value);
  if (IsRegexpType(type)) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kMaxRegexMemoryBytes);
    auto regexp = std::make_shared<const Regexp>("^(?:" + core::ToRe2Syntax(matcher.value_) + ")$", options);
    if (!regexp->regex.ok()) {
      if (regexp->regex.error_code() == RE2::ErrorPatternTooLarge) {
        return core::Fail(core::Code::kResourceExhausted, "regular expression of {} is too large",
                          matcher.name_);
      }
      // The words are Go's; what is wrong is looked for in the expression with its anchors, as Go reports it.
      const core::Status check = config::CheckRegex(matcher.value_);
      const std::string_view said =
          check ? "error parsing regexp" : std::string_view(check.error().message());
      const std::string_view kind = said.substr(0, said.find(": `"));
      return Bad("{}: `{}`", kind,
                 regexp->regex.error_code() == RE2::ErrorMissingParen ? regexp->regex.pattern()
                                                                      : regexp->regex.error_arg());
    }
    matcher.regexp_ = std::move(regexp);
  }
  return matcher;
}

bool Matcher::Matches(std::string_view value) const {
  switch (type_) {
    case MatcherType::kEqual:
      return value == value_;
    case MatcherType::kNotEqual:
      return value != value_;
    case MatcherType::kRegexp:
      return RE2::FullMatch(re2::StringPiece(value.data(), value.size()), regexp_->regex);
    case MatcherType::kNotRegexp:
      return !RE2::FullMatch(re2::StringPiece(value.data(), value.size()), regexp_->regex);
  }
  return false;
}

std::string Matcher::ToString() const {
  bool needs_quotes = name_.empty();
  for (std::string_view rest = name_; !rest.empty();) {
    const Rune rune = DecodeRune(rest);
    needs_quotes |= gotemplate::IsSpaceRune(rune.value) || kReserved.find(rest[0]) != std::string_view::npos;
    rest.remove_prefix(rune.size);
  }
  return fmt::format("{}{}\"{}\"", needs_quotes ? model::QuoteGo(name_) : name_, TypeText(type_),
                     EscapeValue(value_));
}

bool operator<(const Matcher& a, const Matcher& b) {
  if (a.name_ != b.name_) return a.name_ < b.name_;
  if (a.value_ != b.value_) return a.value_ < b.value_;
  return a.type_ < b.type_;
}

bool MatchesAll(const Matchers& matchers, const model::Labels& labels) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& m) { return m.Matches(labels); });
}

std::string MatchersText(const Matchers& matchers) {
  std::string out = "{";
  for (const Matcher& matcher : matchers) {
    if (out.size() > 1) out += ',';
    out += matcher.ToString();
  }
  return out + "}";
}

Result<Matchers> ParseMatchers(std::string_view text, MatcherSyntax syntax, std::string* warning) {
  if (text.size() > kMaxMatchersBytes) {
    return core::Fail(core::Code::kResourceExhausted, "matchers of {} bytes exceed {}", text.size(),
                      kMaxMatchersBytes);
  }
  if (syntax == MatcherSyntax::kClassic) return ParseClassic(text);
  Result<Matchers> parsed = Utf8Parser(text).Parse();
  if (syntax == MatcherSyntax::kUtf8Strict) return parsed;
  Result<Matchers> classic = ParseClassic(text);
  if (!classic) {
    if (parsed) return parsed;
    return classic;
  }
  if (!parsed && warning != nullptr) {
    *warning = fmt::format("matcher {} is not valid in the UTF-8 syntax ({}); write it as {}",
                           model::QuoteGo(text), parsed.error().message(), MatchersText(*classic));
  } else if (parsed && *parsed != *classic && warning != nullptr) {
    *warning = fmt::format("matcher {} means something else in the UTF-8 syntax; it is read as {}",
                           model::QuoteGo(text), MatchersText(*classic));
  }
  return classic;
}

namespace {

Result<Matcher> ParseUtf8Matcher(std::string_view text) {
  if (text.starts_with('{') || text.ends_with('}')) return Bad("unexpected open or close brace: {}", text);
  SEXTANT_ASSIGN(const Matchers matchers, Utf8Parser(text).Parse());
  if (matchers.empty()) return Bad("no matchers");
  if (matchers.size() > 1) return Bad("expected 1 matcher, found {}", matchers.size());
  return matchers.front();
}

}  // namespace

Result<Matcher> ParseMatcher(std::string_view text, MatcherSyntax syntax, std::string* warning) {
  if (text.size() > kMaxMatchersBytes) {
    return core::Fail(core::Code::kResourceExhausted, "matcher of {} bytes exceeds {}", text.size(),
                      kMaxMatchersBytes);
  }
  if (syntax == MatcherSyntax::kClassic) return ParseClassicMatcher(text);
  Result<Matcher> parsed = ParseUtf8Matcher(text);
  if (syntax == MatcherSyntax::kUtf8Strict) return parsed;
  Result<Matcher> classic = ParseClassicMatcher(text);
  if (!classic) {
    if (parsed) return parsed;
    return classic;
  }
  if (warning != nullptr && (!parsed || *parsed != *classic)) {
    *warning = fmt::format("matcher {} is read in the classic syntax; in the UTF-8 syntax write it as {}",
                           model::QuoteGo(text), classic->ToString());
  }
  return classic;
}

bool IsValidLabelName(std::string_view name, MatcherSyntax syntax) {
  if (syntax == MatcherSyntax::kClassic) return model::IsClassicLabelName(name);
  return !name.empty() && config::IsUtf8(name);
}

}  // namespace sextant::alerting
