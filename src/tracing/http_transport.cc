// OTLP over HTTP: https://opentelemetry.io/docs/specs/otlp/#otlphttp
#include <mutex>

#include "httpclient/settings.h"
#include "net/compression.h"
#include "net/retry_after.h"
#include "otlp/span_export.h"
#include "tracing/span_transport.h"

namespace sextant::tracing {

namespace {

constexpr core::DurationMs kDefaultTimeoutMs = 10'000;
constexpr size_t kMaxAnswerBytes = 4 << 20;

// Those that the specification lets a client repeat.
bool MayRetry(int status) { return status == 429 || status == 502 || status == 503 || status == 504; }

SendOutcome Judge(const core::Result<net::FetchResponse>& answer, core::TimestampMs now_ms) {
  SendOutcome outcome;
  if (!answer) {
    outcome.may_retry = answer.error().code() != core::Code::kInvalidArgument &&
                        answer.error().code() != core::Code::kPermissionDenied;
    outcome.error = answer.error().message();
    return outcome;
  }
  if (answer->status / 100 != 2) {
    outcome.may_retry = MayRetry(answer->status);
    outcome.retry_after_ms = net::RetryAfterMs(answer->headers.Get("Retry-After"), now_ms);
    outcome.error = fmt::format("the collector answered {}", answer->status);
    return outcome;
  }
  outcome.is_delivered = true;
  // Collectors that answer with something else have taken the spans all the same.
  if (const auto partial = otlp::DecodeExportResponse(answer->body)) {
    outcome.rejected_spans = partial->rejected_spans;
    outcome.error = partial->message;
  }
  return outcome;
}

class HttpTransport final : public SpanTransport {
 public:
  HttpTransport(const config::TracingConfig& config, net::HttpClient& client, core::Executor& executor,
                const core::Clock& clock)
      : client_(client),
        executor_(executor),
        clock_(clock),
        compresses_(config.client.compression == "gzip") {
    request_.method = "POST";
    request_.url = fmt::format("{}://{}/v1/traces", config.client.insecure ? "http" : "https",
                               config::HostAndPort(config.client));
    request_.headers.Set("Content-Type", "application/x-protobuf");
    if (compresses_) request_.headers.Set("Content-Encoding", "gzip");
    for (const auto& [name, value] : config.headers) request_.headers.Set(name, value);
    if (!config.client.insecure) request_.tls = httpclient::TlsOptions(config.client.tls);
    request_.timeout_ms = config.client.timeout_ms > 0 ? config.client.timeout_ms : kDefaultTimeoutMs;
    request_.follow_redirects = false;
    request_.max_body_bytes = kMaxAnswerBytes;
  }

  void Send(std::string body, std::function<void(SendOutcome)> done) override {
    net::FetchRequest request = request_;
    if (compresses_) {
      if (const core::Status compressed = net::Compress(net::Encoding::kGzip, body, request.body);
          !compressed)
        return done({.error = compressed.error().message()});
    } else {
      request.body = std::move(body);
    }
    net::FetchHandle handle = client_.Fetch(
        std::move(request), {.executor = &executor_, .priority = core::Priority::kBackground},
        [done = std::move(done), &clock = clock_](const core::Result<net::FetchResponse>& answer) {
          done(Judge(answer, clock.NowMs()));
        });
    std::lock_guard lock(mutex_);
    handle_ = handle;
    if (is_cancelled_) handle_.Cancel();
  }

  void Cancel() override {
    std::lock_guard lock(mutex_);
    is_cancelled_ = true;
    handle_.Cancel();
  }

 private:
  net::HttpClient& client_;
  core::Executor& executor_;
  const core::Clock& clock_;
  const bool compresses_;
  net::FetchRequest request_;
  std::mutex mutex_;
  net::FetchHandle handle_;    // guarded by mutex_
  bool is_cancelled_ = false;  // likewise
};

}  // namespace

std::unique_ptr<SpanTransport> MakeHttpTransport(const config::TracingConfig& config, net::HttpClient& client,
                                                 core::Executor& executor, const core::Clock& clock) {
  return std::make_unique<HttpTransport>(config, client, executor, clock);
}

}  // namespace sextant::tracing
