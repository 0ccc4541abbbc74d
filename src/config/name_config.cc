#include "config/name_config.h"

#include "config/text.h"

namespace sextant::config {

namespace {

using core::Escaping;
using core::NameScheme;
using Validation = std::optional<NameScheme>;

core::Result<Validation> ReadValidation(Node node) {
  SEXTANT_ASSIGN(std::string text, node.AsText());
  if (text.empty()) return Validation();
  if (text == "utf8") return Validation(NameScheme::kUtf8);
  if (text == "legacy") return Validation(NameScheme::kLegacy);
  return node.Fail("unrecognized ValidationScheme: {}", Quote(text));
}

void WriteValidation(const Validation& validation, YamlWriter& out) {
  out.Text(validation == NameScheme::kLegacy ? "legacy" : "utf8");
}

core::Status CheckEscaping(std::string_view place, const std::string& escaping, Node node) {
  if (escaping.empty() || core::ParseEscaping(escaping)) return {};
  return node.Fail(
      "unknown {} name escaping method specified, must be one of 'allow-utf-8', 'underscores', 'dots', or "
      "'values', got {}",
      place, Quote(escaping));
}

std::string DefaultEscaping(NameScheme scheme) {
  return std::string(
      core::EscapingName(scheme == NameScheme::kLegacy ? Escaping::kUnderscores : Escaping::kAllowUtf8));
}

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The size of the `$name` or `${name}` that the text begins with; 0 when it begins with none.
size_t VariableSize(std::string_view text) {
  bool has_brace = text.starts_with("${");
  if (!text.starts_with('$')) return 0;
  size_t begin = has_brace ? 2 : 1;
  size_t end = begin;
  while (end < text.size() && IsWordByte(text[end])) ++end;
  if (end == begin) return 0;
  if (!has_brace) return end;
  return end < text.size() && text[end] == '}' ? end + 1 : 0;
}

// Whether a text with variables may become a legacy label name.
bool IsLegacyTemplate(std::string_view text) {
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) return false;
  while (!text.empty()) {
    size_t size = VariableSize(text);
    if (size == 0 && IsWordByte(text.front())) size = 1;
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

core::Status CheckLegacyRule(const RelabelRuleConfig& rule, Node node) {
  using enum RelabelAction;
  std::string_view action = RelabelActionName(rule.action);
  auto refuse = [&](std::string_view field, const std::string& value) {
    Node place = node.Find(field);
    return (place ? place : node).Fail("{} is invalid '{}' for {} action", Quote(value), field, action);
  };
  switch (rule.action) {
    case kReplace:
      if (!IsLegacyTemplate(rule.target_label)) return refuse("target_label", rule.target_label);
      return {};
    case kLabelMap:
      if (!IsLegacyTemplate(rule.replacement)) return refuse("replacement", rule.replacement);
      return {};
    case kLowercase:
    case kUppercase:
    case kKeepEqual:
    case kDropEqual:
    case kHashMod:
      if (!core::IsLabelName(rule.target_label, NameScheme::kLegacy))
        return refuse("target_label", rule.target_label);
      return {};
    default:
      return {};
  }
}

}  // namespace

const Struct& FieldsOf(const NameConfig*) {
  static const Struct kFields = Struct::Of<NameConfig>({
      Member<&NameConfig::validation>(
          "metric_name_validation_scheme",
          Custom<Validation>(ReadValidation, WriteValidation,
                             [](const Validation& validation) { return !validation; })),
      Member<&NameConfig::escaping>("metric_name_escaping_scheme"),
  });
  return kFields;
}

core::Status InheritNames(const NameConfig& global, NameConfig& names, Node node) {
  SEXTANT_TRY(CheckEscaping("global", global.escaping, node));
  Node escaping = node.Find("metric_name_escaping_scheme");
  if (escaping) SEXTANT_TRY(CheckEscaping("scrape config", names.escaping, escaping));
  if (names.escaping.empty()) {
    // A job that says which names are valid does not want the escaping of those that are valid elsewhere.
    names.escaping = names.validation           ? DefaultEscaping(*names.validation)
                     : !global.escaping.empty() ? global.escaping
                                                : DefaultEscaping(global.scheme());
  }
  if (!names.validation) names.validation = global.scheme();
  if (names.scheme() == NameScheme::kLegacy && names.escaping_scheme() == Escaping::kAllowUtf8) {
    return (escaping ? escaping : node)
        .Fail("utf8 metric names requested but validation scheme is not set to UTF8");
  }
  return {};
}

core::Status SetNameScheme(std::vector<RelabelRuleConfig>& rules, NameScheme scheme, Node list) {
  for (RelabelRuleConfig& rule : rules) rule.name_scheme = scheme;
  if (scheme == NameScheme::kUtf8) return {};
  size_t index = 0;
  for (Node item : list.children()) SEXTANT_TRY(CheckLegacyRule(rules[index++], item));
  return {};
}

}  // namespace sextant::config
