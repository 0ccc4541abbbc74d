#include "metrics/remote/write_receiver.h"

#include <xxhash.h>

#include <algorithm>

#include "metrics/remote/snappy_block.h"
#include "model/histogram_fault.h"
#include "model/histogram_resolution.h"

namespace sextant::remote {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;
using model::AppendOutcome;
using model::LabelView;
using wire::WriteVersion;

constexpr std::string_view kMediaType = "application/x-protobuf";
const model::Labels kNoLabels;

// As Go's http.Error answers.
net::HttpResponse ErrorText(int status, std::string text) {
  text += '\n';
  net::HttpResponse response = net::HttpResponse::Text(status, std::move(text));
  response.headers.Add("X-Content-Type-Options", "nosniff");
  return response;
}

std::string_view TrimSpace(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// What was wrong with parts of a request, as lines; bounded.
class Complaints {
 public:
  void Add(std::string line) {
    if (++count_ > kMaxLines) return;
    if (!text_.empty()) text_ += '\n';
    constexpr size_t kMaxLineBytes = 1'000;
    if (line.size() > kMaxLineBytes) {
      size_t end = kMaxLineBytes;
      while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
      line.resize(end);
      line += "…";
    }
    text_ += line;
  }
  bool empty() const { return count_ == 0; }
  std::string Text() const {
    if (count_ <= kMaxLines) return text_;
    return fmt::format("{}\nand {} more", text_, count_ - kMaxLines);
  }

 private:
  static constexpr size_t kMaxLines = 100;
  size_t count_ = 0;
  std::string text_;
};

// Labels as sent, made into a set. False when they are not valid (a repeated name is told apart).
enum class LabelsProblem { kNone, kInvalid, kRepeated };

LabelsProblem MakeLabels(std::vector<LabelView>& views, model::Labels& out) {
  std::erase_if(views, [](const LabelView& label) { return label.value.empty() && !label.name.empty(); });
  auto is_before = [](const LabelView& a, const LabelView& b) { return a.name < b.name; };
  if (!std::ranges::is_sorted(views, is_before)) std::ranges::stable_sort(views, is_before);
  bool has_name = false;
  for (const LabelView& label : views) {
    if (label.name.empty() || !model::IsValidUtf8(label.name) || !model::IsValidUtf8(label.value)) {
      return LabelsProblem::kInvalid;
    }
    has_name |= label.name == model::kMetricName;
  }
  if (!has_name) return LabelsProblem::kInvalid;
  auto same_name = [](const LabelView& a, const LabelView& b) { return a.name == b.name; };
  if (std::ranges::adjacent_find(views, same_name) != views.end()) return LabelsProblem::kRepeated;
  out = model::Labels::FromSorted(views);
  return LabelsProblem::kNone;
}

std::string ShowLabels(const std::vector<LabelView>& views) {
  std::string text = "{";
  for (const LabelView& label : views) {
    if (text.size() > 1) text += ", ";
    text += fmt::format("{}={}", label.name, model::QuoteGo(label.value));
    if (text.size() > 1'000) break;
  }
  return text + "}";
}

// Puts a request into a batch of the store.
class Intake final : public wire::WriteSink {
 public:
  Intake(WriteVersion version, const WriteReceiverOptions& options, model::Appender& appender,
         SeriesCache& cache, const WriteReceiver::NoteMetadata& note_metadata)
      : version_(version),
        adds_type_and_unit_labels_(options.adds_type_and_unit_labels && version == WriteVersion::kV2),
        appender_(appender),
        cache_(cache),
        note_metadata_(note_metadata) {}

  Status OnSeries(const wire::WriteLabels& labels) override {
    labels_of_series_ = &labels;
    is_dropped_ = false;
    has_labels_ = false;
    samples_of_series_ = 0;
    fingerprint_ = labels.Fingerprint(cache_.seed());
    if (adds_type_and_unit_labels_) SEXTANT_TRY(ReadTypeAndUnit());
    ref_ = cache_.Find(fingerprint_);
    if (ref_ == 0) SEXTANT_TRY(ReadLabels());
    return {};
  }

  Status OnSample(const wire::WriteSample& sample) override {
    SEXTANT_ASSIGN(AppendOutcome outcome, Put([&](model::SeriesRef ref, const model::Labels& labels) {
                     if (sample.start_ms == 0) {
                       return appender_.Append(ref, labels, sample.time_ms, sample.value);
                     }
                     return appender_.AppendSample(ref, labels,
                                                   {.time_ms = sample.time_ms,
                                                    .value = sample.value,
                                                    .histogram = nullptr,
                                                    .start_ms = sample.start_ms});
                   }));
    return Count(outcome, samples);
  }

  Status OnHistogram(const wire::TimedHistogram& histogram) override {
    const model::FloatHistogram* stored = &histogram.histogram;
    if (stored->schema > model::kMaxExponentialSchema) {  // as Prometheus has it
      wide_histogram_ = *stored;
      model::ReduceResolution(wide_histogram_, model::kMaxExponentialSchema);
      stored = &wide_histogram_;
    }
    SEXTANT_ASSIGN(AppendOutcome outcome, Put([&](model::SeriesRef ref, const model::Labels& labels) {
                     return appender_.AppendSample(ref, labels,
                                                   {.time_ms = histogram.time_ms,
                                                    .value = 0,
                                                    .histogram = stored,
                                                    .start_ms = histogram.start_ms});
                   }));
    return Count(outcome, histograms, stored);
  }

  // Of the exemplars that are not taken, only those out of order are worth a word, and only with 2.0.
  Status OnExemplar(const wire::WriteExemplar& exemplar) override {
    if (is_dropped_ || ref_ == 0) return {};
    exemplar_views_ = exemplar.labels;
    model::LabelsBuilder builder;
    for (const LabelView& label : exemplar_views_) {
      if (!model::IsValidUtf8(label.name) || !model::IsValidUtf8(label.value)) return {};
      builder.Set(label.name, label.value);
    }
    AppendOutcome outcome =
        appender_.AppendExemplar(ref_, kNoLabels, {builder.Build(), exemplar.value, exemplar.time_ms})
            .outcome;
    if (outcome == AppendOutcome::kOk) ++exemplars;
    if (outcome == AppendOutcome::kOutOfOrderExemplar && version_ == WriteVersion::kV2)
      return Complain(outcome);
    return {};
  }

  Status OnSeriesMetadata(const wire::WriteMetadata& metadata) override {
    if (is_dropped_ || ref_ == 0) return {};
    if (!model::IsValidUtf8(metadata.help) || !model::IsValidUtf8(metadata.unit)) return {};
    model::MetricMetadata known{std::string(metadata.type), std::string(metadata.help),
                                std::string(metadata.unit)};
    if (appender_.UpdateMetadata(ref_, kNoLabels, known).outcome == AppendOutcome::kOk) {
      with_metadata += samples_of_series_;
    }
    return {};
  }

  Status OnFamilyMetadata(std::string_view family, const wire::WriteMetadata& metadata) override {
    if (family.empty() || !model::IsValidUtf8(family) || !model::IsValidUtf8(metadata.help) ||
        !model::IsValidUtf8(metadata.unit)) {
      return {};
    }
    note_metadata_(family,
                   {std::string(metadata.type), std::string(metadata.help), std::string(metadata.unit)});
    return {};
  }

  uint64_t samples = 0;
  uint64_t histograms = 0;
  uint64_t exemplars = 0;
  uint64_t with_metadata = 0;
  uint64_t invalid_labels = 0;  // samples
  Complaints complaints;

 private:
  // Series whose labels are the same as sent are not the same when their metadata differs.
  Status ReadTypeAndUnit() {
    SEXTANT_TRY(labels_of_series_->ReadMetadata(metadata_));
    if (metadata_.type == "unknown") metadata_.type = {};
    if (!model::IsValidUtf8(metadata_.unit)) metadata_.unit = {};
    for (std::string_view text : {metadata_.type, metadata_.unit}) {
      fingerprint_.low = XXH3_64bits_withSeed(text.data(), text.size(), fingerprint_.low);
    }
    return {};
  }

  void ReplaceLabel(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    std::erase_if(views_, [&](const LabelView& label) { return label.name == name; });
    views_.push_back({name, value});
  }

  Status ReadLabels() {
    SEXTANT_TRY(labels_of_series_->Read(views_));
    if (adds_type_and_unit_labels_) {
      ReplaceLabel("__type__", metadata_.type);
      ReplaceLabel("__unit__", metadata_.unit);
    }
    has_labels_ = true;
    switch (MakeLabels(views_, labels_)) {
      case LabelsProblem::kNone:
        return {};
      case LabelsProblem::kInvalid:
        ComplainOfLabels(fmt::format("invalid metric name or labels, got {}", ShowLabels(views_)));
        break;
      case LabelsProblem::kRepeated: {
        auto same_name = [](const LabelView& a, const LabelView& b) { return a.name == b.name; };
        ComplainOfLabels(fmt::format("invalid labels for series, labels {}, duplicated label {}",
                                     ShowLabels(views_),
                                     std::ranges::adjacent_find(views_, same_name)->name));
        break;
      }
    }
    is_dropped_ = true;
    return {};
  }

  // As Prometheus has it, 1.0 goes on without a word.
  void ComplainOfLabels(std::string line) {
    if (version_ == WriteVersion::kV2) complaints.Add(std::move(line));
  }

  // Appends by the series' ref, or by its labels when the store does not know that, or not any more.
  template <typename Append>
  Result<AppendOutcome> Put(Append&& append) {
    if (is_dropped_) return AppendOutcome::kUnknownRef;
    model::AppendResult result{0, AppendOutcome::kUnknownRef};
    if (ref_ != 0) result = append(ref_, kNoLabels);
    if (result.outcome == AppendOutcome::kUnknownRef) {
      if (!has_labels_) SEXTANT_TRY(ReadLabels());
      if (is_dropped_) return AppendOutcome::kUnknownRef;
      result = append(0, labels_);
      if (result.ref != 0) {
        ref_ = result.ref;
        cache_.Set(fingerprint_, ref_);
      }
    }
    return result.outcome;
  }

  Status Count(AppendOutcome outcome, uint64_t& taken, const model::FloatHistogram* histogram = nullptr) {
    if (is_dropped_) {
      ++invalid_labels;
      return {};
    }
    if (outcome != AppendOutcome::kOk) return Complain(outcome, histogram);
    ++taken;
    ++samples_of_series_;
    return {};
  }

  Status Complain(AppendOutcome outcome, const model::FloatHistogram* histogram = nullptr) {
    if (!has_labels_) SEXTANT_TRY(ReadLabels());
    std::string_view text = outcome == AppendOutcome::kTooFarInFuture
                                ? "out of bounds: timestamp is too far in the future"
                                : model::RefusalText(outcome, histogram);
    complaints.Add(fmt::format("{} for series {}", text, ShowLabels(views_)));
    return {};
  }

  const WriteVersion version_;
  const bool adds_type_and_unit_labels_;
  model::Appender& appender_;
  SeriesCache& cache_;
  const WriteReceiver::NoteMetadata& note_metadata_;

  // Of the series at hand.
  const wire::WriteLabels* labels_of_series_ = nullptr;
  wire::LabelsFingerprint fingerprint_;
  model::SeriesRef ref_ = 0;
  bool is_dropped_ = false;
  bool has_labels_ = false;
  uint64_t samples_of_series_ = 0;
  wire::WriteMetadata metadata_;          // type and unit, when they become labels
  model::FloatHistogram wide_histogram_;  // when the one that came has too fine a schema
  std::vector<LabelView> views_;
  std::vector<LabelView> exemplar_views_;
  model::Labels labels_;
};

}  // namespace

Result<WriteVersion> ParseMessageName(std::string_view name) {
  for (WriteVersion version : {WriteVersion::kV1, WriteVersion::kV2}) {
    if (name == wire::MessageName(version)) return version;
  }
  return Fail(Code::kInvalidArgument, "unknown type for remote write protobuf message {}, supported: {}, {}",
              name, wire::MessageName(WriteVersion::kV1), wire::MessageName(WriteVersion::kV2));
}

Result<WriteVersion> ParseWriteContentType(std::string_view content_type) {
  content_type = TrimSpace(content_type);
  if (content_type.empty()) return WriteVersion::kV1;
  size_t end = std::min(content_type.find(';'), content_type.size());
  if (content_type.substr(0, end) != kMediaType) {
    return Fail(Code::kInvalidArgument, "expected {} as the first (media) part, got {} content-type",
                kMediaType, content_type);
  }
  while (end < content_type.size()) {
    size_t begin = end + 1;
    end = std::min(content_type.find(';', begin), content_type.size());
    std::string_view parameter = content_type.substr(begin, end - begin);
    size_t equals = parameter.find('=');
    if (equals == std::string_view::npos || parameter.find('=', equals + 1) != std::string_view::npos) {
      return Fail(Code::kInvalidArgument,
                  "as per https://www.rfc-editor.org/rfc/rfc9110#parameter expected parameters to be "
                  "key-values, got {} in {} content-type",
                  parameter, content_type);
    }
    if (TrimSpace(parameter.substr(0, equals)) != "proto") continue;
    Result<WriteVersion> version = ParseMessageName(parameter.substr(equals + 1));
    if (version) return version;
    return Fail(Code::kInvalidArgument, "got {} content type; {}", content_type, version.error().message());
  }
  return WriteVersion::kV1;
}

WriteReceiver::WriteReceiver(model::Appendable& storage, core::Registry& registry, core::Logger logger,
                             NoteMetadata note_metadata, WriteReceiverOptions options)
    : storage_(storage),
      logger_(std::move(logger)),
      note_metadata_(std::move(note_metadata)),
      options_(std::move(options)),
      invalid_labels_(registry.AddCounter(
          "prometheus_api_remote_write_invalid_labels_samples_total",
          "Received remote write samples and histograms that were refused for their labels.")),
      without_metadata_(registry.AddCounter(
          "prometheus_api_remote_write_without_metadata_appended_samples_total",
          "Received remote write samples and histograms that were stored without metadata.")) {}

net::HttpResponse WriteReceiver::Handle(const net::HttpRequest& request) {
  Result<WriteVersion> version = ParseWriteContentType(request.headers.Get("Content-Type"));
  if (!version) return ErrorText(415, version.error().message());
  if (std::ranges::find(options_.accepted, *version) == options_.accepted.end()) {
    std::string accepted;
    for (WriteVersion one : options_.accepted) {
      accepted += fmt::format("{}{}", accepted.empty() ? "" : ", ", wire::MessageName(one));
    }
    return ErrorText(415, fmt::format("{} protobuf message is not accepted by this server; only accepts {}",
                                      wire::MessageName(*version), accepted));
  }
  std::string_view encoding = request.headers.Get("Content-Encoding");
  if (!encoding.empty() && !net::EqualsIgnoreCase(encoding, "snappy")) {
    return ErrorText(
        415,
        fmt::format("{} encoding (compression) is not accepted by this server; only snappy is acceptable",
                    encoding));
  }
  Result<std::string> message = UncompressSnappy(request.body, options_.max_message_bytes);
  if (!message) {
    return ErrorText(message.error().code() == Code::kResourceExhausted ? 413 : 400,
                     message.error().message());
  }
  return Store(*version, *message);
}

net::HttpResponse WriteReceiver::Store(WriteVersion version, std::string_view message) {
  std::unique_ptr<model::Appender> appender = storage_.NewAppender();
  Intake intake(version, options_, *appender, cache_, note_metadata_);
  if (Status read = wire::ReadWriteRequest(version, message, intake); !read) {
    appender->Rollback();
    return ErrorText(400, read.error().message());
  }
  net::HttpResponse response;
  if (Status committed = appender->Commit(); !committed) {
    logger_.Error("a remote write request was not stored", {{"error", committed.error()}});
    response = ErrorText(500, committed.error().message());
    intake.samples = intake.histograms = intake.exemplars = 0;
  } else {
    invalid_labels_.Increment(static_cast<double>(intake.invalid_labels));
    without_metadata_.Increment(
        static_cast<double>(intake.samples + intake.histograms - intake.with_metadata));
    if (intake.complaints.empty()) {
      response.status = 204;
    } else {
      response = ErrorText(400, intake.complaints.Text());
    }
  }
  if (version == WriteVersion::kV2) {
    response.headers.Add("X-Prometheus-Remote-Write-Samples-Written", fmt::format("{}", intake.samples));
    response.headers.Add("X-Prometheus-Remote-Write-Histograms-Written",
                         fmt::format("{}", intake.histograms));
    response.headers.Add("X-Prometheus-Remote-Write-Exemplars-Written", fmt::format("{}", intake.exemplars));
  }
  return response;
}

}  // namespace sextant::remote
