// Indexes of blocks. The footer gets its right checksum again after the fuzzer has changed it, so that
// lookups meet tables that do not fit together.
#include <cstring>

#include "metrics/tsdb/index_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant;
  using namespace sextant::tsdb;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(IndexReader::Open(bytes));
  if (bytes.size() < kIndexMagicBytes + kIndexTailBytes) return 0;
  IndexFooter footer;
  std::memcpy(&footer, bytes.data() + bytes.size() - kIndexTailBytes, sizeof footer);
  bytes.replace(bytes.size() - kIndexTailBytes, kIndexTailBytes, SealIndexFooter(footer));
  std::memcpy(bytes.data(), kIndexMagic.data(), kIndexMagicBytes);
  auto index = IndexReader::Open(bytes);
  if (!index) return 0;
  static_cast<void>(index->Verify());
  static const std::vector<std::vector<model::Matcher>> kMatchers = {
      {},
      {model::Matcher::Equal("__name__", "up")},
      {model::Matcher::Equal("instance", "")},
      {model::Matcher::Make(model::MatchType::kRegexp, "__name__", "u.*").value()},
      {model::Matcher::Make(model::MatchType::kNotRegexp, "instance", "a|b").value()},
  };
  for (const auto& matchers : kMatchers) {
    std::vector<std::string> texts;
    static_cast<void>(index->LabelNames(matchers, texts));
    static_cast<void>(index->LabelValues("__name__", matchers, texts));
    auto series = index->Select(matchers);
    if (!series) continue;
    for (uint32_t number : *series) {
      static_cast<void>(index->LabelsOf(number));
      static_cast<void>(index->ChunksOf(number));
    }
  }
  return 0;
}
