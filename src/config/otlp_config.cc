#include "config/otlp_config.h"

#include <set>

#include "config/text.h"

namespace sextant::config {

namespace {

using core::Status;

constexpr std::pair<std::string_view, TranslationStrategy> kStrategies[] = {
    {"UnderscoreEscapingWithSuffixes", TranslationStrategy::kUnderscoreEscapingWithSuffixes},
    {"UnderscoreEscapingWithoutSuffixes", TranslationStrategy::kUnderscoreEscapingWithoutSuffixes},
    {"NoUTF8EscapingWithSuffixes", TranslationStrategy::kNoUtf8EscapingWithSuffixes},
    {"NoTranslation", TranslationStrategy::kNoTranslation},
};

core::Result<TranslationStrategy> ReadStrategy(Node node) {
  SEXTANT_ASSIGN(std::string text, node.AsText());
  for (const auto& [word, strategy] : kStrategies) {
    if (text == word) return strategy;
  }
  if (text.empty()) return TranslationStrategy::kUnderscoreEscapingWithSuffixes;
  return node.Fail("unsupported OTLP translation strategy {}", Quote(text));
}

void WriteStrategy(const TranslationStrategy& strategy, YamlWriter& out) {
  for (const auto& [word, known] : kStrategies) {
    if (known == strategy) return out.Text(word);
  }
  out.Null();
}

std::string TrimSpace(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(kSpace) - first + 1));
}

Status TrimAttributes(std::vector<std::string>& attributes, std::string_view field,
                      std::string_view adjective, Node node) {
  std::set<std::string> seen;
  std::string problems;
  auto complain = [&](std::string problem) {
    problems += (problems.empty() ? "" : "\n") + std::move(problem);
  };
  for (std::string& attribute : attributes) {
    std::string trimmed = TrimSpace(attribute);
    if (trimmed.empty()) {
      complain(fmt::format("empty {} OTel resource attribute", adjective));
    } else if (!seen.insert(trimmed).second) {
      complain(fmt::format("duplicated {} OTel resource attribute {}", adjective, Quote(trimmed)));
    } else {
      attribute = trimmed;
    }
  }
  if (problems.empty()) return {};
  return node.Find(field).Fail("invalid '{}': {}", field, problems);
}

Status FinishOtlp(OtlpConfig& otlp, Node node) {
  if (otlp.promote_all_resource_attributes) {
    if (!otlp.promote_resource_attributes.empty()) {
      return node.Fail(
          "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be configured "
          "simultaneously");
    }
    return TrimAttributes(otlp.ignore_resource_attributes, "ignore_resource_attributes", "ignored", node);
  }
  if (!otlp.ignore_resource_attributes.empty()) {
    return node.Fail(
        "'ignore_resource_attributes' cannot be configured unless 'promote_all_resource_attributes' is true");
  }
  return TrimAttributes(otlp.promote_resource_attributes, "promote_resource_attributes", "promoted", node);
}

}  // namespace

const Struct& FieldsOf(const OtlpConfig*) {
  static const Struct kFields = Struct::Of<OtlpConfig>(
      {
          Member<&OtlpConfig::promote_all_resource_attributes>("promote_all_resource_attributes"),
          Member<&OtlpConfig::promote_resource_attributes>("promote_resource_attributes"),
          Member<&OtlpConfig::ignore_resource_attributes>("ignore_resource_attributes"),
          Member<&OtlpConfig::translation_strategy>("translation_strategy",
                                                    Custom<TranslationStrategy>(ReadStrategy, WriteStrategy)),
          Member<&OtlpConfig::keep_identifying_resource_attributes>("keep_identifying_resource_attributes"),
          Member<&OtlpConfig::convert_histograms_to_nhcb>("convert_histograms_to_nhcb"),
          Member<&OtlpConfig::promote_scope_metadata>("promote_scope_metadata"),
          Member<&OtlpConfig::label_name_underscore_sanitization>("label_name_underscore_sanitization"),
          Member<&OtlpConfig::label_name_preserve_multiple_underscores>(
              "label_name_preserve_multiple_underscores"),
      },
      FinishOtlp);
  return kFields;
}

}  // namespace sextant::config
