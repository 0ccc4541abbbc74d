// Bodies of metrics: both ways of reading them must agree, and every series that is given must have labels or a reason.
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/result.h"
#include "metrics/exposition/text_parser.h"
#include "model/labels.h"

using sextant::exposition::Entry;
using sextant::exposition::EntryKind;
using sextant::exposition::TextParser;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view body(reinterpret_cast<const char*>(data), size);
  TextParser quick(body);
  TextParser exact(body, TextParser::Reading::kExact);
  TextParser expecting(body);
  sextant::model::LabelsBuilder labels;
  std::string guess;
  while (true) {
    EntryKind kind = quick.Next();
    SEXTANT_CHECK(exact.Next() == kind);
    SEXTANT_CHECK(expecting.Next(guess) == kind);
    if (kind == EntryKind::kError) {
      SEXTANT_CHECK(quick.error().message() == exact.error().message());
      SEXTANT_CHECK(quick.error().message() == expecting.error().message());
    }
    if (kind == EntryKind::kEnd || kind == EntryKind::kError) return 0;
    if (kind != EntryKind::kSample) continue;
    const Entry& entry = quick.entry();
    for (const Entry* other : {&exact.entry(), &expecting.entry()}) {
      SEXTANT_CHECK(entry.series == other->series);
      SEXTANT_CHECK(std::bit_cast<uint64_t>(entry.value) == std::bit_cast<uint64_t>(other->value));
      SEXTANT_CHECK(entry.timestamp_ms == other->timestamp_ms);
    }
    if (quick.ReadLabels(labels)) SEXTANT_CHECK(!labels.Get(sextant::model::kMetricName).empty());
    guess = entry.series;
  }
}
