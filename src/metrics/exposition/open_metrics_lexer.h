// The tokens of OpenMetrics, exactly as Prometheus' lexer for it (openmetricslex.l) cuts them, including
// where it stops on bad input. Slow and thorough; OpenMetricsParser reads ordinary lines without it.
#pragma once

#include <cstddef>
#include <string_view>

#include "metrics/exposition/text_lexer.h"

namespace sextant::exposition {

class OpenMetricsLexer {
 public:
  explicit OpenMetricsLexer(std::string_view body) : body_(body) {}

  // Continues at this offset, at the start of a line.
  void Seek(size_t offset) {
    at_ = offset;
    start_ = offset;
    state_ = State::kInit;
  }
  Token Next();

  // The offsets of the current token; at the end of the body, of the one before.
  size_t token_start() const { return start_; }
  size_t token_end() const { return at_; }

 private:
  enum class State {
    kInit,
    kMeta1,
    kMeta2,
    kLabels,
    kLabelValue,
    kValue,
    kTimestamp,
    kExemplar,
    kExemplarValue,
    kExemplarTimestamp,
  };

  // Takes the current byte; the next one, or 0 at the end and for a zero byte. Skips zero bytes where they
  // are allowed.
  unsigned char Advance(bool skips_zeros = false);
  Token AtLineStart(unsigned char c);
  Token AfterHash(unsigned char c);
  Token MetaName(unsigned char c);
  Token MetaText(unsigned char c);
  // Inside braces, of a series or of an exemplar.
  Token InBraces(unsigned char c, State value_state, State end_state, bool breaks_end_quotes);
  Token InLabelValue(unsigned char c);
  Token InTimestamp(unsigned char c, bool may_be_exemplar);
  bool TakeWord(std::string_view word, unsigned char& c);
  bool TakeQuoted(bool breaks_end_it, bool skips_zeros);
  // ` x`: a space and what follows up to the next one; false when nothing follows.
  bool TakeSpacedWord(unsigned char c);

  std::string_view body_;
  size_t at_ = 0;
  size_t start_ = 0;
  State state_ = State::kInit;
};

}  // namespace sextant::exposition
