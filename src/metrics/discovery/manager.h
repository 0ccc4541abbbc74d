// Runs all service discovery of one user (the scraper, the alert sender): starts a Discoverer per different
// configuration, keeps the last groups of every source, and passes on what was found.
//
// Configurations that are equal share a Discoverer, and one that is still there after Apply goes on
// undisturbed. Changes are passed on together, at most once in five seconds; after Apply the first passing on
// waits (as long) until all have looked once. What fails keeps its last good groups.
//
// Counts under Prometheus' names (prometheus_sd_…). Apply and Stop are called from one thread; the sets are
// passed on from a thread of the manager's own.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "config/discovery_config.h"
#include "kube/resource_cache.h"
#include "metrics/discovery/discoverer.h"
#include "metrics/discovery/folder_watcher.h"

namespace sextant::discovery {

// What was found for each set (a job), in the order of its configurations and sources. Sets that have only
// static targets are absent.
using TargetSets = std::map<std::string, std::vector<TargetGroup>>;

struct ManagerOptions {
  std::string name;  // "scrape" or "notify"
  core::DurationMs interval_ms = 5'000;
  // Past these a configuration's change is refused, as one too large for any use.
  size_t max_targets = 1'000'000;  // of one configuration
  size_t max_sources = 1'000'000;
};

class Manager {
 public:
  using Update = std::function<void(TargetSets sets)>;

  Manager(Services services, ManagerOptions options, Update update);
  ~Manager();  // stops
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // Makes these the configurations that are looked after, by the name of their set. One that cannot begin (no
  // cluster, no credentials) is logged, counted and left out until the next Apply.
  void Apply(const std::map<std::string, config::DiscoveryConfigs>& sets);
  // Nothing is passed on any more when it returns. May be called again.
  void Stop();

 private:
  struct Provider {
    std::string key;                            // mechanism and configuration, secrets included
    std::set<std::string> sets;                 // who uses it; guarded by mutex_, as everything below
    std::map<std::string, TargetGroup> groups;  // by source
    size_t targets = 0;
    bool has_looked = false;
    std::unique_ptr<Discoverer> discoverer;
  };

  struct Wanted {
    std::shared_ptr<Provider> provider;
    std::set<std::string> sets;
  };

  void Want(const std::string& key, const std::string& set, std::vector<Wanted>& wanted,
            const std::function<core::Result<std::unique_ptr<Discoverer>>()>& make);
  void WantAll(const std::string& set, const config::DiscoveryConfigs& configs, std::vector<Wanted>& wanted);
  void Take(Provider& provider, std::vector<TargetGroup> groups);
  bool MayPassOn(int64_t now_ns) const;
  TargetSets Collect();
  void Run();

  const Services services_;
  const ManagerOptions options_;
  const Update update_;
  core::Counter& received_;
  core::Counter& sent_;
  core::Counter& delayed_;
  core::Gauge& failed_configs_;

  std::unique_ptr<FolderWatcher> watcher_;    // made when the first needs it
  std::unique_ptr<core::Executor> blocking_;  // likewise
  kube::Pool kubernetes_;
  size_t failed_ = 0;  // configurations of the last Apply that could not begin; of Apply only

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::shared_ptr<Provider>> providers_;  // guarded by mutex_, as everything below
  std::set<std::string> counted_sets_;                // with a gauge of their own
  bool is_dirty_ = false;
  bool is_stopping_ = false;
  int64_t applied_ns_ = 0;
  int64_t passed_on_ns_ = 0;
  std::thread thread_;
};

}  // namespace sextant::discovery
