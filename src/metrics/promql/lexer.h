// Splits a PromQL text into tokens, one at a time.
//
// What a character means depends on where it stands (inside braces keywords are label names, inside brackets letters are
// duration units or step(), a series description has spaces that count), so the lexer is a small state machine: each state
// reads one token and chooses the next state. Positions are bytes. Error texts are those of Prometheus 3.14.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sextant::promql {

enum class TokenKind : uint8_t {
  kEof,
  kError,  // text is the message
  kComment,
  kIdentifier,
  kMetricIdentifier,  // contains a colon
  kString,            // with its quotes
  kNumber,
  kDuration,
  kSpace,  // only in series descriptions
  // Punctuation.
  kComma, kColon, kLeftParen, kRightParen, kLeftBrace, kRightBrace, kLeftBracket, kRightBracket, kOpenHistogram,
  kCloseHistogram, kAssign, kBlank, kTimes,
  // Operators.
  kAdd, kSub, kMul, kDiv, kMod, kPow, kAtan2, kEql, kNeq, kGtr, kLss, kGte, kLte, kEqlRegex, kNeqRegex, kAnd, kOr,
  kUnless, kAt, kTrimUpper, kTrimLower,
  // Aggregations.
  kAvg, kBottomk, kCount, kCountValues, kGroup, kMax, kMin, kQuantile, kStddev, kStdvar, kSum, kTopk, kLimitk,
  kLimitRatio,
  // Keywords.
  kAnchored, kBool, kBy, kFill, kFillLeft, kFillRight, kGroupLeft, kGroupRight, kIgnoring, kOffset, kOn, kSmoothed,
  kWithout,
  // Names with a meaning of their own that are also function names.
  kStart, kEnd, kStep, kRange, kMinOf, kMaxOf,
  // Histogram descriptions.
  kSumDesc, kCountDesc, kSchemaDesc, kOffsetDesc, kNegativeOffsetDesc, kBucketsDesc, kNegativeBucketsDesc,
  kZeroBucketDesc, kZeroBucketWidthDesc, kCustomValuesDesc, kCounterResetHintDesc, kUnknownReset, kReset, kNotReset,
  kGauge,
};

bool IsOperator(TokenKind kind);
bool IsAggregator(TokenKind kind);
bool IsKeyword(TokenKind kind);

// A piece of the input. The text views the input (an error's views the lexer), and lives as long.
struct Token {
  TokenKind kind = TokenKind::kEof;
  int pos = 0;
  std::string_view text;

  int end() const { return pos + static_cast<int>(text.size()); }
  // As error messages name it: `identifier "foo"`, `<by>`, `<op:*>`, `end of input`.
  std::string Describe() const;
};

// Owned by one thread; the input must outlive it.
class Lexer {
 public:
  enum class Mode { kExpression, kSeriesDescription };

  explicit Lexer(std::string_view input, Mode mode = Mode::kExpression)
      : input_(input), series_description_(mode == Mode::kSeriesDescription) {}

  // The next token; kEof for ever at the end and after an error that cannot be continued from.
  Token Next();

  // Where the token under construction starts: errors reach from here to the end of the input.
  int start() const { return start_; }

 private:
  enum class State {
    kStatements, kInsideBraces, kValueSequence, kHistogram, kBuckets, kNumber, kDurationExpr, kString, kRawString,
    kEscape, kDone,
  };
  enum class Histogram { kNone, kOpen, kTimes, kAdd, kSub };

  using Rune = int32_t;
  static constexpr Rune kEofRune = -1;

  Rune NextRune();
  void Backup() { pos_ -= width_; }
  Rune Peek();
  bool Accept(std::string_view valid);
  bool NextIsOneOf(std::string_view valid);
  void AcceptRun(std::string_view valid);
  void SkipSpaces();

  State Emit(TokenKind kind, State next);
  State Fail(std::string message, State next = State::kDone);

  State LexStatements();
  State LexAlphaInBrackets(Rune rune);
  State LexInsideBraces();
  State LexValueSequence();
  State LexHistogram();
  State LexHistogramDescriptor();
  State LexBuckets();
  State LexDurationExpr();
  State LexString();
  State LexRawString();
  State LexEscape();
  State LexComment();
  State LexNumber(State next);
  State LexNumberOrDuration();
  State LexIdentifier();
  State LexKeywordOrIdentifier();
  bool ScanNumber();
  bool ScanRemainingDuration();
  bool ScanDurationKeyword();
  bool FollowedByLeftParen() const;

  std::string_view input_;
  bool series_description_;
  State state_ = State::kStatements;
  int pos_ = 0;    // next byte to read
  int start_ = 0;  // first byte of the token under construction
  int width_ = 0;  // bytes of the last rune read

  Token token_;
  bool have_token_ = false;
  std::string error_;

  int paren_depth_ = 0;
  bool brace_open_ = false;
  bool bracket_open_ = false;
  bool got_colon_ = false;     // inside the current brackets
  bool got_duration_ = false;  // inside any brackets so far
  Rune quote_ = 0;
  Histogram histogram_ = Histogram::kNone;
};

}  // namespace sextant::promql
