#include "metrics/promql/lexer.h"

#include <fmt/format.h>

#include <absl/container/flat_hash_map.h>

#include "model/labels.h"

namespace sextant::promql {

namespace {

constexpr int32_t kReplacementRune = 0xfffd;  // what an invalid byte decodes to

bool IsSpace(int32_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(int32_t c) { return c >= '0' && c <= '9'; }
bool IsAlpha(int32_t c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsAlphaNumeric(int32_t c) { return IsAlpha(c) || IsDigit(c); }

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// One rune and its length; invalid bytes are the replacement rune of length one, as in Go.
int32_t DecodeRune(std::string_view text, int& width) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  unsigned first = byte(0);
  width = 1;
  if (first < 0x80) return static_cast<int32_t>(first);
  int length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return kReplacementRune;
  auto rune = static_cast<int32_t>(first & (0xffu >> (length + 1)));
  for (int i = 1; i < length; ++i) {
    unsigned next = byte(static_cast<size_t>(i));
    if ((next & 0xc0u) != 0x80u) return kReplacementRune;
    rune = static_cast<int32_t>((static_cast<unsigned>(rune) << 6) | (next & 0x3fu));
  }
  bool overlong = (length == 3 && rune < 0x800) || (length == 4 && rune < 0x10000);
  if (overlong || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) return kReplacementRune;
  width = length;
  return rune;
}

std::string EncodeRune(int32_t rune) {
  auto c = static_cast<uint32_t>(rune < 0 ? kReplacementRune : rune);
  std::string out;
  auto add = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xc0 | (c >> 6));
    add(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    add(0xe0 | (c >> 12));
    add(0x80 | ((c >> 6) & 0x3f));
    add(0x80 | (c & 0x3f));
  } else {
    add(0xf0 | (c >> 18));
    add(0x80 | ((c >> 12) & 0x3f));
    add(0x80 | ((c >> 6) & 0x3f));
    add(0x80 | (c & 0x3f));
  }
  return out;
}

// A rune in single quotes, escaped as Go's %q does.
std::string QuoteRune(int32_t rune) {
  if (rune == '"') return "'\"'";
  if (rune == '\'') return R"('\'')";
  std::string quoted = model::QuoteGo(EncodeRune(rune));
  quoted.front() = quoted.back() = '\'';
  return quoted;
}

// A rune as Go's %#U prints it: U+002E '.'.
std::string DescribeRune(int32_t rune) {
  std::string text = EncodeRune(rune);
  std::string out = fmt::format("U+{:04X}", static_cast<uint32_t>(rune < 0 ? kReplacementRune : rune));
  bool printable = rune == '"' || rune == '\\' || model::QuoteGo(text) == '"' + text + '"';
  return printable ? out + " '" + text + "'" : out;
}

const absl::flat_hash_map<std::string_view, TokenKind>& Keywords() {
  static const absl::flat_hash_map<std::string_view, TokenKind> keywords = {
      {"and", TokenKind::kAnd},
      {"or", TokenKind::kOr},
      {"unless", TokenKind::kUnless},
      {"atan2", TokenKind::kAtan2},
      {"sum", TokenKind::kSum},
      {"avg", TokenKind::kAvg},
      {"count", TokenKind::kCount},
      {"min", TokenKind::kMin},
      {"max", TokenKind::kMax},
      {"group", TokenKind::kGroup},
      {"stddev", TokenKind::kStddev},
      {"stdvar", TokenKind::kStdvar},
      {"topk", TokenKind::kTopk},
      {"bottomk", TokenKind::kBottomk},
      {"count_values", TokenKind::kCountValues},
      {"quantile", TokenKind::kQuantile},
      {"limitk", TokenKind::kLimitk},
      {"limit_ratio", TokenKind::kLimitRatio},
      {"offset", TokenKind::kOffset},
      {"smoothed", TokenKind::kSmoothed},
      {"anchored", TokenKind::kAnchored},
      {"by", TokenKind::kBy},
      {"without", TokenKind::kWithout},
      {"on", TokenKind::kOn},
      {"ignoring", TokenKind::kIgnoring},
      {"group_left", TokenKind::kGroupLeft},
      {"group_right", TokenKind::kGroupRight},
      {"fill", TokenKind::kFill},
      {"fill_left", TokenKind::kFillLeft},
      {"fill_right", TokenKind::kFillRight},
      {"bool", TokenKind::kBool},
      {"start", TokenKind::kStart},
      {"end", TokenKind::kEnd},
      {"step", TokenKind::kStep},
      {"range", TokenKind::kRange},
      {"min_of", TokenKind::kMinOf},
      {"max_of", TokenKind::kMaxOf},
      {"inf", TokenKind::kNumber},
      {"nan", TokenKind::kNumber},
  };
  return keywords;
}

const absl::flat_hash_map<std::string_view, TokenKind>& HistogramKeys() {
  static const absl::flat_hash_map<std::string_view, TokenKind> keys = {
      {"sum", TokenKind::kSumDesc},
      {"count", TokenKind::kCountDesc},
      {"schema", TokenKind::kSchemaDesc},
      {"offset", TokenKind::kOffsetDesc},
      {"n_offset", TokenKind::kNegativeOffsetDesc},
      {"buckets", TokenKind::kBucketsDesc},
      {"n_buckets", TokenKind::kNegativeBucketsDesc},
      {"z_bucket", TokenKind::kZeroBucketDesc},
      {"z_bucket_w", TokenKind::kZeroBucketWidthDesc},
      {"custom_values", TokenKind::kCustomValuesDesc},
      {"counter_reset_hint", TokenKind::kCounterResetHintDesc},
  };
  return keys;
}

const absl::flat_hash_map<std::string_view, TokenKind>& ResetHints() {
  static const absl::flat_hash_map<std::string_view, TokenKind> hints = {
      {"unknown", TokenKind::kUnknownReset},
      {"reset", TokenKind::kReset},
      {"not_reset", TokenKind::kNotReset},
      {"gauge", TokenKind::kGauge},
  };
  return hints;
}

bool IsNumberWord(std::string_view lower) { return lower == "inf" || lower == "nan"; }

bool Between(TokenKind kind, TokenKind first, TokenKind last) { return kind >= first && kind <= last; }

// The first runes of a text, for messages that show the beginning of a long token.
std::string_view FirstRunes(std::string_view text, int count) {
  size_t at = 0;
  for (; count > 0 && at < text.size(); --count) {
    int width = 0;
    DecodeRune(text.substr(at), width);
    at += static_cast<size_t>(width);
  }
  return text.substr(0, at);
}

}  // namespace

bool IsOperator(TokenKind kind) { return Between(kind, TokenKind::kAdd, TokenKind::kTrimLower); }
bool IsAggregator(TokenKind kind) { return Between(kind, TokenKind::kAvg, TokenKind::kLimitRatio); }
bool IsKeyword(TokenKind kind) { return Between(kind, TokenKind::kAnchored, TokenKind::kWithout); }

std::string Token::Describe() const {
  std::string_view category;
  switch (kind) {
    case TokenKind::kEof: return "end of input";
    case TokenKind::kError: return std::string(text);
    case TokenKind::kComment: category = "comment "; break;
    case TokenKind::kIdentifier: return "identifier " + model::QuoteGo(text);
    case TokenKind::kMetricIdentifier: return "metric identifier " + model::QuoteGo(text);
    case TokenKind::kString: category = "string "; break;
    case TokenKind::kNumber: category = "number "; break;
    case TokenKind::kDuration: category = "duration "; break;
    default: break;
  }
  if (IsKeyword(kind)) return fmt::format("<{}>", text);
  if (IsOperator(kind)) return fmt::format("<op:{}>", text);
  if (IsAggregator(kind)) return fmt::format("<aggr:{}>", text);
  if (text.size() > 10) return fmt::format("{}{}...", category, model::QuoteGo(FirstRunes(text, 10)));
  return fmt::format("{}{}", category, model::QuoteGo(text));
}

Lexer::Rune Lexer::NextRune() {
  if (static_cast<size_t>(pos_) >= input_.size()) {
    width_ = 0;
    return kEofRune;
  }
  Rune rune = DecodeRune(input_.substr(static_cast<size_t>(pos_)), width_);
  pos_ += width_;
  return rune;
}

Lexer::Rune Lexer::Peek() {
  Rune rune = NextRune();
  Backup();
  return rune;
}

bool Lexer::NextIsOneOf(std::string_view valid) {
  Rune rune = Peek();
  return rune > 0 && rune < 0x80 && valid.find(static_cast<char>(rune)) != valid.npos;
}

bool Lexer::Accept(std::string_view valid) {
  if (!NextIsOneOf(valid)) return false;
  NextRune();
  return true;
}

void Lexer::AcceptRun(std::string_view valid) {
  while (Accept(valid)) {
  }
}

void Lexer::SkipSpaces() {
  while (IsSpace(Peek())) NextRune();
  start_ = pos_;
}

Lexer::State Lexer::Emit(TokenKind kind, State next) {
  token_ = {kind, start_, input_.substr(static_cast<size_t>(start_), static_cast<size_t>(pos_ - start_))};
  start_ = pos_;
  have_token_ = true;
  return next;
}

Lexer::State Lexer::Fail(std::string message, State next) {
  error_ = std::move(message);
  token_ = {TokenKind::kError, start_, error_};
  have_token_ = true;
  return next;
}

Token Lexer::Next() {
  have_token_ = false;
  while (!have_token_) {
    switch (state_) {
      case State::kStatements: state_ = LexStatements(); break;
      case State::kInsideBraces: state_ = LexInsideBraces(); break;
      case State::kValueSequence: state_ = LexValueSequence(); break;
      case State::kHistogram: state_ = LexHistogram(); break;
      case State::kBuckets: state_ = LexBuckets(); break;
      case State::kNumber: state_ = LexNumber(State::kStatements); break;
      case State::kDurationExpr: state_ = LexDurationExpr(); break;
      case State::kString: state_ = LexString(); break;
      case State::kRawString: state_ = LexRawString(); break;
      case State::kEscape: state_ = LexEscape(); break;
      case State::kDone:
        Emit(TokenKind::kEof, State::kDone);
        token_.text = {};
        break;
    }
  }
  return token_;
}

Lexer::State Lexer::LexStatements() {
  if (histogram_ != Histogram::kNone) return State::kHistogram;
  if (brace_open_) return State::kInsideBraces;
  constexpr State kNext = State::kStatements;
  Rune rune = NextRune();
  switch (rune) {
    case kEofRune:
      if (paren_depth_ != 0) return Fail("unclosed left parenthesis");
      if (bracket_open_) return Fail("unclosed left bracket");
      return Emit(TokenKind::kEof, State::kDone);
    case '#': return LexComment();
    case ' ':
    case '\t':
    case '\n':
    case '\r': SkipSpaces(); return kNext;
    case ',': return Emit(TokenKind::kComma, kNext);
    case '*': return Emit(TokenKind::kMul, kNext);
    case '/': return Emit(TokenKind::kDiv, kNext);
    case '%': return Emit(TokenKind::kMod, kNext);
    case '+': return Emit(TokenKind::kAdd, kNext);
    case '-': return Emit(TokenKind::kSub, kNext);
    case '^': return Emit(TokenKind::kPow, kNext);
    case '@': return Emit(TokenKind::kAt, kNext);
    case '=':
      if (Accept("=")) return Emit(TokenKind::kEql, kNext);
      if (Peek() == '~') return Fail(fmt::format("unexpected character after '=': {}", QuoteRune('~')));
      return Emit(TokenKind::kAssign, kNext);
    case '!':
      if (Rune next = NextRune(); next != '=') {
        return Fail(fmt::format("unexpected character after '!': {}", QuoteRune(next)));
      }
      return Emit(TokenKind::kNeq, kNext);
    case '<':
      if (Accept("=")) return Emit(TokenKind::kLte, kNext);
      if (Accept("/")) return Emit(TokenKind::kTrimUpper, kNext);
      return Emit(TokenKind::kLss, kNext);
    case '>':
      if (Accept("=")) return Emit(TokenKind::kGte, kNext);
      if (Accept("/")) return Emit(TokenKind::kTrimLower, kNext);
      return Emit(TokenKind::kGtr, kNext);
    case '"':
    case '\'': quote_ = rune; return State::kString;
    case '`': quote_ = rune; return State::kRawString;
    case '(': ++paren_depth_; return Emit(TokenKind::kLeftParen, kNext);
    case ')':
      Emit(TokenKind::kRightParen, kNext);
      if (--paren_depth_ < 0) return Fail("unexpected right parenthesis ')'");
      return kNext;
    case '{': brace_open_ = true; return Emit(TokenKind::kLeftBrace, State::kInsideBraces);
    case '[':
      if (bracket_open_) return Fail("unexpected left bracket '['");
      got_colon_ = false;
      Emit(TokenKind::kLeftBracket, kNext);
      SkipSpaces();
      bracket_open_ = true;
      return State::kDurationExpr;
    case ']':
      if (!bracket_open_) return Fail("unexpected right bracket ']'");
      bracket_open_ = false;
      return Emit(TokenKind::kRightBracket, kNext);
    default: break;
  }
  if (IsDigit(rune) || (rune == '.' && IsDigit(Peek()))) {
    pos_ = start_;
    return LexNumberOrDuration();
  }
  if (IsAlpha(rune) || rune == ':') {
    if (bracket_open_) return LexAlphaInBrackets(rune);
    pos_ = start_;
    return LexKeywordOrIdentifier();
  }
  return Fail(fmt::format("unexpected character: {}", QuoteRune(rune)));
}

// Behind the first number of a range there may be the colon of a subquery, and names of duration expressions.
Lexer::State Lexer::LexAlphaInBrackets(Rune rune) {
  if (rune == ':') {
    if (got_colon_) return Fail("unexpected colon ':'");
    got_colon_ = true;
    return Emit(TokenKind::kColon, State::kStatements);
  }
  if (std::string_view("sSmMrR").find(static_cast<char>(rune)) != std::string_view::npos && ScanDurationKeyword()) {
    return State::kStatements;
  }
  return Fail(fmt::format("unexpected character: {}, expected ':'", QuoteRune(rune)));
}

Lexer::State Lexer::LexInsideBraces() {
  constexpr State kNext = State::kInsideBraces;
  Rune rune = NextRune();
  switch (rune) {
    case kEofRune: return Fail("unexpected end of input inside braces");
    case '#': return LexComment();
    case ' ':
    case '\t':
    case '\n':
    case '\r': SkipSpaces(); return State::kStatements;
    case ',': return Emit(TokenKind::kComma, kNext);
    case '"':
    case '\'': quote_ = rune; return State::kString;
    case '`': quote_ = rune; return State::kRawString;
    case '=': return Emit(Accept("~") ? TokenKind::kEqlRegex : TokenKind::kAssign, kNext);
    case '!': {
      Rune next = NextRune();
      if (next == '~') return Emit(TokenKind::kNeqRegex, kNext);
      if (next == '=') return Emit(TokenKind::kNeq, kNext);
      return Fail(fmt::format("unexpected character after '!' inside braces: {}", QuoteRune(next)));
    }
    case '{': return Fail("unexpected left brace '{'");
    case '}':
      brace_open_ = false;
      return Emit(TokenKind::kRightBrace, series_description_ ? State::kValueSequence : State::kStatements);
    default: break;
  }
  if (IsAlpha(rune)) return LexIdentifier();
  return Fail(fmt::format("unexpected character inside braces: {}", QuoteRune(rune)));
}

Lexer::State Lexer::LexValueSequence() {
  constexpr State kNext = State::kValueSequence;
  if (histogram_ != Histogram::kNone) return State::kHistogram;
  Rune rune = NextRune();
  if (rune == kEofRune) return State::kStatements;
  if (rune == '{' && Accept("{")) {
    histogram_ = Histogram::kOpen;
    return Emit(TokenKind::kOpenHistogram, State::kHistogram);
  }
  if (IsSpace(rune)) {
    Emit(TokenKind::kSpace, kNext);
    SkipSpaces();
    return kNext;
  }
  if (rune == '+') return Emit(TokenKind::kAdd, kNext);
  if (rune == '-') return Emit(TokenKind::kSub, kNext);
  if (rune == 'x') return Emit(TokenKind::kTimes, kNext);
  if (rune == '_') return Emit(TokenKind::kBlank, kNext);
  if (IsDigit(rune) || (rune == '.' && IsDigit(Peek()))) {
    pos_ = start_;
    return LexNumber(kNext);
  }
  if (IsAlpha(rune)) {
    pos_ = start_;
    return LexKeywordOrIdentifier();
  }
  return Fail(fmt::format("unexpected character in series sequence: {}", QuoteRune(rune)));
}

Lexer::State Lexer::LexHistogram() {
  constexpr State kNext = State::kHistogram;
  // What follows a histogram without a space: its repetition or increment.
  if (histogram_ == Histogram::kTimes || histogram_ == Histogram::kAdd || histogram_ == Histogram::kSub) {
    TokenKind kind = histogram_ == Histogram::kTimes ? TokenKind::kTimes
                     : histogram_ == Histogram::kAdd ? TokenKind::kAdd
                                                     : TokenKind::kSub;
    histogram_ = Histogram::kNone;
    NextRune();
    return Emit(kind, State::kValueSequence);
  }
  if (bracket_open_) return State::kBuckets;
  Rune rune = NextRune();
  if (IsSpace(rune)) {
    Emit(TokenKind::kSpace, kNext);
    SkipSpaces();
    return kNext;
  }
  if (IsAlpha(rune)) return LexHistogramDescriptor();
  if (rune == ':') return Emit(TokenKind::kColon, kNext);
  if (rune == '-') return Emit(TokenKind::kSub, kNext);
  if (IsDigit(rune)) {
    pos_ = start_;
    return LexNumber(State::kStatements);
  }
  if (rune == '[') {
    bracket_open_ = true;
    got_colon_ = got_duration_ = false;
    return Emit(TokenKind::kLeftBracket, State::kBuckets);
  }
  if (rune == '}' && Accept("}")) {
    Emit(TokenKind::kCloseHistogram, kNext);
    Rune next = Peek();
    histogram_ = next == 'x'   ? Histogram::kTimes
                 : next == '+' ? Histogram::kAdd
                 : next == '-' ? Histogram::kSub
                               : Histogram::kNone;
    return histogram_ == Histogram::kNone ? State::kValueSequence : kNext;
  }
  return Fail(fmt::format("histogram description incomplete unexpected: {}", QuoteRune(rune)));
}

Lexer::State Lexer::LexHistogramDescriptor() {
  while (IsAlpha(Peek())) NextRune();
  std::string_view text = input_.substr(static_cast<size_t>(start_), static_cast<size_t>(pos_ - start_));
  std::string word = Lower(text);
  if (auto key = HistogramKeys().find(word); key != HistogramKeys().end()) {
    if (Peek() == ':') return Emit(key->second, State::kHistogram);
    return Fail("missing `:` for histogram descriptor");
  }
  if (IsNumberWord(word)) return Emit(TokenKind::kNumber, State::kHistogram);
  if (auto hint = ResetHints().find(word); hint != ResetHints().end()) {
    return Emit(hint->second, State::kHistogram);
  }
  return Fail(fmt::format("bad histogram descriptor found: {}", model::QuoteGo(text)));
}

Lexer::State Lexer::LexBuckets() {
  Rune rune = NextRune();
  if (IsSpace(rune)) {
    Emit(TokenKind::kSpace, State::kBuckets);
    SkipSpaces();
    return State::kBuckets;
  }
  if (rune == '-') return Emit(TokenKind::kSub, State::kNumber);
  if (IsDigit(rune)) {
    pos_ = start_;
    return LexNumber(State::kStatements);
  }
  if (rune == ']') {
    bracket_open_ = false;
    return Emit(TokenKind::kRightBracket, State::kHistogram);
  }
  if (IsAlpha(rune)) {
    std::string_view word = input_.substr(static_cast<size_t>(start_), static_cast<size_t>(pos_ - start_));
    if (IsNumberWord(Lower(word))) return Emit(TokenKind::kNumber, State::kBuckets);
    return State::kBuckets;
  }
  return Fail(fmt::format("invalid character in buckets description: {}", QuoteRune(rune)));
}

// The beginning of a range, up to its first number.
Lexer::State Lexer::LexDurationExpr() {
  constexpr State kNext = State::kDurationExpr;
  Rune rune = NextRune();
  switch (rune) {
    case kEofRune: return Fail("unexpected end of input in duration expression");
    case ']':
      bracket_open_ = got_colon_ = false;
      return Emit(TokenKind::kRightBracket, State::kStatements);
    case ':':
      Emit(TokenKind::kColon, kNext);
      if (!got_duration_) return Fail("unexpected colon before duration in duration expression");
      if (got_colon_) return Fail("unexpected repeated colon in duration expression");
      got_colon_ = true;
      return kNext;
    case '(': ++paren_depth_; return Emit(TokenKind::kLeftParen, kNext);
    case ')':
      Emit(TokenKind::kRightParen, kNext);
      if (--paren_depth_ < 0) return Fail("unexpected right parenthesis ')'");
      return kNext;
    case ' ':
    case '\t':
    case '\n':
    case '\r': SkipSpaces(); return kNext;
    case '+': return Emit(TokenKind::kAdd, kNext);
    case '-': return Emit(TokenKind::kSub, kNext);
    case '*': return Emit(TokenKind::kMul, kNext);
    case '/': return Emit(TokenKind::kDiv, kNext);
    case '%': return Emit(TokenKind::kMod, kNext);
    case '^': return Emit(TokenKind::kPow, kNext);
    case ',': return Emit(TokenKind::kComma, kNext);
    case 's':
    case 'S':
    case 'm':
    case 'M':
    case 'r':
    case 'R':
      if (ScanDurationKeyword()) return kNext;
      break;
    default: break;
  }
  if (IsDigit(rune) || (rune == '.' && IsDigit(Peek()))) {
    pos_ = start_;
    got_duration_ = true;
    return LexNumberOrDuration();
  }
  return Fail(fmt::format("unexpected character in duration expression: {}", QuoteRune(rune)));
}

bool Lexer::ScanDurationKeyword() {
  while (IsAlpha(Peek())) NextRune();
  std::string word = Lower(input_.substr(static_cast<size_t>(start_), static_cast<size_t>(pos_ - start_)));
  TokenKind kind;
  if (word == "step") {
    kind = TokenKind::kStep;
  } else if (word == "range") {
    kind = TokenKind::kRange;
  } else if (word == "min_of") {
    kind = TokenKind::kMinOf;
  } else if (word == "max_of") {
    kind = TokenKind::kMaxOf;
  } else {
    return false;
  }
  Emit(kind, State::kStatements);
  return true;
}

Lexer::State Lexer::LexString() {
  while (true) {
    Rune rune = NextRune();
    if (rune == '\\') return State::kEscape;
    if (rune == kReplacementRune) return Fail("invalid UTF-8 rune", State::kString);
    if (rune == kEofRune || rune == '\n') return Fail("unterminated quoted string");
    if (rune == quote_) return Emit(TokenKind::kString, State::kStatements);
  }
}

Lexer::State Lexer::LexRawString() {
  while (true) {
    Rune rune = NextRune();
    if (rune == kReplacementRune) return Fail("invalid UTF-8 rune", State::kRawString);
    if (rune == kEofRune) return Fail("unterminated raw string");
    if (rune == quote_) return Emit(TokenKind::kString, State::kStatements);
  }
}

// The backslash has been read.
Lexer::State Lexer::LexEscape() {
  auto digit = [](Rune rune) -> uint32_t {
    if (rune >= '0' && rune <= '9') return static_cast<uint32_t>(rune - '0');
    if (rune >= 'a' && rune <= 'f') return static_cast<uint32_t>(rune - 'a' + 10);
    if (rune >= 'A' && rune <= 'F') return static_cast<uint32_t>(rune - 'A' + 10);
    return 16;
  };
  Rune rune = NextRune();
  if (rune == quote_) return State::kString;
  int digits = 0;
  uint32_t base = 16;
  uint32_t largest = 0x10ffff;
  switch (rune) {
    case 'a':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
    case 'v':
    case '\\': return State::kString;
    case 'x':
      digits = 2;
      largest = 255;
      rune = NextRune();
      break;
    case 'u':
      digits = 4;
      rune = NextRune();
      break;
    case 'U':
      digits = 8;
      rune = NextRune();
      break;
    case kEofRune: return Fail("escape sequence not terminated", State::kString);
    default:
      if (rune < '0' || rune > '7') {
        return Fail(fmt::format("unknown escape sequence {}", DescribeRune(rune)), State::kString);
      }
      digits = 3;
      base = 8;
      largest = 255;
  }
  uint32_t value = 0;
  for (; digits > 0; --digits) {
    uint32_t d = digit(rune);
    if (d >= base) {
      if (rune == kEofRune) return Fail("escape sequence not terminated", State::kString);
      return Fail(fmt::format("illegal character {} in escape sequence", DescribeRune(rune)), State::kString);
    }
    value = value * base + d;
    if (digits > 1) rune = NextRune();
  }
  if (value > largest || (value >= 0xd800 && value < 0xe000)) {
    return Fail("escape sequence is an invalid Unicode code point", State::kString);
  }
  return State::kString;
}

Lexer::State Lexer::LexComment() {
  while (true) {
    Rune rune = NextRune();
    if (rune == '\n' || rune == '\r' || rune == kEofRune) break;
  }
  Backup();
  return Emit(TokenKind::kComment, State::kStatements);
}

Lexer::State Lexer::LexNumber(State next) {
  if (!ScanNumber()) {
    return Fail(fmt::format("bad number syntax: {}",
                            model::QuoteGo(input_.substr(static_cast<size_t>(start_),
                                                         static_cast<size_t>(pos_ - start_)))));
  }
  return Emit(TokenKind::kNumber, next);
}

Lexer::State Lexer::LexNumberOrDuration() {
  if (ScanNumber()) return Emit(TokenKind::kNumber, State::kStatements);
  if (ScanRemainingDuration()) {
    Backup();
    return Emit(TokenKind::kDuration, State::kStatements);
  }
  return Fail(fmt::format("bad number or duration syntax: {}",
                          model::QuoteGo(input_.substr(static_cast<size_t>(start_),
                                                       static_cast<size_t>(pos_ - start_)))));
}

// The unit behind the digits that ScanNumber has read, and further digits and units. Wrong units and orders are the
// parser's business. Reads one rune too many, also when it fails: messages show it.
bool Lexer::ScanRemainingDuration() {
  constexpr std::string_view kDigits = "0123456789";
  if (!Accept("smhdwy")) return false;
  Accept("s");
  while (Accept(kDigits)) {
    AcceptRun(kDigits);
    if (!Accept("smhdw")) return false;  // years come first
    Accept("s");
  }
  return !IsAlphaNumeric(NextRune());
}

// Decimal, hexadecimal or octal integers and decimal fractions with underscores between digits. Whether the value makes
// sense is the parser's business.
bool Lexer::ScanNumber() {
  int first = pos_;
  std::string_view digits = "0123456789";
  bool is_hex = false;
  // In series descriptions 0x4 is zero, four times more.
  if (!series_description_ && Accept("0") && Accept("xX")) {
    Accept("_");
    digits = "0123456789abcdefABCDEF";
    is_hex = true;
  }
  Accept(".");
  Accept(digits);
  bool got_dot = false;
  bool got_exponent = false;
  while (NextIsOneOf(digits) || NextIsOneOf("._eE")) {
    if (got_dot && Accept(".")) return false;
    if (got_exponent && Accept("eE")) return false;
    if (Accept(".")) {
      got_dot = true;
      if (Accept("_.") || is_hex) return false;
    } else if (Accept("eE")) {
      got_exponent = true;
      Accept("+-");
      if (Accept("._eE") || Peek() == kEofRune) return false;
    } else if (Accept("_")) {
      if (Accept("._eE") || Peek() == kEofRune) return false;
    } else {
      AcceptRun(digits);
    }
  }
  if (pos_ == first) return false;
  Rune next = Peek();
  return (series_description_ && next == 'x') || !IsAlphaNumeric(next);
}

Lexer::State Lexer::LexIdentifier() {
  while (IsAlphaNumeric(Peek())) NextRune();
  return Emit(TokenKind::kIdentifier, State::kStatements);
}

Lexer::State Lexer::LexKeywordOrIdentifier() {
  while (IsAlphaNumeric(Peek()) || Peek() == ':') NextRune();
  std::string_view text = input_.substr(static_cast<size_t>(start_), static_cast<size_t>(pos_ - start_));
  auto keyword = Keywords().find(Lower(text));
  TokenKind kind = text.find(':') == text.npos ? TokenKind::kIdentifier : TokenKind::kMetricIdentifier;
  if (keyword != Keywords().end()) {
    // The fill modifiers came late: without a parenthesis behind they still are names of metrics.
    bool is_fill = Between(keyword->second, TokenKind::kFill, TokenKind::kFillRight);
    kind = is_fill && !FollowedByLeftParen() ? TokenKind::kIdentifier : keyword->second;
  }
  bool values_follow = series_description_ && Peek() != '{';
  return Emit(kind, values_follow ? State::kValueSequence : State::kStatements);
}

bool Lexer::FollowedByLeftParen() const {
  auto at = static_cast<size_t>(pos_);
  while (at < input_.size() && IsSpace(input_[at])) ++at;
  return at < input_.size() && input_[at] == '(';
}

}  // namespace sextant::promql
