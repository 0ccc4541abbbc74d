// What the processor k8s_attributes takes from Kubernetes' objects, and how the attributes are called.
//
// Settings and names are those of the collector's k8sattributes processor (its README, "Extracting
// attributes").
#pragma once

#include <re2/re2.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/decode.h"
#include "core/clock.h"
#include "core/result.h"
#include "kube/objects.h"

namespace sextant::pipeline {

using Tags = std::map<std::string, std::string>;

struct K8sFieldConfig {
  std::string tag_name;
  std::string key;
  std::string key_regex;
  std::string from;  // empty: pod
};

struct K8sExtractConfig {
  std::vector<std::string> metadata = {"container.image.name", "container.image.tag", "k8s.deployment.name",
                                       "k8s.namespace.name",   "k8s.node.name",       "k8s.pod.name",
                                       "k8s.pod.start_time",   "k8s.pod.uid"};
  std::vector<K8sFieldConfig> annotations;
  std::vector<K8sFieldConfig> labels;
  bool otel_annotations = false;
  bool deployment_name_from_replicaset = false;
};

const config::Struct& FieldsOf(const K8sFieldConfig*);
const config::Struct& FieldsOf(const K8sExtractConfig*);

// The kinds of objects that labels and annotations come from, and pods' owners.
enum class K8sKind {
  kPod,
  kNamespace,
  kNode,
  kDeployment,
  kReplicaSet,
  kStatefulSet,
  kDaemonSet,
  kJob,
  kCronJob
};
inline constexpr size_t kK8sKinds = 9;

// One label or annotation, or all whose keys match.
class K8sFieldRule {
 public:
  // kInvalidArgument for a regular expression that does not compile.
  static core::Result<K8sFieldRule> Of(const K8sFieldConfig& config, bool is_label);
  // All annotations of pods that name attributes (resource.opentelemetry.io/…).
  static K8sFieldRule OtelAnnotations();

  K8sKind from() const { return from_; }
  void Extract(const std::map<std::string, std::string>& fields, Tags& tags) const;

 private:
  std::string NameOf(std::string_view key) const;

  K8sKind from_ = K8sKind::kPod;
  bool is_label_ = true;
  std::string name_;  // or a template for `regex_`
  std::string key_;
  std::shared_ptr<const RE2> regex_;
};

class K8sRules {
 public:
  static core::Result<K8sRules> Of(const K8sExtractConfig& config);

  bool Wants(std::string_view metadata) const;
  bool WantsAny(std::initializer_list<std::string_view> metadata) const;
  // Whether labels or annotations of these objects are asked for.
  bool ExtractsFrom(K8sKind kind) const;
  bool NeedsContainers() const;
  // Whether the names of deployments are cut out of those of replica sets.
  bool deployment_name_from_replicaset() const { return deployment_name_from_replicaset_; }

  void ExtractFields(K8sKind kind, const kube::Meta& meta, Tags& tags) const;

 private:
  std::vector<std::string> metadata_;  // sorted
  std::vector<K8sFieldRule> labels_;
  std::vector<K8sFieldRule> annotations_;
  bool deployment_name_from_replicaset_ = false;
};

// A reference to an image without its tag and digest, and these.
struct ImageReference {
  std::string repository;
  std::string tag;     // empty: none is given
  std::string digest;  // "sha256:…", or empty
};
ImageReference ParseImage(std::string_view image);
// "docker.io/library/nginx@sha256:…" of an image's id in a status; "" when it is no such reference.
std::string CanonicalImage(std::string_view image_id);

// "web" of "web-5d9c7f9d8b", "backup" of "backup-28371235"; "" when the name has not that form.
std::string DeploymentOfReplicaSet(std::string_view name);
std::string CronJobOfJob(std::string_view name);

}  // namespace sextant::pipeline
