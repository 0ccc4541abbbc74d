// The runner behind Alertmanager: the state machine with its clock, timer, lanes and files. Private to this
// module; what it does is said in alertmanager.h. One lock guards what has no lock of its own; functions say
// when it must be held, and never wait for anybody while they hold it.
//
//   alertmanager_runner.cc     beginning, end, what is kept on disk, the passing of time
//   alertmanager_delivery.cc   notifications on their way: lanes, attempts, retries
//   alertmanager_metrics.cc    what is counted
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "alerting/alertmanager.h"
#include "alerting/event_recorder.h"
#include "alerting/notify_spans.h"
#include "alerting/receivers/conversation.h"
#include "alerting/state_keeper.h"

namespace sextant::alerting {

// A notification on its way.
struct Delivery {
  Notification notification;
  std::string lane;
  ConversationPtr conversation;            // of the attempt under way
  core::TimestampMs last_deadline_ms = 0;  // which pauses of its service cannot put off
  int attempts = 0;
  core::DurationMs backoff_ms = 0;
  core::TimestampMs retry_at_ms = 0;
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
  core::TimestampMs paused_until_ms = kZeroTimeMs;  // the service asked for it
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

struct Alertmanager::Impl : std::enable_shared_from_this<Impl> {
  Impl(std::shared_ptr<const Config> config, AlertmanagerEnvironment env, AlertmanagerOptions opts);

  const AlertmanagerEnvironment environment;
  const AlertmanagerOptions options;
  const core::TimestampMs started_at_ms;
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
  core::TimestampMs next_maintenance_ms;
  DispatcherStats cached_stats;
  core::TimestampMs cached_stats_ms = kZeroTimeMs;

  // All only with a data folder.
  std::optional<StateKeeper> silence_keeper;
  std::optional<StateKeeper> log_keeper;
  std::optional<StateKeeper> alert_keeper;
  std::optional<StateKeeper> history_keeper;
  bool is_history_writing = false;  // a task of ours will see to it
  core::TimestampMs next_history_sweep_ms = kZeroTimeMs;

  std::shared_ptr<EventRecorder> recorder;  // null: nobody wants it

  const std::shared_ptr<ServiceMemory> memory = std::make_shared<ServiceMemory>(environment.clock);
  std::map<std::string, core::TimestampMs> own_alerts;  // by lane: when one was raised last

  std::map<IntegrationKind, IntegrationMetrics> metrics;
  core::Counter* received_firing = nullptr;
  core::Counter* received_resolved = nullptr;
  core::Counter* invalid = nullptr;
  core::Gauge* receivers = nullptr;
  core::Gauge* integrations = nullptr;
  core::Gauge* inhibition_rules = nullptr;
  core::Counter* silence_queries = nullptr;

  core::TimestampMs Now() const { return environment.clock.NowMs(); }

  // ---- what is counted

  // Of one receiver when it has a name.
  IntegrationMetrics MakeMetrics(IntegrationKind kind, const std::string& receiver) const;
  IntegrationMetrics MetricsOf(const Notification& notification) const;
  static core::MetricLabels MetricLabelsOf(IntegrationKind kind, const std::string& receiver);
  void RegisterMetrics();
  void CountConfig();
  core::Counter& FailureCounter(IntegrationKind kind, const std::string& receiver,
                                const std::string& reason) const;
  template <typename Read>
  std::function<double()> Reading(Read read) {
    return [weak = weak_from_this(), read]() -> double {
      const auto self = weak.lock();
      return self ? static_cast<double>(read(self->Stats())) : 0;
    };
  }
  void CountLimited(const PutReport& report);
  void RegisterStats();
  void UnregisterStats();
  DispatcherStats Stats();

  // ---- beginning and end

  core::Status RestoreState();
  // From the first configuration on that wants it.
  void RecordEvents(const Config& config);
  // With the lock held.
  void RecordSilence(const std::string& id, bool is_new);
  void StopRecording();
  void Stop();
  // Forgets what is over and saves the rest as a whole.
  void Maintain();

  // ---- the passing of time

  // With the lock held: wakes up when there is something to do next.
  void Arm(core::TimestampMs now_ms);
  void Tick();
  // What was told first: an alert may be forgotten only after that.
  void SaveChanges();
  // With the lock held.
  void StartMaintenance(core::TimestampMs now_ms);
  // With the lock held.
  void SweepHistory(core::TimestampMs now_ms);
  // With the lock held. Whoever reports alerts does not wait for the disk.
  void StartHistoryWrite();

  // ---- notifications on their way

  // With the lock held. A full lane refuses: the state machine decides anew at the next flush.
  void Enqueue(Notification notification, std::shared_ptr<core::Span> flush, core::TimestampMs now_ms);
  // With the lock held: takes from the lanes what may be attempted now.
  std::vector<DeliveryPtr> TakeReady(core::TimestampMs now_ms);
  // A pause that the service asked for does not count against the notification.
  static void PutOff(Delivery& delivery, core::TimestampMs paused_until_ms);
  // Without the lock: attempts all, and what becomes possible meanwhile.
  void Work(std::vector<DeliveryPtr> ready);
  // The verdict, unless it comes with the answer.
  std::optional<Verdict> Attempt(const DeliveryPtr& delivery);
  // Sends what a conversation wants, unless it has come to its end.
  std::optional<Verdict> Perform(const DeliveryPtr& delivery, Step step);
  void OnStep(const DeliveryPtr& delivery, Step step);
  // Fills the labels of a route in; those of a route with a broken one are left out, which is counted and
  // logged.
  void FillLabels(Notification& notification, const gotemplate::TemplateSet& set,
                  const std::map<std::string, std::string>& labels);
  // The first step of a new conversation.
  Step MakeMessage(Delivery& delivery, core::TimestampMs now_ms);
  // Whoever reads a message in plain words may not know whom to tell: an alert finds its way.
  void RaiseTemplateAlert(const Delivery& delivery, const std::string& error, core::TimestampMs now_ms);
  void WriteToLog(const Notification& notification) const;
  // Ends an attempt; gives what may be attempted now that there is room.
  std::vector<DeliveryPtr> Complete(const DeliveryPtr& delivery, const Verdict& verdict);
  // With the lock held: nothing is sent to the service for a while.
  void Pause(Delivery& delivery, Lane& lane, const Verdict& verdict, core::TimestampMs now_ms);
  // With the lock held. False when the next attempt would come too late.
  bool ScheduleRetry(const DeliveryPtr& delivery, const Verdict& verdict, core::TimestampMs now_ms);
  // With the lock held.
  void Remember(const Delivery& delivery, const Verdict& verdict, core::TimestampMs now_ms);
  void Report(const Delivery& delivery, const Verdict& verdict, bool is_over);
};

}  // namespace sextant::alerting
