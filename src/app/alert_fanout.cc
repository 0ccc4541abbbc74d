#include "app/alert_fanout.h"

#include <vector>

namespace sextant::app {

namespace {

// Without external labels, or when the alert has them all, its own set, which is then shared.
model::Labels WithExternal(const model::Labels& labels, const model::Labels& external_labels) {
  bool has_all = true;
  for (model::LabelView label : external_labels) has_all = has_all && labels.Has(label.name);
  if (has_all) return labels;
  model::LabelsBuilder builder(labels);
  for (model::LabelView label : external_labels) {
    if (!labels.Has(label.name)) builder.Set(label.name, label.value);
  }
  return builder.Build();
}

}  // namespace

AlertFanout::AlertFanout(alerting::AlertSink* internal, AlertmanagerNotifier& external, core::Logger logger)
    : internal_(internal), external_(external), logger_(logger.With("component", "alerts")) {}

void AlertFanout::SetExternalLabels(model::Labels labels) {
  std::lock_guard lock(mutex_);
  external_labels_ = std::move(labels);
}

void AlertFanout::Send(std::span<const rules::Alert> alerts) {
  external_.Send(alerts);
  if (internal_ == nullptr) return;
  model::Labels external_labels;
  {
    std::lock_guard lock(mutex_);
    external_labels = external_labels_;
  }
  std::vector<alerting::Alert> converted;
  for (const rules::Alert& alert : alerts) {
    alerting::Alert made;
    made.labels = WithExternal(alert.labels, external_labels);
    for (model::LabelView annotation : alert.annotations)
      made.annotations.emplace(annotation.name, annotation.value);
    made.starts_at_ms = alert.starts_at_ms;
    made.ends_at_ms = alert.ends_at_ms;
    made.generator_url = alert.generator_url;
    converted.push_back(std::move(made));
  }
  const alerting::PutReport report = internal_->Put(converted);
  for (const auto* errors : {&report.errors, &report.limit_errors}) {
    for (const std::string& error : *errors) logger_.Warn("alert refused", {{"error", error}});
  }
}

}  // namespace sextant::app
