#include "metrics/relabel/relabel.h"

#include <openssl/evp.h>
#include <re2/re2.h>

#include <array>
#include <string>

#include "config/text.h"
#include "core/regexp_syntax.h"
#include "metrics/relabel/letter_case.h"
#include "metrics/relabel/template.h"

namespace sextant::relabel {

namespace {

constexpr std::string_view kDefaultRegex = "(.*)";

// Whether an expression matches nothing but itself.
bool IsLiteral(std::string_view regex) {
  return regex.find_first_of("\\.+*?()|[]{}^$") == std::string_view::npos;
}

// The last eight bytes of the value's MD5, as Prometheus has always hashed; kInternal when the library has no
// MD5.
uint64_t HashValue(std::string_view value) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  int ok = EVP_Digest(value.data(), value.size(), digest.data(), &size, EVP_md5(), nullptr);
  SEXTANT_CHECK(ok == 1 && size == 16);
  uint64_t hash = 0;
  for (size_t i = 8; i < 16; ++i) hash = hash << 8 | digest[i];
  return hash;
}

}  // namespace

// The labels while rules run over them: the given set until the first change, a builder from then on.
class Rules::Subject {
 public:
  explicit Subject(const model::Labels& base) : base_(&base) {}
  explicit Subject(model::LabelsBuilder& builder) : builder_(&builder) {}

  std::string_view Get(std::string_view name) const {
    return builder_ ? builder_->Get(name) : base_->Get(name);
  }

  void Set(std::string_view name, std::string_view value) {
    if (Get(name) == value) return;
    // The value may live in the builder that is about to change.
    Builder().Set(name, std::string(value));
  }
  void Delete(std::string_view name) {
    if (!Get(name).empty()) Builder().Delete(name);
  }

  // Calls `visit(name, value)` for the labels as they are now; it may not change them.
  template <typename Visit>
  void ForEach(Visit visit) const {
    if (builder_ == nullptr) {
      for (auto [name, value] : *base_) visit(name, value);
    } else {
      for (const auto& [name, value] : builder_->labels()) visit(name, value);
    }
  }

  model::Labels Take() const { return builder_ ? builder_->Build() : *base_; }

 private:
  model::LabelsBuilder& Builder() {
    if (builder_ == nullptr) builder_ = &own_.emplace(*base_);
    return *builder_;
  }

  const model::Labels* base_ = nullptr;
  model::LabelsBuilder* builder_ = nullptr;
  std::optional<model::LabelsBuilder> own_;
};

class Rules::Rule {
 public:
  static core::Result<Rule> Compile(const config::RelabelRuleConfig& config);

  // False when the set is dropped.
  bool Apply(Subject& subject) const;

 private:
  explicit Rule(const config::RelabelRuleConfig& config) : config_(config) {}

  // The source labels' values, joined; `buffer` holds them when they had to be put together.
  std::string_view SourceValue(const Subject& subject, std::string& buffer) const;
  bool Matches(std::string_view text) const;
  // Matches and finds the groups, [0] being all of it.
  bool FindGroups(std::string_view text, std::vector<std::string_view>& groups) const;
  void Replace(Subject& subject, std::string_view value) const;
  // Sets a label, or deletes it when the value is empty; leaves names that cannot be alone.
  void SetLabel(Subject& subject, std::string_view name, std::string_view value) const;
  void MapLabels(Subject& subject) const;
  void DropLabels(Subject& subject, bool drop_matching) const;

  config::RelabelRuleConfig config_;
  bool matches_anything_ = false;  // the default expression
  bool is_literal_ = false;
  std::shared_ptr<const re2::RE2> regex_;  // null when one of the above
  std::optional<Template> target_;
  std::optional<Template> replacement_;
  std::string constant_target_;  // the templates' results where they are constant
  std::string constant_replacement_;
  int group_count_ = 0;
};

core::Result<Rules::Rule> Rules::Rule::Compile(const config::RelabelRuleConfig& config) {
  Rule rule(config);
  rule.matches_anything_ = config.regex == kDefaultRegex;
  rule.is_literal_ = IsLiteral(config.regex);
  std::map<std::string, int> names;
  rule.group_count_ = rule.matches_anything_ ? 1 : 0;
  if (!rule.matches_anything_ && !rule.is_literal_) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    auto regex =
        std::make_shared<const re2::RE2>(fmt::format("(?s:{})", core::ToRe2Syntax(config.regex)), options);
    if (!regex->ok()) {
      SEXTANT_TRY(config::CheckRegex(config.regex));
      return core::Fail(core::Code::kInvalidArgument, "error parsing regexp: {}", regex->error());
    }
    rule.group_count_ = regex->NumberOfCapturingGroups();
    names = regex->NamedCapturingGroups();
    rule.regex_ = std::move(regex);
  }
  rule.target_.emplace(config.target_label, names, rule.group_count_);
  rule.replacement_.emplace(config.replacement, names, rule.group_count_);
  if (rule.target_->is_constant()) rule.target_->Expand({}, rule.constant_target_);
  if (rule.replacement_->is_constant()) rule.replacement_->Expand({}, rule.constant_replacement_);
  return rule;
}

bool Rules::Rule::Apply(Subject& subject) const {
  using enum config::RelabelAction;
  std::string buffer;
  std::string_view value = SourceValue(subject, buffer);
  switch (config_.action) {
    case kDrop:
      return !Matches(value);
    case kKeep:
      return Matches(value);
    case kDropEqual:
      return subject.Get(config_.target_label) != value;
    case kKeepEqual:
      return subject.Get(config_.target_label) == value;
    case kReplace:
      Replace(subject, value);
      return true;
    case kLowercase:
      subject.Set(config_.target_label, ToLower(value));
      return true;
    case kUppercase:
      subject.Set(config_.target_label, ToUpper(value));
      return true;
    case kHashMod:
      subject.Set(config_.target_label, std::to_string(HashValue(value) % config_.modulus));
      return true;
    case kLabelMap:
      MapLabels(subject);
      return true;
    case kLabelDrop:
      DropLabels(subject, true);
      return true;
    case kLabelKeep:
      DropLabels(subject, false);
      return true;
    case kNone:
      break;
  }
  SEXTANT_CHECK(!"a rule without an action");
  return true;
}

std::string_view Rules::Rule::SourceValue(const Subject& subject, std::string& buffer) const {
  const auto& names = config_.source_labels;
  if (names.empty()) return {};
  if (names.size() == 1) return subject.Get(names[0]);
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) buffer += config_.separator;
    buffer += subject.Get(names[i]);
  }
  return buffer;
}

bool Rules::Rule::Matches(std::string_view text) const {
  if (matches_anything_) return true;
  if (is_literal_) return text == config_.regex;
  return regex_->Match(text, 0, text.size(), re2::RE2::ANCHOR_BOTH, nullptr, 0);
}

bool Rules::Rule::FindGroups(std::string_view text, std::vector<std::string_view>& groups) const {
  groups.assign(static_cast<size_t>(group_count_) + 1, std::string_view());
  groups[0] = text;
  if (matches_anything_) groups[1] = text;
  if (matches_anything_ || is_literal_) return Matches(text);
  std::vector<re2::StringPiece> found(groups.size());
  if (!regex_->Match(text, 0, text.size(), re2::RE2::ANCHOR_BOTH, found.data(),
                     static_cast<int>(found.size()))) {
    return false;
  }
  for (size_t i = 0; i < found.size(); ++i) groups[i] = std::string_view(found[i].data(), found[i].size());
  return true;
}

void Rules::Rule::Replace(Subject& subject, std::string_view value) const {
  // What most rules are: a copy or a constant under a fixed name.
  bool is_copy = matches_anything_ && replacement_->single_group() >= 0;
  if (target_->is_constant() && (is_copy || replacement_->is_constant())) {
    if (Matches(value)) SetLabel(subject, constant_target_, is_copy ? value : constant_replacement_);
    return;
  }
  std::vector<std::string_view> groups;
  if (!FindGroups(value, groups)) return;
  std::string target;
  target_->Expand(groups, target);
  std::string result;
  replacement_->Expand(groups, result);
  SetLabel(subject, target, result);
}

void Rules::Rule::SetLabel(Subject& subject, std::string_view name, std::string_view value) const {
  if (!core::IsLabelName(name, config_.name_scheme)) return;
  value.empty() ? subject.Delete(name) : subject.Set(name, value);
}

void Rules::Rule::MapLabels(Subject& subject) const {
  std::vector<std::pair<std::string, std::string>> mapped;
  std::vector<std::string_view> groups;
  subject.ForEach([&](std::string_view name, std::string_view value) {
    if (!FindGroups(name, groups)) return;
    std::string target;
    replacement_->Expand(groups, target);
    if (!target.empty()) mapped.emplace_back(std::move(target), value);
  });
  for (const auto& [name, value] : mapped) subject.Set(name, value);
}

void Rules::Rule::DropLabels(Subject& subject, bool drop_matching) const {
  std::vector<std::string> dropped;
  subject.ForEach([&](std::string_view name, std::string_view) {
    if (Matches(name) == drop_matching) dropped.emplace_back(name);
  });
  for (const std::string& name : dropped) subject.Delete(name);
}

core::Result<Rules> Rules::Compile(const std::vector<config::RelabelRuleConfig>& configs) {
  Rules rules;
  if (configs.empty()) return rules;
  std::vector<Rule> compiled;
  for (const config::RelabelRuleConfig& config : configs) {
    SEXTANT_ASSIGN(Rule rule, Rule::Compile(config));
    compiled.push_back(std::move(rule));
  }
  rules.rules_ = std::make_shared<const std::vector<Rule>>(std::move(compiled));
  return rules;
}

std::optional<model::Labels> Rules::Relabel(const model::Labels& labels) const {
  if (empty()) return labels;
  Subject subject(labels);
  for (const Rule& rule : *rules_) {
    if (!rule.Apply(subject)) return std::nullopt;
  }
  return subject.Take();
}

bool Rules::Apply(model::LabelsBuilder& labels) const {
  if (empty()) return true;
  Subject subject(labels);
  for (const Rule& rule : *rules_) {
    if (!rule.Apply(subject)) return false;
  }
  return true;
}

}  // namespace sextant::relabel
