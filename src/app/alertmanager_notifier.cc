#include "app/alertmanager_notifier.h"

#include <algorithm>
#include <condition_variable>
#include <deque>

#include "api/params.h"
#include "api/query_json.h"
#include "core/json_writer.h"
#include "metrics/scrape/http_settings.h"
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

net::FetchRequest MakeRequest(const config::AlertmanagerTargetsConfig& group, const std::string& address) {
  net::FetchRequest request;
  request.method = "POST";
  request.url = fmt::format("{}://{}{}/api/v2/alerts", group.scheme, address, group.path_prefix);
  request.headers.Set("Content-Type", "application/json");
  request.timeout_ms = group.timeout_ms;
  request.max_body_bytes = 1 << 20;
  scrape::ApplyHttpConfig(group.http, request);
  return request;
}

}  // namespace

// One Alertmanager with its queue; at most one request is under way.
class AlertmanagerNotifier::Endpoint : public std::enable_shared_from_this<Endpoint> {
 public:
  Endpoint(AlertmanagerNotifier& owner, net::FetchRequest request, config::HttpClientConfig http,
           relabel::Rules rules)
      : client_(owner.client_),
        executor_(owner.executor_),
        logger_(owner.logger_.With("alertmanager", request.url)),
        request_(std::move(request)),
        http_(std::move(http)),
        rules_(std::move(rules)),
        sent_(owner.registry_.AddCounter("prometheus_notifications_sent_total",
                                         "Total number of alerts sent.", {{"alertmanager", request_.url}})),
        errors_(owner.registry_.AddCounter("prometheus_notifications_errors_total",
                                           "Total number of sent alerts affected by errors.",
                                           {{"alertmanager", request_.url}})),
        dropped_(owner.registry_.AddCounter(
            "prometheus_notifications_dropped_total",
            "Total number of alerts dropped due to errors when sending to Alertmanager.",
            {{"alertmanager", request_.url}})) {}

  const std::string& url() const { return request_.url; }

  void Queue(const rules::Alert& alert) {
    rules::Alert relabelled = alert;
    if (!rules_.empty()) {
      std::optional<model::Labels> labels = rules_.Relabel(alert.labels);
      if (!labels) return;
      relabelled.labels = std::move(*labels);
    }
    std::lock_guard lock(mutex_);
    if (queue_.size() >= kQueueCapacity) {
      queue_.pop_front();
      dropped_.Increment();
    }
    queue_.push_back(std::move(relabelled));
  }

  // Sends the next batch unless one is under way.
  void SendNext() {
    std::vector<rules::Alert> batch;
    {
      std::lock_guard lock(mutex_);
      if (is_sending_ || is_stopped_ || queue_.empty()) return;
      is_sending_ = true;
      size_t count = std::min(kBatchSize, queue_.size());
      auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
      batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
      queue_.erase(queue_.begin(), end);
    }
    net::FetchRequest request = request_;
    request.body = AlertsJson(batch);
    if (core::Status read = scrape::ReadSecretFiles(http_, request); !read) {
      return Finish(tl::unexpected(read.error()), static_cast<double>(batch.size()));
    }
    client_.Fetch(
        std::move(request), {.executor = &executor_, .priority = core::Priority::kAlerting},
        [self = shared_from_this(), count = batch.size()](const core::Result<net::FetchResponse>& response) {
          self->Finish(response, static_cast<double>(count));
        });
  }

  void Stop() {
    std::unique_lock lock(mutex_);
    is_stopped_ = true;
    idle_.wait(lock, [&] { return !is_sending_; });
  }

 private:
  void Finish(const core::Result<net::FetchResponse>& response, double count) {
    bool is_good = response && response->status / 100 == 2;
    sent_.Increment(count);
    if (!is_good) {
      errors_.Increment(count);
      dropped_.Increment(count);
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
  const core::Logger logger_;
  const net::FetchRequest request_;
  const config::HttpClientConfig http_;  // for secrets that stand in files
  const relabel::Rules rules_;
  core::Counter& sent_;
  core::Counter& errors_;
  core::Counter& dropped_;

  std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<rules::Alert> queue_;
  bool is_sending_ = false;
  bool is_stopped_ = false;
};

struct AlertmanagerNotifier::Settings {
  relabel::Rules rules;
  model::Labels external_labels;
  std::vector<std::shared_ptr<Endpoint>> endpoints;
};

AlertmanagerNotifier::AlertmanagerNotifier(net::HttpClient& client, core::Executor& executor,
                                           core::Registry& registry, core::Logger logger)
    : client_(client),
      executor_(executor),
      registry_(registry),
      logger_(logger.With("component", "notifier")),
      settings_(std::make_shared<const Settings>()) {}

AlertmanagerNotifier::~AlertmanagerNotifier() { Stop(); }

core::Status AlertmanagerNotifier::Apply(const config::AlertingConfig& config,
                                         const model::Labels& external_labels) {
  auto settings = std::make_shared<Settings>();
  settings->external_labels = external_labels;
  SEXTANT_ASSIGN(settings->rules, relabel::Rules::Compile(config.alert_relabel_configs));
  for (const config::AlertmanagerTargetsConfig& group : config.alertmanagers) {
    SEXTANT_ASSIGN(relabel::Rules target_rules, relabel::Rules::Compile(group.relabel_configs));
    SEXTANT_ASSIGN(relabel::Rules alert_rules, relabel::Rules::Compile(group.alert_relabel_configs));
    for (const config::StaticTargets& targets : group.static_configs) {
      for (const std::string& address : targets.targets) {
        model::LabelsBuilder labels;
        for (const auto& [name, value] : targets.labels) labels.Set(name, value);
        labels.Set(scrape::kAddressLabel, address);
        if (!target_rules.Apply(labels)) continue;
        settings->endpoints.push_back(std::make_shared<Endpoint>(
            *this, MakeRequest(group, std::string(labels.Get(scrape::kAddressLabel))), group.http,
            alert_rules));
      }
    }
  }
  std::shared_ptr<const Settings> previous;
  {
    std::lock_guard lock(mutex_);
    previous = std::exchange(settings_, std::move(settings));
  }
  for (const auto& endpoint : previous->endpoints) endpoint->Stop();
  return {};
}

void AlertmanagerNotifier::Send(std::span<const rules::Alert> alerts) {
  std::shared_ptr<const Settings> settings;
  {
    std::lock_guard lock(mutex_);
    settings = settings_;
  }
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

std::vector<std::string> AlertmanagerNotifier::Urls() const {
  std::vector<std::string> urls;
  std::lock_guard lock(mutex_);
  for (const auto& endpoint : settings_->endpoints) urls.push_back(endpoint->url());
  return urls;
}

void AlertmanagerNotifier::Stop() {
  std::shared_ptr<const Settings> settings;
  {
    std::lock_guard lock(mutex_);
    settings = settings_;
  }
  for (const auto& endpoint : settings->endpoints) endpoint->Stop();
}

}  // namespace sextant::app
