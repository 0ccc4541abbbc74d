// All objects of one resource (and selection) of a cluster, kept as they are by list and watch:
//
//   auto pods = pool.Get(client, {.path = "/api/v1/pods", .kind = Kind::kPod});
//   uint64_t key = pods->Subscribe([&](const std::vector<std::string>& keys) { ... pods->Find(keys[0]) ...
//   });
//
// It lists page by page, then watches with bookmarks from the list's version on. A watch that ends goes on
// where it was; one whose version is too old (410, also inside of a 200) makes a new list. What fails is
// tried again after a wait that grows to 30 s, or as long as the server asks. Until a new list is complete,
// the old objects stay.
//
// Users of the same resource share one cache through a Pool. Thread-safe. Listeners are called from the
// executor, one call at a time per cache, without locks held.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/executor.h"
#include "core/log.h"
#include "core/metrics.h"
#include "kube/client.h"
#include "kube/objects.h"
#include "net/http_client.h"
#include "net/io.h"

namespace sextant::kube {

// What caches use. All of it outlives them.
struct Services {
  net::IoContext& io;
  net::HttpClient& client;
  core::Executor& executor;
  const core::Clock& clock;
  core::Registry& registry;
  core::Logger logger;
  std::string user_agent;
};

struct Resource {
  std::string path;  // "/api/v1/pods", "/api/v1/namespaces/shop/pods"
  Kind kind = Kind::kOther;
  std::string label_selector = {};
  std::string field_selector = {};
};

class ResourceCache : public std::enable_shared_from_this<ResourceCache> {
 public:
  using Listener = std::function<void(const std::vector<std::string>& changed_keys)>;

  ResourceCache(const Services& services, ClientConfig client, Resource resource);
  ~ResourceCache();
  ResourceCache(const ResourceCache&) = delete;
  ResourceCache& operator=(const ResourceCache&) = delete;

  // Begins to list; once. Pool::Get does it.
  void Start();

  // Whether there has been a complete list.
  bool has_synced() const;
  // The object of "namespace/name" (or "name"), or null.
  ObjectPtr Find(const std::string& key) const;
  std::vector<ObjectPtr> All() const;

  // Calls `listener` at every change, the first complete list included (also when it is empty).
  uint64_t Subscribe(Listener listener);
  // The listener is not running and will not run when it returns. Not from a listener.
  void Unsubscribe(uint64_t id);

  static constexpr core::DurationMs kFirstWaitMs = 1'000;
  static constexpr core::DurationMs kLongestWaitMs = 30'000;

 private:
  struct Stream;

  void List(std::string token);
  void TakePage(core::Result<net::FetchResponse> response);
  void Replace(std::vector<ObjectPtr> objects);
  void Watch();
  void Drain(const std::shared_ptr<Stream>& stream);
  bool TakeLines(Stream& stream, std::string bytes);
  bool TakeEvent(const Event& event, std::vector<std::string>& changed);
  void EndWatch(Stream& stream, const core::Result<net::FetchResponse>& response);
  void Fetch(const std::string& query, std::function<void(net::FetchRequest&)> prepare,
             net::FetchCallback callback);
  void Retry(const core::Error& why, core::DurationMs at_least_ms, std::function<void()> again);
  void Notify(const std::vector<std::string>& changed);
  bool is_stopped() const;

  const Services services_;
  const ClientConfig client_;
  const Resource resource_;
  const core::Logger logger_;
  core::Counter& failures_;
  net::Timer timer_;

  // Touched by what is under way only: a list, a watch or a wait.
  std::vector<ObjectPtr> listed_;
  std::string version_;
  core::DurationMs wait_ms_ = kFirstWaitMs;
  bool needs_list_ = false;

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::map<std::string, ObjectPtr> objects_;  // guarded by mutex_, as everything below
  bool has_synced_ = false;
  bool is_stopped_ = false;
  net::FetchHandle fetch_;
  std::map<uint64_t, std::shared_ptr<const Listener>> listeners_;
  uint64_t next_id_ = 1;
  uint64_t running_id_ = 0;
};

// Caches that are shared by their users, for as long as there is one.
class Pool {
 public:
  explicit Pool(Services services) : services_(std::move(services)) {}

  std::shared_ptr<ResourceCache> Get(const ClientConfig& client, const Resource& resource);

 private:
  const Services services_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<ResourceCache>> caches_;  // guarded by mutex_
};

}  // namespace sextant::kube
