#include "metrics/exposition/open_metrics_lexer.h"

#include "metrics/exposition/quick_scan.h"

namespace sextant::exposition {

namespace {

bool EndsWord(unsigned char c) { return c == ' ' || c == '\n' || c == 0; }
bool IsOf(uint8_t byte_class, unsigned char c) { return Is(byte_class, static_cast<char>(c)); }

}  // namespace

unsigned char OpenMetricsLexer::Advance(bool skips_zeros) {
  ++at_;
  while (skips_zeros && at_ < body_.size() && body_[at_] == '\0') ++at_;
  return at_ < body_.size() ? static_cast<unsigned char>(body_[at_]) : 0;
}

Token OpenMetricsLexer::Next() {
  if (at_ >= body_.size()) return Token::kEof;
  start_ = at_;
  auto c = static_cast<unsigned char>(body_[at_]);
  switch (state_) {
    case State::kInit:
      return AtLineStart(c);
    case State::kMeta1:
      return MetaName(c);
    case State::kMeta2:
      return MetaText(c);
    case State::kLabels:
      return InBraces(c, State::kLabelValue, State::kValue, false);
    case State::kLabelValue:
      return InLabelValue(c);
    case State::kValue:
      if (c == '{') {
        Advance();
        state_ = State::kLabels;
        return Token::kBraceOpen;
      }
      if (!TakeSpacedWord(c)) return Token::kInvalid;
      state_ = State::kTimestamp;
      return Token::kValue;
    case State::kTimestamp:
      return InTimestamp(c, true);
    case State::kExemplar:
      return InBraces(c, State::kExemplarValue, State::kExemplarValue, true);
    case State::kExemplarValue:
      if (c == '"') {
        if (!TakeQuoted(true, false)) return Token::kInvalid;
        state_ = State::kExemplar;
        return Token::kLabelValue;
      }
      if (!TakeSpacedWord(c)) return Token::kInvalid;
      state_ = State::kExemplarTimestamp;
      return Token::kValue;
    case State::kExemplarTimestamp:
      return InTimestamp(c, false);
  }
  return Token::kInvalid;
}

Token OpenMetricsLexer::AtLineStart(unsigned char c) {
  if (c == '#') {
    if (Advance() != ' ') return Token::kInvalid;
    return AfterHash(Advance());
  }
  if (c == '{') {
    Advance();
    state_ = State::kLabels;
    return Token::kBraceOpen;
  }
  if (!IsOf(kMetricStart, c)) return Token::kInvalid;
  while (IsOf(kMetric, c)) c = Advance();
  state_ = State::kValue;
  return Token::kMetricName;
}

bool OpenMetricsLexer::TakeWord(std::string_view word, unsigned char& c) {
  for (char expected : word) {
    if (c != static_cast<unsigned char>(expected)) return false;
    c = Advance(true);
  }
  return true;
}

Token OpenMetricsLexer::AfterHash(unsigned char c) {
  Token token = Token::kInvalid;
  switch (c) {
    case 'H':
      token = TakeWord("HELP ", c) ? Token::kHelp : Token::kInvalid;
      break;
    case 'T':
      token = TakeWord("TYPE ", c) ? Token::kType : Token::kInvalid;
      break;
    case 'U':
      token = TakeWord("UNIT ", c) ? Token::kUnit : Token::kInvalid;
      break;
    case 'E':
      if (!TakeWord("EOF", c)) return Token::kInvalid;
      if (c == '\n') Advance();
      state_ = State::kInit;
      return Token::kEofWord;
    default:
      break;
  }
  if (token != Token::kInvalid) state_ = State::kMeta1;
  return token;
}

Token OpenMetricsLexer::MetaName(unsigned char c) {
  if (c == '"') {
    if (!TakeQuoted(false, false)) return Token::kInvalid;
  } else {
    if (!IsOf(kMetricStart, c)) return Token::kInvalid;
    while (IsOf(kMetric, c)) c = Advance();
  }
  state_ = State::kMeta2;
  return Token::kMetricName;
}

Token OpenMetricsLexer::MetaText(unsigned char c) {
  if (c != ' ') return Token::kInvalid;
  while (c != '\n') {
    c = Advance(true);
    if (c == 0) return Token::kInvalid;
  }
  Advance();
  state_ = State::kInit;
  return Token::kText;
}

Token OpenMetricsLexer::InBraces(unsigned char c, State value_state, State end_state,
                                 bool breaks_end_quotes) {
  switch (c) {
    case '"':
      return TakeQuoted(breaks_end_quotes, false) ? Token::kQuotedString : Token::kInvalid;
    case '}':
      Advance();
      state_ = end_state;
      return Token::kBraceClose;
    case '=':
      Advance();
      state_ = value_state;
      return Token::kEqual;
    case ',':
      Advance();
      return Token::kComma;
    default:
      break;
  }
  if (!IsOf(kNameStart, c)) return Token::kInvalid;
  while (IsOf(kName, c)) c = Advance();
  return Token::kLabelName;
}

Token OpenMetricsLexer::InLabelValue(unsigned char c) {
  if (c != '"' || !TakeQuoted(true, true)) return Token::kInvalid;
  state_ = State::kLabels;
  return Token::kLabelValue;
}

Token OpenMetricsLexer::InTimestamp(unsigned char c, bool may_be_exemplar) {
  if (c == '\n') {
    Advance();
    state_ = State::kInit;
    return Token::kLinebreak;
  }
  if (c != ' ') return Token::kInvalid;
  if (may_be_exemplar && start_ + 2 < body_.size() && body_[start_ + 1] == '#' && body_[start_ + 2] == ' ') {
    Advance();
    Advance();
    if (Advance() != '{') return Token::kInvalid;
    Advance();
    state_ = State::kExemplar;
    return Token::kComment;
  }
  return TakeSpacedWord(c) ? Token::kTimestamp : Token::kInvalid;
}

bool OpenMetricsLexer::TakeQuoted(bool breaks_end_it, bool skips_zeros) {
  unsigned char c = Advance(skips_zeros);
  while (c != '"') {
    if (c == 0 || (breaks_end_it && c == '\n')) return false;
    if (c == '\\') {
      c = Advance(skips_zeros);
      if (c == 0 || c == '\n') return false;
    }
    c = Advance(skips_zeros);
  }
  Advance(skips_zeros);
  return true;
}

bool OpenMetricsLexer::TakeSpacedWord(unsigned char c) {
  if (c != ' ') return false;
  c = Advance();
  if (EndsWord(c)) return false;
  while (!EndsWord(c)) c = Advance();
  return true;
}

}  // namespace sextant::exposition
