#include <algorithm>
#include <utility>

#include "alerting/alertmanager_runner.h"
#include "alerting/route_labels.h"
#include "alerting/template_data.h"

namespace sextant::alerting {

namespace {

using core::DurationMs;
using core::TimestampMs;

constexpr size_t kDeliveriesKept = 200;
// wall time may jump while we sleep
constexpr size_t kFingerprintsKept = 100;
// A service that wants fewer requests gets a notification this long after its deadline; then the group's
// state is looked at anew.
constexpr DurationMs kMaxRateLimitWaitMs = 3'600'000;
constexpr DurationMs kGraceAfterPauseMs = 10'000;
// An alert of our own about a receiver is repeated this often while its template stays broken.
constexpr DurationMs kOwnAlertEveryMs = 60'000;

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

void Alertmanager::Impl::Enqueue(Notification notification, std::shared_ptr<core::Span> flush,
                                 TimestampMs now_ms) {
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

std::vector<DeliveryPtr> Alertmanager::Impl::TakeReady(TimestampMs now_ms) {
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

void Alertmanager::Impl::PutOff(Delivery& delivery, TimestampMs paused_until_ms) {
  TimestampMs& deadline_ms = delivery.notification.deadline_ms;
  if (paused_until_ms == kZeroTimeMs) return;
  deadline_ms =
      std::max(deadline_ms, std::min(paused_until_ms + kGraceAfterPauseMs, delivery.last_deadline_ms));
}

void Alertmanager::Impl::Work(std::vector<DeliveryPtr> ready) {
  while (!ready.empty()) {
    const DeliveryPtr delivery = std::move(ready.back());
    ready.pop_back();
    if (const auto verdict = Attempt(delivery)) {
      std::vector<DeliveryPtr> more = Complete(delivery, *verdict);
      ready.insert(ready.end(), more.begin(), more.end());
    }
  }
}

std::optional<Verdict> Alertmanager::Impl::Attempt(const DeliveryPtr& delivery) {
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

std::optional<Verdict> Alertmanager::Impl::Perform(const DeliveryPtr& delivery, Step step) {
  if (auto* verdict = std::get_if<Verdict>(&step)) return std::move(*verdict);
  const Notification& notification = delivery->notification;
  DurationMs timeout_ms = std::max<DurationMs>(notification.deadline_ms - Now(), 1);
  if (delivery->conversation->timeout_ms > 0)
    timeout_ms = std::min(timeout_ms, delivery->conversation->timeout_ms);
  const net::FetchDelivery where = {.executor = &environment.executor, .priority = core::Priority::kAlerting};
  net::FetchHandle handle;
  net::MailHandle mail_handle;
  if (auto* request = std::get_if<net::FetchRequest>(&step)) {
    request->timeout_ms = timeout_ms;
    delivery->spans.BeginRequest(notification, *request);
    handle = environment.client.Fetch(
        std::move(*request), where, [self = shared_from_this(), delivery](const Answer& answer) {
          delivery->spans.EndRequest(answer);
          self->OnStep(delivery, delivery->conversation->OnAnswer(answer, self->Now()));
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

void Alertmanager::Impl::OnStep(const DeliveryPtr& delivery, Step step) {
  const auto verdict = Perform(delivery, std::move(step));
  if (!verdict) return;
  const IntegrationMetrics counts = MetricsOf(delivery->notification);
  counts.latency->Observe(
      static_cast<double>(environment.clock.MonotonicNs() - delivery->attempt_started_ns) / 1e9);
  Work(Complete(delivery, *verdict));
}

void Alertmanager::Impl::FillLabels(Notification& notification, const gotemplate::TemplateSet& set,
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

Step Alertmanager::Impl::MakeMessage(Delivery& delivery, TimestampMs now_ms) {
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

void Alertmanager::Impl::RaiseTemplateAlert(const Delivery& delivery, const std::string& error,
                                            TimestampMs now_ms) {
  const std::string integration(IntegrationName(delivery.notification.integration.kind));
  model::LabelsBuilder labels;
  labels.Set("alertname", "SextantReceiverTemplateFailed");
  labels.Set("integration", integration);
  labels.Set("receiver", delivery.notification.receiver_name);
  labels.Set("severity", "warning");
  Alert alert;
  alert.labels = labels.Build();
  alert.annotations = {{"summary", "A template of a receiver fails."},
                       {"description", fmt::format("Messages to {} ({}) are sent in plain words: {}",
                                                   delivery.notification.receiver_name, integration, error)}};
  std::lock_guard lock(mutex);
  TimestampMs& last_ms = own_alerts[delivery.lane];
  if (stopping || (last_ms != 0 && now_ms < last_ms + kOwnAlertEveryMs)) return;
  last_ms = now_ms;
  dispatcher.Put(std::span(&alert, 1), now_ms);
  Arm(now_ms);
}

void Alertmanager::Impl::WriteToLog(const Notification& notification) const {
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

std::vector<DeliveryPtr> Alertmanager::Impl::Complete(const DeliveryPtr& delivery, const Verdict& verdict) {
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

void Alertmanager::Impl::Pause(Delivery& delivery, Lane& lane, const Verdict& verdict, TimestampMs now_ms) {
  MetricsOf(delivery.notification).rate_limited->Increment();
  const DurationMs pause_ms = std::max(verdict.retry_after_ms, delivery.backoff_ms);
  lane.paused_until_ms = std::max(lane.paused_until_ms, now_ms + pause_ms);
  PutOff(delivery, lane.paused_until_ms);
}

bool Alertmanager::Impl::ScheduleRetry(const DeliveryPtr& delivery, const Verdict& verdict,
                                       TimestampMs now_ms) {
  const DurationMs pause_ms = std::max(
      verdict.retry_after_ms, Spread(delivery->backoff_ms, delivery->notification.id, delivery->attempts));
  delivery->backoff_ms = std::min(options.max_retry_ms, delivery->backoff_ms * 3 / 2);
  delivery->retry_at_ms = now_ms + pause_ms;
  if (delivery->retry_at_ms >= delivery->notification.deadline_ms) return false;
  retries.push_back(delivery);
  return true;
}

void Alertmanager::Impl::Remember(const Delivery& delivery, const Verdict& verdict, TimestampMs now_ms) {
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

void Alertmanager::Impl::Report(const Delivery& delivery, const Verdict& verdict, bool is_over) {
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

}  // namespace sextant::alerting
