// Bodies in the protobuf exposition format, with every choice of histogram forms: what is shown has labels or
// a reason, and a right guess is recognised.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/result.h"
#include "metrics/exposition/custom_buckets_parser.h"
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

// Classic histograms of any format turned into native ones: their buckets add up.
void Convert(Format format, std::string_view body, bool keeps_classic) {
  auto parser = NewParser(format, body, {.classic_histograms = keeps_classic, .custom_buckets = true});
  sextant::model::LabelsBuilder labels;
  for (size_t entries = 0; entries < 100'000; ++entries) {
    EntryKind kind = parser->Next();
    if (kind == EntryKind::kEnd || kind == EntryKind::kError) return;
    if (kind != EntryKind::kSample) continue;
    const Entry& entry = parser->entry();
    static_cast<void>(parser->ReadLabels(labels));
    if (entry.histogram == nullptr || entry.histogram->schema != sextant::model::kCustomBucketsSchema)
      continue;
    SEXTANT_CHECK(entry.histogram->positive_buckets.size() == entry.histogram->custom_bounds.size() + 1);
    for (double bucket : entry.histogram->positive_buckets) SEXTANT_CHECK(bucket >= 0);
    while (parser->NextExemplar()) static_cast<void>(parser->ReadExemplarLabels(labels));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view body(reinterpret_cast<const char*>(data), size);
  for (bool native : {false, true}) {
    for (bool classic : {false, true})
      Read(body, {.native_histograms = native, .classic_histograms = classic});
  }
  for (Format format : {Format::kPrometheusText, Format::kOpenMetrics, Format::kProtobuf}) {
    for (bool keeps_classic : {false, true}) Convert(format, body, keeps_classic);
  }
  return 0;
}
