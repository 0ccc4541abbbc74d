#include "alerting/alertmanager.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <limits>
#include <map>
#include <mutex>
#include <optional>

#include "alerting/default_templates.h"
#include "alerting/receivers/conversation.h"
#include "alerting/template_data.h"

namespace sextant::alerting {
namespace {

using core::DurationMs;
using core::TimestampMs;

constexpr size_t kDeliveriesKept = 200;
constexpr DurationMs kMaxSleepMs = 5'000;  // wall time may jump while we sleep
constexpr DurationMs kSaveEveryMs = 1'000;
constexpr DurationMs kSaveRetryMs = 10'000;
constexpr uint64_t kMaxLogBytes = uint64_t{1} << 30;
constexpr TimestampMs kNever = std::numeric_limits<TimestampMs>::max();
constexpr const char* kLogFile = "nflog";

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
        dispatcher(std::move(config), options.limits) {}

  const AlertmanagerEnvironment environment;
  const AlertmanagerOptions options;
  const TimestampMs started_at_ms;
  // Gone after Stop: a callback that is being destroyed may keep us alive longer than the I/O context lives.
  std::optional<net::Timer> timer;

  mutable std::mutex mutex;
  std::condition_variable idle;
  Dispatcher dispatcher;
  std::shared_ptr<const gotemplate::TemplateSet> templates;
  std::map<std::string, Lane> lanes;
  std::vector<DeliveryPtr> retries;
  std::map<uint64_t, DeliveryPtr> active;  // attempts under way, by notification
  std::deque<DeliveryView> deliveries;     // newest first
  size_t tasks = 0;                        // callbacks of ours that may still run
  bool stopping = false;
  bool saving = false;
  TimestampMs next_save_ms = 0;
  mutable DispatcherStats cached_stats;
  mutable TimestampMs cached_stats_ms = kZeroTimeMs;

  const std::shared_ptr<ServiceMemory> memory = std::make_shared<ServiceMemory>();
  std::map<std::string, TimestampMs> own_alerts;  // by lane: when one was raised last

  std::map<IntegrationKind, IntegrationMetrics> metrics;
  core::Counter* received_firing = nullptr;
  core::Counter* received_resolved = nullptr;
  core::Counter* invalid = nullptr;
  core::Counter* saves = nullptr;
  core::Counter* save_errors = nullptr;

  TimestampMs Now() const { return environment.clock.NowMs(); }
  std::string LogPath() const { return core::JoinPath(options.data_dir, kLogFile); }

  // --- beginning and end ---

  void RegisterMetrics() {
    core::Registry& registry = environment.registry;
    for (const IntegrationKind kind : AllIntegrationKinds()) {
      const core::MetricLabels labels = {{"integration", std::string(IntegrationName(kind))}};
      metrics[kind] = {
          &registry.AddCounter("alertmanager_notifications_total", "Notifications attempted.", labels),
          &registry.AddCounter("alertmanager_notification_requests_total", "Requests sent for notifications.",
                               labels),
          &registry.AddCounter("alertmanager_notification_requests_failed_total",
                               "Requests for notifications that failed.", labels),
          &registry.AddCounter("sextant_alerting_template_errors_total",
                               "Messages sent in plain words because a template failed.", labels),
          &registry.AddCounter("sextant_alerting_rate_limited_total",
                               "Answers of a service that asked for fewer requests or for a pause.", labels),
          &registry.AddCounter(
              "sextant_alerting_queue_full_total",
              "Notifications put off to the next flush because the service's queue was full.", labels),
          &registry.AddHistogram("alertmanager_notification_latency_seconds",
                                 "Time a notification request took.",
                                 {0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20}, labels)};
      for (const char* reason : kFailureReasons) FailureCounter(kind, reason);
    }
    received_firing = &registry.AddCounter("alertmanager_alerts_received_total", "Alerts received.",
                                           {{"status", "firing"}, {"version", "v2"}});
    received_resolved = &registry.AddCounter("alertmanager_alerts_received_total", "Alerts received.",
                                             {{"status", "resolved"}, {"version", "v2"}});
    invalid =
        &registry.AddCounter("alertmanager_alerts_invalid_total", "Alerts refused.", {{"version", "v2"}});
    saves =
        &registry.AddCounter("alertmanager_nflog_maintenance_total", "Times the notification log was saved.");
    save_errors = &registry.AddCounter("alertmanager_nflog_maintenance_errors_total",
                                       "Times saving the notification log failed.");
    RegisterStats();
  }

  core::Counter& FailureCounter(IntegrationKind kind, const std::string& reason) const {
    return environment.registry.AddCounter(
        "alertmanager_notifications_failed_total", "Notifications that were given up.",
        {{"integration", std::string(IntegrationName(kind))}, {"reason", reason}});
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
    registry.AddGaugeCallback("alertmanager_alerts", "Alerts by state.",
                              Reading([](S s) { return s.alerts_active; }), {{"state", "active"}});
    registry.AddGaugeCallback("alertmanager_alerts", "Alerts by state.",
                              Reading([](S s) { return s.alerts_suppressed; }), {{"state", "suppressed"}});
    registry.AddGaugeCallback("alertmanager_dispatcher_aggregation_groups", "Groups of alerts.",
                              Reading([](S s) { return s.groups; }));
    registry.AddGaugeCallback("sextant_alerting_pending_notifications", "Notifications on their way.",
                              Reading([](S s) { return s.pending_notifications; }));
    registry.AddGaugeCallback("sextant_alerting_log_entries", "Entries of the notification log.",
                              Reading([](S s) { return s.log_entries; }));
    registry.AddCounterCallback("alertmanager_alerts_limited_total", "Alerts refused by a limit.",
                                Reading([](S s) { return s.alerts_limited; }));
    registry.AddCounterCallback("alertmanager_notifications_suppressed_total",
                                "Flushes in which inhibition or a mute interval held alerts back.",
                                Reading([](S s) { return s.notifications_suppressed; }));
    registry.AddCounterCallback("sextant_alerting_notifications_limited_total",
                                "Notifications put off because too many were on their way.",
                                Reading([](S s) { return s.notifications_limited; }));
  }

  void UnregisterStats() {
    for (const char* name :
         {"alertmanager_alerts", "alertmanager_dispatcher_aggregation_groups",
          "sextant_alerting_pending_notifications", "sextant_alerting_log_entries",
          "alertmanager_alerts_limited_total", "alertmanager_notifications_suppressed_total",
          "sextant_alerting_notifications_limited_total"}) {
      environment.registry.Remove(name, {});
    }
  }

  DispatcherStats Stats() const {
    std::lock_guard lock(mutex);
    const TimestampMs now_ms = Now();
    // Several metrics of one rendering share a count over all alerts.
    if (now_ms < cached_stats_ms || now_ms - cached_stats_ms > 1'000) {
      cached_stats = dispatcher.Stats(now_ms);
      cached_stats_ms = now_ms;
    }
    return cached_stats;
  }

  core::Status RestoreLog() {
    if (options.data_dir.empty()) return {};
    SEXTANT_TRY(environment.files.MakeDirectories(options.data_dir));
    const auto bytes = core::ReadFile(environment.files, LogPath(), kMaxLogBytes);
    if (!bytes) {
      if (bytes.error().code() == core::Code::kNotFound) return {};
      return tl::unexpected(bytes.error());
    }
    const core::Status restored = dispatcher.log().Restore(*bytes);
    if (restored) return {};
    environment.logger.Warn("notification log is damaged and put aside; alerts may be announced again",
                            {{"path", LogPath()}, {"err", restored.error()}});
    return environment.files.Rename(LogPath(), LogPath() + ".damaged");
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
    UnregisterStats();
    Save();
  }

  // --- time ---

  // With the lock held: wakes up when there is something to do next.
  void Arm(TimestampMs now_ms) {
    if (stopping) return;
    TimestampMs next_ms = dispatcher.NextWakeup();
    for (const DeliveryPtr& delivery : retries) next_ms = std::min(next_ms, delivery->retry_at_ms);
    for (const auto& [name, lane] : lanes) {
      if (!lane.waiting.empty() && lane.paused_until_ms > now_ms)
        next_ms = std::min(next_ms, lane.paused_until_ms);
    }
    if (!options.data_dir.empty() && dispatcher.log().is_dirty() && !saving)
      next_ms = std::min(next_ms, next_save_ms);
    if (next_ms == kNever) return;
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
      for (Notification& notification : dispatcher.Advance(now_ms)) {
        metrics.at(notification.integration.kind).notifications->Increment();
        Enqueue(std::move(notification), now_ms);
      }
      std::erase_if(retries, [&](const DeliveryPtr& delivery) {
        if (delivery->retry_at_ms > now_ms) return false;
        lanes[delivery->lane].waiting.push_back(delivery);
        return true;
      });
      ready = TakeReady(now_ms);
      StartSave(now_ms);
      Arm(now_ms);
    }
    Work(std::move(ready));
  }

  // --- deliveries ---

  // With the lock held. A full lane refuses: the state machine decides anew at the next flush.
  void Enqueue(Notification notification, TimestampMs now_ms) {
    auto delivery = std::make_shared<Delivery>();
    delivery->lane = LaneName(notification);
    delivery->last_deadline_ms = notification.deadline_ms + kMaxRateLimitWaitMs;
    delivery->backoff_ms = options.first_retry_ms;
    delivery->notification = std::move(notification);
    Lane& lane = lanes[delivery->lane];
    if (lane.waiting.size() >= options.max_waiting_per_integration) {
      metrics.at(delivery->notification.integration.kind).put_off->Increment();
      dispatcher.Finish(delivery->notification.id, false, now_ms);
      return;
    }
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
      handle = environment.client.Fetch(std::move(*request), where,
                                        [self = shared_from_this(), delivery](const Answer& answer) {
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
    const IntegrationMetrics& counts = metrics.at(delivery->notification.integration.kind);
    counts.latency->Observe(
        static_cast<double>(environment.clock.MonotonicNs() - delivery->attempt_started_ns) / 1e9);
    Work(Complete(delivery, *verdict));
  }

  // The first step of a new conversation.
  Step MakeMessage(Delivery& delivery, TimestampMs now_ms) {
    MessageContext context{nullptr, options.external_url, now_ms, memory};
    {
      std::lock_guard lock(mutex);
      context.templates = templates;
    }
    const IntegrationMetrics& counts = metrics.at(delivery.notification.integration.kind);
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
        dispatcher.Finish(notification.id, verdict.delivered, now_ms);
        Remember(*delivery, verdict, now_ms);
      }
      ready = TakeReady(now_ms);
      Arm(now_ms);
    }
    Report(*delivery, verdict, is_over);
    std::lock_guard lock(mutex);
    if (--tasks == 0) idle.notify_all();
    return ready;
  }

  // With the lock held: nothing is sent to the service for a while.
  void Pause(Delivery& delivery, Lane& lane, const Verdict& verdict, TimestampMs now_ms) {
    metrics.at(delivery.notification.integration.kind).rate_limited->Increment();
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
    deliveries.push_front({now_ms, notification.receiver_name,
                           std::string(IntegrationName(notification.integration.kind)),
                           notification.group_key, std::string(ReasonText(notification.reason)),
                           notification.alerts.size(), delivery.attempts, verdict.delivered, verdict.error});
    if (deliveries.size() > kDeliveriesKept) deliveries.pop_back();
  }

  void Report(const Delivery& delivery, const Verdict& verdict, bool is_over) {
    if (verdict.delivered) return;
    const Notification& notification = delivery.notification;
    metrics.at(notification.integration.kind).requests_failed->Increment();
    const std::string integration(IntegrationName(notification.integration.kind));
    if (is_over) {
      FailureCounter(notification.integration.kind, verdict.reason.empty() ? "other" : verdict.reason)
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

  // --- the saved log ---

  // With the lock held.
  void StartSave(TimestampMs now_ms) {
    if (options.data_dir.empty() || saving || !dispatcher.log().is_dirty() || now_ms < next_save_ms) return;
    saving = true;
    ++tasks;
    next_save_ms = now_ms + kSaveEveryMs;
    const core::Status submitted =
        environment.executor.Submit(core::Priority::kBackground, [self = shared_from_this()] {
          self->Save();
          std::lock_guard lock(self->mutex);
          self->saving = false;
          self->Arm(self->Now());
          if (--self->tasks == 0) self->idle.notify_all();
        });
    if (!submitted) {
      saving = false;
      --tasks;
    }
  }

  void Save() {
    if (options.data_dir.empty()) return;
    std::string bytes;
    {
      std::lock_guard lock(mutex);
      if (!dispatcher.log().is_dirty()) return;
      bytes = dispatcher.log().Serialize();
    }
    saves->Increment();
    const core::Status written = core::WriteFileAtomically(environment.files, LogPath(), bytes);
    if (written) return;
    save_errors->Increment();
    environment.logger.Error("saving the notification log failed; a restart may repeat notifications",
                             {{"path", LogPath()}, {"err", written.error()}});
    std::lock_guard lock(mutex);
    dispatcher.log().MarkDirty();
    next_save_ms = Now() + kSaveRetryMs;
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
  SEXTANT_TRY(impl->RestoreLog());
  impl->RegisterMetrics();
  return std::unique_ptr<Alertmanager>(new Alertmanager(std::move(impl)));
}

PutReport Alertmanager::Put(std::span<const Alert> alerts) {
  PutReport report;
  const TimestampMs now_ms = impl_->Now();
  {
    std::lock_guard lock(impl_->mutex);
    report = impl_->dispatcher.Put(alerts, now_ms);
    impl_->Arm(now_ms);
  }
  for (const Alert& alert : alerts) {
    (alert.IsResolvedAt(now_ms) ? impl_->received_resolved : impl_->received_firing)->Increment();
  }
  impl_->invalid->Increment(static_cast<double>(report.errors.size()));
  return report;
}

core::Status Alertmanager::SetConfig(std::shared_ptr<const Config> config) {
  SEXTANT_ASSIGN(auto templates, LoadTemplates(*config));
  for (const std::string& warning : config->warnings) impl_->environment.logger.Warn(warning);
  std::lock_guard lock(impl_->mutex);
  impl_->templates = std::move(templates);
  impl_->dispatcher.SetConfig(std::move(config), impl_->Now());
  impl_->Arm(impl_->Now());
  return {};
}

std::vector<AlertView> Alertmanager::Alerts(bool with_resolved) const {
  std::lock_guard lock(impl_->mutex);
  return impl_->dispatcher.Alerts(impl_->Now(), with_resolved);
}

std::vector<GroupView> Alertmanager::Groups() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->dispatcher.Groups(impl_->Now());
}

std::vector<std::string> Alertmanager::Receivers() const {
  std::lock_guard lock(impl_->mutex);
  std::vector<std::string> names;
  for (const ReceiverConfig& receiver : impl_->dispatcher.config()->receivers) names.push_back(receiver.name);
  return names;
}

std::vector<std::string> Alertmanager::ReceiversOf(const model::Labels& labels) const {
  std::lock_guard lock(impl_->mutex);
  return impl_->dispatcher.ReceiversOf(labels);
}

AlertmanagerStatus Alertmanager::Status() const {
  AlertmanagerStatus status{impl_->started_at_ms, impl_->options.external_url, {}, impl_->Stats()};
  std::lock_guard lock(impl_->mutex);
  status.config_text = impl_->dispatcher.config()->text;
  return status;
}

std::vector<DeliveryView> Alertmanager::Deliveries() const {
  std::lock_guard lock(impl_->mutex);
  return {impl_->deliveries.begin(), impl_->deliveries.end()};
}

void Alertmanager::Stop() { impl_->Stop(); }

}  // namespace sextant::alerting
