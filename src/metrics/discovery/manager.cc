#include "metrics/discovery/manager.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "metrics/discovery/consul_discovery.h"
#include "metrics/discovery/dns_discovery.h"
#include "metrics/discovery/docker_discovery.h"
#include "metrics/discovery/ec2_discovery.h"
#include "metrics/discovery/file_discovery.h"
#include "metrics/discovery/http_discovery.h"
#include "metrics/discovery/kubernetes_discovery.h"

namespace sextant::discovery {

namespace {

using Made = core::Result<std::unique_ptr<Discoverer>>;

constexpr std::string_view kTargetsMetric = "prometheus_sd_discovered_targets";
constexpr size_t kBlockingThreads = 2;

// A configuration as text that is equal when and only when the configuration is.
template <typename Config>
std::string KeyOf(std::string_view mechanism, const Config& config) {
  return fmt::format("{}\n{}", mechanism, config::WriteYaml(config));
}

}  // namespace

Manager::Manager(Services services, ManagerOptions options, Update update)
    : services_(std::move(services)),
      options_(std::move(options)),
      update_(std::move(update)),
      received_(services_.registry.AddCounter("prometheus_sd_received_updates_total",
                                              "Total number of update events received from the SD providers.",
                                              {{"name", options_.name}})),
      sent_(services_.registry.AddCounter("prometheus_sd_updates_total",
                                          "Total number of update events sent to the SD consumers.",
                                          {{"name", options_.name}})),
      delayed_(services_.registry.AddCounter(
          "prometheus_sd_updates_delayed_total",
          "Total number of update events that couldn't be sent immediately.", {{"name", options_.name}})),
      failed_configs_(services_.registry.AddGauge(
          "prometheus_sd_failed_configs",
          "Current number of service discovery configurations that failed to load.",
          {{"name", options_.name}})),
      kubernetes_({services_.io, services_.client, services_.executor, services_.clock, services_.registry,
                   services_.logger.With("discovery", "kubernetes"), services_.user_agent}),
      passed_on_ns_(std::numeric_limits<int64_t>::min() / 2) {
  failed_configs_.Set(0);
  thread_ = std::thread([this] { Run(); });
}

Manager::~Manager() { Stop(); }

// Adds a set to the provider of this configuration: one already wanted, one that runs, or a new one.
void Manager::Want(const std::string& key, const std::string& set, std::vector<Wanted>& wanted,
                   const std::function<core::Result<std::unique_ptr<Discoverer>>()>& make) {
  auto already = std::ranges::find_if(wanted, [&](const Wanted& one) { return one.provider->key == key; });
  if (already != wanted.end()) {
    already->sets.insert(set);
    return;
  }
  {
    std::lock_guard lock(mutex_);
    auto running =
        std::ranges::find_if(providers_, [&](const auto& provider) { return provider->key == key; });
    if (running != providers_.end()) {
      wanted.push_back({*running, {set}});
      return;
    }
  }
  auto provider = std::make_shared<Provider>();
  provider->key = key;
  core::Result<std::unique_ptr<Discoverer>> discoverer = make();
  if (!discoverer) {
    ++failed_;
    services_.logger.Error("cannot create service discovery",
                           {{"config", set}, {"error", discoverer.error()}});
    return;
  }
  provider->discoverer = std::move(*discoverer);
  wanted.push_back({std::move(provider), {set}});
}

void Manager::WantAll(const std::string& set, const config::DiscoveryConfigs& configs,
                      std::vector<Wanted>& wanted) {
  if (!configs.file.empty() && !watcher_) {
    watcher_ = std::make_unique<FolderWatcher>(services_.clock, services_.registry, services_.logger);
  }
  if (!configs.dns.empty() && !blocking_) {
    blocking_ = std::make_unique<core::Executor>(
        core::ExecutorOptions{.threads = kBlockingThreads, .queue_limit_tasks = 1'000});
  }
  for (const config::FileDiscoveryConfig& file : configs.file) {
    Want(KeyOf("file", file), set, wanted,
         [&]() -> Made { return std::make_unique<FileDiscoverer>(services_, *watcher_, file, set); });
  }
  for (const config::HttpDiscoveryConfig& http : configs.http) {
    Want(KeyOf("http", http) + config::RevealSecrets(http.http), set, wanted,
         [&]() -> Made { return MakeHttpDiscoverer(services_, http, set); });
  }
  for (const config::DnsDiscoveryConfig& dns : configs.dns) {
    Want(KeyOf("dns", dns), set, wanted,
         [&]() -> Made { return MakeDnsDiscoverer(services_, *blocking_, dns, set); });
  }
  for (const config::KubernetesDiscoveryConfig& kubernetes : configs.kubernetes) {
    Want(KeyOf("kubernetes", kubernetes) + config::RevealSecrets(kubernetes.http), set, wanted,
         [&] { return MakeKubernetesDiscoverer(services_, kubernetes_, kubernetes); });
  }
  for (const config::ConsulDiscoveryConfig& consul : configs.consul) {
    Want(KeyOf("consul", consul) + consul.token.Reveal() + config::RevealSecrets(consul.http), set, wanted,
         [&]() -> Made { return MakeConsulDiscoverer(services_, consul, set); });
  }
  for (const config::DockerDiscoveryConfig& docker : configs.docker) {
    Want(KeyOf("docker", docker) + config::RevealSecrets(docker.http), set, wanted,
         [&]() -> Made { return MakeDockerDiscoverer(services_, docker, set); });
  }
  for (const config::DockerSwarmDiscoveryConfig& swarm : configs.docker_swarm) {
    Want(KeyOf("dockerswarm", swarm) + config::RevealSecrets(swarm.http), set, wanted,
         [&]() -> Made { return MakeDockerSwarmDiscoverer(services_, swarm, set); });
  }
  for (const config::Ec2DiscoveryConfig& ec2 : configs.ec2) {
    Want(KeyOf("ec2", ec2) + ec2.secret_key.Reveal() + config::RevealSecrets(ec2.http), set, wanted,
         [&] { return MakeEc2Discoverer(services_, ec2, set); });
  }
}

void Manager::Apply(const std::map<std::string, config::DiscoveryConfigs>& sets) {
  std::vector<Wanted> wanted;
  failed_ = 0;
  for (const auto& [set, configs] : sets) WantAll(set, configs, wanted);
  failed_configs_.Set(static_cast<double>(failed_));

  std::vector<std::shared_ptr<Provider>> before;
  {
    std::lock_guard lock(mutex_);
    before.swap(providers_);
    for (Wanted& one : wanted) {
      one.provider->sets = std::move(one.sets);
      providers_.push_back(one.provider);
    }
    is_dirty_ = true;
    applied_ns_ = services_.clock.MonotonicNs();
  }
  for (const auto& provider : before) {
    if (std::ranges::none_of(wanted, [&](const Wanted& one) { return one.provider == provider; }))
      provider->discoverer->Stop();
  }
  for (const Wanted& one : wanted) {
    if (std::ranges::find(before, one.provider) != before.end()) continue;
    one.provider->discoverer->Start([this, provider = one.provider.get()](std::vector<TargetGroup> groups) {
      Take(*provider, std::move(groups));
    });
  }
  wake_.notify_all();
}

void Manager::Take(Provider& provider, std::vector<TargetGroup> groups) {
  received_.Increment();
  {
    std::lock_guard lock(mutex_);
    bool is_changed = !provider.has_looked;
    provider.has_looked = true;
    for (TargetGroup& group : groups) {
      auto before = provider.groups.find(group.source);
      size_t old_targets = before == provider.groups.end() ? 0 : before->second.targets.size();
      bool is_new = before == provider.groups.end();
      if (group.targets.empty() && is_new) continue;
      if (!is_new && before->second == group) continue;
      size_t targets = provider.targets - old_targets + group.targets.size();
      if (targets > options_.max_targets || (is_new && provider.groups.size() >= options_.max_sources)) {
        services_.logger.Error("too many targets were discovered; a group was left out",
                               {{"source", group.source}, {"limit", options_.max_targets}});
        continue;
      }
      provider.targets = targets;
      is_changed = true;
      if (group.targets.empty()) {
        provider.groups.erase(before);
      } else {
        std::string source = group.source;
        provider.groups.insert_or_assign(std::move(source), std::move(group));
      }
    }
    if (!is_changed) return;
    if (is_dirty_) delayed_.Increment();
    is_dirty_ = true;
  }
  wake_.notify_all();
}

bool Manager::MayPassOn(int64_t now_ns) const {
  int64_t interval_ns = options_.interval_ms * 1'000'000;
  if (now_ns - passed_on_ns_ < interval_ns) return false;
  bool have_all_looked =
      std::ranges::all_of(providers_, [](const auto& provider) { return provider->has_looked; });
  return have_all_looked || now_ns - applied_ns_ >= interval_ns;
}

TargetSets Manager::Collect() {
  TargetSets sets;
  for (const auto& provider : providers_) {
    for (const std::string& set : provider->sets) {
      std::vector<TargetGroup>& groups = sets[set];
      for (const auto& [source, group] : provider->groups) groups.push_back(group);
    }
  }
  for (const auto& [set, groups] : sets) {
    size_t targets = 0;
    for (const TargetGroup& group : groups) targets += group.targets.size();
    services_.registry
        .AddGauge(kTargetsMetric, "Current number of discovered targets.",
                  {{"name", options_.name}, {"config", set}})
        .Set(static_cast<double>(targets));
  }
  for (const std::string& set : counted_sets_) {
    if (!sets.contains(set))
      services_.registry.Remove(kTargetsMetric, {{"name", options_.name}, {"config", set}});
  }
  counted_sets_.clear();
  for (const auto& [set, groups] : sets) counted_sets_.insert(set);
  return sets;
}

void Manager::Run() {
  constexpr auto kLook = std::chrono::milliseconds(100);
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    if (!is_dirty_) {
      wake_.wait(lock, [&] { return is_dirty_ || is_stopping_; });
      continue;
    }
    int64_t now_ns = services_.clock.MonotonicNs();
    if (!MayPassOn(now_ns)) {
      wake_.wait_for(lock, kLook);
      continue;
    }
    is_dirty_ = false;
    passed_on_ns_ = now_ns;
    TargetSets sets = Collect();
    lock.unlock();
    sent_.Increment();
    update_(std::move(sets));
    lock.lock();
  }
}

void Manager::Stop() {
  {
    std::lock_guard lock(mutex_);
    if (is_stopping_) return;
    is_stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  for (const auto& provider : providers_) provider->discoverer->Stop();
  watcher_.reset();
  if (blocking_) blocking_->Stop();
}

}  // namespace sextant::discovery
