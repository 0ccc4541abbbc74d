#include "pipeline/processors/k8s_pods.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sextant::pipeline {

namespace {

// Of all that a cache has.
std::vector<std::string> KeysOf(const kube::ResourceCache& cache) {
  std::vector<std::string> keys;
  for (const kube::ObjectPtr& object : cache.All()) keys.push_back(object->meta.key());
  return keys;
}

constexpr std::string_view kIgnoreAnnotation = "opentelemetry.io/k8s-processor/ignore";

struct OwnerKind {
  std::string_view name;
  K8sKind kind;
};
constexpr OwnerKind kOwnerKinds[] = {
    {"ReplicaSet", K8sKind::kReplicaSet}, {"StatefulSet", K8sKind::kStatefulSet},
    {"DaemonSet", K8sKind::kDaemonSet},   {"Job", K8sKind::kJob},
    {"Deployment", K8sKind::kDeployment}, {"CronJob", K8sKind::kCronJob}};

bool SaysIgnore(const kube::Meta& meta) {
  auto found = meta.annotations.find(std::string(kIgnoreAnnotation));
  if (found == meta.annotations.end()) return false;
  std::string text;
  for (char c : found->second) {
    if (c != ' ' && c != '\t') text += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  return text == "true";
}

// Without the runtime's name: "containerd://1234".
std::string ContainerId(const std::string& id) {
  size_t scheme = id.find("://");
  return scheme == std::string::npos ? id : id.substr(scheme + 3);
}

std::string And(const std::string& a, const std::string& b) {
  return a.empty() || b.empty() ? a + b : a + "," + b;
}

}  // namespace

void PodIdentifier::Add(const K8sSource& source, std::string_view value) {
  // No name and no value has a byte 0 in it that could be mistaken.
  text_ += source.is_connection ? 'c' : 'r';
  text_ += source.name;
  text_ += '\0';
  text_ += value;
  text_ += '\0';
}

PodIdentifier PodIdentifier::OfConnection(std::string_view address) {
  PodIdentifier identifier;
  identifier.Add({true, ""}, address);
  return identifier;
}

PodIdentifier PodIdentifier::OfAttribute(std::string_view name, std::string_view value) {
  PodIdentifier identifier;
  identifier.Add({false, std::string(name)}, value);
  return identifier;
}

K8sPods::K8sPods(kube::Pool& pool, const core::Clock& clock, K8sMetrics& metrics, K8sPodsOptions options)
    : clock_(clock), metrics_(metrics), options_(std::move(options)) {
  const K8sRules& rules = options_.rules;
  std::string in_namespace = options_.name_space.empty() ? "" : "namespaces/" + options_.name_space + "/";
  auto watch = [&](K8sKind kind, std::string path, std::string field_selector = "") {
    Watch(pool, kind, {.path = std::move(path), .field_selector = std::move(field_selector)});
  };
  if (rules.ExtractsFrom(K8sKind::kNamespace)) {
    watch(K8sKind::kNamespace, "/api/v1/namespaces");
  } else if (rules.Wants("k8s.cluster.uid")) {
    watch(K8sKind::kNamespace, "/api/v1/namespaces", "metadata.name=kube-system");
  }
  if (rules.ExtractsFrom(K8sKind::kNode) || rules.Wants("k8s.node.uid")) {
    watch(K8sKind::kNode, "/api/v1/nodes", options_.node.empty() ? "" : "metadata.name=" + options_.node);
  }
  bool needs_deployment_name =
      rules.WantsAny({"k8s.deployment.name", "service.name"}) && !rules.deployment_name_from_replicaset();
  if (needs_deployment_name || rules.Wants("k8s.deployment.uid") ||
      rules.ExtractsFrom(K8sKind::kReplicaSet) || rules.ExtractsFrom(K8sKind::kDeployment)) {
    watch(K8sKind::kReplicaSet, "/apis/apps/v1/" + in_namespace + "replicasets");
  }
  if (rules.ExtractsFrom(K8sKind::kDeployment)) {
    watch(K8sKind::kDeployment, "/apis/apps/v1/" + in_namespace + "deployments");
  }
  if (rules.ExtractsFrom(K8sKind::kStatefulSet)) {
    watch(K8sKind::kStatefulSet, "/apis/apps/v1/" + in_namespace + "statefulsets");
  }
  if (rules.ExtractsFrom(K8sKind::kDaemonSet)) {
    watch(K8sKind::kDaemonSet, "/apis/apps/v1/" + in_namespace + "daemonsets");
  }
  if (rules.ExtractsFrom(K8sKind::kJob) || rules.ExtractsFrom(K8sKind::kCronJob) ||
      rules.Wants("k8s.cronjob.uid")) {
    watch(K8sKind::kJob, "/apis/batch/v1/" + in_namespace + "jobs");
  }
  if (rules.ExtractsFrom(K8sKind::kCronJob)) {
    watch(K8sKind::kCronJob, "/apis/batch/v1/" + in_namespace + "cronjobs");
  }
  std::string fields = options_.node.empty() ? "" : "spec.nodeName=" + options_.node;
  pods_ = pool.Get(options_.client, {.path = "/api/v1/" + in_namespace + "pods",
                                     .kind = kube::Kind::kPod,
                                     .label_selector = options_.label_selector,
                                     .field_selector = And(options_.field_selector, fields)});
  subscription_ = pods_->Subscribe([this](const std::vector<std::string>& keys) { TakePods(keys); });
  if (pods_->has_synced()) {
    // The cache is shared and was there before.
    TakePods(KeysOf(*pods_));
  }
}

K8sPods::~K8sPods() {
  pods_->Unsubscribe(subscription_);
  for (auto& [kind, related] : related_) related.cache->Unsubscribe(related.subscription);
}

void K8sPods::Watch(kube::Pool& pool, K8sKind kind, kube::Resource resource) {
  std::unique_lock lock(mutex_);
  Related& related = related_[kind];
  lock.unlock();  // caches call back from other threads at once
  related.cache = pool.Get(options_.client, resource);
  related.subscription = related.cache->Subscribe(
      [this, kind](const std::vector<std::string>& keys) { TakeRelated(kind, keys); });
  if (!related.cache->has_synced()) return;
  TakeRelated(kind, KeysOf(*related.cache));
}

bool K8sPods::has_synced() const {
  return pods_->has_synced() &&
         std::ranges::all_of(related_, [](const auto& item) { return item.second.cache->has_synced(); });
}

bool K8sPods::WaitForSync(core::DurationMs timeout_ms) {
  {
    std::unique_lock lock(mutex_);
    bool is_synced =
        synced_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return has_synced(); });
    if (!is_synced) return false;
  }
  // The caches have everything; what they have still to tell us of it is not waited for.
  for (const auto& [kind, related] : related_) TakeRelated(kind, KeysOf(*related.cache));
  TakePods(KeysOf(*pods_));
  return true;
}

void K8sPods::TakeRelated(K8sKind kind, const std::vector<std::string>& keys) {
  std::lock_guard lock(mutex_);
  Related& related = related_[kind];
  for (const std::string& key : keys) {
    kube::ObjectPtr object = related.cache->Find(key);
    kube::ObjectPtr before;
    if (auto known = related.uid_of.find(key); known != related.uid_of.end()) {
      before = related.by_uid[known->second];
      related.by_uid.erase(known->second);
      related.tags.erase(known->second);
      related.uid_of.erase(known);
    }
    CountChange(kind, before, object);
    if (!object) continue;
    related.uid_of[key] = object->meta.uid;
    related.by_uid[object->meta.uid] = std::move(object);
  }
  is_stale_ = true;
  synced_.notify_all();
}

void K8sPods::TakePods(const std::vector<std::string>& keys) {
  std::lock_guard lock(mutex_);
  for (const std::string& key : keys) {
    kube::ObjectPtr object = pods_->Find(key);
    auto known = objects_.find(key);
    CountChange(K8sKind::kPod, known == objects_.end() ? nullptr : known->second, object);
    if (object) {
      IndexPod(key, object);
    } else {
      RemovePod(key);
    }
  }
  Expire();
  metrics_.SetTableSize(by_identifier_.size());
  synced_.notify_all();
}

void K8sPods::CountChange(K8sKind kind, const kube::ObjectPtr& before, const kube::ObjectPtr& now) {
  if (before == now) return;  // told once more
  metrics_.CountObject(kind, before == nullptr ? K8sMetrics::Change::kAdded
                             : now == nullptr  ? K8sMetrics::Change::kDeleted
                                               : K8sMetrics::Change::kUpdated);
}

void K8sPods::IndexPod(const std::string& key, const kube::ObjectPtr& object) {
  K8sPodPtr info = MakeInfo(*object);
  std::vector<std::string> names;
  for (const PodIdentifier& identifier : IdentifiersOf(*info, *object)) {
    K8sPodPtr& known = by_identifier_[identifier.text()];
    // An address may have gone to a newer pod already when this one is told about late.
    if (known && known->uid != info->uid && !info->started.empty() && info->started < known->started)
      continue;
    known = info;
    names.push_back(identifier.text());
  }
  for (const std::string& old : names_of_[key]) {
    if (std::ranges::find(names, old) == names.end()) removals_.push_back({clock_.NowMs(), old, info->uid});
  }
  names_of_[key] = std::move(names);
  objects_[key] = object;
}

void K8sPods::RemovePod(const std::string& key) {
  auto object = objects_.find(key);
  if (object == objects_.end()) return;
  // Data of the pod may still be on its way.
  for (const std::string& name : names_of_[key]) {
    removals_.push_back({clock_.NowMs(), name, object->second->meta.uid});
  }
  names_of_.erase(key);
  objects_.erase(object);
}

void K8sPods::Expire() {
  while (!removals_.empty() && removals_.front().at_ms + options_.delete_grace_period_ms <= clock_.NowMs()) {
    Removal removal = std::move(removals_.front());
    removals_.pop_front();
    auto found = by_identifier_.find(removal.identifier);
    if (found == by_identifier_.end() || found->second->uid != removal.uid) continue;
    // It may have come back under the same name since.
    bool is_in_use = std::ranges::any_of(objects_, [&](const auto& item) {
      return item.second->meta.uid == removal.uid &&
             std::ranges::find(names_of_[item.first], removal.identifier) != names_of_[item.first].end();
    });
    if (!is_in_use) by_identifier_.erase(found);
  }
}

void K8sPods::Refresh() {
  if (!std::exchange(is_stale_, false)) return;
  std::map<std::string, kube::ObjectPtr> objects = objects_;
  for (const auto& [key, object] : objects) IndexPod(key, object);
}

K8sPodPtr K8sPods::Find(const PodIdentifier& identifier) {
  std::lock_guard lock(mutex_);
  Refresh();
  Expire();
  auto found = by_identifier_.find(identifier.text());
  if (found == by_identifier_.end() || found->second->is_ignored) return nullptr;
  return found->second;
}

std::shared_ptr<const Tags> K8sPods::TagsOf(K8sKind kind, const std::string& name_or_uid) {
  std::lock_guard lock(mutex_);
  auto related = related_.find(kind);
  if (related == related_.end()) return nullptr;
  std::string uid = name_or_uid;
  if (kind == K8sKind::kNamespace || kind == K8sKind::kNode) {
    auto known = related->second.uid_of.find(name_or_uid);
    if (known == related->second.uid_of.end()) return nullptr;
    uid = known->second;
  }
  auto object = related->second.by_uid.find(uid);
  if (object == related->second.by_uid.end()) return nullptr;
  auto& [of, tags] = related->second.tags[uid];
  if (of != object->second) {
    auto made = std::make_shared<Tags>();
    options_.rules.ExtractFields(kind, object->second->meta, *made);
    of = object->second;
    tags = std::move(made);
  }
  return tags;
}

std::string K8sPods::NodeUid(const std::string& name) const {
  if (!options_.rules.Wants("k8s.node.uid")) return "";
  std::lock_guard lock(mutex_);
  auto nodes = related_.find(K8sKind::kNode);
  if (nodes == related_.end()) return "";
  auto known = nodes->second.uid_of.find(name);
  return known == nodes->second.uid_of.end() ? "" : known->second;
}

size_t K8sPods::identifiers() const {
  std::lock_guard lock(mutex_);
  return by_identifier_.size();
}

std::optional<kube::Owner> K8sPods::ControllerOf(K8sKind kind, const std::string& uid) const {
  auto related = related_.find(kind);
  if (related == related_.end()) return std::nullopt;
  auto object = related->second.by_uid.find(uid);
  if (object == related->second.by_uid.end()) return std::nullopt;
  for (const kube::Owner& owner : object->second->meta.owners) {
    if (owner.is_controller) return owner;
  }
  return std::nullopt;
}

std::map<K8sKind, kube::Owner> K8sPods::OwnersOf(const kube::Meta& meta) const {
  std::map<K8sKind, kube::Owner> owners;
  for (const kube::Owner& owner : meta.owners) {
    for (const OwnerKind& kind : kOwnerKinds) {
      if (owner.kind == kind.name) owners.emplace(kind.kind, owner);
    }
  }
  auto add_above = [&](K8sKind below, K8sKind above, std::string_view name) {
    auto found = owners.find(below);
    if (found == owners.end()) return;
    std::optional<kube::Owner> owner = ControllerOf(below, found->second.uid);
    if (owner && owner->kind == name) owners[above] = *owner;
  };
  add_above(K8sKind::kReplicaSet, K8sKind::kDeployment, "Deployment");
  add_above(K8sKind::kJob, K8sKind::kCronJob, "CronJob");
  return owners;
}

void K8sPods::AddOwnerTags(const kube::Object& object, Tags& tags) const {
  const K8sRules& rules = options_.rules;
  std::map<K8sKind, kube::Owner> owners = OwnersOf(object.meta);
  auto set = [&](std::string_view name, const std::string& value) {
    if (!value.empty() && rules.Wants(name)) tags[std::string(name)] = value;
  };
  auto owner_of = [&](K8sKind kind) {
    auto found = owners.find(kind);
    return found == owners.end() ? kube::Owner() : found->second;
  };
  kube::Owner replica_set = owner_of(K8sKind::kReplicaSet);
  set("k8s.replicaset.uid", replica_set.uid);
  set("k8s.replicaset.name", replica_set.name);
  set("service.name", replica_set.name);
  kube::Owner deployment = owner_of(K8sKind::kDeployment);
  std::string deployment_name =
      rules.deployment_name_from_replicaset() ? DeploymentOfReplicaSet(replica_set.name) : deployment.name;
  set("k8s.deployment.name", deployment_name);
  set("service.name", deployment_name);
  set("k8s.deployment.uid", deployment.uid);
  kube::Owner daemon_set = owner_of(K8sKind::kDaemonSet);
  set("k8s.daemonset.uid", daemon_set.uid);
  set("k8s.daemonset.name", daemon_set.name);
  set("service.name", daemon_set.name);
  kube::Owner stateful_set = owner_of(K8sKind::kStatefulSet);
  set("k8s.statefulset.uid", stateful_set.uid);
  set("k8s.statefulset.name", stateful_set.name);
  set("service.name", stateful_set.name);
  kube::Owner job = owner_of(K8sKind::kJob);
  set("k8s.job.uid", job.uid);
  set("k8s.job.name", job.name);
  set("service.name", job.name);
  std::string cron_job = CronJobOfJob(job.name);
  set("k8s.cronjob.name", cron_job);
  set("service.name", cron_job);
  set("k8s.cronjob.uid", owner_of(K8sKind::kCronJob).uid);
}

Tags K8sPods::PodTags(const kube::Object& object, const kube::Pod& pod) const {
  const K8sRules& rules = options_.rules;
  const kube::Meta& meta = object.meta;
  Tags tags;
  auto set = [&](std::string_view name, const std::string& value) {
    if (rules.Wants(name)) tags[std::string(name)] = value;
  };
  set("k8s.pod.name", meta.name);
  set("service.name", meta.name);
  set("k8s.pod.hostname", pod.hostname);
  set("k8s.pod.ip", pod.ip);
  set("k8s.namespace.name", meta.name_space);
  set("service.namespace", meta.name_space);
  if (!meta.created.empty()) set("k8s.pod.start_time", meta.created);
  set("k8s.pod.uid", meta.uid);
  AddOwnerTags(object, tags);
  set("k8s.node.name", pod.node);
  if (auto namespaces = related_.find(K8sKind::kNamespace); namespaces != related_.end()) {
    auto system = namespaces->second.uid_of.find("kube-system");
    if (system != namespaces->second.uid_of.end()) set("k8s.cluster.uid", system->second);
  }
  rules.ExtractFields(K8sKind::kPod, meta, tags);
  auto copy_label = [&](const std::string& label, std::string_view name) {
    auto found = meta.labels.find(label);
    if (found != meta.labels.end()) set(name, found->second);
  };
  copy_label("app.kubernetes.io/name", "service.name");
  copy_label("app.kubernetes.io/instance", "service.name");
  copy_label("app.kubernetes.io/version", "service.version");
  return tags;
}

void K8sPods::AddContainers(const kube::Object& object, const kube::Pod& pod, K8sPodInfo& info) const {
  const K8sRules& rules = options_.rules;
  for (const kube::Container& container : pod.containers) {
    auto made = std::make_shared<K8sContainer>();
    ImageReference image = ParseImage(container.image);
    if (rules.Wants("container.image.name")) made->image_name = image.repository;
    if (rules.Wants("container.image.tag") && !image.repository.empty()) {
      made->image_tag = image.tag.empty() ? "latest" : image.tag;
    }
    if (rules.Wants("service.version")) {
      bool has_both = !image.tag.empty() && !image.digest.empty();
      made->service_version = image.tag + (has_both ? "@" : "") + image.digest;
    }
    // What else there is to say comes from the status.
    if (!container.id.empty()) {
      if (rules.Wants("k8s.container.name")) made->name = container.name;
      if (rules.Wants("service.instance.id")) {
        made->service_instance_id =
            fmt::format("{}.{}.{}", object.meta.name_space, object.meta.name, container.name);
      }
      K8sContainer::Run run;
      if (rules.Wants("container.id")) run.container_id = ContainerId(container.id);
      if (rules.Wants("container.image.repo_digests"))
        run.image_repo_digest = CanonicalImage(container.image_id);
      made->runs[container.restart_count] = std::move(run);
      info.containers_by_id[ContainerId(container.id)] = made;
    }
    info.containers_by_name[container.name] = made;
  }
}

K8sPodPtr K8sPods::MakeInfo(const kube::Object& object) const {
  const auto& pod = std::get<kube::Pod>(object.body);
  auto info = std::make_shared<K8sPodInfo>();
  info->name_space = object.meta.name_space;
  info->node = pod.node;
  info->uid = object.meta.uid;
  info->started = pod.started;
  info->is_ignored =
      SaysIgnore(object.meta) || std::ranges::any_of(options_.excluded_names, [&](const auto& regex) {
        return RE2::PartialMatch(object.meta.name, *regex);
      });
  if (info->is_ignored) return info;
  info->owners = OwnersOf(object.meta);
  info->tags = PodTags(object, pod);
  if (options_.rules.NeedsContainers()) AddContainers(object, pod, *info);
  return info;
}

std::vector<PodIdentifier> K8sPods::IdentifiersOf(const K8sPodInfo& info, const kube::Object& object) const {
  const auto& pod = std::get<kube::Pod>(object.body);
  // Pods in the host's network share its address.
  std::string address = pod.uses_host_network ? "" : pod.ip;
  auto value_of = [&](const K8sSource& source) -> std::string {
    if (source.is_connection) return address;
    if (source.name == "k8s.namespace.name") return object.meta.name_space;
    if (source.name == "k8s.pod.name") return object.meta.name;
    if (source.name == "k8s.pod.uid") return object.meta.uid;
    if (source.name == "host.name" || source.name == "k8s.pod.ip") return pod.ip;
    auto tag = info.tags.find(source.name);
    return tag == info.tags.end() ? "" : tag->second;
  };
  std::vector<PodIdentifier> identifiers;
  for (const K8sAssociation& association : options_.associations) {
    std::vector<PodIdentifier> made(1);
    for (const K8sSource& source : association) {
      if (!source.is_connection && source.name == "container.id") {
        // One for each container.
        std::vector<PodIdentifier> all;
        for (const kube::Container& container : pod.containers) {
          if (container.id.empty()) continue;
          for (PodIdentifier identifier : made) {
            identifier.Add(source, ContainerId(container.id));
            all.push_back(std::move(identifier));
          }
        }
        made = std::move(all);
        continue;
      }
      std::string value = value_of(source);
      if (value.empty()) made.clear();
      for (PodIdentifier& identifier : made) identifier.Add(source, value);
    }
    for (PodIdentifier& identifier : made) {
      if (!identifier.empty()) identifiers.push_back(std::move(identifier));
    }
  }
  if (!object.meta.uid.empty()) {
    identifiers.push_back(PodIdentifier::OfAttribute("k8s.pod.uid", object.meta.uid));
  }
  if (!address.empty()) {
    identifiers.push_back(PodIdentifier::OfConnection(address));
    identifiers.push_back(PodIdentifier::OfAttribute("k8s.pod.ip", address));
  }
  return identifiers;
}

}  // namespace sextant::pipeline
