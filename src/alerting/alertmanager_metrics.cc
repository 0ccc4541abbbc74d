#include "alerting/alertmanager_runner.h"

namespace sextant::alerting {

namespace {

using core::TimestampMs;

constexpr const char* kFailureReasons[] = {"other",
                                           "clientError",
                                           "serverError",
                                           "authError",
                                           "rateLimited",
                                           "contextCanceled",
                                           "contextDeadlineExceeded"};

constexpr const char* kAlertsByState = "alertmanager_alerts";
// None waits to be judged here: "unprocessed" is there for those who ask for it.
constexpr const char* kAlertsByStateHelp = "Alerts by state.";
constexpr const char* kLimitedTotal = "alertmanager_alerts_limited_total";
constexpr const char* kLimitedHelp = "Alerts refused by a limit.";

// As the exposition format wants it between quotes.
std::string EscapedLabelValue(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

IntegrationMetrics Alertmanager::Impl::MakeMetrics(IntegrationKind kind, const std::string& receiver) const {
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
      &registry.AddHistogram("alertmanager_notification_latency_seconds", "Time a notification request took.",
                             {0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20}, labels)};
}

IntegrationMetrics Alertmanager::Impl::MetricsOf(const Notification& notification) const {
  const IntegrationKind kind = notification.integration.kind;
  return options.receiver_names_in_metrics ? MakeMetrics(kind, notification.receiver_name) : metrics.at(kind);
}

core::MetricLabels Alertmanager::Impl::MetricLabelsOf(IntegrationKind kind, const std::string& receiver) {
  core::MetricLabels labels = {{"integration", std::string(IntegrationName(kind))}};
  if (!receiver.empty()) labels.emplace_back("receiver_name", receiver);
  return labels;
}

void Alertmanager::Impl::RegisterMetrics() {
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
  invalid = &registry.AddCounter("alertmanager_alerts_invalid_total", "Alerts refused.", {{"version", "v2"}});
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

void Alertmanager::Impl::CountConfig() {
  const Config& config = *dispatcher.config();
  receivers->Set(static_cast<double>(config.receivers.size()));
  integrations->Set(static_cast<double>(ListIntegrations(config).size()));
  inhibition_rules->Set(static_cast<double>(config.inhibit_rules.size()));
}

core::Counter& Alertmanager::Impl::FailureCounter(IntegrationKind kind, const std::string& receiver,
                                                  const std::string& reason) const {
  core::MetricLabels labels = MetricLabelsOf(kind, receiver);
  labels.emplace_back("reason", reason);
  return environment.registry.AddCounter("alertmanager_notifications_failed_total",
                                         "Notifications that were given up.", std::move(labels));
}

void Alertmanager::Impl::CountLimited(const PutReport& report) {
  if (!options.alert_names_in_metrics) return;
  for (const std::string& name : report.limited_names)
    environment.registry.AddCounter(kLimitedTotal, kLimitedHelp, {{"alertname", name}}).Increment();
}

void Alertmanager::Impl::RegisterStats() {
  core::Registry& registry = environment.registry;
  using S = const DispatcherStats&;
  for (const char* name : {kAlertsByState, "alertmanager_marked_alerts"}) {
    if (name == kAlertsByState && options.group_keys_in_metrics) continue;
    registry.AddGaugeCallback(name, kAlertsByStateHelp, Reading([](S s) { return s.alerts_active; }),
                              {{"state", "active"}});
    registry.AddGaugeCallback(name, kAlertsByStateHelp, Reading([](S s) { return s.alerts_suppressed; }),
                              {{"state", "suppressed"}});
    registry.AddGaugeCallback(name, kAlertsByStateHelp, [] { return 0.0; }, {{"state", "unprocessed"}});
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
  if (!options.alert_names_in_metrics) {
    registry.AddCounterCallback(kLimitedTotal, kLimitedHelp, Reading([](S s) { return s.alerts_limited; }));
  }
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

void Alertmanager::Impl::UnregisterStats() {
  for (const char* name :
       {kAlertsByState, "alertmanager_marked_alerts", "alertmanager_silences",
        "alertmanager_dispatcher_aggregation_groups", "sextant_alerting_pending_notifications",
        "sextant_alerting_log_entries", "alertmanager_alerts_limited_total",
        "alertmanager_notifications_suppressed_total", "sextant_alerting_notifications_limited_total"}) {
    environment.registry.Remove(name, {});
  }
}

std::string Alertmanager::GroupMetrics() const {
  if (!impl_->options.group_keys_in_metrics) return {};
  std::map<std::string, GroupCount> counts;
  {
    std::lock_guard lock(impl_->mutex);
    counts = impl_->dispatcher.CountByGroup(impl_->Now());
  }
  std::string text = fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n", kAlertsByState, kAlertsByStateHelp);
  for (const auto& [key, count] : counts) {
    const std::string escaped = EscapedLabelValue(key);
    for (const auto& [state, alerts] :
         {std::pair("active", count.active), std::pair("suppressed", count.suppressed),
          std::pair("unprocessed", size_t{0})}) {
      text += fmt::format("{}{{group_key=\"{}\",state=\"{}\"}} {}\n", kAlertsByState, escaped, state, alerts);
    }
  }
  return text;
}

DispatcherStats Alertmanager::Impl::Stats() {
  std::lock_guard lock(mutex);
  const TimestampMs now_ms = Now();
  // Several metrics of one rendering share a count over all alerts.
  if (now_ms < cached_stats_ms || now_ms - cached_stats_ms > 1'000) {
    cached_stats = dispatcher.Stats(now_ms);
    cached_stats_ms = now_ms;
  }
  return cached_stats;
}

}  // namespace sextant::alerting
