#include "pipeline/processors/k8s_attributes_processor.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "core/regexp_syntax.h"
#include "kube/resource_cache.h"
#include "pipeline/fields.h"
#include "pipeline/processors/host_detectors.h"
#include "pipeline/processors/k8s_metrics.h"
#include "pipeline/processors/k8s_pods.h"
#include "pipeline/processors/kubernetes_client.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr size_t kMaxSources = 4;

struct FilterFieldConfig {
  std::string key;
  std::string value;
  std::string op;  // empty: equals
};

struct FilterConfig {
  std::string node;
  std::string node_from_env_var;
  std::string name_space;
  std::vector<FilterFieldConfig> fields;
  std::vector<FilterFieldConfig> labels;
};

struct SourceConfig {
  std::string from;
  std::string name;
};
struct AssociationConfig {
  std::vector<SourceConfig> sources;
};

struct ExcludedPodConfig {
  std::string name;
};
struct ExcludeConfig {
  std::vector<ExcludedPodConfig> pods = {{"jaeger-agent"}, {"jaeger-collector"}};
};

struct K8sAttributesConfig {
  KubernetesAuth auth_type = KubernetesAuth::kServiceAccount;
  bool passthrough = false;
  K8sExtractConfig extract;
  FilterConfig filter;
  std::vector<AssociationConfig> pod_association;
  ExcludeConfig exclude;
  bool wait_for_metadata = false;
  core::DurationMs wait_for_metadata_timeout_ms = 10'000;
  core::DurationMs watch_sync_period_ms = 300'000;
  core::DurationMs pod_delete_grace_period_ms = 120'000;
};

Status CheckOp(const FilterFieldConfig& field, bool is_label, config::Node node) {
  bool is_known = field.op.empty() || field.op == "equals" || field.op == "not-equals" ||
                  (is_label && (field.op == "exists" || field.op == "does-not-exist"));
  if (is_known) return {};
  return node.Fail("'{}' is not a valid label filter operation for key={}, value={}", field.op, field.key,
                   field.value);
}

Status CheckFilter(FilterConfig& config, config::Node node) {
  size_t index = 0;
  for (config::Node label : node.Find("labels").children()) {
    SEXTANT_TRY(CheckOp(config.labels[index++], true, label));
  }
  index = 0;
  for (config::Node field : node.Find("fields").children()) {
    SEXTANT_TRY(CheckOp(config.fields[index++], false, field));
  }
  return {};
}

Status CheckAssociation(AssociationConfig& config, config::Node node) {
  if (config.sources.size() > kMaxSources) {
    return node.Fail("too many association sources. limit is {}", kMaxSources);
  }
  return {};
}

Status CheckSource(SourceConfig& config, config::Node node) {
  if (config.from == "connection" || config.from == "resource_attribute") return {};
  return node.Fail("from must be connection or resource_attribute, got \"{}\"", config.from);
}

Status CheckExcluded(ExcludedPodConfig& config, config::Node node) {
  RE2::Options options;
  options.set_log_errors(false);
  RE2 regex(core::ToRe2Syntax(config.name), options);
  if (!regex.ok()) return node.Fail("error parsing regexp: {}", regex.error());
  return {};
}

Status CheckK8sAttributes(K8sAttributesConfig& config, config::Node node) {
  if (config.watch_sync_period_ms < 0) return node.Fail("watch_sync_period must be non-negative");
  if (config.pod_delete_grace_period_ms < 0) return node.Fail("pod_delete_grace_period must be non-negative");
  return {};
}

const config::Struct& FieldsOf(const FilterFieldConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<FilterFieldConfig>({
      Member<&FilterFieldConfig::key>("key"),
      Member<&FilterFieldConfig::value>("value"),
      Member<&FilterFieldConfig::op>("op"),
  });
  return kFields;
}

const config::Struct& FieldsOf(const FilterConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<FilterConfig>(
      {
          Member<&FilterConfig::node>("node"),
          Member<&FilterConfig::node_from_env_var>("node_from_env_var"),
          Member<&FilterConfig::name_space>("namespace"),
          Member<&FilterConfig::fields>("fields"),
          Member<&FilterConfig::labels>("labels"),
      },
      &CheckFilter);
  return kFields;
}

const config::Struct& FieldsOf(const SourceConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<SourceConfig>(
      {Member<&SourceConfig::from>("from"), Member<&SourceConfig::name>("name")}, &CheckSource);
  return kFields;
}

const config::Struct& FieldsOf(const AssociationConfig*) {
  using namespace config;
  static const Struct kFields =
      Struct::Of<AssociationConfig>({Member<&AssociationConfig::sources>("sources")}, &CheckAssociation);
  return kFields;
}

const config::Struct& FieldsOf(const ExcludedPodConfig*) {
  using namespace config;
  static const Struct kFields =
      Struct::Of<ExcludedPodConfig>({Member<&ExcludedPodConfig::name>("name")}, &CheckExcluded);
  return kFields;
}

const config::Struct& FieldsOf(const ExcludeConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<ExcludeConfig>({Member<&ExcludeConfig::pods>("pods")});
  return kFields;
}

const config::Struct& FieldsOf(const K8sAttributesConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<K8sAttributesConfig>(
      {
          Member<&K8sAttributesConfig::auth_type>("auth_type", KubernetesAuthWords()),
          NotYet("context", "the kubeconfig's current context is used"),
          NotYet("kube_api_qps", "requests are few"),
          NotYet("kube_api_burst", "requests are few"),
          Member<&K8sAttributesConfig::passthrough>("passthrough"),
          Member<&K8sAttributesConfig::extract>("extract"),
          Member<&K8sAttributesConfig::filter>("filter"),
          Member<&K8sAttributesConfig::pod_association>("pod_association"),
          Member<&K8sAttributesConfig::exclude>("exclude"),
          Member<&K8sAttributesConfig::wait_for_metadata>("wait_for_metadata"),
          Member<&K8sAttributesConfig::wait_for_metadata_timeout_ms>("wait_for_metadata_timeout",
                                                                     GoDuration()),
          // The original lists everything anew so often; our watches notice by themselves when they fall
          // behind.
          Member<&K8sAttributesConfig::watch_sync_period_ms>("watch_sync_period", GoDuration()),
          Member<&K8sAttributesConfig::pod_delete_grace_period_ms>("pod_delete_grace_period", GoDuration()),
      },
      &CheckK8sAttributes);
  return kFields;
}

std::string LabelSelector(const std::vector<FilterFieldConfig>& filters) {
  std::string text;
  for (const FilterFieldConfig& filter : filters) {
    if (!text.empty()) text += ',';
    if (filter.op == "exists") {
      text += filter.key;
    } else if (filter.op == "does-not-exist") {
      text += "!" + filter.key;
    } else {
      text += filter.key + (filter.op == "not-equals" ? "!=" : "=") + filter.value;
    }
  }
  return text;
}

bool IsAddress(const std::string& text) {
  in6_addr address{};
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

class K8sAttributesProcessor final : public Processor {
 public:
  K8sAttributesProcessor(const ComponentSettings& settings, const K8sAttributesConfig& config, Signal signal,
                         Consumer& next, K8sRules rules)
      : environment_(settings.environment),
        logger_(settings.logger),
        config_(config),
        rules_(std::move(rules)),
        next_(next),
        metrics_(environment_.telemetry),
        associations_made_(environment_.telemetry, signal) {
    for (const AssociationConfig& association : config.pod_association) {
      K8sAssociation& made = associations_.emplace_back();
      for (const SourceConfig& source : association.sources) {
        bool is_connection = source.from == "connection";
        made.push_back({is_connection, is_connection ? "" : source.name});
      }
    }
  }

  Status Start() override {
    if (config_.passthrough) return {};
    SEXTANT_ASSIGN(kube::ClientConfig client, KubernetesClient(config_.auth_type, environment_.clock));
    pool_ = std::make_unique<kube::Pool>(kube::Services{environment_.io, environment_.http,
                                                        environment_.executor, environment_.clock,
                                                        environment_.telemetry, logger_, UserAgent()});
    K8sPodsOptions options{.client = std::move(client), .rules = rules_, .associations = associations_};
    for (const ExcludedPodConfig& pod : config_.exclude.pods) {
      options.excluded_names.push_back(std::make_shared<const RE2>(core::ToRe2Syntax(pod.name)));
    }
    options.name_space = config_.filter.name_space;
    options.node = config_.filter.node;
    if (const std::string& variable = config_.filter.node_from_env_var; !variable.empty()) {
      options.node = EnvironmentVariable(variable);
      if (options.node.empty()) {
        return Fail(Code::kInvalidArgument, "`node_from_env_var` is configured but envvar \"{}\" is not set",
                    variable);
      }
    }
    options.label_selector = LabelSelector(config_.filter.labels);
    options.field_selector = LabelSelector(config_.filter.fields);
    options.delete_grace_period_ms = config_.pod_delete_grace_period_ms;
    pods_ = std::make_unique<K8sPods>(*pool_, environment_.clock, metrics_, std::move(options));
    if (config_.wait_for_metadata && !pods_->WaitForSync(config_.wait_for_metadata_timeout_ms)) {
      pods_.reset();
      return Fail(Code::kDeadlineExceeded, "failed to wait for caches to sync");
    }
    return {};
  }

  void Shutdown() override { pods_.reset(); }

  void Consume(Telemetry batch, Done done) override {
    std::string connection = batch.client ? batch.client->address : "";
    batch.ForEachResource([&](otlp::Resource& resource, otlp::Memory& memory) {
      Resource view(resource, memory);
      Process(view, connection);
      view.Apply();
    });
    next_.Consume(std::move(batch), std::move(done));
  }

 private:
  // A resource's attributes while they are added to.
  class Resource {
   public:
    Resource(otlp::Resource& resource, otlp::Memory& memory)
        : memory_(memory), editor_(resource.attributes, memory) {}

    // The text of an attribute that is one, else "".
    std::string Text(std::string_view key) const {
      const otlp::AnyValue* value = editor_.Find(key);
      return value != nullptr && value->is_text() ? std::string(value->text) : "";
    }
    const otlp::AnyValue* Find(std::string_view key) const { return editor_.Find(key); }
    // Sets what is not there or empty.
    void Set(std::string_view key, std::string_view value) {
      const otlp::AnyValue* known = editor_.Find(key);
      if (known != nullptr && !otlp::ValueText(*known).empty()) return;
      editor_.Set(memory_.Copy(key), otlp::AnyValue::Text(memory_.Copy(value)));
    }
    void SetIfNotEmpty(std::string_view key, std::string_view value) {
      if (!value.empty()) Set(key, value);
    }
    void SetAll(const std::shared_ptr<const Tags>& tags) {
      if (!tags) return;
      for (const auto& [key, value] : *tags) Set(key, value);
    }
    void SetList(std::string_view key, std::string_view value) {
      if (editor_.Find(key) != nullptr) return;
      otlp::KeyValue item{"", otlp::AnyValue::Text(memory_.Copy(value))};
      editor_.Set(key, otlp::AnyValue::Array(memory_.CopyList(std::span<const otlp::KeyValue>(&item, 1))));
    }
    void Apply() { editor_.Apply(); }

   private:
    otlp::Memory& memory_;
    otlp::AttributeEditor editor_;
  };

  std::string UserAgent() const { return "sextant/" + environment_.version; }

  // Who sent a resource, and the address that says so, if it is one.
  struct Origin {
    PodIdentifier identifier;
    std::string address;
  };

  Origin OriginOf(const Resource& resource, const std::string& connection) const {
    if (associations_.empty()) return OriginWithoutRules(resource, connection);
    for (const K8sAssociation& association : associations_) {
      Origin origin;
      bool is_complete = true;
      for (const K8sSource& source : association) {
        std::string value = source.is_connection ? connection : resource.Text(source.name);
        if (source.name == "host.name" && !IsAddress(value)) value.clear();
        if (value.empty()) {
          is_complete = false;
          break;
        }
        if (source.is_connection) origin.address = value;
        origin.identifier.Add(source, value);
      }
      if (is_complete) return origin;
    }
    return {};
  }

  static Origin OriginWithoutRules(const Resource& resource, const std::string& connection) {
    std::string host = resource.Text("host.name");
    for (const std::string& address : {resource.Text("k8s.pod.ip"), resource.Text("ip"), connection,
                                       IsAddress(host) ? host : std::string()}) {
      if (!address.empty()) return {PodIdentifier::OfConnection(address), address};
    }
    return {};
  }

  void Process(Resource& resource, const std::string& connection) {
    Origin origin = OriginOf(resource, connection);
    if (!origin.address.empty() && (config_.passthrough || rules_.Wants("k8s.pod.ip"))) {
      resource.Set("k8s.pod.ip", origin.address);
    }
    if (config_.passthrough || !pods_) return;
    K8sPodPtr pod = origin.identifier.empty() ? nullptr : pods_->Find(origin.identifier);
    associations_made_.Count(pod != nullptr);
    if (!pod && !origin.address.empty()) metrics_.CountAddressMiss();
    if (pod) {
      associations_made_.CountAdded();
      for (const auto& [key, value] : pod->tags) resource.Set(key, value);
      AddContainer(resource, *pod);
    }
    std::string name_space =
        pod && !pod->name_space.empty() ? pod->name_space : resource.Text("k8s.namespace.name");
    if (!name_space.empty()) {
      resource.SetAll(pods_->TagsOf(K8sKind::kNamespace, name_space));
      if (rules_.Wants("service.namespace")) resource.Set("service.namespace", name_space);
    }
    std::string node = pod && !pod->node.empty() ? pod->node : resource.Text("k8s.node.name");
    if (!node.empty()) {
      resource.SetAll(pods_->TagsOf(K8sKind::kNode, node));
      resource.SetIfNotEmpty("k8s.node.uid", pods_->NodeUid(node));
    }
    AddOwners(resource, pod.get());
  }

  void AddOwners(Resource& resource, const K8sPodInfo* pod) {
    constexpr std::pair<K8sKind, std::string_view> kOwners[] = {
        {K8sKind::kDeployment, "k8s.deployment.uid"},
        {K8sKind::kReplicaSet, "k8s.replicaset.uid"},
        {K8sKind::kStatefulSet, "k8s.statefulset.uid"},
        {K8sKind::kDaemonSet, "k8s.daemonset.uid"},
        {K8sKind::kJob, "k8s.job.uid"},
        {K8sKind::kCronJob, "k8s.cronjob.uid"}};
    for (const auto& [kind, attribute] : kOwners) {
      if (!rules_.ExtractsFrom(kind)) continue;
      std::string uid;
      if (pod != nullptr) {
        auto owner = pod->owners.find(kind);
        if (owner != pod->owners.end()) uid = owner->second.uid;
      }
      if (uid.empty()) uid = resource.Text(attribute);
      if (!uid.empty()) resource.SetAll(pods_->TagsOf(kind, uid));
    }
  }

  // The container that the data names, or the only one that there is.
  static const K8sContainer* ContainerOf(const Resource& resource, const K8sPodInfo& pod) {
    auto find = [](const auto& containers, const std::string& key) -> const K8sContainer* {
      auto found = containers.find(key);
      return found == containers.end() ? nullptr : found->second.get();
    };
    std::string name = resource.Text("k8s.container.name");
    if (!name.empty()) return find(pod.containers_by_name, name);
    std::string id = resource.Text("container.id");
    if (!id.empty()) return find(pod.containers_by_id, id);
    if (pod.containers_by_id.size() == 1) return pod.containers_by_id.begin()->second.get();
    if (pod.containers_by_name.size() == 1) return pod.containers_by_name.begin()->second.get();
    return nullptr;
  }

  // The run that the data names by its number of restarts, or the last.
  static const K8sContainer::Run* RunOf(const Resource& resource, const K8sContainer& container) {
    const otlp::AnyValue* restarts = resource.Find("k8s.container.restart_count");
    if (restarts == nullptr) return container.runs.empty() ? nullptr : &container.runs.rbegin()->second;
    int64_t number = -1;
    if (restarts->kind == otlp::ValueKind::kInt) {
      number = restarts->integer;
    } else if (restarts->is_text()) {
      std::from_chars(restarts->text.data(), restarts->text.data() + restarts->text.size(), number);
    }
    auto found = container.runs.find(number);
    return found == container.runs.end() ? nullptr : &found->second;
  }

  static void AddContainer(Resource& resource, const K8sPodInfo& pod) {
    const K8sContainer* container = ContainerOf(resource, pod);
    if (container == nullptr) return;
    resource.SetIfNotEmpty("k8s.container.name", container->name);
    resource.SetIfNotEmpty("container.image.name", container->image_name);
    resource.SetIfNotEmpty("container.image.tag", container->image_tag);
    resource.SetIfNotEmpty("service.instance.id", container->service_instance_id);
    resource.SetIfNotEmpty("service.version", container->service_version);
    const K8sContainer::Run* run = RunOf(resource, *container);
    if (run == nullptr) return;
    if (resource.Find("container.id") == nullptr) resource.SetIfNotEmpty("container.id", run->container_id);
    if (!run->image_repo_digest.empty()) {
      resource.SetList("container.image.repo_digests", run->image_repo_digest);
    }
  }

  Environment& environment_;
  const core::Logger logger_;
  const K8sAttributesConfig config_;
  const K8sRules rules_;
  Consumer& next_;
  K8sMetrics metrics_;
  K8sAssociationMetrics associations_made_;
  std::vector<K8sAssociation> associations_;
  std::unique_ptr<kube::Pool> pool_;
  std::unique_ptr<K8sPods> pods_;
};

Made<Processor> MakeK8sAttributes(const ComponentSettings& settings, const K8sAttributesConfig& config,
                                  Signal signal, Consumer& next) {
  SEXTANT_ASSIGN(K8sRules rules, K8sRules::Of(config.extract));
  return std::make_unique<K8sAttributesProcessor>(settings, config, signal, next, std::move(rules));
}

}  // namespace

ComponentType K8sAttributesProcessorType() {
  return ProcessorType<K8sAttributesConfig>("k8sattributes", {"k8s_attributes"},
                                            {Signal::kTraces, Signal::kMetrics, Signal::kLogs},
                                            &MakeK8sAttributes);
}

}  // namespace sextant::pipeline
