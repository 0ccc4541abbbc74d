#include "app/alertmanager_notifier.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "api/params.h"
#include "api/query_json.h"
#include "core/json_writer.h"
#include "httpclient/settings.h"
#include "httpclient/sigv4.h"
#include "metrics/scrape/target.h"

namespace sextant::app {

namespace {

std::string AlertsJson(const std::vector<rules::Alert>& alerts) {
  core::JsonWriter json;
  json.BeginArray();
  for (const rules::Alert& alert : alerts) {
    json.BeginObject();
    json.Key("labels");
    api::WriteLabels(json, alert.labels);
    json.Key("annotations");
    api::WriteLabels(json, alert.annotations);
    json.Key("startsAt")
        .String(api::FormatRfc3339(alert.starts_at_ms))
        .Key("endsAt")
        .String(api::FormatRfc3339(alert.ends_at_ms));
    json.Key("generatorURL").String(alert.generator_url).EndObject();
  }
  json.EndArray();
  return std::move(json).Take();
}

constexpr std::string_view kPathLabel = "__alerts_path__";

std::string AlertsPath(std::string_view prefix) {
  while (prefix.starts_with('/')) prefix.remove_prefix(1);
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  return fmt::format("/{}{}api/v2/alerts", prefix, prefix.empty() ? "" : "/");
}

std::string UrlOf(const model::LabelsBuilder& labels) {
  return fmt::format("{}://{}{}", labels.Get(scrape::kSchemeLabel), labels.Get(scrape::kAddressLabel),
                     labels.Get(kPathLabel));
}

net::FetchRequest MakeRequest(const config::AlertmanagerTargetsConfig& group, std::string url,
                              const core::Clock& clock) {
  net::FetchRequest request;
  request.method = "POST";
  request.url = std::move(url);
  request.headers.Set("Content-Type", "application/json");
  request.timeout_ms = group.timeout_ms;
  request.max_body_bytes = 1 << 20;
  httpclient::ApplyHttpConfig(group.http, clock, request);
  if (group.sigv4) request.authorizer = httpclient::MakeSigV4Authorizer(*group.sigv4, clock);
  return request;
}

// What tells whether an Alertmanager is treated as it was before a reload.
std::string Fingerprint(const config::AlertmanagerTargetsConfig& group) {
  config::AlertmanagerTargetsConfig rest = group;
  rest.static_configs.clear();
  rest.discovery = {};
  rest.relabel_configs.clear();
  return config::WriteYaml(rest) + config::RevealSecrets(group.http) + config::RevealSecrets(group.sigv4);
}

constexpr const char* kQueueLength = "prometheus_notifications_queue_length";

std::string DiscoveryOf(const config::AlertmanagerTargetsConfig& group) {
  return config::Fingerprint(group.discovery);
}

}  // namespace

// Metrics of Alertmanagers by their URLs, as long as somebody sends there: one URL may have two endpoints
// while a configuration changes. Thread-safe.
class AlertmanagerNotifier::UrlMetrics {
 public:
  struct Counters {
    core::Counter& sent;
    core::Counter& errors;
    core::Counter& dropped;
  };

  explicit UrlMetrics(core::Registry& registry) : registry_(registry) {}

  // To be given back by as many calls of Release.
  Counters Acquire(const std::string& url) {
    std::lock_guard lock(mutex_);
    ++uses_[url];
    core::MetricLabels labels = {{"alertmanager", url}};
    return {
        registry_.AddCounter(kSent, "Total number of alerts sent.", labels),
        registry_.AddCounter(kErrors, "Total number of sent alerts affected by errors.", labels),
        registry_.AddCounter(
            kDropped, "Total number of alerts dropped due to errors when sending to Alertmanager.", labels)};
  }

  void Release(const std::string& url) {
    std::lock_guard lock(mutex_);
    if (--uses_[url] > 0) return;
    uses_.erase(url);
    for (const char* name : {kSent, kErrors, kDropped}) registry_.Remove(name, {{"alertmanager", url}});
  }

 private:
  static constexpr const char* kSent = "prometheus_notifications_sent_total";
  static constexpr const char* kErrors = "prometheus_notifications_errors_total";
  static constexpr const char* kDropped = "prometheus_notifications_dropped_total";

  core::Registry& registry_;
  std::mutex mutex_;
  std::map<std::string, int> uses_;  // guarded by mutex_
};

// One Alertmanager with its queue; at most one request is under way.
class AlertmanagerNotifier::Endpoint : public std::enable_shared_from_this<Endpoint> {
 public:
  Endpoint(AlertmanagerNotifier& owner, net::FetchRequest request, config::HttpClientConfig http,
           relabel::Rules rules, std::string fingerprint)
      : client_(owner.client_),
        executor_(owner.executor_),
        options_(owner.options_),
        logger_(owner.logger_.With("alertmanager", request.url)),
        request_(std::move(request)),
        http_(std::move(http)),
        rules_(std::move(rules)),
        fingerprint_(std::move(fingerprint)),
        metrics_(owner.metrics_),
        counters_(metrics_->Acquire(request_.url)) {}
  ~Endpoint() { metrics_->Release(request_.url); }
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  const std::string& url() const { return request_.url; }
  const std::string& fingerprint() const { return fingerprint_; }

  void Queue(const rules::Alert& alert) {
    rules::Alert relabelled = alert;
    if (!rules_.empty()) {
      std::optional<model::Labels> labels = rules_.Relabel(alert.labels);
      if (!labels) return;
      relabelled.labels = std::move(*labels);
    }
    std::lock_guard lock(mutex_);
    if (is_stopped_) return;
    if (queue_.size() >= options_.queue_capacity) {
      queue_.pop_front();
      counters_.dropped.Increment();
    }
    queue_.push_back(std::move(relabelled));
  }

  size_t queue_length() const {
    std::lock_guard lock(mutex_);
    return queue_.size();
  }

  // Sends the next batch unless one is under way.
  void SendNext() {
    std::vector<rules::Alert> batch;
    {
      std::lock_guard lock(mutex_);
      if (is_sending_ || is_stopped_ || queue_.empty()) return;
      is_sending_ = true;
      size_t count = std::min(options_.batch_size, queue_.size());
      auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
      batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
      queue_.erase(queue_.begin(), end);
    }
    net::FetchRequest request = request_;
    request.body = AlertsJson(batch);
    if (core::Status read = httpclient::ReadSecretFiles(http_, request); !read) {
      return Finish(tl::unexpected(read.error()), static_cast<double>(batch.size()));
    }
    client_.Fetch(
        std::move(request), {.executor = &executor_, .priority = core::Priority::kAlerting},
        [self = shared_from_this(), count = batch.size()](const core::Result<net::FetchResponse>& response) {
          self->Finish(response, static_cast<double>(count));
        });
  }

  // Waits until everything that is queued has been sent, at most so long.
  void WaitUntilSent(core::DurationMs bound_ms) {
    std::unique_lock lock(mutex_);
    idle_.wait_for(lock, std::chrono::milliseconds(bound_ms), [&] { return !is_sending_ && queue_.empty(); });
  }

  // Sends nothing more; what is under way may end.
  void Retire() {
    std::lock_guard lock(mutex_);
    is_stopped_ = true;
    queue_.clear();
  }

  void WaitUntilIdle() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return !is_sending_; });
  }

 private:
  void Finish(const core::Result<net::FetchResponse>& response, double count) {
    bool is_good = response && response->status / 100 == 2;
    counters_.sent.Increment(count);
    if (!is_good) {
      counters_.errors.Increment(count);
      counters_.dropped.Increment(count);
      logger_.Error("alerts could not be sent",
                    {{"alerts", count},
                     {"error", response ? fmt::format("bad response status {}", response->status)
                                        : response.error().message()}});
    }
    {
      std::lock_guard lock(mutex_);
      is_sending_ = false;
    }
    idle_.notify_all();
    SendNext();
  }

  net::HttpClient& client_;
  core::Executor& executor_;
  const NotifierOptions options_;
  const core::Logger logger_;
  const net::FetchRequest request_;
  const config::HttpClientConfig http_;  // for secrets that stand in files
  const relabel::Rules rules_;
  const std::string fingerprint_;
  const std::shared_ptr<UrlMetrics> metrics_;
  const UrlMetrics::Counters counters_;

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<rules::Alert> queue_;
  bool is_sending_ = false;
  bool is_stopped_ = false;
};

struct AlertmanagerNotifier::Settings {
  relabel::Rules rules;
  model::Labels external_labels;
  std::vector<std::shared_ptr<Endpoint>> endpoints;
  std::vector<std::string> dropped_urls;
};

AlertmanagerNotifier::AlertmanagerNotifier(net::HttpClient& client, core::Executor& executor,
                                           const core::Clock& clock, core::Registry& registry,
                                           core::Logger logger, NotifierOptions options)
    : client_(client),
      executor_(executor),
      clock_(clock),
      options_(options),
      registry_(registry),
      metrics_(std::make_shared<UrlMetrics>(registry)),
      discovered_count_(registry.AddGauge("prometheus_notifications_alertmanagers_discovered",
                                          "Alertmanagers that are told of alerts.")),
      logger_(logger.With("component", "notifier")),
      settings_(std::make_shared<const Settings>()) {
  registry_
      .AddGauge("prometheus_notifications_queue_capacity", "Alerts that the queue of one Alertmanager holds.")
      .Set(static_cast<double>(options_.queue_capacity));
  registry_.AddGaugeCallback(kQueueLength, "Alerts in the longest queue of an Alertmanager.",
                             [this] { return static_cast<double>(LongestQueue()); });
}

AlertmanagerNotifier::~AlertmanagerNotifier() {
  registry_.Remove(kQueueLength, {});
  Stop();
}

size_t AlertmanagerNotifier::LongestQueue() const {
  size_t longest = 0;
  // Called under the registry's lock: a copy of the settings could be the last, and an endpoint's end needs
  // that lock.
  std::lock_guard lock(mutex_);
  for (const auto& endpoint : settings_->endpoints) longest = std::max(longest, endpoint->queue_length());
  return longest;
}

std::shared_ptr<const AlertmanagerNotifier::Settings> AlertmanagerNotifier::Current() const {
  std::lock_guard lock(mutex_);
  return settings_;
}

// Adds the Alertmanagers of one group of the configuration; one that is told already stays, with its queue.
core::Status AlertmanagerNotifier::AddGroup(const config::AlertmanagerTargetsConfig& group,
                                            const std::vector<discovery::TargetGroup>& found,
                                            Settings& settings) {
  SEXTANT_ASSIGN(relabel::Rules target_rules, relabel::Rules::Compile(group.relabel_configs));
  SEXTANT_ASSIGN(relabel::Rules alert_rules, relabel::Rules::Compile(group.alert_relabel_configs));
  std::shared_ptr<const Settings> previous = Current();
  std::string fingerprint = Fingerprint(group);
  std::set<std::string> seen;
  auto add = [&](model::LabelsBuilder labels) {
    labels.Set(scrape::kSchemeLabel, group.scheme);
    labels.Set(kPathLabel, AlertsPath(group.path_prefix));
    std::string discovered_url = UrlOf(labels);
    if (!target_rules.Apply(labels)) return settings.dropped_urls.push_back(std::move(discovered_url));
    std::string url = UrlOf(labels);
    std::string_view address = labels.Get(scrape::kAddressLabel);
    if (address.empty() || address.find('/') != std::string_view::npos) {
      return logger_.Error("Alertmanager left out: its address makes no sense", {{"url", url}});
    }
    if (!seen.insert(url).second) return;
    auto same = std::ranges::find_if(previous->endpoints, [&](const auto& endpoint) {
      return endpoint->url() == url && endpoint->fingerprint() == fingerprint;
    });
    settings.endpoints.push_back(same != previous->endpoints.end()
                                     ? *same
                                     : std::make_shared<Endpoint>(*this, MakeRequest(group, url, clock_),
                                                                  group.http, alert_rules, fingerprint));
  };
  for (const config::StaticTargets& targets : group.static_configs) {
    for (const std::string& address : targets.targets) {
      model::LabelsBuilder labels;
      for (const auto& [name, value] : targets.labels) labels.Set(name, value);
      labels.Set(scrape::kAddressLabel, address);
      add(std::move(labels));
    }
  }
  for (const discovery::TargetGroup& targets : found) {
    for (const model::Labels& target : targets.targets) {
      model::LabelsBuilder labels(targets.labels);
      for (model::LabelView label : target) labels.Set(label.name, label.value);
      add(std::move(labels));
    }
  }
  return {};
}

core::Result<std::shared_ptr<const AlertmanagerNotifier::Settings>> AlertmanagerNotifier::MakeSettings(
    const config::AlertingConfig& config, const model::Labels& external_labels,
    const discovery::TargetSets& sets) {
  auto settings = std::make_shared<Settings>();
  settings->external_labels = external_labels;
  SEXTANT_ASSIGN(settings->rules, relabel::Rules::Compile(config.alert_relabel_configs));
  for (size_t i = 0; i < config.alertmanagers.size(); ++i) {
    auto found = sets.find(DiscoverySet(i));
    SEXTANT_TRY(AddGroup(config.alertmanagers[i],
                         found == sets.end() ? std::vector<discovery::TargetGroup>() : found->second,
                         *settings));
  }
  return std::shared_ptr<const Settings>(std::move(settings));
}

void AlertmanagerNotifier::Use(std::shared_ptr<const Settings> settings) {
  discovered_count_.Set(static_cast<double>(settings->endpoints.size()));
  std::shared_ptr<const Settings> previous;
  {
    std::lock_guard lock(mutex_);
    previous = std::exchange(settings_, settings);
  }
  for (const auto& endpoint : previous->endpoints) {
    if (std::ranges::find(settings->endpoints, endpoint) == settings->endpoints.end()) endpoint->Retire();
  }
}

core::Status AlertmanagerNotifier::Apply(const config::AlertingConfig& config,
                                         const model::Labels& external_labels) {
  std::lock_guard lock(apply_mutex_);
  if (is_stopped_) return {};
  discovery::TargetSets discovered = DiscoveredFor(config);
  SEXTANT_ASSIGN(auto settings, MakeSettings(config, external_labels, discovered));
  bool is_same =
      std::ranges::equal(config.alertmanagers, config_.alertmanagers, {}, DiscoveryOf, DiscoveryOf);
  if (!is_same) ++generation_;
  discovered_ = std::move(discovered);
  config_ = config;
  external_labels_ = external_labels;
  Use(std::move(settings));
  return {};
}

// What was found before the groups changed their places or ways, for the places that they have now.
discovery::TargetSets AlertmanagerNotifier::DiscoveredFor(const config::AlertingConfig& config) const {
  discovery::TargetSets sets;
  for (size_t i = 0; i < config.alertmanagers.size(); ++i) {
    std::string wanted = DiscoveryOf(config.alertmanagers[i]);
    for (size_t j = 0; j < config_.alertmanagers.size(); ++j) {
      auto found = discovered_.find(DiscoverySet(j));
      if (found == discovered_.end() || DiscoveryOf(config_.alertmanagers[j]) != wanted) continue;
      sets[DiscoverySet(i)] = found->second;
      break;
    }
  }
  return sets;
}

uint64_t AlertmanagerNotifier::discovery_generation() const {
  std::lock_guard lock(apply_mutex_);
  return generation_;
}

void AlertmanagerNotifier::SetDiscovered(uint64_t generation, discovery::TargetSets sets) {
  std::lock_guard lock(apply_mutex_);
  if (is_stopped_ || generation != generation_) return;
  discovered_ = std::move(sets);
  // The rules compiled when the configuration was applied.
  if (auto settings = MakeSettings(config_, external_labels_, discovered_)) Use(std::move(*settings));
}

void AlertmanagerNotifier::Send(std::span<const rules::Alert> alerts) {
  std::shared_ptr<const Settings> settings = Current();
  if (settings->endpoints.empty()) return;
  for (const rules::Alert& alert : alerts) {
    model::LabelsBuilder labels(alert.labels);
    for (model::LabelView label : settings->external_labels) {
      if (labels.Get(label.name).empty()) labels.Set(label.name, label.value);
    }
    if (!settings->rules.Apply(labels)) continue;
    rules::Alert sent = alert;
    sent.labels = labels.Build();
    for (const auto& endpoint : settings->endpoints) endpoint->Queue(sent);
  }
  for (const auto& endpoint : settings->endpoints) endpoint->SendNext();
}

api::AlertmanagerUrls AlertmanagerNotifier::Urls() const {
  std::shared_ptr<const Settings> settings = Current();
  api::AlertmanagerUrls urls;
  for (const auto& endpoint : settings->endpoints) urls.active.push_back(endpoint->url());
  urls.dropped = settings->dropped_urls;
  return urls;
}

void AlertmanagerNotifier::Stop() {
  {
    std::lock_guard lock(apply_mutex_);
    is_stopped_ = true;
  }
  std::shared_ptr<const Settings> settings = Current();
  if (options_.drains_on_stop) {
    core::TimestampMs bound_ms = clock_.NowMs() + kDrainBoundMs;
    for (const auto& endpoint : settings->endpoints)
      endpoint->WaitUntilSent(std::max<core::DurationMs>(bound_ms - clock_.NowMs(), 0));
  }
  for (const auto& endpoint : settings->endpoints) endpoint->Retire();
  for (const auto& endpoint : settings->endpoints) endpoint->WaitUntilIdle();
}

}  // namespace sextant::app
