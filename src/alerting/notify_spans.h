// The spans of alerting, under Alertmanager's names: what came to which group, what a flush sent, and how
// often it was tried.
//
//   dispatch.AggregationGroup.flush
//     notify.RetryStage.Exec             one per integration, from the queue to the verdict
//       notify.Integration.Notify        one per attempt
//         webhook/HTTP POST              one per request; its header names it
//     notify.SetNotifiesStage.Exec       what was told is written down
//
// Without a tracer all of it holds nothing and costs a comparison. One thread at a time.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "alerting/dispatcher.h"
#include "alerting/receivers/conversation.h"
#include "core/trace.h"

namespace sextant::alerting {

// The spans of the groups that are flushed together.
class FlushSpans {
 public:
  explicit FlushSpans(core::Tracer* tracer) : tracer_(tracer) {}
  // That of the notification's group, shared by all its integrations; null when nothing is traced. It ends
  // with its last owner.
  std::shared_ptr<core::Span> Of(const Notification& notification);

 private:
  core::Tracer* const tracer_;
  std::map<std::string, std::shared_ptr<core::Span>> by_group_;
};

// Those of one notification to one integration.
class DeliverySpans {
 public:
  // A null flush: nothing is traced.
  void Begin(core::Tracer* tracer, std::shared_ptr<core::Span> flush, const Notification& notification);
  void BeginAttempt(const Notification& notification);
  void BeginRequest(const Notification& notification, net::FetchRequest& request);
  void EndRequest(const core::Result<net::FetchResponse>& answer);
  void EndAttempt(const Verdict& verdict);
  // The verdict is final.
  void EndRetrying(const Verdict& verdict);
  // It was delivered, and that will be written down now.
  core::Span BeginNoting() const;

 private:
  core::Tracer* tracer_ = nullptr;
  std::shared_ptr<core::Span> flush_;
  core::Span retry_;
  core::Span attempt_;
  core::Span request_;
};

// Spans of alerts that came in: dispatch.Dispatcher.routeAlert, with one dispatch.Dispatcher.groupAlert per
// receiver. `receivers_of` is asked only when they are recorded.
template <typename ReceiversOf>
void TraceRouting(core::Tracer* tracer, const core::SpanContext& parent, std::span<const Alert> alerts,
                  ReceiversOf&& receivers_of);

// ---- Implementation of the template above.

void TraceRouted(core::Tracer& tracer, core::Span& route_span, const Alert& alert,
                 const std::vector<std::string>& receivers);

template <typename ReceiversOf>
void TraceRouting(core::Tracer* tracer, const core::SpanContext& parent, std::span<const Alert> alerts,
                  ReceiversOf&& receivers_of) {
  if (tracer == nullptr || !tracer->is_on()) return;
  for (const Alert& alert : alerts) {
    core::Span span = tracer->Start("dispatch.Dispatcher.routeAlert", {.parent = &parent});
    if (span.is_recorded()) TraceRouted(*tracer, span, alert, receivers_of(alert.labels));
  }
}

}  // namespace sextant::alerting
