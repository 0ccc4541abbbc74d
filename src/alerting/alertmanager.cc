#include "alerting/alertmanager.h"

#include <algorithm>
#include <limits>
#include <mutex>

#include "alerting/alertmanager_runner.h"
#include "alerting/default_templates.h"
#include "alerting/route_labels.h"
#include "alerting/template_data.h"

namespace sextant::alerting {

using core::TimestampMs;

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
  impl_->CountLimited(report);
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
  constexpr size_t kPageEvents = 1'000;
  const HistoryPages pages = [this](uint64_t after_id) {
    return impl_->history.EventsAfter(after_id, kPageEvents);
  };
  DryRunInput input{.config = {}, .pages = pages, .silences = {}, .limits = impl_->options.limits};
  std::string silences;
  {
    std::lock_guard lock(impl_->mutex);
    input.config = impl_->dispatcher.config();
    silences = impl_->dispatcher.silences().Serialize();
  }
  input.silences = silences;
  const std::vector<HistoryEvent> oldest = impl_->history.EventsAfter(0, 1);
  DryRunView view{.known_since_ms = oldest.empty() ? options.end_ms : oldest.front().time_ms,
                  .current = {},
                  .proposed = {},
                  .changes = {}};
  SEXTANT_ASSIGN(view.current, PlayAgain(input, options));
  input.config = std::move(proposed);
  SEXTANT_ASSIGN(view.proposed, PlayAgain(input, options));
  view.changes = Compare(view.current, view.proposed, pages);
  return view;
}

void Alertmanager::Stop() { impl_->Stop(); }

}  // namespace sextant::alerting
