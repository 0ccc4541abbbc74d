// Rule files: any bytes are read or refused, and what is read twice is the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "metrics/rules/rule_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using sextant::rules::ParseRuleFile;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = ParseRuleFile(text, "fuzz.yml", {});
  if (!file) {
    SEXTANT_CHECK(!file.error().empty());
    return 0;
  }
  const auto again = ParseRuleFile(text, "fuzz.yml", {});
  SEXTANT_CHECK(again.has_value() && again->groups == file->groups);
  return 0;
}
