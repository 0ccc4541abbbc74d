#include "tracing/span_exporter.h"

#include <algorithm>
#include <chrono>

#include "otlp/span_export.h"

namespace sextant::tracing {

namespace {

constexpr const char* kSpansTotal = "sextant_tracing_spans_total";
constexpr const char* kSpansHelp = "Spans of our own that ended, by what became of them.";

core::Counter& SpanCounter(core::Registry& registry, const char* result) {
  return registry.AddCounter(kSpansTotal, kSpansHelp, {{"result", result}});
}

}  // namespace

SpanExporter::SpanExporter(ExporterServices services, std::unique_ptr<SpanTransport> transport,
                           ExporterOptions options)
    : services_(std::move(services)),
      options_(std::move(options)),
      transport_(std::move(transport)),
      sent_(SpanCounter(services_.registry, "sent")),
      rejected_(SpanCounter(services_.registry, "rejected")),
      timer_(std::in_place, services_.io, services_.executor, core::Priority::kBackground) {
  for (const char* why : {"queue_full", "failed", "shutdown"}) SpanCounter(services_.registry, why);
}

std::shared_ptr<SpanExporter> SpanExporter::Start(ExporterServices services,
                                                  std::unique_ptr<SpanTransport> transport,
                                                  ExporterOptions options) {
  std::shared_ptr<SpanExporter> exporter(
      new SpanExporter(std::move(services), std::move(transport), std::move(options)));
  std::lock_guard lock(exporter->mutex_);
  exporter->Arm(exporter->options_.interval_ms);
  return exporter;
}

void SpanExporter::Arm(core::DurationMs delay_ms) {
  if (is_stopping_ || !timer_) return;
  timer_->StartAfter(delay_ms, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Tick();
  });
}

void SpanExporter::Drop(size_t spans, const char* why) {
  if (spans > 0) SpanCounter(services_.registry, why).Increment(static_cast<double>(spans));
}

void SpanExporter::Take(core::SpanData span) {
  std::lock_guard lock(mutex_);
  if (is_stopping_) return Drop(1, "shutdown");
  if (waiting_.size() >= options_.max_waiting) return Drop(1, "queue_full");
  waiting_.push_back(std::move(span));
  if (waiting_.size() < options_.max_batch || is_armed_soon_ || is_sending_ || backoff_ms_ > 0) return;
  is_armed_soon_ = true;
  Arm(0);
}

// The batch that is to be sent now, as bytes.
std::optional<std::string> SpanExporter::NextRequest() {
  if (is_sending_) return {};
  if (batch_.empty()) {
    if (waiting_.empty()) return {};
    const auto end = waiting_.begin() + static_cast<ptrdiff_t>(std::min(waiting_.size(), options_.max_batch));
    batch_.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
  }
  is_sending_ = true;
  return otlp::EncodeSpans(options_.resource, options_.scope, batch_);
}

void SpanExporter::Tick() {
  std::optional<std::string> request;
  {
    std::lock_guard lock(mutex_);
    if (is_stopping_) return;
    is_armed_soon_ = false;
    request = NextRequest();
    if (!request) Arm(options_.interval_ms);
  }
  if (request) Send(std::move(*request));
}

void SpanExporter::Send(std::string request) {
  transport_->Send(std::move(request),
                   [self = shared_from_this()](const SendOutcome& outcome) { self->OnSent(outcome); });
}

void SpanExporter::OnSent(const SendOutcome& outcome) {
  std::optional<std::string> request;
  {
    std::lock_guard lock(mutex_);
    is_sending_ = false;
    const int64_t now_ns = services_.clock.MonotonicNs();
    if (backoff_ms_ == 0) give_up_at_ns_ = now_ns + options_.max_retrying_ms * 1'000'000;
    core::DurationMs pause_ms = 0;
    if (outcome.is_delivered) {
      const auto rejected =
          std::min<double>(static_cast<double>(outcome.rejected_spans), static_cast<double>(batch_.size()));
      rejected_.Increment(rejected);
      sent_.Increment(static_cast<double>(batch_.size()) - rejected);
      if (rejected > 0 && !has_complained_) {
        services_.logger.Warn("the collector did not take some of our spans",
                              {{"spans", rejected}, {"err", outcome.error}});
      }
      has_complained_ = rejected > 0;
      batch_.clear();
      backoff_ms_ = 0;
    } else {
      if (!has_complained_)
        services_.logger.Error("our spans could not be sent to the collector", {{"err", outcome.error}});
      has_complained_ = true;
      backoff_ms_ =
          backoff_ms_ == 0 ? options_.first_retry_ms : std::min(options_.max_retry_ms, backoff_ms_ * 3 / 2);
      pause_ms = std::max(outcome.retry_after_ms, backoff_ms_);
      if (!outcome.may_retry || is_stopping_ || now_ns + pause_ms * 1'000'000 > give_up_at_ns_) {
        Drop(batch_.size(), "failed");
        batch_.clear();
        backoff_ms_ = 0;
        pause_ms = 0;
      }
    }
    if (pause_ms > 0) {
      Arm(pause_ms);
    } else if (waiting_.size() >= options_.max_batch || is_stopping_) {
      request = NextRequest();
    } else {
      Arm(options_.interval_ms);
    }
    if (!is_sending_) idle_.notify_all();
  }
  if (request) Send(std::move(*request));
}

void SpanExporter::Stop(core::DurationMs within_ms) {
  std::optional<std::string> request;
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(is_stopping_, true)) return;
    request = NextRequest();
  }
  timer_->Cancel();
  if (request) Send(std::move(*request));
  const auto is_idle = [this] { return !is_sending_; };
  std::unique_lock lock(mutex_);
  if (!idle_.wait_for(lock, std::chrono::milliseconds(within_ms), is_idle)) {
    // What is under way fails now, and with it the rest.
    Drop(waiting_.size(), "shutdown");
    waiting_.clear();
    lock.unlock();
    transport_->Cancel();
    lock.lock();
    idle_.wait(lock, is_idle);
  }
  timer_.reset();
}

}  // namespace sextant::tracing
