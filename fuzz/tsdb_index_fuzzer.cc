// Indexes of blocks. The footer and the pages' checksums are made right again after the fuzzer has changed
// something, so that lookups meet tables that do not fit together.
#include <xxhash.h>

#include <cstring>

#include "metrics/tsdb/index_file.h"

namespace {

using namespace sextant;
using namespace sextant::tsdb;

// What a last page of hostile bytes may still be: the checksums begin where the footer says, if they can.
bool Reseal(std::string& bytes) {
  if (bytes.size() < kIndexMagic.size() + kIndexTailBytes) return false;
  IndexFooter footer;
  std::memcpy(&footer, bytes.data() + bytes.size() - kIndexTailBytes, sizeof footer);
  std::memcpy(bytes.data(), kIndexMagic.data(), kIndexMagic.size());
  if (footer.checks_offset > bytes.size()) return false;
  bytes.resize(footer.checks_offset);
  std::string checks = IndexChecks(bytes);
  footer.checks_checksum = XXH3_64bits(checks.data(), checks.size());
  bytes += checks + SealIndexFooter(footer);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(IndexReader::Open(bytes));
  if (!Reseal(bytes)) return 0;
  auto index = IndexReader::Open(bytes);
  if (!index) return 0;
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
    static_cast<void>(
        index->VisitLabels(*series, [](uint32_t, const model::Labels&) { return core::Status(); }));
    int left = 1000;
    for (uint32_t number : *series) {
      if (left-- == 0) break;
      static_cast<void>(index->LabelsOf(number));
      static_cast<void>(index->RowsOf(number));
    }
  }
  return 0;
}
