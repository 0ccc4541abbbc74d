#include "metrics/discovery/group_text.h"

#include <simdjson.h>

#include "config/node.h"
#include "config/prometheus_config.h"
#include "config/text.h"

namespace sextant::discovery {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using simdjson::dom::element_type;

constexpr std::string_view kAddress = "__address__";
constexpr config::DocumentLimits kLimits = {
    .size_bytes = kMaxGroupTextBytes, .depth = 16, .nodes = 4'000'000};

std::string Source(const std::string& name, size_t index) { return fmt::format("{}:{}", name, index); }

model::Labels Target(std::string_view address) { return model::Labels::Of({{kAddress, address}}); }

core::Status ReadJsonTargets(simdjson::dom::element value, TargetGroup& group) {
  if (value.is_null()) return {};
  simdjson::dom::array items;
  if (value.get(items) != simdjson::SUCCESS) {
    return Fail(Code::kInvalidArgument, "targets must be a list of texts");
  }
  for (simdjson::dom::element item : items) {
    std::string_view address;
    if (item.get(address) != simdjson::SUCCESS) {
      return Fail(Code::kInvalidArgument, "targets must be a list of texts");
    }
    group.targets.push_back(Target(address));
  }
  return {};
}

core::Status ReadJsonLabels(simdjson::dom::element value, model::LabelsBuilder& labels) {
  if (value.is_null()) return {};
  simdjson::dom::object fields;
  if (value.get(fields) != simdjson::SUCCESS) {
    return Fail(Code::kInvalidArgument, "labels must be an object of texts");
  }
  for (auto [name, field] : fields) {
    std::string_view text;
    if (!field.is_null() && field.get(text) != simdjson::SUCCESS) {
      return Fail(Code::kInvalidArgument, "label {}: the value must be a text", config::Quote(name));
    }
    if (!config::IsLabelName(name)) {
      return Fail(Code::kInvalidArgument, "{} is not a valid label name", config::Quote(name));
    }
    labels.Set(name, text);
  }
  return {};
}

Result<TargetGroup> ReadJsonGroup(simdjson::dom::element item) {
  if (item.is_null()) return Fail(Code::kInvalidArgument, "nil target group item found");
  simdjson::dom::object fields;
  if (item.get(fields) != simdjson::SUCCESS) {
    return Fail(Code::kInvalidArgument, "a target group must be an object");
  }
  TargetGroup group;
  model::LabelsBuilder labels;
  for (auto [key, value] : fields) {
    if (key == "targets") {
      SEXTANT_TRY(ReadJsonTargets(value, group));
    } else if (key == "labels") {
      SEXTANT_TRY(ReadJsonLabels(value, labels));
    } else {
      return Fail(Code::kInvalidArgument, "unknown field {}", config::Quote(key));
    }
  }
  group.labels = labels.Build();
  return group;
}

// JSON is YAML, too, whose reader says where it stopped.
core::Error JsonError(std::string_view text, const std::string& name, simdjson::error_code code) {
  if (auto document = config::Document::Parse(text, name, kLimits); !document) return document.error();
  return {Code::kInvalidArgument, fmt::format("{}: {}", name, simdjson::error_message(code))};
}

}  // namespace

Result<std::vector<TargetGroup>> ParseGroupsJson(std::string_view text, const std::string& name) {
  if (text.size() > kMaxGroupTextBytes) {
    return Fail(Code::kResourceExhausted, "{}: larger than {} bytes", name, kMaxGroupTextBytes);
  }
  simdjson::dom::parser parser;
  simdjson::padded_string padded(text);
  simdjson::dom::element root;
  if (simdjson::error_code code = parser.parse(padded).get(root); code != simdjson::SUCCESS) {
    return tl::unexpected(JsonError(text, name, code));
  }
  std::vector<TargetGroup> groups;
  if (root.is_null()) return groups;
  simdjson::dom::array items;
  if (root.get(items) != simdjson::SUCCESS) {
    return Fail(Code::kInvalidArgument, "{}: must be a list of target groups", name);
  }
  for (simdjson::dom::element item : items) {
    SEXTANT_ASSIGN(TargetGroup group,
                   ReadJsonGroup(item).map_error(core::AddContext("{}: group {}", name, groups.size())));
    group.source = Source(name, groups.size());
    groups.push_back(std::move(group));
  }
  return groups;
}

Result<std::vector<TargetGroup>> ParseGroupsYaml(std::string_view text, const std::string& name) {
  SEXTANT_ASSIGN(config::Document document, config::Document::Parse(text, name, kLimits));
  config::Node root = document.root();
  std::vector<TargetGroup> groups;
  if (root.IsNull()) return groups;
  if (!root.IsSequence()) return root.Fail("must be a list of target groups, not {}", root.Describe());
  for (config::Node item : root.children()) {
    if (item.IsNull()) return item.Fail("nil target group item found");
    SEXTANT_ASSIGN(auto decoded, config::Decode<config::StaticTargets>(item));
    TargetGroup group;
    group.source = Source(name, groups.size());
    for (const std::string& address : decoded.targets) group.targets.push_back(Target(address));
    model::LabelsBuilder labels;
    for (const auto& [label, value] : decoded.labels) labels.Set(label, value);
    group.labels = labels.Build();
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace sextant::discovery
