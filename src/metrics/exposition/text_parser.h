// The parser of Prometheus' text format. Ordinary lines are read in one pass over their bytes; anything else
// (blanks in odd places, quoted names, escapes, errors, the last line without a line break) is handed to the
// exact lexer.
#pragma once

#include <string>
#include <string_view>

#include "metrics/exposition/parser.h"
#include "metrics/exposition/text_lexer.h"

namespace sextant::exposition {

class TextParser final : public Parser {
 public:
  // How to read ordinary lines; the exact lexer alone gives the same entries slower, which tests check.
  enum class Reading { kQuick, kExact };

  explicit TextParser(std::string_view body, const ParserOptions& options = {},
                      Reading reading = Reading::kQuick);

  EntryKind Next(const SeriesGuess& guess = {}) override;
  std::string_view Unread() const override;
  void Skip(size_t bytes) override;
  std::string UnescapeHelp(std::string_view text) const override;

 protected:
  Family CurrentFamily() const override;

 private:
  // The quick readers: each reads one whole line and returns whether it could; otherwise nothing has changed.
  bool ReadSampleLine(const SeriesGuess& guess);
  bool ReadMetaLine(EntryKind& kind);
  // From behind the series to behind the line break.
  bool ReadValueAndTime(const char* at);

  // The exact reader, one entry from the current offset.
  EntryKind ReadSlowly();
  EntryKind ReadMetadata(Token word);
  EntryKind ReadSeries(Token first);
  bool ReadLabelPairs(bool& has_name, std::string& problem);
  EntryKind ReadSuffix(Token token);
  Token NextToken();
  std::string Unexpected(std::string_view expected, Token got) const;
  // The body with its added line break, from one offset to another.
  std::string Bytes(size_t from, size_t to) const;
  std::string_view View(size_t from, size_t to) const;

  const std::string_view body_;
  const char* const fast_end_;  // behind the last line break: lines before it need no bounds checks
  TextLexer lexer_;
  std::string_view skipped_;  // the last comments, when they were skipped
  size_t at_ = 0;             // where the next entry starts
  size_t entry_start_ = 0;    // where the current one started, for errors
};

// Resolves the escapes of label values (`\"`, `\\`, `\n`); others stay as they are.
std::string UnescapeLabelValue(std::string_view text);

}  // namespace sextant::exposition
