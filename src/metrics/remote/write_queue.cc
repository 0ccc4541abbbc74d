#include "metrics/remote/write_queue.h"

#include <algorithm>
#include <charconv>

#include "config/url_text.h"
#include "httpclient/azure_ad.h"
#include "httpclient/google_iam.h"
#include "httpclient/settings.h"
#include "httpclient/sigv4.h"
#include "metrics/remote/snappy_block.h"
#include "net/request_span.h"
#include "net/retry_after.h"

namespace sextant::remote {

namespace {

using core::Result;
using core::Status;
using wire::WriteVersion;

constexpr core::DurationMs kTickMs = 100;
constexpr int64_t kPlanNs = 10'000'000'000;
constexpr int64_t kSaveNs = 15'000'000'000;
constexpr size_t kMaxAnswerBytes = 1 << 20;
constexpr size_t kBatchesPerTask = 256;
constexpr core::Priority kPriority = core::Priority::kAlerting;

WriteVersion VersionOf(const config::RemoteWriteConfig& config) {
  return config.protobuf_message == wire::MessageName(WriteVersion::kV2) ? WriteVersion::kV2
                                                                         : WriteVersion::kV1;
}

// Which shard a series goes through.
size_t ShardOf(model::SeriesRef ref, size_t shards) {
  uint64_t mixed = ref * 0x9e3779b97f4a7c15;
  return (mixed ^ mixed >> 32) % shards;
}

// A count in an answer's header; nothing when it is not there.
std::optional<uint64_t> CountIn(const net::HttpHeaders& headers, std::string_view name) {
  std::string_view text = headers.Get(name);
  uint64_t count = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return count;
}

// What an answer of 2.0 says was written.
struct Written {
  bool is_stated = false;
  uint64_t samples = 0;
  uint64_t histograms = 0;
  uint64_t exemplars = 0;
};

Written WrittenIn(const net::HttpHeaders& headers) {
  Written written;
  auto take = [&](std::string_view name, uint64_t& count) {
    std::optional<uint64_t> stated = CountIn(headers, name);
    written.is_stated |= stated.has_value();
    count = stated.value_or(0);
  };
  take("X-Prometheus-Remote-Write-Samples-Written", written.samples);
  take("X-Prometheus-Remote-Write-Histograms-Written", written.histograms);
  take("X-Prometheus-Remote-Write-Exemplars-Written", written.exemplars);
  return written;
}

// Whether a receiver refuses samples since it has these or newer ones of their series, as Prometheus and its
// kin word it.
bool SaysOlderThanStored(std::string_view body) {
  constexpr std::string_view kPhrases[] = {"out of order sample", "out-of-order", "duplicate sample",
                                           "duplicate-timestamp", "too old sample"};
  return std::ranges::any_of(
      kPhrases, [&](std::string_view phrase) { return body.find(phrase) != std::string_view::npos; });
}

std::string FirstLine(std::string_view text) {
  constexpr size_t kMaxBytes = 256;
  return std::string(text.substr(0, std::min({text.find('\n'), kMaxBytes, text.size()})));
}

// The family of a metric by its name, as far as names tell.
std::string_view WithoutSuffix(std::string_view name) {
  for (std::string_view suffix : {"_total", "_bucket", "_sum", "_count", "_created", "_info"}) {
    if (name.size() > suffix.size() && name.ends_with(suffix)) {
      return name.substr(0, name.size() - suffix.size());
    }
  }
  return {};
}

net::FetchRequest BaseRequest(const config::RemoteWriteConfig& config, const WriteServices& services,
                              wire::WriteVersion version) {
  net::FetchRequest request;
  request.method = "POST";
  request.url = config.url;
  request.timeout_ms = config.remote_timeout_ms;
  request.shuffles_addresses = config.round_robin_dns;
  request.max_body_bytes = kMaxAnswerBytes;
  for (const auto& [name, value] : config.headers) request.headers.Set(name, value);
  request.headers.Set("Content-Encoding", "snappy");
  bool is_v1 = version == wire::WriteVersion::kV1;
  request.headers.Set("Content-Type", is_v1 ? "application/x-protobuf"
                                            : "application/x-protobuf;proto=io.prometheus.write.v2.Request");
  request.headers.Set("X-Prometheus-Remote-Write-Version", is_v1 ? "0.1.0" : "2.0.0");
  request.headers.Set("User-Agent", services.user_agent);
  httpclient::ApplyHttpConfig(config.http, services.clock, request);
  if (config.sigv4) request.authorizer = httpclient::MakeSigV4Authorizer(*config.sigv4, services.clock);
  if (config.azuread) request.authorizer = httpclient::MakeAzureAuthorizer(*config.azuread, services.clock);
  if (config.google_iam) {
    request.authorizer = httpclient::MakeGoogleAuthorizer(*config.google_iam, services.clock);
  }
  return request;
}

}  // namespace

WriteQueue::WriteQueue(WriteServices& services, Settings settings)
    : services_(services),
      settings_(std::move(settings)),
      version_(VersionOf(settings_.config)),
      logger_(services.logger.With("remote_name", settings_.config.name)
                  .With("url", config::RedactUrl(settings_.config.url))),
      request_(BaseRequest(settings_.config, services, version_)),
      metrics_(std::make_unique<WriteMetrics>(services.registry, settings_.config.name,
                                              config::RedactUrl(settings_.config.url))),
      tick_timer_(services.io, services.executor, kPriority),
      planner_(settings_.config.queue.min_shards, settings_.config.queue.max_shards) {}

WriteQueue::~WriteQueue() { SEXTANT_CHECK(is_stopped_ || progress_ == nullptr); }

Status WriteQueue::Start() {
  const config::RemoteQueueConfig& queue = settings_.config.queue;
  std::string path = core::JoinPath(services_.data_dir, settings_.key + ".position");
  SEXTANT_ASSIGN(WriteProgress progress, WriteProgress::Load(services_.files, path));
  std::vector<ShardProgress> known = progress.shards();
  WritePosition end{services_.log.End(), 0};
  if (known.empty()) known.assign(static_cast<size_t>(queue.min_shards), {end, end});
  for (ShardProgress& shard : known) {
    // Of a log that is gone: Prometheus has had the data directory meanwhile.
    if (shard.done > end) shard = {end, end};
    if (shard.sent_upto > end) shard.sent_upto = shard.done;
  }
  WritePosition first = known.front().done;
  for (const ShardProgress& shard : known) {
    first = std::min(first, shard.done);
    std::unique_ptr<Shard> made = MakeShard();
    made->skip_before = shard.done;
    made->sent_upto = shard.sent_upto;
    made->may_have_arrived = shard.sent_upto > shard.done;
    shards_.push_back(std::move(made));
  }
  read_upto_ = first;
  reader_ = services_.log.NewReader(first.batch);
  SEXTANT_TRY(progress.Reset(known));
  progress_ = std::make_unique<WriteProgress>(std::move(progress));
  wanted_shards_ = std::clamp(static_cast<int64_t>(shards_.size()), queue.min_shards, queue.max_shards);
  metrics_->shard_capacity.Set(static_cast<double>(queue.capacity));
  metrics_->shards_min.Set(static_cast<double>(queue.min_shards));
  metrics_->shards_max.Set(static_cast<double>(queue.max_shards));
  metrics_->max_samples_per_send.Set(static_cast<double>(queue.max_samples_per_send));
  int64_t now_ns = services_.clock.MonotonicNs();
  next_plan_ns_ = now_ns + kPlanNs;
  next_save_ns_ = now_ns + kSaveNs;
  next_metadata_ns_ = now_ns + settings_.config.metadata.send_interval_ms * 1'000'000;
  ScheduleTick();
  return {};
}

std::unique_ptr<WriteQueue::Shard> WriteQueue::MakeShard() const {
  auto shard = std::make_unique<Shard>();
  shard->timer = std::make_unique<net::Timer>(services_.io, services_.executor, kPriority);
  return shard;
}

void WriteQueue::Stop(core::DurationMs flush_ms) {
  {
    std::unique_lock lock(mutex_);
    if (is_stopped_) return;
    if (flush_ms > 0) {
      is_flushing_ = true;
      is_at_end_ = false;  // what was committed last may not have been read
      RequestPump();
      changed_.wait_for(lock, std::chrono::milliseconds(flush_ms),
                        [&] { return IsDrained() || has_failed_; });
    }
    is_stopped_ = true;
  }
  tick_timer_.Cancel();
  std::vector<net::FetchHandle> fetches;
  for (const auto& shard : shards_) shard->timer->Cancel();
  {
    std::lock_guard lock(mutex_);
    for (const auto& shard : shards_) fetches.push_back(shard->fetch);
    fetches.push_back(metadata_fetch_);
  }
  for (net::FetchHandle& fetch : fetches) fetch.Cancel();
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return tasks_ == 0; });
  }
  NoteProgress();
  reader_ = nullptr;
  // A queue that takes this one's place may have metrics of the same labels, and this one may live on for as
  // long as a task takes to end.
  metrics_ = nullptr;
}

uint64_t WriteQueue::FirstNeededFile() const {
  std::lock_guard lock(mutex_);
  WritePosition first = read_upto_;
  for (const auto& shard : shards_) first = std::min(first, DoneOf(*shard));
  return first.batch.file;
}

// ---- Reading

void WriteQueue::ScheduleTick() {
  tick_timer_.StartAfter(kTickMs, [self = shared_from_this()] { self->Tick(); });
}

void WriteQueue::Tick() {
  std::lock_guard lock(mutex_);
  if (is_stopped_) return;
  int64_t now_ns = services_.clock.MonotonicNs();
  if (now_ns >= next_plan_ns_) {
    next_plan_ns_ = now_ns + kPlanNs;
    PlanShards();
  }
  if (now_ns >= next_save_ns_) {
    next_save_ns_ = now_ns + kSaveNs;
    Submit([this] { NoteProgress(); });
  }
  if (version_ == WriteVersion::kV1 && settings_.config.metadata.send && now_ns >= next_metadata_ns_) {
    next_metadata_ns_ = now_ns + settings_.config.metadata.send_interval_ms * 1'000'000;
    if (!is_sending_metadata_) {
      is_sending_metadata_ = true;
      if (!Submit([this] { SendMetadata(); })) is_sending_metadata_ = false;
    }
  }
  RequestPump();
  StartDueSends();
  UpdateGauges();
  ScheduleTick();
}

// With the lock: runs a task that holds this queue; false when there is no room for it, or no time left.
bool WriteQueue::Submit(core::Executor::Task task) {
  if (is_stopped_) return false;
  ++tasks_;
  Status submitted = services_.executor.Submit(kPriority, [self = shared_from_this(), run = std::move(task)] {
    run();
    std::lock_guard lock(self->mutex_);
    --self->tasks_;
    self->changed_.notify_all();
  });
  if (!submitted) --tasks_;
  return submitted.has_value();
}

void WriteQueue::RequestPump() {
  if (is_pumping_) {
    wants_pump_ = true;
    return;
  }
  is_pumping_ = true;
  if (!Submit([this] { Pump(); })) is_pumping_ = false;
}

void WriteQueue::Pump() {
  for (size_t i = 0; i < kBatchesPerTask; ++i) {
    if (PumpOnce()) continue;
    std::lock_guard lock(mutex_);
    if (!wants_pump_ || is_stopped_) {
      is_pumping_ = false;
      changed_.notify_all();
      return;
    }
    wants_pump_ = false;
  }
  // Others' work comes in between.
  std::lock_guard lock(mutex_);
  if (Submit([this] { Pump(); })) return;
  is_pumping_ = false;
  changed_.notify_all();
}

// Reads a batch and puts it into the shards; false when that cannot go on now.
bool WriteQueue::PumpOnce() {
  {
    std::lock_guard lock(mutex_);
    if (is_stopped_) return false;
    if (wanted_shards_ != static_cast<int64_t>(shards_.size())) {
      if (!MayReshard()) return false;
      Reshard();
    }
  }
  if (next_resolved_ == resolved_.size()) {
    Result<bool> has_batch = reader_->Next(batch_);
    if (!has_batch || !*has_batch) {
      std::string trouble = has_batch ? "" : has_batch.error().message();
      if (!trouble.empty() && trouble != last_trouble_) {
        logger_.Error("the journal cannot be read; it is tried again", {{"error", trouble}});
      }
      last_trouble_ = std::move(trouble);
      std::lock_guard lock(mutex_);
      is_at_end_ = true;
      StartDueSends();
      return false;
    }
    Resolve();
  }
  return Distribute();
}

// What the labels __type__ and __unit__ say counts more than what was said of the family.
std::shared_ptr<const model::MetricMetadata> AsLabelsSay(const model::Labels& labels,
                                                         std::shared_ptr<const model::MetricMetadata> known) {
  std::string_view type = labels.Get("__type__");
  std::string_view unit = labels.Get("__unit__");
  if (type.empty() && unit.empty()) return known;
  auto said = std::make_shared<model::MetricMetadata>(known == nullptr ? model::MetricMetadata() : *known);
  if (!type.empty()) said->type = type;
  if (!unit.empty()) said->unit = unit;
  return said;
}

std::shared_ptr<const WriteQueue::Series> WriteQueue::SeriesOf(model::SeriesRef ref) {
  std::shared_ptr<Series>& series = series_[ref];
  if (series == nullptr) {
    series = std::make_shared<Series>();
    std::optional<model::Labels> labels = reader_->LabelsOf(ref);
    series->is_unknown = !labels.has_value();
    if (labels) {
      model::LabelsBuilder builder(*labels);
      for (model::LabelView label : settings_.external_labels) {
        if (!labels->Has(label.name)) builder.Set(label.name, label.value);
      }
      if (settings_.rules.empty() || settings_.rules.Apply(builder)) series->labels = builder.Build();
      if (version_ == WriteVersion::kV2 && !series->labels.empty()) {
        series->metadata = AsLabelsSay(*labels, MetadataOf(ref, labels->metric_name()));
      }
    }
  }
  series->last_file = batch_.begin.file;
  return series;
}

std::shared_ptr<const model::MetricMetadata> WriteQueue::MetadataOf(model::SeriesRef ref,
                                                                    std::string_view metric) const {
  if (std::shared_ptr<const model::MetricMetadata> known = reader_->MetadataOf(ref)) return known;
  for (std::string_view family : {metric, WithoutSuffix(metric)}) {
    if (family.empty()) continue;
    FamilyMetadata found = services_.metadata(family);
    if (!found.empty() && !found.begin()->second.empty()) {
      return std::make_shared<const model::MetricMetadata>(found.begin()->second.back());
    }
  }
  return nullptr;
}

// Series that had no sample in the last files are looked up again when they have one.
void WriteQueue::ForgetIdleSeries(uint64_t file) {
  constexpr uint64_t kFiles = 2;
  if (file == series_file_) return;
  series_file_ = file;
  absl::erase_if(series_, [&](const auto& entry) { return entry.second->last_file + kFiles < file; });
}

// Makes items of the batch that was read, without those that are not sent.
void WriteQueue::Resolve() {
  ForgetIdleSeries(batch_.begin.file);
  metrics_->journal_file.Set(static_cast<double>(batch_.begin.file));
  resolved_.clear();
  next_resolved_ = 0;
  size_t index = 0;
  double dropped = 0;
  auto add = [&](Item item, WriteMetrics::PerKind& kind) {
    if (!item.series->labels.empty()) {
      resolved_.push_back(std::move(item));
      return;
    }
    (item.series->is_unknown ? kind.dropped_unknown_series : kind.dropped_by_relabelling).Increment();
    ++dropped;
  };
  for (model::CommittedSample& sample : batch_.samples) {
    WritePosition position{batch_.begin, index++};
    bool is_histogram = sample.histogram != nullptr;
    if (is_histogram && !settings_.config.send_native_histograms) continue;
    if (is_histogram && version_ == WriteVersion::kV1 &&
        sample.histogram->schema == model::kCustomBucketsSchema) {
      metrics_->histograms_with_custom_buckets.Increment();
      continue;
    }
    add({SeriesOf(sample.ref), position, std::move(sample), nullptr},
        is_histogram ? metrics_->histograms : metrics_->samples);
  }
  for (model::CommittedExemplar& exemplar : batch_.exemplars) {
    WritePosition position{batch_.begin, index++};
    if (!settings_.config.send_exemplars) continue;
    model::CommittedSample place;
    place.ref = exemplar.ref;
    place.time_ms = exemplar.exemplar.time_ms;
    add({SeriesOf(exemplar.ref), position, std::move(place),
         std::make_unique<model::Exemplar>(std::move(exemplar.exemplar))},
        metrics_->exemplars);
  }
  std::lock_guard lock(mutex_);
  planner_.NoteIn(static_cast<double>(batch_.samples.size()));
  planner_.NoteDropped(dropped);
}

// Puts what was read into the shards; false when one of them is full.
bool WriteQueue::Distribute() {
  auto capacity = static_cast<size_t>(settings_.config.queue.capacity);
  std::lock_guard lock(mutex_);
  is_at_end_ = false;
  int64_t now_ns = services_.clock.MonotonicNs();
  for (; next_resolved_ < resolved_.size(); ++next_resolved_) {
    Item& item = resolved_[next_resolved_];
    Shard& shard = *shards_[ShardOf(item.sample.ref, shards_.size())];
    if (item.position < shard.skip_before) continue;
    if (shard.waiting.size() >= capacity) {
      read_upto_ = item.position;
      metrics_->enqueue_retries.Increment();
      StartDueSends();
      return false;
    }
    if (shard.waiting.empty()) shard.waiting_since_ns = now_ns;
    highest_ms_ = std::max(highest_ms_, item.sample.time_ms);
    KindOf(item).pending.Add(1);
    shard.waiting.push_back(std::move(item));
  }
  read_upto_ = {batch_.end, 0};
  StartDueSends();
  return true;
}

// ---- Sending

WriteMetrics::PerKind& WriteQueue::KindOf(const Item& item) {
  if (item.exemplar != nullptr) return metrics_->exemplars;
  return item.sample.histogram != nullptr ? metrics_->histograms : metrics_->samples;
}

// With the lock: starts a request of each shard that has enough samples, or has had some for long enough.
void WriteQueue::StartDueSends() {
  const config::RemoteQueueConfig& queue = settings_.config.queue;
  int64_t now_ns = services_.clock.MonotonicNs();
  bool flushes = is_flushing_ || wanted_shards_ != static_cast<int64_t>(shards_.size());
  for (size_t i = 0; i < shards_.size(); ++i) {
    Shard& shard = *shards_[i];
    if (shard.is_sending || shard.waiting.empty()) continue;
    bool is_due = flushes || shard.may_have_arrived ||
                  shard.waiting.size() >= static_cast<size_t>(queue.max_samples_per_send) ||
                  now_ns - shard.waiting_since_ns >= queue.batch_send_deadline_ms * 1'000'000;
    if (!is_due) continue;
    shard.is_sending = true;
    if (!Submit([this, i] { BuildAndSend(i); })) shard.is_sending = false;
  }
}

// With the lock: takes the next samples of a shard.
void WriteQueue::TakeItems(Shard& shard) {
  auto most = static_cast<size_t>(settings_.config.queue.max_samples_per_send);
  // What may have arrived before a restart goes alone: its samples may be refused as out of order, which
  // must not take others along.
  if (shard.waiting.front().position >= shard.sent_upto) shard.may_have_arrived = false;
  while (!shard.waiting.empty() && shard.under_way.size() < most) {
    Item& item = shard.waiting.front();
    if (shard.may_have_arrived && item.position >= shard.sent_upto) break;
    shard.under_way.push_back(std::move(item));
    shard.waiting.pop_front();
  }
  shard.waiting_since_ns = services_.clock.MonotonicNs();
}

// With the lock: drops what is too old to be sent.
void WriteQueue::DropOld(Shard& shard) {
  core::DurationMs limit_ms = settings_.config.queue.sample_age_limit_ms;
  if (limit_ms == 0) return;
  core::TimestampMs oldest_ms = services_.clock.NowMs() - limit_ms;
  std::erase_if(shard.under_way, [&](const Item& item) {
    if (item.sample.time_ms >= oldest_ms) return false;
    KindOf(item).dropped_too_old.Increment();
    KindOf(item).pending.Add(-1);
    return true;
  });
}

void WriteQueue::BuildAndSend(size_t number) {
  Shard* shard;
  bool is_sending;
  {
    std::lock_guard lock(mutex_);
    shard = shards_[number].get();
    TakeItems(*shard);
    DropOld(*shard);
    is_sending = !shard->under_way.empty();
    for (const Item& item : shard->under_way) KindOf(item).sent.Increment();
    if (!is_sending) EndSend(number);
  }
  // Before they are sent: after a kill it must be known which ones were under way.
  NoteProgress();
  if (!is_sending) return;
  shard->body = CompressSnappy(BuildMessage(shard->under_way));
  shard->attempts = 0;
  shard->backoff_ms = settings_.config.queue.min_backoff_ms;
  Send(number);
}

std::string WriteQueue::BuildMessage(const std::vector<Item>& items) const {
  // A series' samples together, in the order in which they came.
  std::vector<const Item*> sorted;
  sorted.reserve(items.size());
  for (const Item& item : items) sorted.push_back(&item);
  std::ranges::stable_sort(sorted, {}, [](const Item* item) { return item->series.get(); });
  wire::WriteRequestBuilder request(version_);
  for (size_t i = 0; i < sorted.size();) {
    const Series* series = sorted[i]->series.get();
    request.BeginSeries(series->labels);
    for (; i < sorted.size() && sorted[i]->series.get() == series; ++i) {
      const Item& item = *sorted[i];
      if (item.exemplar != nullptr) {
        request.AddExemplar(*item.exemplar);
      } else if (item.sample.histogram != nullptr) {
        request.AddHistogram(*item.sample.histogram, item.sample.time_ms, item.sample.start_ms);
      } else {
        request.AddSample({item.sample.time_ms, item.sample.value, item.sample.start_ms});
      }
    }
    request.EndSeries(series->metadata.get());
  }
  return request.Finish();
}

net::FetchRequest WriteQueue::MakeRequest(std::string body, uint64_t attempts) const {
  net::FetchRequest request = request_;
  request.body = std::move(body);
  if (attempts > 0) request.headers.Set("Retry-Attempt", fmt::format("{}", attempts));
  return request;
}

// Of one attempt to send a batch: the batch, the call, and the request. Null without tracing.
struct WriteQueue::SendSpans {
  core::Span batch;
  core::Span store;
  core::Span request;

  void End(const Result<net::FetchResponse>& answer) {
    net::NoteAnswer(answer, request);
    request.End();
    store.End();
    if (!answer) {
      batch.SetError(answer.error().message());
    } else if (answer->status / 100 != 2) {
      batch.SetError(fmt::format("server returned HTTP status {}", answer->status));
    }
    batch.End();
  }
};

std::shared_ptr<WriteQueue::SendSpans> WriteQueue::StartSpans(const Shard& shard,
                                                              net::FetchRequest& request) const {
  if (services_.tracer == nullptr || !services_.tracer->is_on()) return nullptr;
  auto spans = std::make_shared<SendSpans>();
  spans->batch = core::StartSpan(services_.tracer, "Remote Send Batch");
  if (spans->batch.is_recorded()) {
    spans->batch.SetAttribute("request_size", static_cast<int64_t>(shard.body.size()));
    spans->batch.SetAttribute("samples", static_cast<int64_t>(shard.under_way.size()));
    spans->batch.SetAttribute("try", static_cast<int64_t>(shard.attempts));
    spans->batch.SetAttribute("remote_name", settings_.config.name);
    spans->batch.SetAttribute("remote_url", config::RedactUrl(settings_.config.url));
  }
  spans->store = core::StartSpan(services_.tracer, "Remote Store",
                                 {.kind = core::SpanKind::kClient, .parent = &spans->batch.context()});
  spans->request = net::StartFetchSpan(services_.tracer, "HTTP POST", &spans->store.context(), request);
  return spans;
}

void WriteQueue::Send(size_t number) {
  Shard* shard;
  {
    std::lock_guard lock(mutex_);
    shard = shards_[number].get();
    if (is_stopped_) return;
  }
  net::FetchRequest request = MakeRequest(shard->body, shard->attempts);
  Status prepared = httpclient::ReadSecretFiles(settings_.config.http, request);
  if (!prepared) return Retry(number, 0, prepared.error().message());
  const auto spans = StartSpans(*shard, request);
  int64_t begun_ns = services_.clock.MonotonicNs();
  {
    std::lock_guard lock(mutex_);
    if (is_stopped_) return;
    ++tasks_;
    shard->begun_ns = begun_ns;
  }
  net::FetchHandle fetch =
      services_.client.Fetch(std::move(request), {&services_.executor, kPriority},
                             [self = shared_from_this(), number, spans](Result<net::FetchResponse> answer) {
                               if (spans) spans->End(answer);
                               self->OnAnswer(number, answer);
                               self->NoteProgress();
                               std::lock_guard task_lock(self->mutex_);
                               --self->tasks_;
                               self->changed_.notify_all();
                             });
  std::lock_guard lock(mutex_);
  if (shard->begun_ns != begun_ns) return;  // answered, and the next is under way
  shard->fetch = fetch;
  if (is_stopped_) shard->fetch.Cancel();
}

void WriteQueue::OnAnswer(size_t number, const Result<net::FetchResponse>& answer) {
  Shard* shard;
  {
    std::lock_guard lock(mutex_);
    shard = shards_[number].get();
    double seconds = static_cast<double>(services_.clock.MonotonicNs() - shard->begun_ns) / 1e9;
    metrics_->sent_batch_seconds.Observe(seconds);
    metrics_->bytes.Increment(static_cast<double>(shard->body.size()));
    planner_.NoteOut(answer ? static_cast<double>(shard->under_way.size()) : 0, seconds);
  }
  if (!answer) return Retry(number, 0, answer.error().message());
  int status = answer->status;
  if (status / 100 == 5 || (status == 429 && settings_.config.queue.retry_on_http_429)) {
    return Retry(number, net::RetryAfterMs(answer->headers.Get("Retry-After"), services_.clock.NowMs()),
                 fmt::format("server returned HTTP status {}: {}", status, FirstLine(answer->body)));
  }
  Settle(number, *answer);
}

void WriteQueue::Retry(size_t number, core::DurationMs retry_after_ms, const std::string& why) {
  Shard* shard;
  bool is_changed;
  core::DurationMs delay_ms;
  {
    std::lock_guard lock(mutex_);
    shard = shards_[number].get();
    has_failed_ = true;
    changed_.notify_all();
    if (is_stopped_) return;
    delay_ms = retry_after_ms > 0 ? retry_after_ms : shard->backoff_ms;
    logger_.Warn(
        "failed to send a batch, it is tried again",
        {{"error", why}, {"shard", number}, {"attempt", shard->attempts + 1}, {"delay_ms", delay_ms}});
    for (const Item& item : shard->under_way) KindOf(item).retried.Increment();
    shard->backoff_ms = std::min(shard->backoff_ms * 2, settings_.config.queue.max_backoff_ms);
    ++shard->attempts;
    size_t before = shard->under_way.size();
    DropOld(*shard);
    if (shard->under_way.empty()) return EndSend(number);
    is_changed = shard->under_way.size() != before;
  }
  // Until the next attempt nobody else touches what is under way.
  if (is_changed) shard->body = CompressSnappy(BuildMessage(shard->under_way));
  std::lock_guard lock(mutex_);
  if (is_stopped_) return;
  shard->timer->StartAfter(delay_ms, [self = shared_from_this(), number] { self->Send(number); });
}

// An answer that ends the matter, for better or worse.
void WriteQueue::Settle(size_t number, const net::FetchResponse& answer) {
  bool is_good = answer.status / 100 == 2;
  Written written = WrittenIn(answer.headers);
  std::lock_guard lock(mutex_);
  Shard& shard = *shards_[number];
  uint64_t samples = 0;
  uint64_t histograms = 0;
  uint64_t exemplars = 0;
  for (const Item& item : shard.under_way) {
    ++(item.exemplar ? exemplars : item.sample.histogram ? histograms : samples);
    highest_sent_ms_ = std::max(highest_sent_ms_, item.sample.time_ms);
  }
  bool says_count = version_ == WriteVersion::kV2 && (written.is_stated || is_good);
  bool had_arrived = shard.may_have_arrived && answer.status == 400 && SaysOlderThanStored(answer.body);
  if (had_arrived) {
    logger_.Info("samples that were under way when the process ended are refused: they had arrived",
                 {{"shard", number}, {"samples", samples}, {"answer", FirstLine(answer.body)}});
  } else if (says_count || !is_good) {
    auto count_failed = [&](WriteMetrics::PerKind& kind, uint64_t sent, uint64_t taken) {
      if (!says_count) taken = 0;
      kind.failed.Increment(static_cast<double>(sent - std::min(sent, taken)));
    };
    count_failed(metrics_->samples, samples, written.samples);
    count_failed(metrics_->histograms, histograms, written.histograms);
    count_failed(metrics_->exemplars, exemplars, written.exemplars);
  }
  if (is_good && version_ == WriteVersion::kV2 && !written.is_stated) {
    logger_.Error(
        "the answer is good but does not say how much was written: the receiver knows only version 1.0 and "
        "does not check the Content-Type",
        {{"status", answer.status}});
  } else if (!is_good && !had_arrived) {
    logger_.Error("non-recoverable error, samples are dropped", {{"status", answer.status},
                                                                 {"error", FirstLine(answer.body)},
                                                                 {"shard", number},
                                                                 {"samples", samples},
                                                                 {"histograms", histograms},
                                                                 {"exemplars", exemplars}});
  }
  has_failed_ = false;
  EndSend(number);
}

// With the lock.
void WriteQueue::EndSend(size_t number) {
  Shard& shard = *shards_[number];
  for (const Item& item : shard.under_way) KindOf(item).pending.Add(-1);
  shard.under_way.clear();
  shard.body = std::string();
  shard.is_sending = false;
  if (!is_at_end_ || wanted_shards_ != static_cast<int64_t>(shards_.size())) RequestPump();
  StartDueSends();
  changed_.notify_all();
}

// ---- Positions and shards; all with the lock

WritePosition WriteQueue::DoneOf(const Shard& shard) const {
  if (!shard.under_way.empty()) return shard.under_way.front().position;
  if (!shard.waiting.empty()) return shard.waiting.front().position;
  return std::max(read_upto_, shard.skip_before);
}

ShardProgress WriteQueue::ProgressOf(const Shard& shard) const {
  ShardProgress progress{DoneOf(shard), DoneOf(shard)};
  if (!shard.under_way.empty()) {
    const WritePosition& last = shard.under_way.back().position;
    progress.sent_upto = {last.batch, last.index + 1};
  } else if (shard.may_have_arrived) {
    progress.sent_upto = std::max(progress.done, shard.sent_upto);
  }
  return progress;
}

// Without the lock: brings the file up to what holds at this moment.
void WriteQueue::NoteProgress() {
  std::lock_guard order(progress_mutex_);
  std::vector<ShardProgress> now;
  {
    std::lock_guard lock(mutex_);
    now.reserve(shards_.size());
    for (const auto& shard : shards_) now.push_back(ProgressOf(*shard));
  }
  if (Status noted = progress_->Update(now); !noted) {
    logger_.Error("the positions of remote write were not noted", {{"error", noted.error()}});
  }
}

bool WriteQueue::IsDrained() const { return is_at_end_ && !is_pumping_ && MayReshard(); }

bool WriteQueue::MayReshard() const {
  return std::ranges::all_of(shards_,
                             [](const auto& shard) { return !shard->is_sending && shard->waiting.empty(); });
}

void WriteQueue::PlanShards() {
  core::TimestampMs newest_ms = is_at_end_ ? highest_ms_ : services_.log.NewestTimeMs();
  bool is_behind = highest_sent_ms_ != 0 && newest_ms > highest_sent_ms_;
  double lag_seconds = is_behind ? static_cast<double>(newest_ms - highest_sent_ms_) / 1000 : 0;
  int64_t wanted =
      planner_.Tick(static_cast<double>(kPlanNs) / 1e9, static_cast<int64_t>(shards_.size()), lag_seconds);
  metrics_->shards_desired.Set(static_cast<double>(wanted));
  // More shards do not help a receiver that does not answer.
  if (!has_failed_) wanted_shards_ = wanted;
}

void WriteQueue::Reshard() {
  // What was dealt with before a restart is read again until the furthest shard's position is reached; until
  // then the shards must stay as they were.
  for (const auto& shard : shards_) {
    if (std::max(shard->skip_before, shard->sent_upto) > read_upto_) return;
  }
  auto count = static_cast<size_t>(wanted_shards_);
  logger_.Info("the number of shards changes", {{"from", shards_.size()}, {"to", count}});
  for (; shards_.size() > count; shards_.pop_back()) spare_shards_.push_back(std::move(shards_.back()));
  while (shards_.size() < count) {
    if (spare_shards_.empty()) spare_shards_.push_back(MakeShard());
    shards_.push_back(std::move(spare_shards_.back()));
    spare_shards_.pop_back();
  }
}

void WriteQueue::UpdateGauges() {
  metrics_->shards.Set(static_cast<double>(shards_.size()));
  metrics_->highest_timestamp.Set(static_cast<double>(highest_ms_ / 1000));
  metrics_->highest_sent_timestamp.Set(static_cast<double>(highest_sent_ms_ / 1000));
}

// ---- Metadata, with 1.0

void WriteQueue::SendMetadata() {
  auto most = static_cast<size_t>(settings_.config.metadata.max_samples_per_send);
  auto bodies = std::make_shared<std::vector<MetadataBody>>();
  wire::WriteRequestBuilder request(version_);
  size_t entries = 0;
  auto finish = [&] {
    if (entries == 0) return;
    bodies->push_back({CompressSnappy(request.Finish()), entries});
    entries = 0;
  };
  for (const auto& [family, statements] : services_.metadata("")) {
    for (const model::MetricMetadata& metadata : statements) {
      request.AddFamilyMetadata(family, metadata);
      if (++entries >= most) finish();
    }
  }
  finish();
  SendNextMetadata(bodies, 0);
}

// One request after the other. What fails is sent again with the next round.
void WriteQueue::SendNextMetadata(const std::shared_ptr<std::vector<MetadataBody>>& bodies, size_t at) {
  if (at == bodies->size()) {
    std::lock_guard lock(mutex_);
    is_sending_metadata_ = false;
    return;
  }
  net::FetchRequest request = MakeRequest((*bodies)[at].bytes, 0);
  Status prepared = httpclient::ReadSecretFiles(settings_.config.http, request);
  {
    std::lock_guard lock(mutex_);
    if (!prepared || is_stopped_) {
      is_sending_metadata_ = false;
      return;
    }
    ++tasks_;
    metadata_at_ = at;
  }
  net::FetchHandle fetch = services_.client.Fetch(
      std::move(request), {&services_.executor, kPriority},
      [self = shared_from_this(), bodies, at](const Result<net::FetchResponse>& answer) {
        auto entries = static_cast<double>((*bodies)[at].entries);
        bool is_good = answer && answer->status / 100 == 2;
        (is_good ? self->metrics_->metadata : self->metrics_->metadata_failed).Increment(entries);
        self->metrics_->metadata_bytes.Increment(static_cast<double>((*bodies)[at].bytes.size()));
        self->SendNextMetadata(bodies, is_good ? at + 1 : bodies->size());
        std::lock_guard task_lock(self->mutex_);
        --self->tasks_;
        self->changed_.notify_all();
      });
  std::lock_guard lock(mutex_);
  if (metadata_at_ != at) return;
  metadata_fetch_ = fetch;
  if (is_stopped_) metadata_fetch_.Cancel();
}

}  // namespace sextant::remote
