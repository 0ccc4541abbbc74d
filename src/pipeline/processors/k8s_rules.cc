#include "pipeline/processors/k8s_rules.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "core/regexp_syntax.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr std::array<std::string_view, kK8sKinds> kKindNames = {
    "pod", "namespace", "node", "deployment", "replicaset", "statefulset", "daemonset", "job", "cronjob"};

constexpr std::string_view kMetadata[] = {
    "container.id",         "container.image.name", "container.image.repo_digests",
    "container.image.tag",  "k8s.cluster.uid",      "k8s.container.name",
    "k8s.cronjob.name",     "k8s.cronjob.uid",      "k8s.daemonset.name",
    "k8s.daemonset.uid",    "k8s.deployment.name",  "k8s.deployment.uid",
    "k8s.job.name",         "k8s.job.uid",          "k8s.namespace.name",
    "k8s.node.name",        "k8s.node.uid",         "k8s.pod.hostname",
    "k8s.pod.ip",           "k8s.pod.name",         "k8s.pod.start_time",
    "k8s.pod.uid",          "k8s.replicaset.name",  "k8s.replicaset.uid",
    "k8s.statefulset.name", "k8s.statefulset.uid",  "service.instance.id",
    "service.name",         "service.namespace",    "service.version",
};

std::string Anchored(const std::string& regex) { return "^(?:" + regex + ")$"; }

std::shared_ptr<const RE2> Compile(const std::string& regex) {
  RE2::Options options;
  options.set_log_errors(false);
  return std::make_shared<const RE2>(core::ToRe2Syntax(Anchored(regex)), options);
}

std::optional<K8sKind> KindOf(std::string_view from) {
  if (from.empty()) return K8sKind::kPod;
  auto found = std::ranges::find(kKindNames, from);
  if (found == kKindNames.end()) return std::nullopt;
  return static_cast<K8sKind>(found - kKindNames.begin());
}

Status CheckField(K8sFieldConfig& field, config::Node node) {
  if (!field.key.empty() && !field.key_regex.empty()) {
    return node.Fail(
        "Out of Key or KeyRegex only one option is expected to be configured at a time, currently Key:{} and "
        "KeyRegex:{}",
        field.key, field.key_regex);
  }
  if (!KindOf(field.from)) {
    return node.Fail(
        "{} is not a valid choice for From. Must be one of: pod, deployment, replicaset, statefulset, "
        "daemonset, job, cronjob, node, namespace",
        field.from);
  }
  if (!field.key_regex.empty()) {
    if (auto regex = Compile(field.key_regex); !regex->ok()) {
      return node.Fail("error parsing regexp: {}", regex->error());
    }
  }
  return {};
}

Status CheckExtract(K8sExtractConfig& config, config::Node node) {
  for (size_t i = 0; i < config.metadata.size(); ++i) {
    const std::string& field = config.metadata[i];
    if (std::ranges::binary_search(kMetadata, field)) continue;
    if (field == "container.image.tags") {
      return node.Fail(
          "\"container.image.tags\" is not supported yet: it belongs to a schema that the collector has "
          "behind "
          "a feature gate; use container.image.tag");
    }
    return node.Fail("\"{}\" is not a supported metadata field", field);
  }
  return {};
}

// Go's Regexp.Expand.
std::string Expand(std::string_view text, const std::vector<std::string_view>& groups, const RE2& regex) {
  std::string out;
  auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  while (!text.empty()) {
    size_t dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    bool has_brace = text.starts_with('{');
    std::string_view rest = text.substr(has_brace ? 1 : 0);
    size_t length = 0;
    while (length < rest.size() && is_word(rest[length])) ++length;
    bool is_closed = !has_brace || (length < rest.size() && rest[length] == '}');
    if (length == 0 || !is_closed) {
      out += '$';
      continue;
    }
    std::string name(rest.substr(0, length));
    text = rest.substr(length + (has_brace ? 1 : 0));
    size_t index = groups.size();
    if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) {
      index = name.size() < 4 ? static_cast<size_t>(std::stoi(name)) : groups.size();
    } else if (auto named = regex.NamedCapturingGroups().find(name);
               named != regex.NamedCapturingGroups().end()) {
      index = static_cast<size_t>(named->second);
    }
    if (index < groups.size()) out += groups[index];
  }
  return out;
}

}  // namespace

const config::Struct& FieldsOf(const K8sFieldConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<K8sFieldConfig>(
      {
          Member<&K8sFieldConfig::tag_name>("tag_name"),
          Member<&K8sFieldConfig::key>("key"),
          Member<&K8sFieldConfig::key_regex>("key_regex"),
          Member<&K8sFieldConfig::from>("from"),
      },
      &CheckField);
  return kFields;
}

const config::Struct& FieldsOf(const K8sExtractConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<K8sExtractConfig>(
      {
          Member<&K8sExtractConfig::metadata>("metadata"),
          Member<&K8sExtractConfig::annotations>("annotations"),
          Member<&K8sExtractConfig::labels>("labels"),
          Member<&K8sExtractConfig::otel_annotations>("otel_annotations"),
          Member<&K8sExtractConfig::deployment_name_from_replicaset>("deployment_name_from_replicaset"),
      },
      &CheckExtract);
  return kFields;
}

Result<K8sFieldRule> K8sFieldRule::Of(const K8sFieldConfig& config, bool is_label) {
  K8sFieldRule rule;
  rule.from_ = KindOf(config.from).value_or(K8sKind::kPod);
  rule.is_label_ = is_label;
  rule.name_ = config.tag_name;
  rule.key_ = config.key;
  if (!config.key_regex.empty()) {
    rule.regex_ = Compile(config.key_regex);
    if (!rule.regex_->ok()) {
      return Fail(Code::kInvalidArgument, "error parsing regexp: {}", rule.regex_->error());
    }
  }
  return rule;
}

K8sFieldRule K8sFieldRule::OtelAnnotations() {
  K8sFieldRule rule;
  rule.is_label_ = false;
  rule.name_ = "$1";
  rule.regex_ = Compile(R"(resource\.opentelemetry\.io/(.+))");
  return rule;
}

std::string K8sFieldRule::NameOf(std::string_view key) const {
  // Older kinds have the plural that they always had.
  bool is_plural = from_ == K8sKind::kPod || from_ == K8sKind::kNamespace || from_ == K8sKind::kNode;
  return fmt::format("k8s.{}.{}{}.{}", kKindNames[static_cast<size_t>(from_)],
                     is_label_ ? "label" : "annotation", is_plural ? "s" : "", key);
}

void K8sFieldRule::Extract(const std::map<std::string, std::string>& fields, Tags& tags) const {
  if (!regex_) {
    auto found = fields.find(key_);
    if (found != fields.end()) tags[name_.empty() ? NameOf(key_) : name_] = found->second;
    return;
  }
  auto groups = static_cast<size_t>(regex_->NumberOfCapturingGroups()) + 1;
  for (const auto& [key, value] : fields) {
    std::vector<re2::StringPiece> matches(groups);
    if (!regex_->Match(key, 0, key.size(), RE2::UNANCHORED, matches.data(), static_cast<int>(groups)))
      continue;
    std::vector<std::string_view> texts;
    for (re2::StringPiece match : matches) texts.emplace_back(match.data(), match.size());
    tags[groups > 1 ? Expand(name_, texts, *regex_) : NameOf(key)] = value;
  }
}

Result<K8sRules> K8sRules::Of(const K8sExtractConfig& config) {
  K8sRules rules;
  rules.metadata_ = config.metadata;
  std::ranges::sort(rules.metadata_);
  rules.deployment_name_from_replicaset_ = config.deployment_name_from_replicaset;
  for (const K8sFieldConfig& field : config.labels) {
    SEXTANT_ASSIGN(K8sFieldRule rule, K8sFieldRule::Of(field, true));
    rules.labels_.push_back(std::move(rule));
  }
  for (const K8sFieldConfig& field : config.annotations) {
    SEXTANT_ASSIGN(K8sFieldRule rule, K8sFieldRule::Of(field, false));
    rules.annotations_.push_back(std::move(rule));
  }
  if (config.otel_annotations) rules.annotations_.push_back(K8sFieldRule::OtelAnnotations());
  return rules;
}

bool K8sRules::Wants(std::string_view metadata) const {
  return std::ranges::binary_search(metadata_, metadata, std::less<>());
}

bool K8sRules::WantsAny(std::initializer_list<std::string_view> metadata) const {
  return std::ranges::any_of(metadata, [&](std::string_view field) { return Wants(field); });
}

bool K8sRules::ExtractsFrom(K8sKind kind) const {
  auto is_from = [&](const K8sFieldRule& rule) { return rule.from() == kind; };
  return std::ranges::any_of(labels_, is_from) || std::ranges::any_of(annotations_, is_from);
}

bool K8sRules::NeedsContainers() const {
  return WantsAny({"container.id", "container.image.name", "container.image.repo_digests",
                   "container.image.tag", "k8s.container.name", "service.instance.id", "service.version"});
}

void K8sRules::ExtractFields(K8sKind kind, const kube::Meta& meta, Tags& tags) const {
  for (const K8sFieldRule& rule : labels_) {
    if (rule.from() == kind) rule.Extract(meta.labels, tags);
  }
  for (const K8sFieldRule& rule : annotations_) {
    if (rule.from() == kind) rule.Extract(meta.annotations, tags);
  }
}

ImageReference ParseImage(std::string_view image) {
  ImageReference reference;
  if (size_t at = image.find('@'); at != std::string_view::npos) {
    reference.digest = image.substr(at + 1);
    image = image.substr(0, at);
  }
  size_t slash = image.rfind('/');
  size_t colon = image.find(':', slash == std::string_view::npos ? 0 : slash);
  if (colon != std::string_view::npos) reference.tag = image.substr(colon + 1);
  reference.repository = image.substr(0, colon);
  return reference;
}

std::string CanonicalImage(std::string_view image_id) {
  if (image_id.find("://") != std::string_view::npos) return "";
  ImageReference reference = ParseImage(image_id);
  if (reference.digest.empty() || reference.repository.empty()) return "";
  std::string repository = reference.repository;
  size_t slash = repository.find('/');
  std::string domain = slash == std::string::npos ? "" : repository.substr(0, slash);
  bool has_domain = domain.find_first_of(".:") != std::string::npos || domain == "localhost";
  if (!has_domain) {
    if (slash == std::string::npos) repository.insert(0, "library/");
    repository.insert(0, "docker.io/");
  }
  if (!reference.tag.empty()) repository += ":" + reference.tag;
  return repository + "@" + reference.digest;
}

namespace {

// The part before the last dash when all behind it pass, and there is something behind it.
template <typename Passes>
std::string BeforeLastDash(std::string_view name, Passes passes) {
  size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0 || dash + 1 == name.size()) return "";
  return std::ranges::all_of(name.substr(dash + 1), passes) ? std::string(name.substr(0, dash)) : "";
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string DeploymentOfReplicaSet(std::string_view name) {
  return BeforeLastDash(
      name, [](char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

std::string CronJobOfJob(std::string_view name) { return BeforeLastDash(name, IsDigit); }

}  // namespace sextant::pipeline
