#include "pipeline/attribute_actions.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "core/regexp_syntax.h"
#include "core/sha256.h"

namespace sextant::pipeline {

namespace {

using config::Member;
using config::Node;
using core::Status;
using otlp::AnyValue;
using otlp::KeyValue;
using otlp::ValueKind;

constexpr std::pair<std::string_view, AttributeAction> kActions[] = {
    {"insert", AttributeAction::kInsert},   {"update", AttributeAction::kUpdate},
    {"upsert", AttributeAction::kUpsert},   {"delete", AttributeAction::kDelete},
    {"hash", AttributeAction::kHash},       {"extract", AttributeAction::kExtract},
    {"convert", AttributeAction::kConvert},
};

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::optional<AttributeAction> ActionOf(std::string_view word) {
  for (const auto& [name, action] : kActions) {
    if (name == word) return action;
  }
  return std::nullopt;
}

std::unique_ptr<const re2::RE2> Compile(std::string_view pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  return std::make_unique<const re2::RE2>(core::ToRe2Syntax(pattern), options);
}

re2::StringPiece Piece(std::string_view text) { return {text.data(), text.size()}; }

Status CheckPattern(const AttributeActionConfig& action, size_t index, Node node) {
  if (Compile(action.pattern)->ok()) return {};
  return node.Fail(
      "error creating AttrProc. Field \"pattern\" has invalid pattern: \"{}\" to be set at the {}-th actions",
      action.pattern, index);
}

Status CheckNoType(const AttributeActionConfig& action, std::string_view word, size_t index, Node node) {
  if (action.converted_type.empty()) return {};
  return node.Fail(
      "error creating AttrProc. Action \"{}\" does not use the \"converted_type\" field. This must not be "
      "specified for {}-th action",
      word, index);
}

Status CheckSetter(const AttributeActionConfig& action, std::string_view word, int sources, size_t index,
                   Node node) {
  if (sources == 0 && !action.default_value.IsSet()) {
    return node.Fail(
        "error creating AttrProc. Either field \"value\", \"from_attribute\" or \"from_context\" setting "
        "must "
        "be specified for {}-th action",
        index);
  }
  if (sources > 1) {
    return node.Fail("error creating AttrProc due to multiple value sources being set at the {}-th actions",
                     index);
  }
  if (!action.pattern.empty()) {
    return node.Fail(
        "error creating AttrProc. Action \"{}\" does not use the \"pattern\" field. This must not be "
        "specified for {}-th action",
        word, index);
  }
  if (action.from_context.starts_with("auth.")) {
    return node.Fail("from_context: attributes of the client's authentication (\"{}\") are not supported yet",
                     action.from_context);
  }
  return CheckNoType(action, word, index, node);
}

Status CheckExtract(const AttributeActionConfig& action, int sources, size_t index, Node node) {
  if (sources > 0) {
    return node.Fail(
        "error creating AttrProc. Action \"extract\" does not use a value source field. These must not be "
        "specified for {}-th action",
        index);
  }
  if (action.pattern.empty()) {
    return node.Fail(
        "error creating AttrProc due to missing required field \"pattern\" for action \"extract\" at the "
        "{}-th action",
        index);
  }
  SEXTANT_TRY(CheckNoType(action, "extract", index, node));
  SEXTANT_TRY(CheckPattern(action, index, node));
  auto pattern = Compile(action.pattern);
  if (pattern->NumberOfCapturingGroups() == 0) {
    return node.Fail(
        "error creating AttrProc. Field \"pattern\" contains no named matcher groups at the {}-th actions",
        index);
  }
  if (static_cast<int>(pattern->CapturingGroupNames().size()) != pattern->NumberOfCapturingGroups()) {
    return node.Fail(
        "error creating AttrProc. Field \"pattern\" contains at least one unnamed matcher group at the {}-th "
        "actions",
        index);
  }
  return {};
}

Status CheckConvert(const AttributeActionConfig& action, int sources, size_t index, Node node) {
  if (sources > 0 || !action.pattern.empty()) {
    return node.Fail(
        "error creating AttrProc. Action \"convert\" does not use value sources or \"pattern\" field. These "
        "must not be specified for {}-th action",
        index);
  }
  if (action.converted_type.empty()) {
    return node.Fail(
        "error creating AttrProc due to missing required field \"converted_type\" for action \"convert\" at "
        "the {}-th action",
        index);
  }
  if (action.converted_type != "string" && action.converted_type != "int" &&
      action.converted_type != "double") {
    return node.Fail(
        "error creating AttrProc due to invalid value \"{}\" in field \"converted_type\" for action "
        "\"convert\" at the {}-th action",
        action.converted_type, index);
  }
  return {};
}

Status CheckAction(const AttributeActionConfig& action, size_t index, Node node) {
  std::string word = Lower(action.action);
  std::optional<AttributeAction> kind = ActionOf(word);
  bool takes_pattern = kind == AttributeAction::kDelete || kind == AttributeAction::kHash;
  if (takes_pattern && action.key.empty() && action.pattern.empty()) {
    return node.Fail(
        "error creating AttrProc due to missing required field (at least one of \"key\" and \"pattern\" have "
        "to be used) at the {}-th actions",
        index);
  }
  if (!takes_pattern && action.key.empty()) {
    return node.Fail("error creating AttrProc due to missing required field \"key\" at the {}-th actions",
                     index);
  }
  int sources = (action.value.IsSet() ? 1 : 0) + (action.from_attribute.empty() ? 0 : 1) +
                (action.from_context.empty() ? 0 : 1);
  if (!kind) {
    return node.Fail("error creating AttrProc due to unsupported action \"{}\" at the {}-th actions", word,
                     index);
  }
  bool sets = kind == AttributeAction::kInsert || kind == AttributeAction::kUpdate ||
              kind == AttributeAction::kUpsert;
  if (action.default_value.IsSet() && !sets) {
    return node.Fail(
        "error creating AttrProc. Action \"{}\" does not use the \"default_value\" field. This must not be "
        "specified for {}-th action",
        word, index);
  }
  switch (*kind) {
    case AttributeAction::kInsert:
    case AttributeAction::kUpdate:
    case AttributeAction::kUpsert:
      return CheckSetter(action, word, sources, index, node);
    case AttributeAction::kDelete:
    case AttributeAction::kHash:
      if (action.value.IsSet() || !action.from_attribute.empty()) {
        return node.Fail(
            "error creating AttrProc. Action \"{}\" does not use \"value\" or \"from_attribute\" field. "
            "These "
            "must not be specified for {}-th action",
            word, index);
      }
      SEXTANT_TRY(CheckPattern(action, index, node));
      return CheckNoType(action, word, index, node);
    case AttributeAction::kExtract:
      return CheckExtract(action, sources, index, node);
    case AttributeAction::kConvert:
      return CheckConvert(action, sources, index, node);
  }
  return {};
}

std::string HashOf(const AnyValue& value) {
  char bytes[8];
  switch (value.kind) {
    case ValueKind::kText:
      return value.text.empty() ? "" : core::Sha256Hex(value.text);
    case ValueKind::kBool:
      bytes[0] = value.integer != 0 ? 1 : 0;
      return core::Sha256Hex({bytes, 1});
    case ValueKind::kInt:
      std::memcpy(bytes, &value.integer, sizeof bytes);
      return core::Sha256Hex({bytes, sizeof bytes});
    case ValueKind::kDouble:
      std::memcpy(bytes, &value.number, sizeof bytes);
      return core::Sha256Hex({bytes, sizeof bytes});
    default:  // of nothing else there is one
      return "";
  }
}

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  Number number{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Nothing when it cannot be one.
std::optional<AnyValue> AsInt(const AnyValue& value) {
  switch (value.kind) {
    case ValueKind::kDouble:
      // Go's conversion has no meaning outside the range.
      if (!(std::fabs(value.number) < 9.2e18)) return std::nullopt;
      return AnyValue::Int(static_cast<int64_t>(value.number));
    case ValueKind::kBool:
      return AnyValue::Int(value.integer);
    case ValueKind::kText:
      if (auto number = ParseNumber<int64_t>(value.text)) return AnyValue::Int(*number);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<AnyValue> AsDouble(const AnyValue& value) {
  switch (value.kind) {
    case ValueKind::kInt:
    case ValueKind::kBool:
      return AnyValue::Double(static_cast<double>(value.integer));
    case ValueKind::kText:
      if (auto number = ParseNumber<double>(value.text)) return AnyValue::Double(*number);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

const config::Struct& FieldsOf(const AttributeActionConfig*) {
  using C = AttributeActionConfig;
  static const config::Struct kFields = config::Struct::Of<C>({
      Member<&C::key>("key"),
      Member<&C::value>("value", AnyConfigValue()),
      Member<&C::default_value>("default_value", AnyConfigValue()),
      Member<&C::pattern>("pattern"),
      Member<&C::from_attribute>("from_attribute"),
      Member<&C::from_context>("from_context"),
      Member<&C::converted_type>("converted_type"),
      Member<&C::action>("action"),
  });
  return kFields;
}

Status CheckActions(const std::vector<AttributeActionConfig>& actions, Node node) {
  for (size_t i = 0; i < actions.size(); ++i) SEXTANT_TRY(CheckAction(actions[i], i, node));
  return {};
}

AttributeActions::AttributeActions(const std::vector<AttributeActionConfig>& actions) {
  for (const AttributeActionConfig& config : actions) {
    Action& action = actions_.emplace_back();
    action.action = *ActionOf(Lower(config.action));
    action.key = config.key;
    action.value = config.value;
    action.default_value = config.default_value;
    action.from_attribute = config.from_attribute;
    action.from_context = config.from_context;
    action.target = config.converted_type == "int"      ? Target::kInt
                    : config.converted_type == "double" ? Target::kDouble
                                                        : Target::kText;
    if (config.pattern.empty()) continue;
    action.pattern = Compile(config.pattern);
    for (const auto& [index, name] : action.pattern->CapturingGroupNames()) action.groups.push_back(name);
  }
}

AttributeActions::~AttributeActions() = default;

void AttributeActions::Apply(otlp::Attributes& attributes, otlp::Memory& memory, const Client* client) const {
  otlp::AttributeEditor editor(attributes, memory);
  for (const Action& action : actions_) Run(action, editor, memory, client);
  editor.Apply();
}

void AttributeActions::Run(const Action& action, otlp::AttributeEditor& editor, otlp::Memory& memory,
                           const Client* client) {
  switch (action.action) {
    case AttributeAction::kInsert:
    case AttributeAction::kUpdate:
    case AttributeAction::kUpsert: {
      bool is_there = editor.Find(action.key) != nullptr;
      if (action.action == AttributeAction::kInsert && is_there) return;
      if (action.action == AttributeAction::kUpdate && !is_there) return;
      std::optional<AnyValue> value = SourceOf(action, editor, memory, client);
      if (!value && action.default_value.IsSet()) value = action.default_value.In(memory);
      if (value) editor.Set(memory.Copy(action.key), *value);
      return;
    }
    case AttributeAction::kDelete:
      return Delete(action, editor);
    case AttributeAction::kHash:
      return Hash(action, editor, memory);
    case AttributeAction::kExtract:
      return Extract(action, editor, memory);
    case AttributeAction::kConvert:
      return Convert(action, editor, memory);
  }
}

std::optional<AnyValue> AttributeActions::SourceOf(const Action& action, const otlp::AttributeEditor& editor,
                                                   otlp::Memory& memory, const Client* client) {
  if (action.value.IsSet()) return action.value.In(memory);
  if (action.from_context.empty()) {
    if (action.from_attribute.empty()) return std::nullopt;
    const AnyValue* value = editor.Find(action.from_attribute);
    return value == nullptr ? std::nullopt : std::optional(*value);
  }
  std::string_view key = action.from_context;
  if (key == "client.address") {
    return AnyValue::Text(client == nullptr ? std::string_view() : memory.Copy(client->address));
  }
  if (client == nullptr) return std::nullopt;
  if (key.starts_with("metadata.")) key.remove_prefix(std::string_view("metadata.").size());
  std::vector<std::string_view> values = client->Values(Lower(key));
  if (values.empty()) return std::nullopt;
  return AnyValue::Text(memory.Copy(fmt::format("{}", fmt::join(values, ";"))));
}

void AttributeActions::Delete(const Action& action, otlp::AttributeEditor& editor) {
  editor.RemoveIf([&](const KeyValue& item) {
    return (!action.key.empty() && item.key == action.key) ||
           (action.pattern != nullptr && re2::RE2::PartialMatch(Piece(item.key), *action.pattern));
  });
}

void AttributeActions::Hash(const Action& action, otlp::AttributeEditor& editor, otlp::Memory& memory) {
  std::vector<std::string_view> keys;
  if (!action.key.empty() && editor.Find(action.key) != nullptr) keys.push_back(action.key);
  if (action.pattern != nullptr) {
    for (const KeyValue& item : editor.items()) {
      if (re2::RE2::PartialMatch(Piece(item.key), *action.pattern)) keys.push_back(item.key);
    }
  }
  for (std::string_view key : keys) {
    editor.Set(key, AnyValue::Text(memory.Copy(HashOf(*editor.Find(key)))));
  }
}

void AttributeActions::Extract(const Action& action, otlp::AttributeEditor& editor, otlp::Memory& memory) {
  const AnyValue* value = editor.Find(action.key);
  if (value == nullptr || !value->is_text()) return;
  std::vector<re2::StringPiece> found(action.groups.size() + 1);
  re2::StringPiece text = Piece(value->text);
  if (!action.pattern->Match(text, 0, text.size(), re2::RE2::UNANCHORED, found.data(),
                             static_cast<int>(found.size()))) {
    return;
  }
  for (size_t i = 0; i < action.groups.size(); ++i) {
    // Parts of a text that lives as long as the data.
    std::string_view part(found[i + 1].data(), found[i + 1].size());
    editor.Set(memory.Copy(action.groups[i]), AnyValue::Text(part));
  }
}

void AttributeActions::Convert(const Action& action, otlp::AttributeEditor& editor, otlp::Memory& memory) {
  const AnyValue* value = editor.Find(action.key);
  if (value == nullptr) return;
  std::optional<AnyValue> converted;
  switch (action.target) {
    case Target::kText:
      if (!value->is_text()) converted = AnyValue::Text(memory.Copy(otlp::ValueText(*value)));
      break;
    case Target::kInt:
      converted = AsInt(*value);
      break;
    case Target::kDouble:
      converted = AsDouble(*value);
      break;
  }
  if (converted) editor.Set(action.key, *converted);
}

}  // namespace sextant::pipeline
