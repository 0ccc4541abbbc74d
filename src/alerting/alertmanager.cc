#include "alerting/alertmanager.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>

#include "alerting/default_templates.h"
#include "alerting/event_recorder.h"
#include "alerting/notify_spans.h"
#include "alerting/receivers/conversation.h"
#include "alerting/route_labels.h"
#include "alerting/state_keeper.h"
#include "alerting/template_data.h"

namespace sextant::alerting {
namespace {

using core::DurationMs;
using core::TimestampMs;

constexpr size_t kDeliveriesKept = 200;
constexpr DurationMs kMaxSleepMs = 5'000;  // wall time may jump while we sleep
constexpr size_t kFingerprintsKept = 100;
constexpr DurationMs kHistorySweepMs = 5'000;
constexpr DurationMs kRecorderFlushMs = 5'000;

// A service that wants fewer requests gets a notification this long after its deadline; then the group's
// state is looked at anew.
constexpr DurationMs kMaxRateLimitWaitMs = 3'600'000;
constexpr DurationMs kGraceAfterPauseMs = 10'000;
// An alert of our own about a receiver is repeated this often while its template stays broken.
constexpr DurationMs kOwnAlertEveryMs = 60'000;

constexpr const char* kFailureReasons[] = {"other",
                                           "clientError",
                                           "serverError",
                                           "authError",
                                           "rateLimited",
                                           "contextCanceled",
                                           "contextDeadlineExceeded"};

// A notification on its way.
struct Delivery {
  Notification notification;
  std::string lane;
  ConversationPtr conversation;      // of the attempt under way
  TimestampMs last_deadline_ms = 0;  // which pauses of its service cannot put off
  int attempts = 0;
  DurationMs backoff_ms = 0;
  TimestampMs retry_at_ms = 0;
  int64_t attempt_started_ns = 0;
  net::FetchHandle handle;
  net::MailHandle mail;
  DeliverySpans spans;

  void Cancel() {
    handle.Cancel();
    mail.Cancel();
  }
};
using DeliveryPtr = std::shared_ptr<Delivery>;

struct Lane {
  std::deque<DeliveryPtr> waiting;
  size_t active = 0;
  TimestampMs paused_until_ms = kZeroTimeMs;  // the service asked for it
};

// The metrics of one integration, under Alertmanager's names.
struct IntegrationMetrics {
  core::Counter* notifications;
  core::Counter* requests;
  core::Counter* requests_failed;
  core::Counter* template_errors;
  core::Counter* rate_limited;
  core::Counter* put_off;
  core::Histogram* latency;
};

std::string LaneName(const Notification& notification) {
  return fmt::format("{}/{}/{}", notification.receiver_name, IntegrationName(notification.integration.kind),
                     notification.integration.index);
}

// Spreads retries by up to a fifth, so that many groups do not come back in step; the same for the same
// notification.
DurationMs Spread(DurationMs pause_ms, uint64_t id, int attempt) {
  const uint64_t mixed = (id * 0x9E3779B97F4A7C15u) ^ (static_cast<uint64_t>(attempt) * 0xBF58476D1CE4E5B9u);
  return pause_ms + pause_ms * static_cast<DurationMs>((mixed >> 32) % 21) / 100;
}

}  // namespace

struct Alertmanager::Impl : std::enable_shared_from_this<Impl> {
  Impl(std::shared_ptr<const Config> config, AlertmanagerEnvironment env, AlertmanagerOptions opts)
      : environment(std::move(env)),
        options(std::move(opts)),
        started_at_ms(environment.clock.NowMs()),
        timer(std::in_place, environment.io, environment.executor, core::Priority::kAlerting),
        history(environment.registry, options.history),
        dispatcher(std::move(config), options.limits, options.times),
        next_maintenance_ms(started_at_ms + options.maintenance_ms) {
    dispatcher.SetObserver(&history);
    if (options.data_dir.empty()) return;
    silence_keeper.emplace(
        environment.files, environment.clock, options.data_dir, "silences", "alertmanager_silences", true,
        environment.logger, environment.registry,
        [this] {
          std::lock_guard lock(mutex);
          return dispatcher.silences().TakeRecords();
        },
        [this] {
          std::lock_guard lock(mutex);
          return dispatcher.silences().Serialize();
        });
    // A message that is repeated after a power failure is no reason to wait for the device each time.
    log_keeper.emplace(
        environment.files, environment.clock, options.data_dir, "nflog", "alertmanager_nflog", false,
        environment.logger, environment.registry,
        [this] {
          std::lock_guard lock(mutex);
          return dispatcher.log().TakeRecords();
        },
        [this] {
          std::lock_guard lock(mutex);
          return dispatcher.log().Serialize();
        });
    alert_keeper.emplace(
        environment.files, environment.clock, options.data_dir, "firing_alerts",
        "sextant_alerting_firing_alerts", false, environment.logger, environment.registry,
        [this] {
          std::lock_guard lock(mutex);
          return dispatcher.firing_alerts().TakeRecords();
        },
        [this] {
          std::lock_guard lock(mutex);
          return dispatcher.SerializeFiringAlerts();
        });
    dispatcher.firing_alerts().StartRecording();
    history_keeper.emplace(
        environment.files, environment.clock, options.data_dir, "history", "sextant_alerting_history", false,
        environment.logger, environment.registry, [this] { return history.TakeRecords(); },
        [this] { return history.Serialize(); });
  }

  const AlertmanagerEnvironment environment;
  const AlertmanagerOptions options;
  const TimestampMs started_at_ms;
  // Gone after Stop: a callback that is being destroyed may keep us alive longer than the I/O context lives.
  std::optional<net::Timer> timer;

  std::mutex mutex;
  std::condition_variable idle;
  AlertHistory history;
  Dispatcher dispatcher;
  std::shared_ptr<const gotemplate::TemplateSet> templates;
  std::map<std::string, Lane> lanes;
  std::vector<DeliveryPtr> retries;
  std::map<uint64_t, DeliveryPtr> active;  // attempts under way, by notification
  std::deque<DeliveryView> deliveries;     // newest first
  size_t tasks = 0;                        // callbacks of ours that may still run
  bool stopping = false;
  TimestampMs next_maintenance_ms;
  DispatcherStats cached_stats;
  TimestampMs cached_stats_ms = kZeroTimeMs;

  // All only with a data folder.
  std::optional<StateKeeper> silence_keeper;
  std::optional<StateKeeper> log_keeper;
  std::optional<StateKeeper> alert_keeper;
  std::optional<StateKeeper> history_keeper;
  bool is_history_writing = false;  // a task of ours will see to it
  TimestampMs next_history_sweep_ms = kZeroTimeMs;

  std::shared_ptr<EventRecorder> recorder;  // null: nobody wants it

  const std::shared_ptr<ServiceMemory> memory = std::make_shared<ServiceMemory>();
  std::map<std::string, TimestampMs> own_alerts;  // by lane: when one was raised last

  std::map<IntegrationKind, IntegrationMetrics> metrics;
  core::Counter* received_firing = nullptr;
  core::Counter* received_resolved = nullptr;
  core::Counter* invalid = nullptr;
  core::Gauge* receivers = nullptr;
  core::Gauge* integrations = nullptr;
  core::Gauge* inhibition_rules = nullptr;
  core::Counter* silence_queries = nullptr;

  TimestampMs Now() const { return environment.clock.NowMs(); }

  // --- beginning and end ---

  // Of one receiver when it has a name.
  IntegrationMetrics MakeMetrics(IntegrationKind kind, const std::string& receiver) const {
    core::Registry& registry = environment.registry;
    const core::MetricLabels labels = MetricLabelsOf(kind, receiver);
    for (const char* reason : kFailureReasons) FailureCounter(kind, receiver, reason);
    return {
        &registry.AddCounter("alertmanager_notifications_total", "Notifications attempted.", labels),
        &registry.AddCounter("alertmanager_notification_requests_total", "Requests sent for notifications.",
                             labels),
        &registry.AddCounter("alertmanager_notification_requests_failed_total",
                             "Requests for notifications that failed.", labels),
        &registry.AddCounter("sextant_alerting_template_errors_total",
                             "Messages sent in plain words because a template failed.", labels),
        &registry.AddCounter("sextant_alerting_rate_limited_total",
                             "Answers of a service that asked for fewer requests or for a pause.", labels),
        &registry.AddCounter("sextant_alerting_queue_full_total",
                             "Notifications put off to the next flush because the service's queue was full.",
                             labels),
        &registry.AddHistogram("alertmanager_notification_latency_seconds",
                               "Time a notification request took.", {0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20},
                               labels)};
  }

  IntegrationMetrics MetricsOf(const Notification& notification) const {
    const IntegrationKind kind = notification.integration.kind;
    return options.receiver_names_in_metrics ? MakeMetrics(kind, notification.receiver_name)
                                             : metrics.at(kind);
  }

  static core::MetricLabels MetricLabelsOf(IntegrationKind kind, const std::string& receiver) {
    core::MetricLabels labels = {{"integration", std::string(IntegrationName(kind))}};
    if (!receiver.empty()) labels.emplace_back("receiver_name", receiver);
    return labels;
  }

  void RegisterMetrics() {
    core::Registry& registry = environment.registry;
    if (options.receiver_names_in_metrics) {
      const Config& config = *dispatcher.config();
      for (const Integration& integration : ListIntegrations(config))
        MakeMetrics(integration.kind, config.receivers[integration.receiver].name);
    } else {
      for (const IntegrationKind kind : AllIntegrationKinds()) metrics[kind] = MakeMetrics(kind, "");
    }
    received_firing = &registry.AddCounter("alertmanager_alerts_received_total", "Alerts received.",
                                           {{"status", "firing"}, {"version", "v2"}});
    received_resolved = &registry.AddCounter("alertmanager_alerts_received_total", "Alerts received.",
                                             {{"status", "resolved"}, {"version", "v2"}});
    invalid =
        &registry.AddCounter("alertmanager_alerts_invalid_total", "Alerts refused.", {{"version", "v2"}});
    receivers = &registry.AddGauge("alertmanager_receivers", "Receivers configured.");
    integrations = &registry.AddGauge("alertmanager_integrations", "Integrations configured.");
    inhibition_rules = &registry.AddGauge("alertmanager_inhibition_rules", "Inhibition rules configured.");
    silence_queries = &registry.AddCounter("alertmanager_silences_queries_total", "Requests for silences.");
    registry.AddGauge("alertmanager_alerts_per_alert_limit", "Most alerts of one alertname; 0 is no limit.")
        .Set(static_cast<double>(options.limits.alerts_per_alertname));
    registry.AddGauge("alertmanager_cluster_enabled", "Whether instances talk to each other.").Set(0);
    CountConfig();
    RegisterStats();
  }

  void CountConfig() {
    const Config& config = *dispatcher.config();
    receivers->Set(static_cast<double>(config.receivers.size()));
    integrations->Set(static_cast<double>(ListIntegrations(config).size()));
    inhibition_rules->Set(static_cast<double>(config.inhibit_rules.size()));
  }

  core::Counter& FailureCounter(IntegrationKind kind, const std::string& receiver,
                                const std::string& reason) const {
    core::MetricLabels labels = MetricLabelsOf(kind, receiver);
    labels.emplace_back("reason", reason);
    return environment.registry.AddCounter("alertmanager_notifications_failed_total",
                                           "Notifications that were given up.", std::move(labels));
  }

  template <typename Read>
  std::function<double()> Reading(Read read) {
    return [weak = weak_from_this(), read]() -> double {
      const auto self = weak.lock();
      return self ? static_cast<double>(read(self->Stats())) : 0;
    };
  }

  void RegisterStats() {
    core::Registry& registry = environment.registry;
    using S = const DispatcherStats&;
    for (const char* name : {"alertmanager_alerts", "alertmanager_marked_alerts"}) {
      registry.AddGaugeCallback(name, "Alerts by state.", Reading([](S s) { return s.alerts_active; }),
                                {{"state", "active"}});
      registry.AddGaugeCallback(name, "Alerts by state.", Reading([](S s) { return s.alerts_suppressed; }),
                                {{"state", "suppressed"}});
    }
    registry.AddGaugeCallback("alertmanager_silences", "Silences by state.",
                              Reading([](S s) { return s.silences_active; }), {{"state", "active"}});
    registry.AddGaugeCallback("alertmanager_silences", "Silences by state.",
                              Reading([](S s) { return s.silences_pending; }), {{"state", "pending"}});
    registry.AddGaugeCallback("alertmanager_silences", "Silences by state.",
                              Reading([](S s) { return s.silences_expired; }), {{"state", "expired"}});
    registry.AddGaugeCallback("alertmanager_dispatcher_aggregation_groups", "Groups of alerts.",
                              Reading([](S s) { return s.groups; }));
    registry.AddGaugeCallback("sextant_alerting_pending_notifications", "Notifications on their way.",
                              Reading([](S s) { return s.pending_notifications; }));
    registry.AddGaugeCallback("sextant_alerting_log_entries", "Entries of the notification log.",
                              Reading([](S s) { return s.log_entries; }));
    registry.AddCounterCallback("alertmanager_alerts_limited_total", "Alerts refused by a limit.",
                                Reading([](S s) { return s.alerts_limited; }));
    for (const SuppressReason reason : {SuppressReason::kInhibition, SuppressReason::kSilence,
                                        SuppressReason::kActiveInterval, SuppressReason::kMuteInterval}) {
      registry.AddCounterCallback(
          "alertmanager_notifications_suppressed_total", "Alerts left out when groups were flushed.",
          Reading([reason](S s) { return s.notifications_suppressed[static_cast<size_t>(reason)]; }),
          {{"reason", std::string(SuppressReasonName(reason))}});
    }
    registry.AddCounterCallback("sextant_alerting_notifications_limited_total",
                                "Notifications put off because too many were on their way.",
                                Reading([](S s) { return s.notifications_limited; }));
  }

  void UnregisterStats() {
    for (const char* name :
         {"alertmanager_alerts", "alertmanager_marked_alerts", "alertmanager_silences",
          "alertmanager_dispatcher_aggregation_groups", "sextant_alerting_pending_notifications",
          "sextant_alerting_log_entries", "alertmanager_alerts_limited_total",
          "alertmanager_notifications_suppressed_total", "sextant_alerting_notifications_limited_total"}) {
      environment.registry.Remove(name, {});
    }
  }

  DispatcherStats Stats() {
    std::lock_guard lock(mutex);
    const TimestampMs now_ms = Now();
    // Several metrics of one rendering share a count over all alerts.
    if (now_ms < cached_stats_ms || now_ms - cached_stats_ms > 1'000) {
      cached_stats = dispatcher.Stats(now_ms);
      cached_stats_ms = now_ms;
    }
    return cached_stats;
  }

  core::Status RestoreState() {
    if (options.data_dir.empty()) return {};
    const TimestampMs now_ms = Now();
    const auto take_silences = [this, now_ms](std::string_view bytes) {
      return dispatcher.silences().MergeBytes(bytes, now_ms);
    };
    const auto take_log = [this](std::string_view bytes) { return dispatcher.log().Restore(bytes); };
    SEXTANT_TRY(silence_keeper->Load(take_silences, take_silences));
    SEXTANT_TRY(log_keeper->Load(take_log, take_log));
    const auto take_alerts = [this](std::string_view bytes) {
      return dispatcher.firing_alerts().Restore(bytes);
    };
    SEXTANT_TRY(alert_keeper->Load(take_alerts, take_alerts));
    dispatcher.firing_alerts().BeginWaiting(now_ms);
    const auto take_history = [this](std::string_view bytes) { return history.Restore(bytes); };
    SEXTANT_TRY(history_keeper->Load(take_history, take_history));
    // What was read is on disk already.
    static_cast<void>(dispatcher.silences().TakeRecords());
    return {};
  }

  // From the first configuration on that wants it.
  void RecordEvents(const Config& config) {
    const EventRecorderConfig wanted = config.event_recorder.value_or(EventRecorderConfig());
    if (!options.records_events) {
      if (!wanted.is_empty())
        environment.logger.Warn("event_recorder does nothing without --enable-feature=event-recorder");
      return;
    }
    if (recorder != nullptr) return recorder->Apply(wanted);
    if (wanted.is_empty()) return;
    auto started = EventRecorder::Start(
        {environment.io, environment.executor, environment.client, environment.clock, environment.registry,
         environment.files, environment.logger.With("component", "eventrecorder")},
        options.instance, wanted);
    started->Record(StartupEvent(options.version));
    std::lock_guard lock(mutex);
    recorder = std::move(started);
    dispatcher.SetSteps(recorder.get());
  }

  // With the lock held.
  void RecordSilence(const std::string& id, bool is_new) {
    if (recorder == nullptr) return;
    if (const Silence* silence = dispatcher.silences().Find(id))
      recorder->Record(SilenceEvent(is_new, *silence));
  }

  void StopRecording() {
    if (recorder == nullptr) return;
    {
      std::lock_guard lock(mutex);
      dispatcher.SetSteps(nullptr);
    }
    recorder->Record(ShutdownEvent());
    recorder->Stop(kRecorderFlushMs);
  }

  void Stop() {
    std::vector<DeliveryPtr> under_way;
    {
      std::lock_guard lock(mutex);
      if (std::exchange(stopping, true)) return;
      for (const auto& [id, delivery] : active) under_way.push_back(delivery);
    }
    timer->Cancel();
    for (const DeliveryPtr& delivery : under_way) delivery->Cancel();
    {
      std::unique_lock lock(mutex);
      idle.wait(lock, [this] { return tasks == 0; });
      lanes.clear();
      retries.clear();
    }
    timer.reset();
    StopRecording();
    UnregisterStats();
    Maintain();
    if (alert_keeper) alert_keeper->WriteSnapshot();
  }

  // Forgets what is over and saves the rest as a whole.
  void Maintain() {
    {
      std::lock_guard lock(mutex);
      dispatcher.log().Collect(Now());
      dispatcher.silences().Collect(Now());
    }
    history.Collect(Now());
    if (silence_keeper) silence_keeper->WriteSnapshot();
    if (log_keeper) log_keeper->WriteSnapshot();
    if (history_keeper) history_keeper->WriteSnapshot();
  }

  // --- time ---

  // With the lock held: wakes up when there is something to do next.
  void Arm(TimestampMs now_ms) {
    if (stopping) return;
    TimestampMs next_ms = dispatcher.NextWakeup();
    for (const DeliveryPtr& delivery : retries) next_ms = std::min(next_ms, delivery->retry_at_ms);
    next_ms = std::min(next_ms, next_maintenance_ms);
    for (const auto& [name, lane] : lanes) {
      if (!lane.waiting.empty() && lane.paused_until_ms > now_ms)
        next_ms = std::min(next_ms, lane.paused_until_ms);
    }
    const DurationMs delay_ms = std::clamp<DurationMs>(next_ms - now_ms, 0, kMaxSleepMs);
    timer->StartAfter(delay_ms, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->Tick();
    });
  }

  void Tick() {
    std::vector<DeliveryPtr> ready;
    {
      std::lock_guard lock(mutex);
      if (stopping) return;
      const TimestampMs now_ms = Now();
      FlushSpans flushes(environment.tracer);
      for (Notification& notification : dispatcher.Advance(now_ms)) {
        MetricsOf(notification).notifications->Increment();
        std::shared_ptr<core::Span> flush = flushes.Of(notification);
        Enqueue(std::move(notification), std::move(flush), now_ms);
      }
      std::erase_if(retries, [&](const DeliveryPtr& delivery) {
        if (delivery->retry_at_ms > now_ms) return false;
        lanes[delivery->lane].waiting.push_back(delivery);
        return true;
      });
      ready = TakeReady(now_ms);
      SweepHistory(now_ms);
      StartHistoryWrite();
      StartMaintenance(now_ms);
      Arm(now_ms);
    }
    SaveChanges();
    Work(std::move(ready));
  }

  // What was told first: an alert may be forgotten only after that.
  void SaveChanges() {
    if (log_keeper) log_keeper->Write();
    if (alert_keeper) alert_keeper->Write();
    if (silence_keeper && silence_keeper->has_failed()) silence_keeper->Write();
  }

  // With the lock held.
  void StartMaintenance(TimestampMs now_ms) {
    if (now_ms < next_maintenance_ms && next_maintenance_ms <= now_ms + options.maintenance_ms) return;
    next_maintenance_ms = now_ms + options.maintenance_ms;
    ++tasks;
    const core::Status submitted =
        environment.executor.Submit(core::Priority::kBackground, [self = shared_from_this()] {
          self->Maintain();
          std::lock_guard lock(self->mutex);
          if (--self->tasks == 0) self->idle.notify_all();
        });
    if (!submitted) --tasks;
  }

  // With the lock held.
  void SweepHistory(TimestampMs now_ms) {
    if (now_ms < next_history_sweep_ms && next_history_sweep_ms <= now_ms + kHistorySweepMs) return;
    next_history_sweep_ms = now_ms + kHistorySweepMs;
    history.Collect(now_ms);
  }

  // With the lock held. Whoever reports alerts does not wait for the disk.
  void StartHistoryWrite() {
    if (stopping || !history_keeper || is_history_writing) return;
    if (!history.has_records() && !history_keeper->has_failed()) return;
    is_history_writing = true;
    ++tasks;
    const core::Status submitted =
        environment.executor.Submit(core::Priority::kBackground, [self = shared_from_this()] {
          {
            std::lock_guard lock(self->mutex);
            self->is_history_writing = false;
          }
          self->history_keeper->Write();
          std::lock_guard lock(self->mutex);
          if (--self->tasks == 0) self->idle.notify_all();
        });
    if (submitted) return;
    is_history_writing = false;
    --tasks;
  }

  // --- deliveries ---

  // With the lock held. A full lane refuses: the state machine decides anew at the next flush.
  void Enqueue(Notification notification, std::shared_ptr<core::Span> flush, TimestampMs now_ms) {
    auto delivery = std::make_shared<Delivery>();
    delivery->lane = LaneName(notification);
    delivery->last_deadline_ms = notification.deadline_ms + kMaxRateLimitWaitMs;
    delivery->backoff_ms = options.first_retry_ms;
    delivery->notification = std::move(notification);
    Lane& lane = lanes[delivery->lane];
    if (lane.waiting.size() >= options.max_waiting_per_integration) {
      MetricsOf(delivery->notification).put_off->Increment();
      dispatcher.Finish(delivery->notification.id, false, now_ms);
      return;
    }
    delivery->spans.Begin(environment.tracer, std::move(flush), delivery->notification);
    lane.waiting.push_back(std::move(delivery));
  }

  // With the lock held: takes from the lanes what may be attempted now.
  std::vector<DeliveryPtr> TakeReady(TimestampMs now_ms) {
    std::vector<DeliveryPtr> ready;
    if (stopping) return ready;
    for (auto& [name, lane] : lanes) {
      if (lane.paused_until_ms > now_ms) continue;
      while (!lane.waiting.empty() && lane.active < options.max_requests_per_integration) {
        DeliveryPtr delivery = std::move(lane.waiting.front());
        lane.waiting.pop_front();
        PutOff(*delivery, lane.paused_until_ms);
        ++lane.active;
        ++tasks;
        active[delivery->notification.id] = delivery;
        ready.push_back(std::move(delivery));
      }
    }
    return ready;
  }

  // A pause that the service asked for does not count against the notification.
  static void PutOff(Delivery& delivery, TimestampMs paused_until_ms) {
    TimestampMs& deadline_ms = delivery.notification.deadline_ms;
    if (paused_until_ms == kZeroTimeMs) return;
    deadline_ms =
        std::max(deadline_ms, std::min(paused_until_ms + kGraceAfterPauseMs, delivery.last_deadline_ms));
  }

  // Without the lock: attempts all, and what becomes possible meanwhile.
  void Work(std::vector<DeliveryPtr> ready) {
    while (!ready.empty()) {
      const DeliveryPtr delivery = std::move(ready.back());
      ready.pop_back();
      if (const auto verdict = Attempt(delivery)) {
        std::vector<DeliveryPtr> more = Complete(delivery, *verdict);
        ready.insert(ready.end(), more.begin(), more.end());
      }
    }
  }

  // The verdict, unless it comes with the answer.
  std::optional<Verdict> Attempt(const DeliveryPtr& delivery) {
    const Notification& notification = delivery->notification;
    const TimestampMs now_ms = Now();
    ++delivery->attempts;
    delivery->attempt_started_ns = environment.clock.MonotonicNs();
    delivery->spans.BeginAttempt(notification);
    if (notification.integration.kind == IntegrationKind::kLog) {
      WriteToLog(notification);
      return Verdict{.delivered = true, .error = {}, .reason = {}};
    }
    if (now_ms >= notification.deadline_ms) {
      return Verdict{.error = "the next flush was due before its turn came",
                     .reason = "contextDeadlineExceeded"};
    }
    return Perform(delivery, MakeMessage(*delivery, now_ms));
  }

  // Sends what a conversation wants, unless it has come to its end.
  std::optional<Verdict> Perform(const DeliveryPtr& delivery, Step step) {
    if (auto* verdict = std::get_if<Verdict>(&step)) return std::move(*verdict);
    const Notification& notification = delivery->notification;
    DurationMs timeout_ms = std::max<DurationMs>(notification.deadline_ms - Now(), 1);
    if (delivery->conversation->timeout_ms > 0)
      timeout_ms = std::min(timeout_ms, delivery->conversation->timeout_ms);
    const net::FetchDelivery where = {.executor = &environment.executor,
                                      .priority = core::Priority::kAlerting};
    net::FetchHandle handle;
    net::MailHandle mail_handle;
    if (auto* request = std::get_if<net::FetchRequest>(&step)) {
      request->timeout_ms = timeout_ms;
      delivery->spans.BeginRequest(notification, *request);
      handle = environment.client.Fetch(std::move(*request), where,
                                        [self = shared_from_this(), delivery](const Answer& answer) {
                                          delivery->spans.EndRequest(answer);
                                          self->OnStep(delivery, delivery->conversation->OnAnswer(answer));
                                        });
    } else {
      auto& mail = std::get<net::MailRequest>(step);
      mail.timeout_ms = timeout_ms;
      mail_handle = net::SendMail(environment.io, std::move(mail), where,
                                  [self = shared_from_this(), delivery](const core::Status& answer) {
                                    self->OnStep(delivery, delivery->conversation->OnMailAnswer(answer));
                                  });
    }
    bool cancel = false;
    {
      std::lock_guard lock(mutex);
      delivery->handle = handle;
      delivery->mail = mail_handle;
      cancel = stopping;  // Stop may have looked before the handle was there
    }
    if (cancel) {
      handle.Cancel();
      mail_handle.Cancel();
    }
    return std::nullopt;
  }

  void OnStep(const DeliveryPtr& delivery, Step step) {
    const auto verdict = Perform(delivery, std::move(step));
    if (!verdict) return;
    const IntegrationMetrics counts = MetricsOf(delivery->notification);
    counts.latency->Observe(
        static_cast<double>(environment.clock.MonotonicNs() - delivery->attempt_started_ns) / 1e9);
    Work(Complete(delivery, *verdict));
  }

  // Fills the labels of a route in; those of a route with a broken one are left out, which is counted and
  // logged.
  void FillLabels(Notification& notification, const gotemplate::TemplateSet& set,
                  const std::map<std::string, std::string>& labels) {
    const gotemplate::Value data = ToTemplateValue(DescribeNotification(notification, options.external_url));
    auto filled = FillRouteLabels(labels, set, data, Now());
    if (filled) {
      notification.route_labels = std::move(*filled);
      return;
    }
    MetricsOf(notification).template_errors->Increment();
    environment.logger.Error("the labels of a route could not be filled in",
                             {{"group", notification.group_key}, {"err", filled.error()}});
  }

  // The first step of a new conversation.
  Step MakeMessage(Delivery& delivery, TimestampMs now_ms) {
    MessageContext context{nullptr, options.external_url, now_ms, memory};
    {
      std::lock_guard lock(mutex);
      context.templates = templates;
    }
    // Once: what was filled in is no template any more.
    if (delivery.attempts == 1 && !delivery.notification.route_labels.empty()) {
      const auto labels = std::exchange(delivery.notification.route_labels, {});
      FillLabels(delivery.notification, *context.templates, labels);
    }
    const IntegrationMetrics counts = MetricsOf(delivery.notification);
    counts.requests->Increment();
    delivery.conversation = StartConversation(delivery.notification, context);
    const std::string& error = delivery.conversation->template_error;
    if (!error.empty() && delivery.attempts == 1) {
      counts.template_errors->Increment();
      environment.logger.Error("a template of a receiver failed; the message was sent in plain words",
                               {{"receiver", delivery.notification.receiver_name}, {"err", error}});
      RaiseTemplateAlert(delivery, error, now_ms);
    }
    return delivery.conversation->Begin();
  }

  // Whoever reads a message in plain words may not know whom to tell: an alert finds its way.
  void RaiseTemplateAlert(const Delivery& delivery, const std::string& error, TimestampMs now_ms) {
    const std::string integration(IntegrationName(delivery.notification.integration.kind));
    model::LabelsBuilder labels;
    labels.Set("alertname", "SextantReceiverTemplateFailed");
    labels.Set("integration", integration);
    labels.Set("receiver", delivery.notification.receiver_name);
    labels.Set("severity", "warning");
    Alert alert;
    alert.labels = labels.Build();
    alert.annotations = {
        {"summary", "A template of a receiver fails."},
        {"description", fmt::format("Messages to {} ({}) are sent in plain words: {}",
                                    delivery.notification.receiver_name, integration, error)}};
    std::lock_guard lock(mutex);
    TimestampMs& last_ms = own_alerts[delivery.lane];
    if (stopping || (last_ms != 0 && now_ms < last_ms + kOwnAlertEveryMs)) return;
    last_ms = now_ms;
    dispatcher.Put(std::span(&alert, 1), now_ms);
    Arm(now_ms);
  }

  void WriteToLog(const Notification& notification) const {
    const MessageData data = DescribeNotification(notification, options.external_url);
    for (const AlertData& alert : data.alerts) {
      const auto summary = alert.annotations.find("summary");
      environment.logger.Warn(
          "alert " + alert.status,
          {{"labels",
            LabelSetText(notification.alerts[static_cast<size_t>(&alert - data.alerts.data())].labels)},
           {"summary", summary == alert.annotations.end() ? std::string() : summary->second}});
    }
  }

  // Ends an attempt; gives what may be attempted now that there is room.
  std::vector<DeliveryPtr> Complete(const DeliveryPtr& delivery, const Verdict& verdict) {
    const Notification& notification = delivery->notification;
    std::vector<DeliveryPtr> ready;
    bool is_over = true;
    delivery->spans.EndAttempt(verdict);
    core::Span noting;
    {
      std::lock_guard lock(mutex);
      const TimestampMs now_ms = Now();
      Lane& lane = lanes[delivery->lane];
      --lane.active;
      active.erase(notification.id);
      if (verdict.retry_after_ms > 0 || verdict.is_rate_limited) Pause(*delivery, lane, verdict, now_ms);
      if (!verdict.delivered && verdict.may_retry && !stopping)
        is_over = !ScheduleRetry(delivery, verdict, now_ms);
      if (is_over) {
        delivery->spans.EndRetrying(verdict);
        if (verdict.delivered) noting = delivery->spans.BeginNoting();
        dispatcher.Finish(notification.id, verdict.delivered, now_ms, verdict.receiver_data);
        if (verdict.delivered && recorder != nullptr && notification.flush != nullptr)
          recorder->Record(NotificationEvent(notification, now_ms));
        Remember(*delivery, verdict, now_ms);
        history.Notified(notification, verdict.delivered, verdict.error, now_ms);
        StartHistoryWrite();
      }
      ready = TakeReady(now_ms);
      Arm(now_ms);
    }
    // Before anything else is sent: what was delivered must not be repeated after a crash.
    if (is_over) SaveChanges();
    noting.End();
    Report(*delivery, verdict, is_over);
    std::lock_guard lock(mutex);
    if (--tasks == 0) idle.notify_all();
    return ready;
  }

  // With the lock held: nothing is sent to the service for a while.
  void Pause(Delivery& delivery, Lane& lane, const Verdict& verdict, TimestampMs now_ms) {
    MetricsOf(delivery.notification).rate_limited->Increment();
    const DurationMs pause_ms = std::max(verdict.retry_after_ms, delivery.backoff_ms);
    lane.paused_until_ms = std::max(lane.paused_until_ms, now_ms + pause_ms);
    PutOff(delivery, lane.paused_until_ms);
  }

  // With the lock held. False when the next attempt would come too late.
  bool ScheduleRetry(const DeliveryPtr& delivery, const Verdict& verdict, TimestampMs now_ms) {
    const DurationMs pause_ms = std::max(
        verdict.retry_after_ms, Spread(delivery->backoff_ms, delivery->notification.id, delivery->attempts));
    delivery->backoff_ms = std::min(options.max_retry_ms, delivery->backoff_ms * 3 / 2);
    delivery->retry_at_ms = now_ms + pause_ms;
    if (delivery->retry_at_ms >= delivery->notification.deadline_ms) return false;
    retries.push_back(delivery);
    return true;
  }

  // With the lock held.
  void Remember(const Delivery& delivery, const Verdict& verdict, TimestampMs now_ms) {
    const Notification& notification = delivery.notification;
    deliveries.push_front({now_ms,
                           notification.receiver_name,
                           std::string(IntegrationName(notification.integration.kind)),
                           notification.group_key,
                           std::string(ReasonText(notification.reason)),
                           notification.alerts.size(),
                           delivery.attempts,
                           verdict.delivered,
                           verdict.error,
                           {}});
    for (const Alert& alert : notification.alerts) {
      if (deliveries.front().fingerprints.size() == kFingerprintsKept) break;
      deliveries.front().fingerprints.push_back(Fingerprint(alert.labels));
    }
    if (deliveries.size() > kDeliveriesKept) deliveries.pop_back();
  }

  void Report(const Delivery& delivery, const Verdict& verdict, bool is_over) {
    if (verdict.delivered) return;
    const Notification& notification = delivery.notification;
    MetricsOf(notification).requests_failed->Increment();
    const std::string integration(IntegrationName(notification.integration.kind));
    if (is_over) {
      FailureCounter(notification.integration.kind,
                     options.receiver_names_in_metrics ? notification.receiver_name : std::string(),
                     verdict.reason.empty() ? "other" : verdict.reason)
          .Increment();
      environment.logger.Error("notification was not delivered; it is decided anew at the next flush",
                               {{"receiver", notification.receiver_name},
                                {"integration", integration},
                                {"attempts", delivery.attempts},
                                {"err", verdict.error}});
    } else if (delivery.attempts == 1) {
      environment.logger.Warn(
          "notification failed and will be tried again",
          {{"receiver", notification.receiver_name}, {"integration", integration}, {"err", verdict.error}});
    }
  }
};

Alertmanager::Alertmanager(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Alertmanager::~Alertmanager() { Stop(); }

core::Result<std::unique_ptr<Alertmanager>> Alertmanager::Start(std::shared_ptr<const Config> config,
                                                                AlertmanagerEnvironment environment,
                                                                AlertmanagerOptions options) {
  SEXTANT_ASSIGN(auto templates, LoadTemplates(*config));
  for (const std::string& warning : config->warnings) environment.logger.Warn(warning);
  auto impl = std::make_shared<Impl>(std::move(config), std::move(environment), std::move(options));
  impl->templates = std::move(templates);
  SEXTANT_TRY(impl->RestoreState());
  impl->RegisterMetrics();
  impl->RecordEvents(*impl->dispatcher.config());
  {
    std::lock_guard lock(impl->mutex);
    impl->Arm(impl->Now());
  }
  return std::unique_ptr<Alertmanager>(new Alertmanager(std::move(impl)));
}

PutReport Alertmanager::Put(std::span<const Alert> alerts) { return Put(alerts, {}); }

PutReport Alertmanager::Put(std::span<const Alert> alerts, const core::SpanContext& parent) {
  PutReport report;
  const TimestampMs now_ms = impl_->Now();
  {
    std::lock_guard lock(impl_->mutex);
    report = impl_->dispatcher.Put(alerts, now_ms);
    TraceRouting(impl_->environment.tracer, parent, alerts,
                 [this](const model::Labels& labels) { return impl_->dispatcher.ReceiversOf(labels); });
    impl_->StartHistoryWrite();
    impl_->Arm(now_ms);
  }
  // Before the sender hears that it is here.
  if (impl_->alert_keeper) impl_->alert_keeper->Write();
  for (const Alert& alert : alerts) {
    (alert.IsResolvedAt(now_ms) ? impl_->received_resolved : impl_->received_firing)->Increment();
  }
  if (!report.errors.empty()) impl_->invalid->Increment(static_cast<double>(report.errors.size()));
  return report;
}

core::Status Alertmanager::SetConfig(std::shared_ptr<const Config> config) {
  SEXTANT_ASSIGN(auto templates, LoadTemplates(*config));
  for (const std::string& warning : config->warnings) impl_->environment.logger.Warn(warning);
  impl_->RecordEvents(*config);
  std::lock_guard lock(impl_->mutex);
  impl_->templates = std::move(templates);
  impl_->dispatcher.SetConfig(std::move(config), impl_->Now());
  impl_->CountConfig();
  impl_->Arm(impl_->Now());
  return {};
}

std::vector<AlertView> Alertmanager::Alerts(bool with_resolved) const {
  std::lock_guard lock(impl_->mutex);
  return impl_->dispatcher.Alerts(impl_->Now(), with_resolved);
}

std::vector<GroupView> Alertmanager::Groups() const {
  std::vector<GroupView> groups;
  std::shared_ptr<const gotemplate::TemplateSet> templates;
  {
    std::lock_guard lock(impl_->mutex);
    groups = impl_->dispatcher.Groups(impl_->Now());
    templates = impl_->templates;
  }
  for (GroupView& group : groups) {
    if (group.route_labels.empty()) continue;
    Notification notification;
    notification.receiver_name = group.receiver;
    notification.group_key = group.key;
    notification.group_labels = group.labels;
    for (const AlertView& view : group.alerts) {
      notification.alerts.push_back(*view.alert);
      notification.alerts.back().ends_at_ms = kZeroTimeMs;
    }
    impl_->FillLabels(notification, *templates, group.route_labels);
    group.route_labels = std::move(notification.route_labels);
  }
  return groups;
}

std::vector<ReceiverView> Alertmanager::Receivers() const {
  std::lock_guard lock(impl_->mutex);
  std::vector<ReceiverView> views;
  for (const ReceiverConfig& receiver : impl_->dispatcher.config()->receivers) {
    views.push_back({receiver.name, receiver.labels});
    views.back().labels["name"] = receiver.name;
  }
  return views;
}

Explanation Alertmanager::Explain(const model::Labels& labels) const {
  std::lock_guard lock(impl_->mutex);
  return impl_->dispatcher.Explain(labels, impl_->Now());
}

core::Result<std::string> Alertmanager::SetSilence(Silence silence) {
  core::Result<std::string> id;
  const std::string asked_id = silence.id;
  {
    std::lock_guard lock(impl_->mutex);
    id = impl_->dispatcher.silences().Set(std::move(silence), impl_->Now());
    // Some changes of a silence make another one.
    if (id) impl_->RecordSilence(*id, *id != asked_id);
  }
  if (id && impl_->silence_keeper) impl_->silence_keeper->Write();
  if (id && impl_->options.logs_silences) impl_->environment.logger.Info("silence set", {{"id", *id}});
  return id;
}

core::Status Alertmanager::ExpireSilence(const std::string& id) {
  core::Status expired;
  {
    std::lock_guard lock(impl_->mutex);
    expired = impl_->dispatcher.silences().Expire(id, impl_->Now());
    if (expired) impl_->RecordSilence(id, false);
  }
  if (expired && impl_->silence_keeper) impl_->silence_keeper->Write();
  if (expired && impl_->options.logs_silences)
    impl_->environment.logger.Info("silence expired", {{"id", id}});
  return expired;
}

std::vector<Silence> Alertmanager::Silences() const {
  impl_->silence_queries->Increment();
  std::lock_guard lock(impl_->mutex);
  return impl_->dispatcher.silences().List();
}

std::optional<Silence> Alertmanager::FindSilence(const std::string& id) const {
  impl_->silence_queries->Increment();
  std::lock_guard lock(impl_->mutex);
  const Silence* silence = impl_->dispatcher.silences().Find(id);
  if (silence == nullptr) return std::nullopt;
  return *silence;
}

core::TimestampMs Alertmanager::now_ms() const { return impl_->Now(); }

MatcherSyntax Alertmanager::syntax() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->dispatcher.config()->syntax;
}

std::vector<std::string> Alertmanager::ReceiversOf(const model::Labels& labels) const {
  std::lock_guard lock(impl_->mutex);
  return impl_->dispatcher.ReceiversOf(labels);
}

AlertmanagerStatus Alertmanager::Status() const {
  AlertmanagerStatus status{.started_at_ms = impl_->started_at_ms,
                            .external_url = impl_->options.external_url,
                            .config_text = {},
                            .stats = impl_->Stats()};
  std::lock_guard lock(impl_->mutex);
  status.config_text = impl_->dispatcher.config()->text;
  return status;
}

std::vector<DeliveryView> Alertmanager::Deliveries() const {
  std::lock_guard lock(impl_->mutex);
  return {impl_->deliveries.begin(), impl_->deliveries.end()};
}

std::vector<HistoryEvent> Alertmanager::HistoryBefore(uint64_t id, size_t most) const {
  return impl_->history.EventsBefore(id, most);
}

std::vector<HistoryEvent> Alertmanager::HistoryAfter(uint64_t id, size_t most) const {
  return impl_->history.EventsAfter(id, most);
}

core::Result<DryRunView> Alertmanager::PlayHistory(std::shared_ptr<const Config> proposed,
                                                   const DryRunOptions& options) const {
  const std::vector<HistoryEvent> events =
      impl_->history.Events(std::numeric_limits<TimestampMs>::min(), options.end_ms);
  DryRunInput input{.config = {}, .events = events, .silences = {}, .limits = impl_->options.limits};
  std::string silences;
  {
    std::lock_guard lock(impl_->mutex);
    input.config = impl_->dispatcher.config();
    silences = impl_->dispatcher.silences().Serialize();
  }
  input.silences = silences;
  DryRunView view{.known_since_ms = events.empty() ? options.end_ms : events.front().time_ms,
                  .current = {},
                  .proposed = {},
                  .changes = {}};
  SEXTANT_ASSIGN(view.current, PlayAgain(input, options));
  input.config = std::move(proposed);
  SEXTANT_ASSIGN(view.proposed, PlayAgain(input, options));
  view.changes = Compare(view.current, view.proposed, events);
  return view;
}

void Alertmanager::Stop() { impl_->Stop(); }

}  // namespace sextant::alerting
