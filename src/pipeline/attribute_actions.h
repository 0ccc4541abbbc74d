// The list of changes to attributes that the processors `attributes` and `resource` are configured with:
// insert, update, upsert, delete, hash, extract and convert.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/decode.h"
#include "otlp/attributes.h"
#include "pipeline/config_value.h"
#include "pipeline/telemetry.h"

namespace sextant::pipeline {

enum class AttributeAction { kInsert, kUpdate, kUpsert, kDelete, kHash, kExtract, kConvert };

struct AttributeActionConfig {
  std::string key;
  ConfigValue value;
  ConfigValue default_value;  // of insert, update and upsert, when their source has none
  std::string pattern;
  std::string from_attribute;
  std::string from_context;
  std::string converted_type;
  std::string action;
};
const config::Struct& FieldsOf(const AttributeActionConfig*);

// What is wrong with a list, with the collector's texts, at this node.
core::Status CheckActions(const std::vector<AttributeActionConfig>& actions, config::Node node);

// The same, ready to be applied. Any thread.
class AttributeActions {
 public:
  // Of a list that CheckActions took.
  explicit AttributeActions(const std::vector<AttributeActionConfig>& actions);
  ~AttributeActions();

  // Changes attributes that live in this memory; `client` may be null.
  void Apply(otlp::Attributes& attributes, otlp::Memory& memory, const Client* client) const;

 private:
  enum class Target { kText, kInt, kDouble };

  struct Action {
    AttributeAction action = AttributeAction::kInsert;
    std::string key;
    ConfigValue value;
    ConfigValue default_value;
    std::string from_attribute;
    std::string from_context;
    std::unique_ptr<const re2::RE2> pattern;
    std::vector<std::string> groups;  // names of the pattern's, in their order
    Target target = Target::kText;
  };

  static void Run(const Action& action, otlp::AttributeEditor& editor, otlp::Memory& memory,
                  const Client* client);
  static std::optional<otlp::AnyValue> SourceOf(const Action& action, const otlp::AttributeEditor& editor,
                                                otlp::Memory& memory, const Client* client);
  static void Delete(const Action& action, otlp::AttributeEditor& editor);
  static void Hash(const Action& action, otlp::AttributeEditor& editor, otlp::Memory& memory);
  static void Extract(const Action& action, otlp::AttributeEditor& editor, otlp::Memory& memory);
  static void Convert(const Action& action, otlp::AttributeEditor& editor, otlp::Memory& memory);

  std::vector<Action> actions_;
};

}  // namespace sextant::pipeline
