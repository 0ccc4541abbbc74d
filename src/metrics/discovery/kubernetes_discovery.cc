#include "metrics/discovery/kubernetes_discovery.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "config/prometheus_config.h"
#include "httpclient/settings.h"
#include "metrics/discovery/kubernetes_groups.h"

namespace sextant::discovery {

namespace {

using core::Result;
using kube::Kind;
using kube::ResourceCache;

struct ResourceOfRole {
  std::string_view role;
  std::string_view group;  // of the API
  std::string_view resource;
  Kind kind;
  bool is_namespaced;
};
constexpr ResourceOfRole kResources[] = {
    {"pod", "/api/v1", "pods", Kind::kPod, true},
    {"service", "/api/v1", "services", Kind::kService, true},
    {"endpoints", "/api/v1", "endpoints", Kind::kEndpoints, true},
    {"endpointslice", "/apis/discovery.k8s.io/v1", "endpointslices", Kind::kEndpointSlice, true},
    {"ingress", "/apis/networking.k8s.io/v1", "ingresses", Kind::kIngress, true},
    {"node", "/api/v1", "nodes", Kind::kNode, false},
    {"namespace", "/api/v1", "namespaces", Kind::kOther, false},
    {"replicaset", "/apis/apps/v1", "replicasets", Kind::kOther, true},
    {"job", "/apis/batch/v1", "jobs", Kind::kOther, true},
};

// What one configuration looks at: the objects of its role, and those that its labels come from.
class KubernetesDiscoverer : public Discoverer {
 public:
  KubernetesDiscoverer(const Services& services, kube::Pool& pool, kube::ClientConfig client,
                       config::KubernetesDiscoveryConfig config, std::vector<std::string> namespaces)
      : pool_(pool),
        client_(std::move(client)),
        config_(std::move(config)),
        namespaces_(std::move(namespaces)),
        registry_(services.registry) {}
  ~KubernetesDiscoverer() override { Stop(); }

  void Start(Sink sink) override {
    sink_ = std::move(sink);
    const config::KubernetesAttach& attach = config_.attach_metadata;
    bool has_endpoints = config_.role == "endpoints" || config_.role == "endpointslice";
    bool is_pod = config_.role == "pod";
    Use(config_.role);
    if (has_endpoints) {
      Use("pod");
      Use("service");
    }
    bool selects_nodes = is_pod && std::ranges::any_of(config_.selectors, [](const auto& selector) {
                           return selector.role == "node";
                         });
    if ((is_pod || has_endpoints) && (attach.node || selects_nodes)) Use("node");
    if (attach.name_space && config_.role != "node") Use("namespace");
    if (is_pod && attach.deployment) Use("replicaset");
    if (is_pod && attach.cron_job) Use("job");
    view_.pod = Finder("pod");
    view_.service = Finder("service");
    if (attach.node || selects_nodes) view_.node = Finder("node");
    view_.name_space = Finder("namespace");
    view_.replica_set = Finder("replicaset");
    view_.job = Finder("job");
    view_.attach_job = attach.job;
    view_.needs_node = selects_nodes;
    // Subscribed to when all are there: a change looks at all of them.
    for (Watched& watched : watched_) {
      watched.subscription = watched.cache->Subscribe(
          [this, &watched](const std::vector<std::string>& changed) { Take(watched, changed); });
    }
    Take(watched_.front(), {});  // shared caches may have synced long ago
  }

  void Stop() override {
    for (Watched& watched : watched_) {
      if (watched.subscription != 0) watched.cache->Unsubscribe(std::exchange(watched.subscription, 0));
    }
    watched_.clear();
  }

 private:
  struct Watched {
    std::string role;
    std::shared_ptr<ResourceCache> cache;
    core::Counter* updates = nullptr;
    uint64_t subscription = 0;
  };

  void Use(const std::string& role) {
    const ResourceOfRole& resource =
        *std::ranges::find_if(kResources, [&](const ResourceOfRole& one) { return one.role == role; });
    kube::Resource wanted;
    wanted.kind = resource.kind;
    for (const config::KubernetesSelector& selector : config_.selectors) {
      if (selector.role != role) continue;
      wanted.label_selector = selector.label;
      wanted.field_selector = selector.field;
    }
    core::Counter& updates = registry_.AddCounter("prometheus_sd_kubernetes_events_total",
                                                  "The number of Kubernetes events handled.",
                                                  {{"role", role}, {"event", "update"}});
    auto use = [&](std::string path) {
      wanted.path = std::move(path);
      watched_.push_back({role, pool_.Get(client_, wanted), &updates, 0});
    };
    if (!resource.is_namespaced || namespaces_.empty())
      return use(fmt::format("{}/{}", resource.group, resource.resource));
    for (const std::string& name : namespaces_)
      use(fmt::format("{}/namespaces/{}/{}", resource.group, name, resource.resource));
  }

  ClusterView::Find Finder(const std::string& role) const {
    std::vector<std::shared_ptr<ResourceCache>> caches;
    for (const Watched& watched : watched_) {
      if (watched.role == role) caches.push_back(watched.cache);
    }
    if (caches.empty()) return nullptr;
    return [caches](const std::string& name_space, const std::string& name) -> kube::ObjectPtr {
      std::string key = name_space.empty() ? name : name_space + "/" + name;
      for (const auto& cache : caches) {
        if (kube::ObjectPtr found = cache->Find(key)) return found;
      }
      return nullptr;
    };
  }

  void Take(Watched& watched, const std::vector<std::string>& changed) {
    watched.updates->Increment(static_cast<double>(changed.size()));
    std::lock_guard lock(mutex_);  // also held over the sink, which is called by one at a time
    bool have_synced =
        std::ranges::all_of(watched_, [](const Watched& one) { return one.cache->has_synced(); });
    if (!have_synced) return;
    std::vector<TargetGroup> groups;
    if (!std::exchange(has_begun_, true)) {
      for (const Watched& own : watched_) {
        if (own.role != config_.role) continue;
        for (const kube::ObjectPtr& object : own.cache->All())
          groups.push_back(MakeKubernetesGroup(config_.role, *object, view_));
      }
    } else if (watched.role == config_.role) {
      for (const std::string& key : changed) {
        kube::ObjectPtr object = watched.cache->Find(key);
        groups.push_back(object ? MakeKubernetesGroup(config_.role, *object, view_)
                                : TargetGroup{KubernetesSource(config_.role, key), {}, {}});
      }
    } else {
      groups = MakeAffected(watched, changed);
    }
    sink_(std::move(groups));
  }

  // Groups that may look different because of objects that their labels come from: those of the same
  // namespaces, or all, when a node has changed.
  std::vector<TargetGroup> MakeAffected(const Watched& watched,
                                        const std::vector<std::string>& changed) const {
    bool is_node = watched.role == "node";
    std::set<std::string_view> namespaces;
    for (const std::string& key : changed) namespaces.insert(std::string_view(key).substr(0, key.find('/')));
    std::vector<TargetGroup> groups;
    for (const Watched& own : watched_) {
      if (own.role != config_.role) continue;
      for (const kube::ObjectPtr& object : own.cache->All()) {
        if (is_node || namespaces.contains(object->meta.name_space))
          groups.push_back(MakeKubernetesGroup(config_.role, *object, view_));
      }
    }
    return groups;
  }

  kube::Pool& pool_;
  const kube::ClientConfig client_;
  const config::KubernetesDiscoveryConfig config_;
  const std::vector<std::string> namespaces_;  // empty: all
  core::Registry& registry_;
  Sink sink_;
  std::vector<Watched> watched_;  // unchanging while subscribed
  ClusterView view_;
  std::mutex mutex_;
  bool has_begun_ = false;  // guarded by mutex_
};

}  // namespace

Result<kube::ClientConfig> MakeKubernetesClient(
    const config::KubernetesDiscoveryConfig& config, const core::Clock& clock,
    const std::function<std::string(const std::string& name)>& environment) {
  if (!config.kubeconfig_file.empty()) return kube::LoadKubeconfig(config.kubeconfig_file, clock);
  if (config.api_server.empty()) return kube::InClusterConfig(environment);
  kube::ClientConfig client;
  client.api_server = config.api_server;
  while (client.api_server.ends_with('/')) client.api_server.pop_back();
  client.http = config.http;
  client.authorizer = httpclient::MakeAuthorizer(config.http, clock);
  return client;
}

Result<std::unique_ptr<Discoverer>> MakeKubernetesDiscoverer(
    const Services& services, kube::Pool& pool, const config::KubernetesDiscoveryConfig& config) {
  SEXTANT_ASSIGN(kube::ClientConfig client,
                 MakeKubernetesClient(config, services.clock, config::ReadEnvironment));
  std::vector<std::string> namespaces = config.namespaces.names;
  if (config.namespaces.own_namespace) {
    SEXTANT_ASSIGN(std::string own, kube::OwnNamespace());
    namespaces.push_back(std::move(own));
  }
  return std::unique_ptr<Discoverer>(std::make_unique<KubernetesDiscoverer>(services, pool, std::move(client),
                                                                            config, std::move(namespaces)));
}

}  // namespace sextant::discovery
