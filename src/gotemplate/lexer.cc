#include "gotemplate/lexer.h"

#include <fmt/format.h>

#include <algorithm>

#include "gotemplate/unicode.h"

namespace sextant::gotemplate {
namespace {

constexpr std::string_view kLeftDelim = "{{";
constexpr std::string_view kRightDelim = "}}";
constexpr std::string_view kLeftComment = "/*";
constexpr std::string_view kRightComment = "*/";

struct Keyword {
  std::string_view text;
  TokenType type;
};
constexpr Keyword kKeywords[] = {
    {"block", TokenType::kBlock},
    {"break", TokenType::kBreak},
    {"continue", TokenType::kContinue},
    {"define", TokenType::kDefine},
    {"else", TokenType::kElse},
    {"end", TokenType::kEnd},
    {"if", TokenType::kIf},
    {"nil", TokenType::kNil},
    {"range", TokenType::kRange},
    {"template", TokenType::kTemplate},
    {"with", TokenType::kWith},
};

bool IsActionSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool IsWordRune(char32_t rune) { return rune == '_' || IsLetter(rune) || IsDigit(rune); }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> Run() {
    while (!done_) {
      if (inside_action_) {
        InsideAction();
      } else {
        Text();
      }
    }
    return std::move(tokens_);
  }

 private:
  bool AtEnd() const { return pos_ >= text_.size(); }
  char Peek(size_t ahead = 0) const { return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0'; }
  std::string_view Rest() const { return text_.substr(pos_); }

  void CountLines(std::string_view passed) {
    line_ += static_cast<int>(std::count(passed.begin(), passed.end(), '\n'));
  }

  // Emits text_[start_, pos_).
  void Emit(TokenType type) {
    const std::string_view text = text_.substr(start_, pos_ - start_);
    tokens_.push_back({type, start_, line_, text, {}});
    CountLines(text);
    start_ = pos_;
  }

  void Ignore() {
    CountLines(text_.substr(start_, pos_ - start_));
    start_ = pos_;
  }

  void Fail(std::string message) {
    tokens_.push_back({TokenType::kError, start_, line_, text_.substr(start_, 0), std::move(message)});
    done_ = true;
  }

  // "{{- " and " -}}" need the space.
  bool HasLeftTrim(size_t at) const {
    return at + 1 < text_.size() && text_[at] == '-' && IsActionSpace(text_[at + 1]);
  }
  bool AtRightTrim() const {
    return pos_ + 1 < text_.size() && IsActionSpace(text_[pos_]) && text_[pos_ + 1] == '-' &&
           text_.substr(pos_ + 2, 2) == kRightDelim;
  }

  void Text() {
    const size_t delim = text_.find(kLeftDelim, pos_);
    if (delim == std::string_view::npos) {
      pos_ = text_.size();
      if (pos_ > start_) Emit(TokenType::kText);
      Emit(TokenType::kEof);
      done_ = true;
      return;
    }
    size_t text_end = delim;
    if (HasLeftTrim(delim + 2)) {
      while (text_end > start_ && IsActionSpace(text_[text_end - 1])) --text_end;
    }
    pos_ = text_end;
    if (pos_ > start_) Emit(TokenType::kText);
    pos_ = delim;
    Ignore();
    LeftDelim();
  }

  void LeftDelim() {
    const size_t after_marker = pos_ + 2 + (HasLeftTrim(pos_ + 2) ? 2 : 0);
    if (text_.substr(after_marker, 2) == kLeftComment) {
      pos_ = after_marker;
      Ignore();
      Comment();
      return;
    }
    pos_ += 2;
    Emit(TokenType::kLeftDelim);
    pos_ = after_marker;
    Ignore();
    paren_depth_ = 0;
    inside_action_ = true;
  }

  void Comment() {
    const size_t end = text_.find(kRightComment, pos_ + 2);
    if (end == std::string_view::npos) return Fail("unclosed comment");
    pos_ = end + 2;
    const bool trims = AtRightTrim();
    if (trims) pos_ += 2;
    if (text_.substr(pos_, 2) != kRightDelim) return Fail("comment ends before closing delimiter");
    pos_ += 2;
    if (trims) SkipSpace();
    Ignore();
  }

  void SkipSpace() {
    while (!AtEnd() && IsActionSpace(text_[pos_])) ++pos_;
  }

  void RightDelim() {
    const bool trims = AtRightTrim();
    if (trims) {
      pos_ += 2;
      Ignore();
    }
    pos_ += 2;
    Emit(TokenType::kRightDelim);
    if (trims) {
      SkipSpace();
      Ignore();
    }
    inside_action_ = false;
  }

  void InsideAction() {
    if (AtRightTrim() || text_.substr(pos_, 2) == kRightDelim) {
      if (paren_depth_ > 0) return Fail("unclosed left paren");
      return RightDelim();
    }
    if (AtEnd()) return Fail("unclosed action");
    const char c = text_[pos_];
    if (IsActionSpace(c)) return Space();
    switch (c) {
      case '=':
        return Single(TokenType::kAssign);
      case '|':
        return Single(TokenType::kPipe);
      case ':':
        if (Peek(1) != '=') return Fail("expected :=");
        pos_ += 2;
        return Emit(TokenType::kDeclare);
      case '"':
        return Quoted('"', TokenType::kString, "unterminated quoted string");
      case '\'':
        return Quoted('\'', TokenType::kCharConstant, "unterminated character constant");
      case '`':
        return RawString();
      case '(':
        ++paren_depth_;
        return Single(TokenType::kLeftParen);
      case ')':
        if (--paren_depth_ < 0) return Fail("unexpected right paren");
        return Single(TokenType::kRightParen);
      case '$':
        return Name(TokenType::kVariable, TokenType::kVariable);
      case '.':
        if (Peek(1) < '0' || Peek(1) > '9') return Name(TokenType::kField, TokenType::kDot);
        return Number();
      case '+':
      case '-':
        return Number();
      default:
        break;
    }
    if (c >= '0' && c <= '9') return Number();
    const Rune rune = DecodeRune(Rest());
    if (IsWordRune(rune.value)) return Identifier();
    if (rune.value < 0x80 && IsPrint(rune.value)) return Single(TokenType::kChar);
    Fail("unrecognized character in action: " + DescribeRune(rune.value));
  }

  void Single(TokenType type) {
    ++pos_;
    Emit(type);
  }

  void Space() {
    // The space that belongs to a right trim marker is not ours.
    while (!AtEnd() && IsActionSpace(text_[pos_]) && !AtRightTrim()) ++pos_;
    Emit(TokenType::kSpace);
  }

  void Quoted(char quote, TokenType type, std::string_view error) {
    ++pos_;
    while (!AtEnd() && text_[pos_] != quote) {
      if (text_[pos_] == '\\') ++pos_;
      if (AtEnd() || text_[pos_] == '\n') return Fail(std::string(error));
      ++pos_;
    }
    if (AtEnd()) return Fail(std::string(error));
    ++pos_;
    Emit(type);
  }

  void RawString() {
    const size_t end = text_.find('`', pos_ + 1);
    if (end == std::string_view::npos) return Fail("unterminated raw quoted string");
    pos_ = end + 1;
    Emit(TokenType::kRawString);
  }

  void WordRunes() {
    while (!AtEnd()) {
      const Rune rune = DecodeRune(Rest());
      if (!IsWordRune(rune.value)) break;
      pos_ += rune.size;
    }
  }

  // Whether what follows may end a field, variable or identifier.
  bool AtTerminator() const {
    if (AtEnd() || IsActionSpace(text_[pos_])) return true;
    constexpr std::string_view kTerminators = ".,|:()";
    return kTerminators.find(text_[pos_]) != std::string_view::npos || text_.substr(pos_, 2) == kRightDelim;
  }

  // A '.' or '$' with the word after it; `bare` when there is none.
  void Name(TokenType type, TokenType bare) {
    ++pos_;
    if (AtTerminator()) return Emit(bare);
    WordRunes();
    if (!AtTerminator()) return Fail("bad character " + DescribeRune(DecodeRune(Rest()).value));
    Emit(type);
  }

  void Identifier() {
    WordRunes();
    if (!AtTerminator()) return Fail("bad character " + DescribeRune(DecodeRune(Rest()).value));
    const std::string_view word = text_.substr(start_, pos_ - start_);
    for (const Keyword& keyword : kKeywords) {
      if (keyword.text == word) return Emit(keyword.type);
    }
    Emit(word == "true" || word == "false" ? TokenType::kBool : TokenType::kIdentifier);
  }

  bool Accept(std::string_view chars) {
    if (AtEnd() || chars.find(text_[pos_]) == std::string_view::npos) return false;
    ++pos_;
    return true;
  }
  void AcceptRun(std::string_view chars) {
    while (Accept(chars)) {
    }
  }

  void Number() {
    Accept("+-");
    std::string_view digits = "0123456789_";
    if (Accept("0")) {
      if (Accept("xX")) {
        digits = "0123456789abcdefABCDEF_";
      } else if (Accept("oO")) {
        digits = "01234567_";
      } else if (Accept("bB")) {
        digits = "01_";
      }
    }
    AcceptRun(digits);
    if (Accept(".")) AcceptRun(digits);
    const bool is_decimal = digits.size() == 11;
    if ((is_decimal && Accept("eE")) || (digits.size() == 23 && Accept("pP"))) {
      Accept("+-");
      AcceptRun("0123456789_");
    }
    if (Accept("i")) return Fail("complex numbers are not supported");
    if (!AtEnd() && IsWordRune(DecodeRune(Rest()).value)) {
      pos_ += DecodeRune(Rest()).size;
      return Fail("bad number syntax: " + Quote(text_.substr(start_, pos_ - start_)));
    }
    Emit(TokenType::kNumber);
  }

  std::string_view text_;
  size_t start_ = 0;
  size_t pos_ = 0;
  int line_ = 1;
  int paren_depth_ = 0;
  bool inside_action_ = false;
  bool done_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> Lex(std::string_view text) { return Lexer(text).Run(); }

}  // namespace sextant::gotemplate
