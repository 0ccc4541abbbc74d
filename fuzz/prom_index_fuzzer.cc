// Indexes of Prometheus' blocks: as they are, and without looking at checksums, so that lookups meet tables
// that do not fit together.
#include "metrics/promfiles/index_reader.h"

namespace {

using sextant::model::Matcher;
using sextant::model::MatchType;
using sextant::promfiles::IndexReader;

void LookUp(const IndexReader& index) {
  static const std::vector<std::vector<Matcher>> kMatchers = {
      {},
      {Matcher::Equal("__name__", "up")},
      {Matcher::Equal("instance", "")},
      {Matcher::Equal("job", "a"), Matcher::Make(MatchType::kRegexp, "instance", ".*1.*").value()},
      {Matcher::Make(MatchType::kRegexp, "__name__", "u.*").value()},
      {Matcher::Make(MatchType::kNotRegexp, "instance", "a|b").value()},
  };
  for (const std::vector<Matcher>& matchers : kMatchers) {
    std::vector<std::string> texts;
    static_cast<void>(index.LabelNames(matchers, texts));
    static_cast<void>(index.LabelValues("__name__", matchers, texts));
    auto selected = index.Select(matchers);
    if (!selected) continue;
    for (uint32_t series : *selected) {
      static_cast<void>(index.LabelsOf(series));
      static_cast<void>(index.ChunksOf(series));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  for (auto checksums : {IndexReader::Checksums::kVerify, IndexReader::Checksums::kIgnore}) {
    auto index = IndexReader::Open(bytes, "index", checksums);
    if (index) LookUp(**index);
  }
  return 0;
}
