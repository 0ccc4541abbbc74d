// The pods of a cluster (or a part of it), found by what data says of where it comes from: an address, a uid,
// or whatever the association rules name. Kept up to date by lists and watches (kube/resource_cache.h).
//
// Thread-safe. Only what the rules need is watched: replica sets for the names of deployments, namespaces and
// nodes for their labels, and so on.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "kube/resource_cache.h"
#include "pipeline/processors/k8s_metrics.h"
#include "pipeline/processors/k8s_rules.h"

namespace sextant::pipeline {

// Where an identifier comes from: the address of who sent, or an attribute.
struct K8sSource {
  bool is_connection = false;
  std::string name;  // of the attribute; empty for a connection
};
// All of them together name a pod.
using K8sAssociation = std::vector<K8sSource>;

// The values of an association's sources; as text, to be compared.
class PodIdentifier {
 public:
  void Add(const K8sSource& source, std::string_view value);
  static PodIdentifier OfConnection(std::string_view address);
  static PodIdentifier OfAttribute(std::string_view name, std::string_view value);

  bool empty() const { return text_.empty(); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

struct K8sContainer {
  std::string name;  // empty unless asked for
  std::string image_name;
  std::string image_tag;
  std::string service_instance_id;
  std::string service_version;
  struct Run {
    std::string container_id;
    std::string image_repo_digest;
  };
  std::map<int64_t, Run> runs;  // by restart count
};

// What is known of a pod, ready to be put on data. Immutable.
struct K8sPodInfo {
  std::string name_space;
  std::string node;
  std::string uid;
  std::string started;
  bool is_ignored = false;
  Tags tags;
  std::map<std::string, std::shared_ptr<const K8sContainer>> containers_by_name;
  std::map<std::string, std::shared_ptr<const K8sContainer>> containers_by_id;
  std::map<K8sKind, kube::Owner> owners;  // the replica set's deployment and the job's cron job included
};
using K8sPodPtr = std::shared_ptr<const K8sPodInfo>;

struct K8sPodsOptions {
  kube::ClientConfig client;
  K8sRules rules;
  std::vector<K8sAssociation> associations;
  std::vector<std::shared_ptr<const RE2>> excluded_names;
  std::string name_space;  // empty: all
  std::string node;        // likewise
  std::string label_selector;
  std::string field_selector;  // without the node's
  core::DurationMs delete_grace_period_ms = 120'000;
};

class K8sPods {
 public:
  // `pool`, `clock` and `metrics` outlive it.
  K8sPods(kube::Pool& pool, const core::Clock& clock, K8sMetrics& metrics, K8sPodsOptions options);
  ~K8sPods();
  K8sPods(const K8sPods&) = delete;
  K8sPods& operator=(const K8sPods&) = delete;

  // Whether all that is watched has been listed once.
  bool has_synced() const;
  // The same, after waiting for at most `timeout_ms`.
  bool WaitForSync(core::DurationMs timeout_ms);

  // Null when nobody, or only an ignored pod, has this identifier.
  K8sPodPtr Find(const PodIdentifier& identifier);
  // The attributes that the labels and annotations of an object give; null when it is not known.
  std::shared_ptr<const Tags> TagsOf(K8sKind kind, const std::string& name_or_uid);
  // Of a node; "" unless it is known and asked for.
  std::string NodeUid(const std::string& name) const;

  size_t identifiers() const;

 private:
  // One kind of objects that pods belong to.
  struct Related {
    std::shared_ptr<kube::ResourceCache> cache;
    uint64_t subscription = 0;
    std::map<std::string, kube::ObjectPtr> by_uid;
    std::map<std::string, std::string> uid_of;                                            // by key
    std::map<std::string, std::pair<kube::ObjectPtr, std::shared_ptr<const Tags>>> tags;  // by uid
  };
  struct Removal {
    core::TimestampMs at_ms = 0;
    std::string identifier;
    std::string uid;
  };

  void Watch(kube::Pool& pool, K8sKind kind, kube::Resource resource);
  void TakeRelated(K8sKind kind, const std::vector<std::string>& keys);
  void TakePods(const std::vector<std::string>& keys);
  void CountChange(K8sKind kind, const kube::ObjectPtr& before, const kube::ObjectPtr& now);
  // With mutex_ held, as all that follow.
  void IndexPod(const std::string& key, const kube::ObjectPtr& object);
  void RemovePod(const std::string& key);
  void Expire();
  void Refresh();
  K8sPodPtr MakeInfo(const kube::Object& object) const;
  Tags PodTags(const kube::Object& object, const kube::Pod& pod) const;
  void AddOwnerTags(const kube::Object& object, Tags& tags) const;
  void AddContainers(const kube::Object& object, const kube::Pod& pod, K8sPodInfo& info) const;
  std::map<K8sKind, kube::Owner> OwnersOf(const kube::Meta& meta) const;
  std::optional<kube::Owner> ControllerOf(K8sKind kind, const std::string& uid) const;
  std::vector<PodIdentifier> IdentifiersOf(const K8sPodInfo& info, const kube::Object& object) const;

  const core::Clock& clock_;
  K8sMetrics& metrics_;
  const K8sPodsOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable synced_;
  std::shared_ptr<kube::ResourceCache> pods_;
  uint64_t subscription_ = 0;
  std::map<K8sKind, Related> related_;  // its keys and caches never change
  // Guarded by mutex_, as all above that changes.
  std::map<std::string, kube::ObjectPtr> objects_;            // pods by key
  std::map<std::string, std::vector<std::string>> names_of_;  // identifiers by key
  std::map<std::string, K8sPodPtr, std::less<>> by_identifier_;
  std::deque<Removal> removals_;  // what goes away when its time has come
  bool is_stale_ = false;         // something that pods refer to has changed
};

}  // namespace sextant::pipeline
