#include "metrics/scrape/scrape_loop.h"

#include <algorithm>

#include "httpclient/settings.h"
#include "metrics/scrape/scrape_offset.h"
#include "net/request_span.h"

namespace sextant::scrape {

namespace {

using core::Code;
using core::Fail;
using core::Result;

// Sending a request off is work for the loop itself; asking a source in this process or reading a secret from
// a file is not.
net::Timer MakeTimer(const ScrapeServices& services, const PoolSettings& settings) {
  if (settings.local || httpclient::HasSecretFiles(settings.http)) {
    return net::Timer(services.io, services.executor, core::Priority::kIngest);
  }
  return net::Timer(services.io);
}

// Of the client's limits, that of the body.
bool IsBodyTooLarge(const core::Error& error) {
  return error.code() == Code::kResourceExhausted &&
         error.message().find("body is larger than") != std::string::npos;
}

}  // namespace

ScrapeLoop::ScrapeLoop(ScrapeServices& services, std::shared_ptr<const PoolSettings> settings,
                       ScrapeTarget target, core::DurationMs offset_ms, core::Logger logger)
    : services_(services),
      settings_(std::move(settings)),
      target_(std::move(target)),
      logger_(logger.With("scrape_pool", settings_->name).With("target", target_.url)),
      offset_ms_(offset_ms),
      timer_(MakeTimer(services, *settings_)),
      appender_(settings_->samples, target_.labels, services.metadata, services.metrics),
      interval_seconds_(services.metrics.IntervalSeconds(target_.interval_ms)) {
  status_.pool = settings_->name;
  status_.discovered_labels = target_.discovered_labels;
  status_.labels = target_.labels;
  status_.scrape_url = target_.url;
  status_.interval_ms = target_.interval_ms;
  status_.timeout_ms = target_.timeout_ms;
}

void ScrapeLoop::Start(bool at_once) {
  if (!at_once) return ScheduleNext();
  due_ms_ = services_.clock.NowMs();
  timer_.StartAfter(0, [self = shared_from_this()] { self->Begin(); });
}

void ScrapeLoop::Stop(bool mark_stale) {
  {
    std::lock_guard lock(mutex_);
    is_stopped_ = true;
    fetch_.Cancel();
  }
  timer_.Cancel();
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] { return !is_in_flight_; });
  lock.unlock();
  if (!mark_stale) return;
  core::TimestampMs now_ms = services_.clock.NowMs();
  auto batch = services_.storage.NewAppender();
  appender_.AppendStale(now_ms, *batch);
  appender_.AppendStaleReport(now_ms, *batch);
  if (core::Status committed = batch->Commit(); !committed) {
    logger_.Warn("series of a removed target could not be marked as stale", {{"error", committed.error()}});
  }
}

TargetStatus ScrapeLoop::Status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

void ScrapeLoop::ScheduleNext() {
  {
    std::lock_guard lock(mutex_);
    if (is_stopped_) return;
  }
  core::TimestampMs now_ms = services_.clock.NowMs();
  core::DurationMs interval_ms = target_.interval_ms;
  core::TimestampMs next_ms = now_ms - (now_ms - offset_ms_) % interval_ms + interval_ms;
  // The clock may stand a little before the moment that has just been served.
  if (next_ms - due_ms_ < interval_ms / 2) next_ms += interval_ms;
  if (due_ms_ != 0 && next_ms - due_ms_ > interval_ms + interval_ms / 2) {
    services_.metrics.missed.Increment(static_cast<double>((next_ms - due_ms_) / interval_ms - 1));
  }
  due_ms_ = next_ms;
  timer_.StartAt(services_.clock.MonotonicNs() + (next_ms - now_ms) * 1'000'000,
                 [self = shared_from_this()] { self->Begin(); });
}

void ScrapeLoop::SetInFlight(bool in_flight) {
  {
    std::lock_guard lock(mutex_);
    is_in_flight_ = in_flight;
  }
  if (!in_flight) idle_.notify_all();
}

void ScrapeLoop::Begin() {
  {
    std::lock_guard lock(mutex_);
    if (is_stopped_) return;
    is_in_flight_ = true;
  }
  time_ms_ = ScrapeTime(services_.clock.NowMs(), due_ms_, target_.interval_ms, services_.time_tolerance_ms);
  int64_t now_ns = services_.clock.MonotonicNs();
  if (begun_ns_ != 0) interval_seconds_.Observe(static_cast<double>(now_ns - begun_ns_) / 1e9);
  begun_ns_ = now_ns;
  if (settings_->local) return Finish(settings_->local());
  Fetch();
}

Result<net::FetchRequest> ScrapeLoop::MakeRequest() const {
  net::FetchRequest request = settings_->request;
  request.url = target_.url;
  request.timeout_ms = target_.timeout_ms;
  request.headers.Set("X-Prometheus-Scrape-Timeout-Seconds",
                      fmt::format("{}", static_cast<double>(target_.timeout_ms) / 1000));
  SEXTANT_TRY(httpclient::ReadSecretFiles(settings_->http, request));
  return request;
}

// The request is the same each time, unless secrets in files may have changed or it names its span.
Result<std::shared_ptr<const net::PreparedRequest>> ScrapeLoop::TakeRequest() {
  const bool is_traced = services_.tracer != nullptr && services_.tracer->is_on();
  if (request_ != nullptr && !is_traced) return request_;
  SEXTANT_ASSIGN(net::FetchRequest request, MakeRequest());
  if (is_traced) {
    fetch_span_ = net::StartFetchSpan(services_.tracer, "HTTP GET", nullptr, request);
    return services_.client.Prepare(std::move(request));
  }
  auto prepared = services_.client.Prepare(std::move(request));
  if (!httpclient::HasSecretFiles(settings_->http)) request_ = prepared;
  return prepared;
}

void ScrapeLoop::Fetch() {
  auto request = TakeRequest();
  if (!request) return Finish(tl::unexpected(request.error()));
  net::FetchHandle handle = services_.client.Fetch(
      std::move(*request), services_.buffers.Take(),
      {.executor = &services_.executor, .priority = core::Priority::kIngest},
      [self = shared_from_this()](Result<net::FetchResponse> response) {
        net::NoteAnswer(response, self->fetch_span_);
        self->fetch_span_.End();
        if (!response) return self->Finish(tl::unexpected(std::move(response).error()));
        if (response->status != 200) {
          return self->Finish(Fail(Code::kUnavailable, "server returned HTTP status {} {}", response->status,
                                   net::StatusText(response->status)));
        }
        self->Finish(
            ScrapedBody{std::move(response->body), std::string(response->headers.Get("Content-Type"))});
      });
  std::lock_guard lock(mutex_);
  fetch_ = handle;
  if (is_stopped_) fetch_.Cancel();
}

void ScrapeLoop::Finish(Result<ScrapedBody> body) {
  bool is_stopped = false;
  {
    std::lock_guard lock(mutex_);
    is_stopped = is_stopped_;
  }
  if (!is_stopped) {
    double duration_seconds = static_cast<double>(services_.clock.MonotonicNs() - begun_ns_) / 1e9;
    Result<BodySummary> summary = Append(body, duration_seconds);
    NoteOutcome(summary, duration_seconds);
    if (body) services_.buffers.Give(std::move(body->text));
    ScheduleNext();
  }
  SetInFlight(false);
}

// Appends what came and the report of it as one batch; what is wrong with the body makes the report say so.
Result<BodySummary> ScrapeLoop::Append(const Result<ScrapedBody>& body, double duration_seconds) {
  auto batch = services_.storage.NewAppender();
  Result<BodySummary> summary = body ? appender_.AppendBody(*body, time_ms_, *batch)
                                     : Result<BodySummary>(tl::unexpected(body.error()));
  if (!summary) {
    batch->Rollback();
    batch = services_.storage.NewAppender();
    appender_.AppendStale(time_ms_, *batch);
  }
  ScrapeOutcome outcome{.is_up = summary.has_value(),
                        .duration_seconds = duration_seconds,
                        .timeout_seconds = static_cast<double>(target_.timeout_ms) / 1000,
                        .body_bytes = body ? static_cast<int64_t>(body->text.size()) : 0};
  if (!body && IsBodyTooLarge(body.error())) {
    services_.metrics.body_limit.Increment();
    outcome.body_bytes = -1;
  }
  appender_.AppendReport(outcome, summary.value_or(BodySummary{}), time_ms_, *batch);
  if (core::Status committed = batch->Commit(); !committed) {
    services_.metrics.commit_failures.Increment();
    return tl::unexpected(committed.error().WithContext("samples could not be stored"));
  }
  return summary;
}

void ScrapeLoop::NoteOutcome(const Result<BodySummary>& summary, double duration_seconds) {
  std::string error;
  if (!summary) {
    services_.metrics.scrapes_failed.Increment();
    error = summary.error().message();
    if (settings_->failure_log) settings_->failure_log->Write(error, settings_->name, target_.url);
  } else if (summary->refused > 0) {
    error = fmt::format("{} samples refused: {}; the first: {}", summary->refused, summary->refusal,
                        summary->refused_series);
  }
  // How many samples are refused, and which is the first, changes with every scrape: the log need not know.
  std::string trouble = summary && summary->refused > 0 ? summary->refusal : error;
  bool is_news = trouble != last_trouble_;
  last_trouble_ = std::move(trouble);
  {
    std::lock_guard lock(mutex_);
    status_.last_scrape_ms = time_ms_;
    status_.last_duration_seconds = duration_seconds;
    status_.health = summary ? TargetHealth::kUp : TargetHealth::kDown;
    status_.last_error = error;
    status_.last_samples = summary ? summary->scraped : 0;
    status_.series = appender_.series();
    status_.metadata = appender_.metadata();
  }
  if (!is_news) return;
  if (error.empty()) {
    logger_.Info("scrape works again");
  } else {
    logger_.Warn(summary ? "samples of a scrape are refused" : "scrape failed", {{"error", error}});
  }
}

}  // namespace sextant::scrape
