#include "metrics/promql/token_stream.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "core/duration.h"
#include "model/labels.h"

namespace sextant::promql {

namespace {

int DigitValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

std::string WithoutUnderscores(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c != '_') out += c;
  }
  return out;
}

// An integer as Go's ParseInt with base 0: 0x, 0b and 0o prefixes, a leading zero for octal, underscores. Nothing when
// the text is another kind of number or does not fit.
std::optional<double> ParseInteger(std::string_view text) {
  std::string digits = WithoutUnderscores(text);
  std::string_view rest = digits;
  int base = 10;
  if (rest.size() > 1 && rest[0] == '0') {
    char prefix = static_cast<char>(rest[1] | 0x20);
    base = prefix == 'x' ? 16 : prefix == 'b' ? 2 : 8;
    rest.remove_prefix(prefix == 'x' || prefix == 'b' || prefix == 'o' ? 2 : 1);
  }
  int64_t value = 0;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, base);
  if (rest.empty() || error != std::errc() || end != rest.data() + rest.size()) return std::nullopt;
  return static_cast<double>(value);
}

void AppendUtf8(std::string& out, uint32_t rune) {
  auto add = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (rune < 0x80) {
    add(rune);
  } else if (rune < 0x800) {
    add(0xc0 | (rune >> 6));
    add(0x80 | (rune & 0x3f));
  } else if (rune < 0x10000) {
    add(0xe0 | (rune >> 12));
    add(0x80 | ((rune >> 6) & 0x3f));
    add(0x80 | (rune & 0x3f));
  } else {
    add(0xf0 | (rune >> 18));
    add(0x80 | ((rune >> 12) & 0x3f));
    add(0x80 | ((rune >> 6) & 0x3f));
    add(0x80 | (rune & 0x3f));
  }
}

// The text between digits that is not a unit, if that is what makes a duration wrong.
std::string_view UnknownUnit(std::string_view text) {
  constexpr std::string_view kUnits[] = {"ms", "s", "m", "h", "d", "w", "y"};
  auto is_digit = [&](size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  size_t at = 0;
  while (at < text.size() && is_digit(at)) {
    while (at < text.size() && is_digit(at)) ++at;
    size_t first = at;
    while (at < text.size() && !is_digit(at)) ++at;
    std::string_view unit = text.substr(first, at - first);
    bool known = false;
    for (std::string_view candidate : kUnits) known |= candidate == unit;
    if (!known) return unit;
  }
  return {};
}

}  // namespace

const Token& TokenStream::Peek() {
  if (lookahead_) return *lookahead_;
  do {
    lookahead_ = lexer_.Next();
  } while (lookahead_->kind == TokenKind::kComment);
  last_pos_ = lookahead_->pos;
  switch (lookahead_->kind) {
    case TokenKind::kError:
      AddError({lexer_.start(), static_cast<int>(text_.size())}, std::string(lookahead_->text));
      break;
    case TokenKind::kRightBrace:
    case TokenKind::kRightParen:
    case TokenKind::kRightBracket:
    case TokenKind::kDuration:
    case TokenKind::kNumber: last_closing_ = lookahead_->end(); break;
    default: break;
  }
  return *lookahead_;
}

Token TokenStream::Take() {
  Token token = Peek();
  if (token.kind != TokenKind::kError) lookahead_.reset();
  return token;
}

bool TokenStream::Accept(TokenKind kind) {
  if (PeekKind() != kind) return false;
  Take();
  return true;
}

void TokenStream::AddUnexpected(ErrorContext context) {
  const Token& token = Peek();
  if (token.kind == TokenKind::kError) return;
  std::string message = "unexpected " + token.Describe();
  if (!context.context.empty()) message.append(" in ").append(context.context);
  if (!context.expected.empty()) message.append(", expected ").append(context.expected);
  AddError(PositionOf(token), std::move(message));
}

double TokenStream::Number(const Token& token) {
  if (std::optional<double> integer = ParseInteger(token.text)) return *integer;
  std::string text = WithoutUnderscores(token.text);
  const char* end = text.data() + text.size();
  double value = 0;
  auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::result_out_of_range && stop == end) {
    value = std::strtod(text.c_str(), nullptr);  // tells too small, which is zero, from too large
    if (!std::isinf(value)) return value;
    AddError(PositionOf(token), fmt::format("error parsing number: strconv.ParseFloat: parsing {}: value out of range",
                                            model::QuoteGo(token.text)));
    return 0;
  }
  if (error != std::errc() || stop != end) {
    AddError(PositionOf(token), fmt::format("error parsing number: strconv.ParseFloat: parsing {}: invalid syntax",
                                            model::QuoteGo(token.text)));
    return 0;
  }
  return value;
}

double TokenStream::DurationSeconds(const Token& token) {
  core::Result<core::DurationMs> duration = core::ParseDuration(token.text);
  if (!duration) {
    std::string_view unit = UnknownUnit(token.text);
    AddError(PositionOf(token), unit.empty() ? duration.error().message()
                                             : fmt::format("unknown unit {} in duration {}", model::QuoteGo(unit),
                                                           model::QuoteGo(token.text)));
    return 0;
  }
  // Whole seconds and nanoseconds apart, as Go's Duration.Seconds computes it.
  return static_cast<double>(*duration / 1000) + static_cast<double>(*duration % 1000 * 1'000'000) / 1e9;
}

std::string TokenStream::Unquote(const Token& token) {
  core::Result<std::string> value = UnquoteString(token.text);
  if (value) return *std::move(value);
  AddError(PositionOf(token),
           fmt::format("error unquoting string {}: {}", model::QuoteGo(token.text), value.error().message()));
  return {};
}

core::Result<std::string> UnquoteString(std::string_view quoted) {
  auto invalid = [] { return core::Fail(core::Code::kInvalidArgument, "invalid syntax"); };
  if (quoted.size() < 2 || quoted.front() != quoted.back()) return invalid();
  char quote = quoted.front();
  quoted = quoted.substr(1, quoted.size() - 2);
  if (quote == '`') return std::string(quoted);
  if (quote != '"' && quote != '\'') return invalid();

  std::string out;
  for (size_t at = 0; at < quoted.size(); ++at) {
    if (quoted[at] != '\\') {
      out += quoted[at];
      continue;
    }
    if (++at == quoted.size()) return invalid();
    constexpr std::string_view kNames = "abfnrtv\\";
    constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\";
    char c = quoted[at];
    if (c == quote) {
      out += c;
      continue;
    }
    if (size_t name = kNames.find(c); name != kNames.npos) {
      out += kValues[name];
      continue;
    }
    bool is_octal = c >= '0' && c <= '7';
    size_t digits = is_octal ? 3 : c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    size_t first = is_octal ? at : at + 1;
    if (digits == 0 || first + digits > quoted.size()) return invalid();
    uint32_t base = is_octal ? 8 : 16;
    uint32_t value = 0;
    for (char d : quoted.substr(first, digits)) {
      auto digit = static_cast<uint32_t>(DigitValue(d));
      if (digit >= base) return invalid();
      value = value * base + digit;
    }
    if (c == 'u' || c == 'U') {
      if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return invalid();
      AppendUtf8(out, value);
    } else {
      if (value > 255) return invalid();
      out += static_cast<char>(value);
    }
    at = first + digits - 1;
  }
  return out;
}

std::string ParseErrors::Message(int line_offset) const {
  const ParseError& error = errors_.front();
  if (query_.empty()) return "unknown position: parse error: " + error.message;
  auto pos = static_cast<size_t>(error.position.start);
  if (error.position.start < 0 || pos > query_.size()) return "invalid position: parse error: " + error.message;
  int line = line_offset + 1;
  size_t line_start = 0;
  for (size_t i = 0; i < pos; ++i) {
    if (query_[i] != '\n') continue;
    line_start = i + 1;
    ++line;
  }
  return fmt::format("{}:{}: parse error: {}", line, pos - line_start + 1, error.message);
}

}  // namespace sextant::promql
