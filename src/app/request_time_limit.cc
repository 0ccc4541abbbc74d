#include "app/request_time_limit.h"

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "core/duration.h"

namespace sextant::app {

namespace {

// An answer that the handler and the clock both want to give: the first one counts.
class LimitedAnswer {
 public:
  LimitedAnswer(net::IoContext& io, net::ResponseWriter writer) : writer_(std::move(writer)), timer_(io) {
    writer_.OnCancelled([cancelled = cancelled_] { *cancelled = true; });
  }

  const std::shared_ptr<std::atomic<bool>>& cancelled() const { return cancelled_; }

  void Send(net::HttpResponse response) {
    if (!is_given_.exchange(true)) writer_.Send(std::move(response));
  }

  // `self` is this. `text` must outlive it.
  static void SendLateAt(const std::shared_ptr<LimitedAnswer>& self, int64_t monotonic_ns,
                         const std::string& text) {
    self->timer_.StartAt(monotonic_ns, [weak = std::weak_ptr(self), &text] {
      const auto answer = weak.lock();
      if (answer == nullptr) return;
      *answer->cancelled_ = true;
      answer->Send(net::HttpResponse::Text(503, text));
    });
  }

 private:
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  std::atomic<bool> is_given_{false};
  net::ResponseWriter writer_;
  net::Timer timer_;
};

}  // namespace

void LimitRequestTime(net::Router& router, net::IoContext& io, core::DurationMs timeout_ms) {
  const std::string text =
      fmt::format("Exceeded configured timeout of {}.\n", core::FormatDuration(timeout_ms));
  for (const std::unique_ptr<net::Route>& route : router.routes()) {
    if (route->kind != net::RouteKind::kWhole) continue;
    route->kind = net::RouteKind::kStream;
    route->stream_handler = [inner = std::exchange(route->handler, nullptr), &io, timeout_ms, text](
                                net::HttpRequest request, net::ResponseWriter writer) {
      const auto answer = std::make_shared<LimitedAnswer>(io, std::move(writer));
      request.cancelled = answer->cancelled();
      LimitedAnswer::SendLateAt(answer, request.received_ns + timeout_ms * 1'000'000, text);
      answer->Send(inner(request));
    };
  }
}

}  // namespace sextant::app
