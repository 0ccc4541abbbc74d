// The parser of OpenMetrics 0.0.1 and 1.0.0, as lenient as Prometheus' own: it checks the syntax and the
// final `# EOF`, not the rules about how samples of a family must be named and ordered. `_created` samples
// are samples like others unless the options say otherwise.
//
// Ordinary lines are read in one pass over their bytes; anything else is handed to the exact lexer.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "metrics/exposition/created_times.h"
#include "metrics/exposition/open_metrics_lexer.h"
#include "metrics/exposition/parser.h"

namespace sextant::exposition {

class OpenMetricsParser final : public Parser {
 public:
  enum class Reading { kQuick, kExact };  // as in TextParser

  explicit OpenMetricsParser(std::string_view body, const ParserOptions& options = {},
                             Reading reading = Reading::kQuick);

  EntryKind Next(const SeriesGuess& guess = {}) override;
  std::string UnescapeHelp(std::string_view text) const override;

 private:
  EntryKind ReadEntry(const SeriesGuess& guess);
  bool ReadSampleLine(const SeriesGuess& guess);

  EntryKind ReadSlowly();
  EntryKind ReadMetadata(Token word);
  EntryKind ReadSeries(Token first);
  // The readers below return false after an error.
  bool ReadLabelPairs(bool& has_name, bool is_exemplar);
  bool ReadValue(Token token, std::string_view after, double& value);
  bool ReadTime(std::string_view what, core::TimestampMs& timestamp_ms);
  bool ReadSuffix(Token token);
  bool ReadExemplar();
  bool FailUnexpected(std::string_view expected, Token got);
  bool FailWith(std::string message);
  std::string_view TokenBytes() const;
  // What has been read of the current entry, quoted.
  std::string Parsed() const;

  const std::string_view body_;
  const char* const fast_end_;  // behind the last line break
  OpenMetricsLexer lexer_;
  size_t at_ = 0;
  size_t entry_start_ = 0;
  bool is_finished_ = false;

  // Null unless `_created` samples are start times.
  std::unique_ptr<CreatedTimes> created_;
  bool is_created_read_ = false;  // for the family at hand
};

// Seconds to milliseconds as Go converts: towards zero, and to the least integer when out of range.
core::TimestampMs OpenMetricsTimeMs(double seconds);

}  // namespace sextant::exposition
