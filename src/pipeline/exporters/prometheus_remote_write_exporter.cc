#include "pipeline/exporters/prometheus_remote_write_exporter.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <set>

#include "metrics/remote/snappy_block.h"
#include "net/io.h"
#include "otlp/prometheus_names.h"
#include "otlp/prometheus_translator.h"
#include "pipeline/auth.h"
#include "pipeline/delivery/queued_exporter.h"
#include "pipeline/exporters/remote_write_batch.h"
#include "pipeline/exporters/remote_write_config.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr size_t kShownBodyBytes = 256;
constexpr size_t kMaxKnownErrors = 100;

class RemoteWriteSender final : public Sender {
 public:
  RemoteWriteSender(const ComponentSettings& settings, const RemoteWriteExporterConfig& config,
                    model::Labels external_labels)
      : config_(config),
        environment_(settings.environment),
        logger_(settings.logger),
        cookies_(CookiesOf(config_.Client(), config_.Client().endpoint, environment_.clock)),
        translation_(config.Translation()),
        external_labels_(std::move(external_labels)),
        failed_translations_(
            CounterOf(settings, "otelcol_exporter_prometheusremotewrite_failed_translations",
                      "Number of translation operations that failed to translate metrics from Otel to "
                      "Prometheus")),
        translated_series_(
            CounterOf(settings, "otelcol_exporter_prometheusremotewrite_translated_time_series",
                      "Number of Prometheus time series that were translated from OTel metrics")),
        sent_batches_(CounterOf(settings, "otelcol_exporter_prometheusremotewrite_sent_batches",
                                "Number of remote write request batches sent to the remote write endpoint "
                                "regardless of success or failure")) {}

  Status Start() override {
    if (!config_.Client().auth) return {};
    SEXTANT_ASSIGN(authenticator_,
                   FindClientAuthenticator(environment_.extensions, config_.Client().auth->authenticator));
    return {};
  }

  void Shutdown() override {
    std::unique_lock lock(mutex_);
    is_stopping_ = true;
    // What waits for its next try is told at once.
    std::set<std::shared_ptr<Request>> waiting = waiting_;
    lock.unlock();
    for (const std::shared_ptr<Request>& request : waiting) {
      request->timer.StartAfter(0, [this, request] { Retry(request); });
    }
    lock.lock();
    idle_.wait(lock, [&] { return running_ == 0; });
  }

  void Send(Telemetry batch, Done done) override {
    if (config_.ResourceLabels().enabled) {
      CopyResourceAttributes(config_.ResourceLabels(), batch.MutableMetrics());
    }
    RemoteWriteBatch series(config_.version, external_labels_);
    otlp::PrometheusTranslator translator(translation_, series);
    translator.Translate(batch.metrics());
    NoteErrors(translator.result());
    translated_series_.Increment(static_cast<double>(series.series()));
    std::vector<std::string> messages =
        series.MakeRequests(static_cast<size_t>(config_.max_batch_size_bytes), config_.send_metadata);
    if (messages.empty()) return done({});
    auto job = std::make_shared<Job>();
    job->messages = std::move(messages);
    job->done = std::move(done);
    size_t at_once = std::min(config_.Parallelism(), job->messages.size());
    job->running = at_once;
    {
      std::lock_guard lock(mutex_);
      running_ += at_once;
    }
    for (size_t i = 0; i < at_once; ++i) SendNext(job);
  }

 private:
  // A batch on its way.
  struct Job {
    std::vector<std::string> messages;
    Done done;
    std::mutex mutex;
    size_t next = 0;     // guarded by mutex, as what follows
    size_t running = 0;  // senders
    Refusal refusal;
    bool is_refused = false;
  };
  struct Request {
    Request(net::IoContext& io, core::Executor& executor) : timer(io, executor, core::Priority::kIngest) {}
    std::shared_ptr<Job> job;
    std::string body;  // compressed
    int64_t first_ns = 0;
    double interval_ms = 0;
    net::Timer timer;
  };

  static core::Counter& CounterOf(const ComponentSettings& settings, std::string_view name,
                                  std::string_view help) {
    return settings.environment.telemetry.AddCounter(name, help, {{"exporter", settings.id.Text()}});
  }

  // Counts what could not be translated, and says each reason once.
  void NoteErrors(const otlp::Translation& result) {
    failed_translations_.Increment(static_cast<double>(result.error_count));
    for (const std::string& error : result.errors) {
      {
        std::lock_guard lock(mutex_);
        if (known_errors_.size() >= kMaxKnownErrors || !known_errors_.insert(error).second) continue;
      }
      logger_.Warn("failed to translate metrics, exporting remaining metrics", {{"err", error}});
    }
  }

  // Takes the job's next message, or ends this sender.
  void SendNext(const std::shared_ptr<Job>& job) {
    std::string message;
    {
      std::lock_guard lock(job->mutex);
      if (job->next < job->messages.size()) message = std::move(job->messages[job->next++]);
    }
    if (message.empty()) return EndSender(job);
    auto request = std::make_shared<Request>(environment_.io, environment_.executor);
    request->job = job;
    request->body = remote::CompressSnappy(message);
    request->first_ns = environment_.clock.MonotonicNs();
    request->interval_ms = static_cast<double>(config_.retry_on_failure.initial_interval_ms);
    Post(request);
  }

  void EndSender(const std::shared_ptr<Job>& job) {
    Done done;
    Outcome outcome;
    {
      std::lock_guard lock(job->mutex);
      if (--job->running == 0) {
        done = std::move(job->done);
        if (job->is_refused) outcome = tl::unexpected(job->refusal);
      }
    }
    if (done) done(std::move(outcome));
    std::lock_guard lock(mutex_);
    if (--running_ == 0) idle_.notify_all();
  }

  Result<net::FetchRequest> FetchOf(const Request& request) const {
    net::FetchRequest fetch = RequestOf(config_.Client());
    fetch.method = "POST";
    fetch.url = config_.Client().endpoint;
    bool is_v1 = config_.version == wire::WriteVersion::kV1;
    auto set = [&](std::string_view name, std::string_view value) {
      if (fetch.headers.Get(name).empty()) fetch.headers.Set(name, value);
    };
    fetch.headers.Set("Content-Encoding", "snappy");
    fetch.headers.Set("Content-Type", is_v1 ? "application/x-protobuf"
                                            : "application/x-protobuf;proto=io.prometheus.write.v2.Request");
    set("X-Prometheus-Remote-Write-Version", is_v1 ? "0.1.0" : "2.0.0");
    set("User-Agent", "sextant/" + environment_.version);
    if (authenticator_ != nullptr) {
      SEXTANT_ASSIGN(ClientAuthenticator::Headers headers, authenticator_->RequestHeaders());
      for (const auto& [name, value] : headers) fetch.headers.Set(name, value);
    }
    fetch.body = request.body;
    if (cookies_) cookies_->AddTo(fetch);
    return fetch;
  }

  void Post(const std::shared_ptr<Request>& request) {
    Result<net::FetchRequest> fetch = FetchOf(*request);
    if (!fetch) return Finish(request, Refusal{.message = fetch.error().message(), .is_permanent = true});
    sent_batches_.Increment();
    environment_.http.Fetch(
        std::move(*fetch), {.executor = &environment_.executor, .priority = core::Priority::kIngest},
        [this, request](Result<net::FetchResponse> response) { Take(request, std::move(response)); });
  }

  void Take(const std::shared_ptr<Request>& request, Result<net::FetchResponse> response) {
    if (!response) return TryLater(request, response.error().message());
    if (cookies_) cookies_->Take(*response);
    int status = response->status;
    if (status >= 200 && status < 300) return SendNext(request->job);
    std::string message = fmt::format("remote write returned HTTP status {}: {}", status,
                                      std::string_view(response->body).substr(0, kShownBodyBytes));
    bool is_worth_another = (status >= 500 && status < 600) || status == 429;
    if (is_worth_another) return TryLater(request, std::move(message));
    Finish(request, Refusal{.message = std::move(message), .is_permanent = true});
  }

  void TryLater(const std::shared_ptr<Request>& request, std::string message) {
    const RetryConfig& retry = config_.retry_on_failure;
    double spread = retry.randomization_factor * request->interval_ms;
    double delay_ms = request->interval_ms;
    int64_t spent_ms = (environment_.clock.MonotonicNs() - request->first_ns) / 1'000'000;
    bool may_wait = retry.enabled;
    {
      std::lock_guard lock(mutex_);
      if (spread > 0) delay_ms += std::uniform_real_distribution<double>(-spread, spread)(random_);
      bool is_over = retry.max_elapsed_time_ms > 0 && static_cast<double>(spent_ms) + delay_ms >
                                                          static_cast<double>(retry.max_elapsed_time_ms);
      may_wait &= !is_over && !is_stopping_;
      if (may_wait) waiting_.insert(request);
    }
    if (!may_wait) return Finish(request, Refusal{.message = std::move(message), .is_permanent = true});
    request->interval_ms =
        std::min(request->interval_ms * retry.multiplier, static_cast<double>(retry.max_interval_ms));
    logger_.Debug("remote write failed, will try again", {{"err", message}, {"delay_ms", delay_ms}});
    request->timer.StartAfter(static_cast<core::DurationMs>(delay_ms), [this, request] { Retry(request); });
  }

  void Retry(const std::shared_ptr<Request>& request) {
    {
      std::lock_guard lock(mutex_);
      // Once only, also when a shutdown has started the timer again.
      if (waiting_.erase(request) == 0) return;
    }
    Post(request);
  }

  // A request that was not taken; the job's others go on.
  void Finish(const std::shared_ptr<Request>& request, Refusal refusal) {
    const std::shared_ptr<Job>& job = request->job;
    {
      std::lock_guard lock(job->mutex);
      if (job->is_refused) {
        job->refusal.message += "; " + refusal.message;
      } else {
        job->refusal = std::move(refusal);
        job->is_refused = true;
      }
    }
    SendNext(job);
  }

  const RemoteWriteExporterConfig config_;
  Environment& environment_;
  const core::Logger logger_;
  const std::unique_ptr<CookieJar> cookies_;  // or null
  const otlp::PrometheusSettings translation_;
  const model::Labels external_labels_;
  core::Counter& failed_translations_;
  core::Counter& translated_series_;
  core::Counter& sent_batches_;
  ClientAuthenticator* authenticator_ = nullptr;

  std::mutex mutex_;
  std::condition_variable idle_;
  std::set<std::shared_ptr<Request>> waiting_;  // for their next try; guarded by mutex_, as what follows
  std::set<std::string> known_errors_;
  std::minstd_rand random_{std::random_device{}()};
  size_t running_ = 0;  // senders
  bool is_stopping_ = false;
};

Made<Exporter> MakeRemoteWrite(const ComponentSettings& settings, const RemoteWriteExporterConfig& config,
                               Signal signal) {
  const std::string& endpoint = config.Client().endpoint;
  if (!endpoint.starts_with("http://") && !endpoint.starts_with("https://")) {
    return Fail(Code::kInvalidArgument, "invalid endpoint");
  }
  otlp::LabelNamer namer{config.Translation().allows_utf8, true, true};
  model::LabelsBuilder labels;
  for (const auto& [name, value] : config.external_labels) {
    SEXTANT_ASSIGN(std::string built, namer.Build(name));
    labels.Set(built, value);
  }
  std::optional<QueueConfig> queue;
  if (config.remote_write_queue.enabled) {
    queue.emplace();
    // One batch after the other, or samples of a series would overtake each other.
    queue->num_consumers = 1;
    queue->queue_size = config.remote_write_queue.queue_size;
  }
  RetryConfig no_retry;  // the sender tries again itself
  no_retry.enabled = false;
  return MakeQueuedExporter(settings, signal, queue, no_retry,
                            std::make_unique<RemoteWriteSender>(settings, config, labels.Build()));
}

}  // namespace

ComponentType PrometheusRemoteWriteExporterType() {
  return ExporterType<RemoteWriteExporterConfig>("prometheusremotewrite", {"prometheus_remote_write"},
                                                 {Signal::kMetrics}, &MakeRemoteWrite);
}

}  // namespace sextant::pipeline
