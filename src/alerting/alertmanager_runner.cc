#include "alerting/alertmanager_runner.h"

#include <algorithm>
#include <utility>

namespace sextant::alerting {

namespace {

using core::DurationMs;
using core::TimestampMs;

constexpr DurationMs kMaxSleepMs = 5'000;  // wall time may jump while we sleep
constexpr DurationMs kHistorySweepMs = 5'000;
constexpr DurationMs kRecorderFlushMs = 5'000;

}  // namespace

Alertmanager::Impl::Impl(std::shared_ptr<const Config> config, AlertmanagerEnvironment env,
                         AlertmanagerOptions opts)
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

core::Status Alertmanager::Impl::RestoreState() {
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

void Alertmanager::Impl::RecordEvents(const Config& config) {
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

void Alertmanager::Impl::RecordSilence(const std::string& id, bool is_new) {
  if (recorder == nullptr) return;
  if (const Silence* silence = dispatcher.silences().Find(id))
    recorder->Record(SilenceEvent(is_new, *silence));
}

void Alertmanager::Impl::StopRecording() {
  if (recorder == nullptr) return;
  {
    std::lock_guard lock(mutex);
    dispatcher.SetSteps(nullptr);
  }
  recorder->Record(ShutdownEvent());
  recorder->Stop(kRecorderFlushMs);
}

void Alertmanager::Impl::Stop() {
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

void Alertmanager::Impl::Maintain() {
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

void Alertmanager::Impl::Arm(TimestampMs now_ms) {
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

void Alertmanager::Impl::Tick() {
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

void Alertmanager::Impl::SaveChanges() {
  if (log_keeper) log_keeper->Write();
  if (alert_keeper) alert_keeper->Write();
  if (silence_keeper && silence_keeper->has_failed()) silence_keeper->Write();
}

void Alertmanager::Impl::StartMaintenance(TimestampMs now_ms) {
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

void Alertmanager::Impl::SweepHistory(TimestampMs now_ms) {
  if (now_ms < next_history_sweep_ms && next_history_sweep_ms <= now_ms + kHistorySweepMs) return;
  next_history_sweep_ms = now_ms + kHistorySweepMs;
  history.Collect(now_ms);
}

void Alertmanager::Impl::StartHistoryWrite() {
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

}  // namespace sextant::alerting
