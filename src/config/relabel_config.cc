#include "config/relabel_config.h"

#include <algorithm>

#include "config/text.h"

namespace sextant::config {

namespace {

struct ActionWord {
  std::string_view word;
  RelabelAction action;
};
constexpr ActionWord kActions[] = {
    {"replace", RelabelAction::kReplace},     {"keep", RelabelAction::kKeep},
    {"drop", RelabelAction::kDrop},           {"keepequal", RelabelAction::kKeepEqual},
    {"dropequal", RelabelAction::kDropEqual}, {"hashmod", RelabelAction::kHashMod},
    {"labelmap", RelabelAction::kLabelMap},   {"labeldrop", RelabelAction::kLabelDrop},
    {"labelkeep", RelabelAction::kLabelKeep}, {"lowercase", RelabelAction::kLowercase},
    {"uppercase", RelabelAction::kUppercase},
};

core::Result<RelabelAction> ReadAction(Node node) {
  SEXTANT_ASSIGN(std::string text, node.AsText());
  std::string word = text;
  for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  std::vector<std::string_view> words;
  for (const ActionWord& known : kActions) {
    if (known.word == word) return known.action;
    words.push_back(known.word);
  }
  return node.Fail("unknown relabel action {}{}", Quote(text), Suggestion(word, words));
}

bool IsOneOf(RelabelAction action, std::initializer_list<RelabelAction> actions) {
  return std::find(actions.begin(), actions.end(), action) != actions.end();
}

core::Status CheckTarget(const RelabelRuleConfig& rule, Node node) {
  using enum RelabelAction;
  std::string_view action = RelabelActionName(rule.action);
  if (!IsOneOf(rule.action, {kReplace, kHashMod, kLowercase, kUppercase, kKeepEqual, kDropEqual})) return {};
  if (rule.target_label.empty()) {
    return node.Fail("relabel configuration for {} action requires 'target_label' value", action);
  }
  if (!IsLabelName(rule.target_label)) {
    return node.Fail("{} is invalid 'target_label' for {} action", Quote(rule.target_label), action);
  }
  return {};
}

core::Status Finish(RelabelRuleConfig& rule, Node node) {
  using enum RelabelAction;
  const RelabelRuleConfig defaults;
  std::string_view action = RelabelActionName(rule.action);
  if (rule.action == kNone) return node.Fail("relabel action cannot be empty");
  if (rule.modulus == 0 && rule.action == kHashMod) {
    return node.Fail("relabel configuration for hashmod requires non-zero modulus");
  }
  SEXTANT_TRY(CheckTarget(rule, node));
  bool has_replacement = rule.replacement != defaults.replacement;
  // Prometheus 3 words it this way for the case actions, and as "requires only" for the comparing ones.
  if (IsOneOf(rule.action, {kLowercase, kUppercase}) && has_replacement) {
    return node.Fail("'replacement' can not be set for {} action", action);
  }
  if (rule.action == kLabelMap && !IsLabelName(rule.replacement)) {
    return node.Fail("{} is invalid 'replacement' for {} action", Quote(rule.replacement), action);
  }
  bool has_others =
      rule.modulus != defaults.modulus || rule.separator != defaults.separator || has_replacement;
  if (IsOneOf(rule.action, {kDropEqual, kKeepEqual}) && (has_others || node.Find("regex"))) {
    return node.Fail("{} action requires only 'source_labels' and `target_label`, and no other fields",
                     action);
  }
  if (IsOneOf(rule.action, {kLabelDrop, kLabelKeep}) &&
      (has_others || !rule.source_labels.empty() || !rule.target_label.empty())) {
    return node.Fail("{} action requires only 'regex', and no other fields", action);
  }
  return {};
}

core::Status CheckSourceLabels(const std::vector<std::string>& names, Node node) {
  size_t index = 0;
  for (Node item : node.children()) {
    if (!IsLabelName(names[index])) return item.Fail("{} is not a valid label name", Quote(names[index]));
    ++index;
  }
  return {};
}

}  // namespace

std::string_view RelabelActionName(RelabelAction action) {
  for (const ActionWord& known : kActions) {
    if (known.action == action) return known.word;
  }
  return "";
}

bool IsLabelName(std::string_view name) { return !name.empty() && IsUtf8(name); }

const Struct& FieldsOf(const RelabelRuleConfig*) {
  // Left out of a dump when it is the default: an empty expression means something else, and some actions
  // refuse any.
  auto regex = Custom<std::string>(
      [regex = Regex()](Node node) -> core::Result<std::string> {
        std::string text;
        SEXTANT_TRY(regex.codec->Read(node, &text));
        return text;
      },
      [](const std::string& text, YamlWriter& out) { out.Text(text); },
      [](const std::string& text) { return text == RelabelRuleConfig().regex; });
  static const Struct kFields = Struct::Of<RelabelRuleConfig>(
      {
          Member<&RelabelRuleConfig::source_labels>("source_labels")
              .Check<std::vector<std::string>>(CheckSourceLabels),
          Member<&RelabelRuleConfig::separator>("separator").AlwaysWritten(),
          Member<&RelabelRuleConfig::regex>("regex", std::move(regex)),
          Member<&RelabelRuleConfig::modulus>("modulus"),
          Member<&RelabelRuleConfig::target_label>("target_label"),
          Member<&RelabelRuleConfig::replacement>("replacement").AlwaysWritten(),
          Member<&RelabelRuleConfig::action>(
              "action", Custom<RelabelAction>(ReadAction,
                                              [](const RelabelAction& action, YamlWriter& out) {
                                                out.Text(RelabelActionName(action));
                                              })),
      },
      Finish);
  return kFields;
}

}  // namespace sextant::config
