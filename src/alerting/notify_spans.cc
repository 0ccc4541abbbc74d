#include "alerting/notify_spans.h"

#include <fmt/format.h>

#include "net/request_span.h"

namespace sextant::alerting {

namespace {

int64_t Count(const Notification& notification) { return static_cast<int64_t>(notification.alerts.size()); }

std::string NameOf(const Notification& notification) {
  return std::string(IntegrationName(notification.integration.kind));
}

}  // namespace

std::shared_ptr<core::Span> FlushSpans::Of(const Notification& notification) {
  if (tracer_ == nullptr || !tracer_->is_on()) return nullptr;
  std::shared_ptr<core::Span>& span = by_group_[notification.group_key];
  if (span != nullptr) return span;
  span = std::make_shared<core::Span>(tracer_->Start("dispatch.AggregationGroup.flush"));
  span->SetAttribute("alerting.aggregation_group.key", notification.group_key);
  span->SetAttribute("alerting.alerts.count", Count(notification));
  return span;
}

void DeliverySpans::Begin(core::Tracer* tracer, std::shared_ptr<core::Span> flush,
                          const Notification& notification) {
  if (flush == nullptr) return;
  tracer_ = tracer;
  flush_ = std::move(flush);
  retry_ = core::StartSpan(tracer_, "notify.RetryStage.Exec", {.parent = &flush_->context()});
  if (!retry_.is_recorded()) return;
  retry_.SetAttribute("alerting.group.name", notification.receiver_name);
  retry_.SetAttribute("alerting.integration.name", NameOf(notification));
  retry_.SetAttribute("alerting.label.values", std::vector<std::string>{NameOf(notification)});
  retry_.SetAttribute("alerting.alerts.count", Count(notification));
}

void DeliverySpans::BeginAttempt(const Notification& notification) {
  attempt_ = core::StartSpan(tracer_, "notify.Integration.Notify",
                             {.kind = core::SpanKind::kClient, .parent = &retry_.context()});
  if (!attempt_.is_recorded()) return;
  attempt_.SetAttribute("alerting.notify.integration.name", NameOf(notification));
  attempt_.SetAttribute("alerting.alerts.count", Count(notification));
}

void DeliverySpans::BeginRequest(const Notification& notification, net::FetchRequest& request) {
  if (tracer_ == nullptr) return;
  // Services' URLs are secrets.
  request_ = net::StartFetchSpan(tracer_, fmt::format("{}/HTTP {}", NameOf(notification), request.method),
                                 &attempt_.context(), request, net::ShownUrl::kHostOnly);
}

void DeliverySpans::EndRequest(const core::Result<net::FetchResponse>& answer) {
  net::NoteAnswer(answer, request_);
  request_.End();
}

void DeliverySpans::EndAttempt(const Verdict& verdict) {
  attempt_.SetAttribute("alerting.notify.error.recoverable", verdict.may_retry);
  if (!verdict.delivered) attempt_.SetError(verdict.error);
  attempt_.End();
}

void DeliverySpans::EndRetrying(const Verdict& verdict) {
  if (!verdict.delivered) {
    retry_.SetError(verdict.error);
    if (flush_ != nullptr) flush_->SetError("notification failed");
  }
  retry_.End();
}

core::Span DeliverySpans::BeginNoting() const {
  if (flush_ == nullptr) return {};
  return core::StartSpan(tracer_, "notify.SetNotifiesStage.Exec", {.parent = &flush_->context()});
}

void TraceRouted(core::Tracer& tracer, core::Span& route_span, const Alert& alert,
                 const std::vector<std::string>& receivers) {
  const std::string name(alert.labels.Get("alertname"));
  const std::string fingerprint = fmt::format("{:016x}", Fingerprint(alert.labels));
  route_span.SetAttribute("alerting.alert.name", name);
  route_span.SetAttribute("alerting.alert.fingerprint", fingerprint);
  for (const std::string& receiver : receivers) {
    route_span.AddEvent("dispatching alert to route", {{"alerting.route.receiver.name", receiver}});
    core::Span span = tracer.Start("dispatch.Dispatcher.groupAlert", {.parent = &route_span.context()});
    span.SetAttribute("alerting.alert.name", name);
    span.SetAttribute("alerting.alert.fingerprint", fingerprint);
    span.SetAttribute("alerting.route.receiver.name", receiver);
  }
}

}  // namespace sextant::alerting
