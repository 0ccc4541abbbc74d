// Bodies in the protobuf exposition format, with every choice of histogram forms: what is shown has labels or
// a reason, and a right guess is recognised.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/result.h"
#include "metrics/exposition/protobuf_parser.h"

namespace {

using namespace sextant::exposition;

void Read(std::string_view body, ParserOptions options) {
  ProtobufParser parser(body, options);
  ProtobufParser guessing(body, options);
  sextant::model::LabelsBuilder labels;
  for (size_t entries = 0; entries < 100'000; ++entries) {
    EntryKind kind = parser.Next();
    const Entry& entry = parser.entry();
    EntryKind other =
        guessing.Next(kind == EntryKind::kSample ? SeriesGuess::Of(entry.series) : SeriesGuess());
    SEXTANT_CHECK(other == kind);
    if (kind == EntryKind::kEnd || kind == EntryKind::kError) return;
    if (kind != EntryKind::kSample) continue;
    SEXTANT_CHECK(guessing.entry().is_expected);
    if (parser.ReadLabels(labels)) SEXTANT_CHECK(!labels.Get(sextant::model::kMetricName).empty());
    if (!entry.exemplar) continue;
    do {
      static_cast<void>(parser.ReadExemplarLabels(labels));
    } while (parser.NextExemplar());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view body(reinterpret_cast<const char*>(data), size);
  for (bool native : {false, true}) {
    for (bool classic : {false, true})
      Read(body, {.native_histograms = native, .classic_histograms = classic});
  }
  return 0;
}
