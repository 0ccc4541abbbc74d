// Bodies of metrics in both text formats: both ways of reading them must agree, with and without guesses, and
// every series that is given must have labels or a reason.
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/result.h"
#include "metrics/exposition/open_metrics_parser.h"
#include "metrics/exposition/text_parser.h"
#include "model/labels.h"

using sextant::exposition::Entry;
using sextant::exposition::EntryKind;
using sextant::exposition::OpenMetricsParser;
using sextant::exposition::ParserOptions;
using sextant::exposition::TextParser;

namespace {

void CheckSame(const Entry& a, const Entry& b) {
  SEXTANT_CHECK(a.series == b.series);
  SEXTANT_CHECK(std::bit_cast<uint64_t>(a.value) == std::bit_cast<uint64_t>(b.value));
  SEXTANT_CHECK(a.timestamp_ms == b.timestamp_ms);
  SEXTANT_CHECK(a.start_ms == b.start_ms);
  SEXTANT_CHECK(a.exemplar.has_value() == b.exemplar.has_value());
}

template <typename AnyParser>
void Read(std::string_view body, const ParserOptions& options) {
  AnyParser quick(body, options);
  AnyParser exact(body, options, AnyParser::Reading::kExact);
  AnyParser guessing(body, options);
  sextant::model::LabelsBuilder labels;
  sextant::exposition::SeriesGuess guess;
  while (true) {
    EntryKind kind = quick.Next();
    SEXTANT_CHECK(exact.Next() == kind);
    SEXTANT_CHECK(guessing.Next(guess) == kind);
    if (kind == EntryKind::kError) {
      SEXTANT_CHECK(quick.error().message() == exact.error().message());
      SEXTANT_CHECK(quick.error().message() == guessing.error().message());
    }
    if (kind == EntryKind::kEnd || kind == EntryKind::kError) return;
    if (kind == EntryKind::kHelp) SEXTANT_CHECK(quick.HelpText() == exact.HelpText());
    if (kind != EntryKind::kSample) continue;
    CheckSame(quick.entry(), exact.entry());
    CheckSame(quick.entry(), guessing.entry());
    if (quick.ReadLabels(labels)) SEXTANT_CHECK(!labels.Get(sextant::model::kMetricName).empty());
    static_cast<void>(quick.ReadExemplarLabels(labels));
    guess = sextant::exposition::SeriesGuess::Of(quick.entry().series);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view body(reinterpret_cast<const char*>(data), size);
  constexpr ParserOptions kAllFeatures = {.created_times = true, .type_and_unit_labels = true};
  for (const ParserOptions& options : {ParserOptions(), kAllFeatures}) {
    Read<TextParser>(body, options);
    Read<OpenMetricsParser>(body, options);
  }
  return 0;
}
