#include "metrics/discovery/consul_discovery.h"

#include <charconv>
#include <map>
#include <mutex>
#include <set>

#include "httpclient/settings.h"
#include "metrics/discovery/consul_groups.h"
#include "net/url.h"

namespace sextant::discovery {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr core::DurationMs kWaitMs = 120'000;
constexpr core::DurationMs kTimeoutMs = kWaitMs + 15'000;
constexpr core::DurationMs kRetryMs = 15'000;
constexpr size_t kMaxBodyBytes = 64 << 20;
// Each is a connection that waits.
constexpr size_t kMaxServices = 10'000;

// What the queries of one configuration share; unchanging.
struct Api {
  net::HttpClient& client;
  net::IoContext& io;
  core::Executor& executor;
  const core::Clock& clock;
  core::Counter& failures;
  core::Logger logger;
  config::ConsulDiscoveryConfig config;
  std::string base;  // "http://localhost:8500/prefix"
  net::FetchRequest request;

  std::string Url(const std::string& path, const net::QueryParams& more) const {
    net::QueryParams params;
    if (!config.datacenter.empty()) params.Add("dc", config.datacenter);
    if (!config.name_space.empty()) params.Add("ns", config.name_space);
    if (!config.partition.empty()) params.Add("partition", config.partition);
    params.Merge(more);
    std::string query = params.Encode();
    return base + path + (query.empty() ? "" : "?" + query);
  }
};

std::string BaseUrl(const config::ConsulDiscoveryConfig& config) {
  std::string scheme = config.scheme;
  std::string server = config.server;
  if (size_t colon = server.find("://"); colon != std::string::npos) {
    scheme = server.substr(0, colon);
    server = server.substr(colon + 3);
  }
  std::string prefix = config.path_prefix;
  while (prefix.starts_with('/')) prefix.erase(0, 1);
  while (prefix.ends_with('/')) prefix.pop_back();
  while (server.ends_with('/')) server.pop_back();
  return fmt::format("{}://{}{}{}", scheme, server, prefix.empty() ? "" : "/", prefix);
}

uint64_t IndexOf(const net::FetchResponse& response) {
  std::string_view text = response.headers.Get("X-Consul-Index");
  uint64_t index = 0;
  std::from_chars(text.data(), text.data() + text.size(), index);
  return index;
}

// Asks for one thing again and again, and tells of each answer that is news.
class Query : public std::enable_shared_from_this<Query> {
 public:
  // Called on the executor, never by two at the same time. An error says that this try has failed.
  using OnAnswer = std::function<void(Result<std::string> body)>;

  Query(std::shared_ptr<const Api> api, std::string path, net::QueryParams params, OnAnswer on_answer)
      : api_(std::move(api)),
        path_(std::move(path)),
        params_(std::move(params)),
        on_answer_(std::move(on_answer)),
        timer_(api_->io, api_->executor, core::Priority::kBackground) {}

  void Start() { StartAt(0); }

  // Does not wait: what is under way finds that it is not wanted any more.
  void Stop() {
    std::lock_guard lock(mutex_);
    is_stopped_ = true;
    fetch_.Cancel();
  }

 private:
  void StartAt(int64_t at_ns) {
    std::lock_guard lock(mutex_);
    if (is_stopped_) return;
    timer_.StartAt(at_ns, [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->Ask();
    });
  }

  void Ask() {
    {
      std::lock_guard lock(mutex_);
      if (is_stopped_) return;
    }
    begun_ns_ = api_->clock.MonotonicNs();
    net::FetchRequest request = api_->request;
    net::QueryParams params = params_;
    if (index_ != 0) params.Add("index", fmt::format("{}", index_));
    params.Add("wait", fmt::format("{}ms", kWaitMs));
    request.url = api_->Url(path_, params);
    if (core::Status read = httpclient::ReadSecretFiles(api_->config.http, request); !read) {
      return Take(tl::unexpected(read.error()));
    }
    net::FetchHandle handle = api_->client.Fetch(
        std::move(request), {.executor = &api_->executor, .priority = core::Priority::kBackground},
        [self = shared_from_this()](Result<net::FetchResponse> response) {
          self->Take(std::move(response));
        });
    std::lock_guard lock(mutex_);
    fetch_ = handle;
    if (is_stopped_) fetch_.Cancel();
  }

  void Take(Result<net::FetchResponse> response) {
    {
      std::lock_guard lock(mutex_);
      if (is_stopped_) return;
    }
    if (response && response->status != 200) {
      response = Fail(Code::kUnavailable, "Unexpected response code: {} ({})", response->status,
                      response->body.substr(0, 512));
    }
    if (!response) {
      api_->failures.Increment();
      api_->logger.Error("the Consul API does not answer as it should",
                         {{"path", path_}, {"error", response.error()}});
      index_ = 0;
      on_answer_(tl::unexpected(response.error()));
      return StartAt(api_->clock.MonotonicNs() + kRetryMs * 1'000'000);
    }
    uint64_t index = IndexOf(*response);
    bool is_news = index == 0 || index != index_;
    // An index that goes back is of a server that has begun anew: then nothing is waited for.
    index_ = index < index_ ? 0 : index;
    if (is_news) on_answer_(std::move(response->body));
    StartAt(std::max(begun_ns_ + api_->config.refresh_interval_ms * 1'000'000, api_->clock.MonotonicNs()));
  }

  const std::shared_ptr<const Api> api_;
  const std::string path_;
  const net::QueryParams params_;
  const OnAnswer on_answer_;

  // Of the request under way.
  uint64_t index_ = 0;
  int64_t begun_ns_ = 0;

  std::mutex mutex_;
  net::Timer timer_;
  net::FetchHandle fetch_;
  bool is_stopped_ = false;
};

// One configuration: the query for the catalog, and one for each service.
class Watching : public std::enable_shared_from_this<Watching> {
 public:
  explicit Watching(std::shared_ptr<const Api> api) : api_(std::move(api)) {}

  void Start(Discoverer::Sink sink) {
    {
      std::lock_guard lock(mutex_);
      sink_ = std::move(sink);
      datacenter_ = api_->config.datacenter;
    }
    if (!api_->config.datacenter.empty()) return Begin();
    // Asked until it is known: instances carry it.
    auto query = MakeQuery("/v1/agent/self", {}, [](Watching& self, Result<std::string> body) {
      self.TakeDatacenter(std::move(body));
    });
    std::lock_guard lock(mutex_);
    if (is_stopped_) return;
    agent_ = query;
    query->Start();
  }

  void Stop() {
    std::lock_guard lock(mutex_);
    is_stopped_ = true;
    if (agent_) agent_->Stop();
    if (catalog_) catalog_->Stop();
    for (const auto& [name, query] : services_) query->Stop();
    services_.clear();
  }

 private:
  using Taker = std::function<void(Watching& self, Result<std::string> body)>;

  std::shared_ptr<Query> MakeQuery(std::string path, net::QueryParams params, Taker take) {
    return std::make_shared<Query>(
        api_, std::move(path), std::move(params),
        [weak = weak_from_this(), take = std::move(take)](Result<std::string> body) {
          if (auto self = weak.lock()) take(*self, std::move(body));
        });
  }

  void TakeDatacenter(Result<std::string> body) {
    if (!body) return;
    Result<std::string> datacenter = ReadConsulDatacenter(*body);
    if (!datacenter) {
      api_->logger.Error("the datacenter is not known", {{"error", datacenter.error()}});
      return;
    }
    {
      std::lock_guard lock(mutex_);
      if (is_stopped_ || !datacenter_.empty()) return;
      datacenter_ = std::move(*datacenter);
      agent_->Stop();
    }
    Begin();
  }

  net::QueryParams Params(const std::string& filter) const {
    net::QueryParams params;
    if (api_->config.allow_stale) params.Add("stale", "");
    for (const auto& [name, value] : api_->config.node_meta) params.Add("node-meta", name + ":" + value);
    if (!filter.empty()) params.Add("filter", filter);
    return params;
  }

  void Begin() {
    const config::ConsulDiscoveryConfig& config = api_->config;
    std::lock_guard lock(mutex_);
    if (is_stopped_) return;
    if (config.services.empty() || !config.tags.empty() || !config.filter.empty()) {
      catalog_ =
          MakeQuery("/v1/catalog/services", Params(config.filter),
                    [](Watching& self, Result<std::string> body) { self.TakeCatalog(std::move(body)); });
      catalog_->Start();
      return;
    }
    for (const std::string& name : config.services) Watch(name);
  }

  // With the lock.
  void Watch(const std::string& name) {
    if (services_.contains(name)) return;
    if (services_.size() >= kMaxServices) {
      api_->logger.Error("too many services; one is left out", {{"service", name}, {"limit", kMaxServices}});
      return;
    }
    net::QueryParams params = Params(api_->config.health_filter);
    for (const std::string& tag : api_->config.tags) params.Add("tag", tag);
    auto query = MakeQuery(
        "/v1/health/service/" + net::PathEscape(name), std::move(params),
        [name](Watching& self, Result<std::string> body) { self.TakeService(name, std::move(body)); });
    services_[name] = query;
    if (!has_passed_on_) not_seen_.insert(name);
    query->Start();
  }

  void TakeCatalog(Result<std::string> body) {
    if (!body) return;
    Result<std::map<std::string, bool>> listed = ReadConsulServices(*body, api_->config);
    if (!listed) {
      api_->failures.Increment();
      api_->logger.Error("the list of services makes no sense", {{"error", listed.error()}});
      return;
    }
    std::lock_guard lock(mutex_);
    if (is_stopped_) return;
    for (const auto& [name, is_wanted] : *listed) {
      if (is_wanted) Watch(name);
    }
    std::vector<TargetGroup> gone;
    std::erase_if(services_, [&](const auto& service) {
      if (listed->contains(service.first)) return false;
      service.second->Stop();
      not_seen_.erase(service.first);
      gone.push_back({service.first, {}, {}});
      return true;
    });
    PassOn(std::move(gone));
  }

  void TakeService(const std::string& name, Result<std::string> body) {
    Result<TargetGroup> group = tl::unexpected(core::Error(Code::kUnavailable, ""));
    if (body) {
      group = ReadConsulInstances(*body, name, Datacenter(), api_->config.tag_separator);
      if (!group) {
        api_->failures.Increment();
        api_->logger.Error("the instances of a service make no sense", {{"error", group.error()}});
      }
    }
    std::lock_guard lock(mutex_);
    if (is_stopped_ || !services_.contains(name)) return;
    not_seen_.erase(name);
    std::vector<TargetGroup> groups;
    if (group) groups.push_back(std::move(*group));
    PassOn(std::move(groups));
  }

  std::string Datacenter() {
    std::lock_guard lock(mutex_);
    return datacenter_;
  }

  // With the lock, which also keeps the sink to one caller. The first time all services are passed on at
  // once.
  void PassOn(std::vector<TargetGroup> groups) {
    for (TargetGroup& group : groups) first_.push_back(std::move(group));
    if (!not_seen_.empty()) return;
    has_passed_on_ = true;
    sink_(std::move(first_));
    first_.clear();
  }

  const std::shared_ptr<const Api> api_;

  std::mutex mutex_;  // guards what follows
  Discoverer::Sink sink_;
  std::string datacenter_;
  std::shared_ptr<Query> agent_;
  std::shared_ptr<Query> catalog_;
  std::map<std::string, std::shared_ptr<Query>> services_;
  std::set<std::string> not_seen_;  // services of the first list that have not answered yet
  std::vector<TargetGroup> first_;  // what the others have answered
  bool has_passed_on_ = false;
  bool is_stopped_ = false;
};

class ConsulDiscoverer final : public Discoverer {
 public:
  explicit ConsulDiscoverer(std::shared_ptr<Watching> watching) : watching_(std::move(watching)) {}
  ~ConsulDiscoverer() override { watching_->Stop(); }

  void Start(Sink sink) override { watching_->Start(std::move(sink)); }
  void Stop() override { watching_->Stop(); }

 private:
  const std::shared_ptr<Watching> watching_;
};

}  // namespace

std::unique_ptr<Discoverer> MakeConsulDiscoverer(const Services& services,
                                                 const config::ConsulDiscoveryConfig& config,
                                                 const std::string& set) {
  net::FetchRequest request;
  request.timeout_ms = kTimeoutMs;
  request.max_body_bytes = kMaxBodyBytes;
  request.headers.Set("Accept", "application/json");
  request.headers.Set("User-Agent", services.user_agent);
  if (!config.token.empty()) request.headers.Set("X-Consul-Token", config.token.Reveal());
  httpclient::ApplyHttpConfig(config.http, services.clock, request);
  core::Counter& failures = services.registry.AddCounter("prometheus_sd_consul_rpc_failures_total",
                                                         "The number of Consul RPC call failures.");
  auto api = std::make_shared<const Api>(Api{services.client, services.io, services.executor, services.clock,
                                             failures,
                                             services.logger.With("discovery", "consul").With("config", set),
                                             config, BaseUrl(config), std::move(request)});
  return std::make_unique<ConsulDiscoverer>(std::make_shared<Watching>(std::move(api)));
}

}  // namespace sextant::discovery
