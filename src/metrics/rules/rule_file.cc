#include "metrics/rules/rule_file.h"

#include <set>
#include <utility>

#include "config/text.h"
#include "gotemplate/prometheus.h"
#include "gotemplate/template.h"
#include "model/labels.h"

namespace sextant::rules {

const config::Struct& FieldsOf(const RuleConfig*) {
  using config::Duration;
  using config::Member;
  static const config::Struct kFields = config::Struct::Of<RuleConfig>({
      Member<&RuleConfig::record>("record"),
      Member<&RuleConfig::alert>("alert"),
      Member<&RuleConfig::expr>("expr"),
      Member<&RuleConfig::for_ms>("for", Duration()),
      Member<&RuleConfig::keep_firing_for_ms>("keep_firing_for", Duration()),
      Member<&RuleConfig::labels>("labels"),
      Member<&RuleConfig::annotations>("annotations"),
  });
  return kFields;
}

const config::Struct& FieldsOf(const RuleGroupConfig*) {
  using config::Duration;
  using config::Member;
  static const config::Struct kFields = config::Struct::Of<RuleGroupConfig>({
      Member<&RuleGroupConfig::name>("name"),
      Member<&RuleGroupConfig::interval_ms>("interval", Duration()),
      Member<&RuleGroupConfig::query_offset_ms>("query_offset", Duration()),
      Member<&RuleGroupConfig::limit>("limit"),
      Member<&RuleGroupConfig::labels>("labels"),
      Member<&RuleGroupConfig::rules>("rules"),
  });
  return kFields;
}

const config::Struct& FieldsOf(const RuleFile*) {
  static const config::Struct kFields = config::Struct::Of<RuleFile>({
      config::Member<&RuleFile::groups>("groups"),
  });
  return kFields;
}

namespace {

std::string PositionText(config::Position position) {
  return fmt::format("{}:{}", position.line, position.column);
}

// Checks decoded groups against each other and against the nodes they came from, which know the places.
class Checker {
 public:
  Checker(RuleFile& file, const RuleFileOptions& options) : file_(file), options_(options) {}

  RuleFileErrors Check(config::Node root) {
    const config::Node groups = root.Find("groups");
    size_t index = 0;
    if (groups) {
      for (config::Node group : groups.children()) CheckGroup(file_.groups[index++], group);
    }
    return std::move(errors_);
  }

 private:
  void Add(std::string message) {
    errors_.emplace_back(core::Code::kInvalidArgument, fmt::format("{}: {}", file_.path, message));
  }

  void CheckGroup(RuleGroupConfig& group, config::Node node) {
    const std::string place = PositionText(node.position());
    if (group.name.empty()) Add(fmt::format("{}: Groupname must not be empty", place));
    if (!names_.insert(group.name).second) {
      Add(fmt::format("{}: groupname: \"{}\" is repeated in the same file", place, group.name));
    }
    for (const config::Node label : node.Find("labels").children()) {
      if (const std::string error = LabelError(label); !error.empty()) {
        Add(fmt::format("{}: {}", PositionText(label.key_position()), error));
      }
    }
    size_t index = 0;
    for (const config::Node rule_node : node.Find("rules").children()) {
      group_ = &group;
      rule_number_ = index + 1;
      CheckRule(group.rules[index++], rule_node);
    }
    MergeLabels(group);
  }

  // A rule's own labels win over those of its group.
  static void MergeLabels(RuleGroupConfig& group) {
    for (RuleConfig& rule : group.rules) rule.labels.insert(group.labels.begin(), group.labels.end());
  }

  void AddRule(const RuleConfig& rule, std::string_view place, std::string_view message) {
    Add(fmt::format("{}: group {}, rule {}, {}: {}", place, config::Quote(group_->name), rule_number_,
                    config::Quote(rule.name()), message));
  }

  void CheckRule(RuleConfig& rule, config::Node node) {
    const auto place = [&](const char* field) {
      const config::Node value = node.Find(field);
      return PositionText(value ? value.position() : node.position());
    };
    if (!rule.record.empty() && !rule.alert.empty()) {
      AddRule(rule, place("record") + ": " + place("alert"), "only one of 'record' and 'alert' must be set");
    }
    if (rule.record.empty() && rule.alert.empty()) {
      AddRule(rule, place(""), "one of 'record' or 'alert' must be set");
    }
    CheckExpression(rule, place("expr"));
    if (!rule.record.empty()) CheckRecord(rule, place("record"));
    for (const config::Node label : node.Find("labels").children()) {
      if (const std::string error = LabelError(label); !error.empty()) {
        AddRule(rule, PositionText(label.key_position()), error);
      }
    }
    for (const config::Node annotation : node.Find("annotations").children()) {
      if (core::IsLabelName(annotation.key(), options_.name_scheme)) continue;
      AddRule(rule, PositionText(annotation.key_position()),
              fmt::format("invalid annotation name: {}", annotation.key()));
    }
    if (rule.IsAlert()) CheckTemplates(rule, node);
  }

  void CheckExpression(RuleConfig& rule, std::string_view place) {
    if (rule.expr.empty()) return AddRule(rule, place, "field 'expr' must be set in rule");
    auto parsed = promql::ParseExpr(rule.expr, options_.parser);
    if (!parsed) {
      return AddRule(rule, place, fmt::format("could not parse expression: {}", parsed.error().Message()));
    }
    rule.parsed = *std::move(parsed);
  }

  void CheckRecord(const RuleConfig& rule, std::string_view place) {
    if (!rule.annotations.empty()) AddRule(rule, place, "invalid field 'annotations' in recording rule");
    if (rule.for_ms != 0) AddRule(rule, place, "invalid field 'for' in recording rule");
    if (rule.keep_firing_for_ms != 0)
      AddRule(rule, place, "invalid field 'keep_firing_for' in recording rule");
    if (!core::IsMetricName(rule.record, options_.name_scheme)) {
      AddRule(rule, place, fmt::format("invalid recording rule name: {}", rule.record));
    }
    if (rule.record.find_first_of("{}") != std::string::npos) {
      AddRule(
          rule, place,
          fmt::format("braces present in the recording rule name; should it be in expr?: {}", rule.record));
    }
  }

  std::string LabelError(config::Node label) const {
    if (!core::IsLabelName(label.key(), options_.name_scheme) || label.key() == model::kMetricName) {
      return fmt::format("invalid label name: {}", label.key());
    }
    if (!model::IsValidUtf8(label.text()))
      return fmt::format("invalid label value: {}", config::Quote(label.text()));
    return {};
  }

  void CheckTemplates(const RuleConfig& rule, config::Node node) {
    const auto check = [&](const char* field, const char* kind) {
      for (const config::Node item : node.Find(field).children()) {
        gotemplate::TemplateSet templates(gotemplate::PrometheusFunctions());
        const std::string name = "__alert_" + rule.alert;
        const auto status =
            templates.Parse(name, std::string(gotemplate::kPrometheusAlertPrefix) + std::string(item.text()));
        if (status) continue;
        AddRule(rule, PositionText(item.position()),
                fmt::format("{} {}: error parsing template {}: {}", kind, config::Quote(item.key()), name,
                            status.error().message()));
      }
    };
    check("labels", "label");
    check("annotations", "annotation");
  }

  RuleFile& file_;
  const RuleFileOptions& options_;
  RuleFileErrors errors_;
  std::set<std::string> names_;
  const RuleGroupConfig* group_ = nullptr;  // of the rule being checked
  size_t rule_number_ = 0;                  // from 1
};

RuleFileResult CheckDocument(const config::Document& document, const std::string& path,
                             const RuleFileOptions& options) {
  auto file = config::Decode<RuleFile>(document.root());
  if (!file) return tl::unexpected(RuleFileErrors{std::move(file).error()});
  file->path = path;
  RuleFileErrors errors = Checker(*file, options).Check(document.root());
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  return *std::move(file);
}

}  // namespace

RuleFileResult ParseRuleFile(std::string_view text, const std::string& path, const RuleFileOptions& options) {
  auto document =
      config::Document::Parse(text, path, {.ignores_unknown_fields = options.ignores_unknown_fields});
  if (!document) return tl::unexpected(RuleFileErrors{std::move(document).error()});
  return CheckDocument(*document, path, options);
}

RuleFileResult LoadRuleFile(const std::string& path, const RuleFileOptions& options) {
  auto document = config::Document::Load(path, {.ignores_unknown_fields = options.ignores_unknown_fields});
  if (!document) return tl::unexpected(RuleFileErrors{std::move(document).error()});
  return CheckDocument(*document, path, options);
}

tl::expected<std::vector<RuleFile>, RuleFileErrors> LoadRuleFiles(std::span<const std::string> paths,
                                                                  const RuleFileOptions& options) {
  std::vector<RuleFile> files;
  RuleFileErrors errors;
  for (const std::string& path : paths) {
    auto file = LoadRuleFile(path, options);
    if (file) {
      files.push_back(*std::move(file));
    } else {
      errors.insert(errors.end(), file.error().begin(), file.error().end());
    }
  }
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  return files;
}

core::Error Summarize(const RuleFileErrors& errors) {
  SEXTANT_CHECK(!errors.empty());
  if (errors.size() == 1) return errors.front();
  return {errors.front().code(),
          fmt::format("{} (and {} more errors)", errors.front().message(), errors.size() - 1)};
}

}  // namespace sextant::rules
