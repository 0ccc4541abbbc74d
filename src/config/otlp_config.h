// How metrics that come by OTLP become Prometheus' (the section `otlp` of prometheus.yml).
#pragma once

#include <string>
#include <vector>

#include "config/decode.h"

namespace sextant::config {

enum class TranslationStrategy {
  kUnderscoreEscapingWithSuffixes,
  kUnderscoreEscapingWithoutSuffixes,
  kNoUtf8EscapingWithSuffixes,
  kNoTranslation,
};

struct OtlpConfig {
  bool promote_all_resource_attributes = false;
  std::vector<std::string> promote_resource_attributes;
  std::vector<std::string> ignore_resource_attributes;  // of all
  TranslationStrategy translation_strategy = TranslationStrategy::kUnderscoreEscapingWithSuffixes;
  bool keep_identifying_resource_attributes = false;
  bool convert_histograms_to_nhcb = false;
  bool promote_scope_metadata = false;
  bool label_name_underscore_sanitization = true;
  bool label_name_preserve_multiple_underscores = true;
};

const Struct& FieldsOf(const OtlpConfig*);

}  // namespace sextant::config
