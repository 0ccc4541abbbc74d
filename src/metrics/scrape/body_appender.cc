#include "metrics/scrape/body_appender.h"

#include <algorithm>
#include <cmath>
#include <compare>

#include "model/histogram_fault.h"
#include "model/histogram_resolution.h"
#include "model/value.h"

namespace sextant::scrape {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;
using model::AppendOutcome;

constexpr std::array<std::string_view, 8> kReportNames = {"up",
                                                          "scrape_duration_seconds",
                                                          "scrape_samples_scraped",
                                                          "scrape_samples_post_metric_relabeling",
                                                          "scrape_series_added",
                                                          "scrape_timeout_seconds",
                                                          "scrape_sample_limit",
                                                          "scrape_body_size_bytes"};
constexpr size_t kPlainReports = 5;  // without the extra ones

// The finest schema whose buckets grow by at least this factor: 2^(2^-schema) of a step.
int32_t SchemaOfFactor(double factor) {
  if (!(factor > 1)) return model::kMaxExponentialSchema;
  double steps = std::floor(std::log2(std::log2(factor)));
  return static_cast<int32_t>(
      std::clamp<double>(-steps, model::kMinExponentialSchema, model::kMaxExponentialSchema));
}

const model::Labels kNoLabels;

// Puts the target's labels on a scraped series. A clash is settled for the scraped side with honor_labels,
// else the scraped label moves to exported_<name>, or further if that is taken as well.
void MergeTargetLabels(model::LabelsBuilder& series, const model::Labels& target, bool honor_labels) {
  for (model::LabelView label : target) {
    std::string scraped(series.Get(label.name));
    if (!scraped.empty()) {
      if (honor_labels) continue;
      std::string moved = "exported_" + std::string(label.name);
      while (!series.Get(moved).empty() || target.Has(moved)) moved.insert(0, "exported_");
      series.Set(moved, scraped);
    }
    series.Set(label.name, label.value);
  }
}

// Whether names are as the scheme wants them, given that they are UTF-8.
bool HasNamesOf(const model::Labels& labels, core::NameScheme scheme) {
  if (scheme == core::NameScheme::kUtf8) return true;
  return core::IsMetricName(labels.metric_name(), scheme) &&
         std::ranges::all_of(labels,
                             [&](model::LabelView label) { return core::IsLabelName(label.name, scheme); });
}

// A text for a message: at most so many bytes, cut between characters.
std::string ShortText(std::string_view text) {
  constexpr size_t kMaxBytes = 200;
  if (text.size() <= kMaxBytes) return std::string(text);
  size_t end = kMaxBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

// Gathers what a body says of one family after the other, and passes on what is news.
class FamilyNotes {
 public:
  FamilyNotes(const exposition::Parser& parser, MetadataStore& store, MetadataLayout& layout)
      : parser_(parser), store_(store), layout_(layout) {}
  ~FamilyNotes() { PassOn(); }
  FamilyNotes(const FamilyNotes&) = delete;
  FamilyNotes& operator=(const FamilyNotes&) = delete;

  void Add(exposition::EntryKind kind, const exposition::Entry& entry) {
    if (entry.name != family_) {
      PassOn();
      family_ = entry.name;
      help_.clear();
      unit_.clear();
      type_ = {};
    }
    if (kind == exposition::EntryKind::kHelp) help_ = entry.text;
    if (kind == exposition::EntryKind::kUnit) unit_ = entry.text;
    if (kind == exposition::EntryKind::kType) type_ = exposition::MetricTypeName(entry.type);
  }

 private:
  void PassOn() {
    if (family_.empty()) return;
    bool changes = layout_.Changes(family_, type_, help_, unit_);
    if (!changes && !layout_.collects()) return;
    layout_.Collect(store_.Add(family_, {std::string(type_), parser_.UnescapeHelp(help_), unit_}));
  }

  const exposition::Parser& parser_;
  MetadataStore& store_;
  MetadataLayout& layout_;
  std::string family_;
  std::string help_;  // as it stands in the body
  std::string unit_;
  std::string_view type_;
};

}  // namespace

BodyAppender::BodyAppender(const SampleRules& rules, model::Labels target_labels, MetadataStore& metadata,
                           ScrapeMetrics& metrics)
    : rules_(rules), target_labels_(std::move(target_labels)), metadata_(metadata), metrics_(metrics) {}

Result<BodySummary> BodyAppender::AppendBody(const ScrapedBody& body, core::TimestampMs time_ms,
                                             model::Appender& appender) {
  BodySummary summary;
  SEXTANT_ASSIGN(auto parser,
                 exposition::NewParser(body.content_type, body.text, rules_.fallback_format, rules_.parser));
  cache_.BeginBody();
  metadata_layout_.BeginBody();
  if (Status appended = AppendLines(*parser, time_ms, summary, appender); !appended) {
    cache_.AbortBody();
    metadata_layout_.AbortBody();
    return tl::unexpected(std::move(appended).error());
  }
  if (auto numbers = metadata_layout_.EndBody()) said_ = metadata_.Share(std::move(*numbers));
  MarkVanished(time_ms, appender);
  return summary;
}

Status BodyAppender::AppendLines(exposition::Parser& parser, core::TimestampMs time_ms, BodySummary& summary,
                                 model::Appender& appender) {
  using exposition::EntryKind;
  FamilyNotes notes(parser, metadata_, metadata_layout_);
  bool is_in_comments = false;  // which have been compared with the previous body's
  while (true) {
    std::string_view unread = parser.Unread();
    bool is_comment = !unread.empty() && unread.front() == '#';
    if (is_comment && !is_in_comments) {
      if (size_t same = metadata_layout_.SameLines(unread); same > 0) {
        parser.Skip(same);
        continue;
      }
    }
    is_in_comments = is_comment;
    EntryKind kind = parser.Next(cache_.Expected());
    const exposition::Entry& entry = parser.entry();
    switch (kind) {
      case EntryKind::kEnd:
        return {};
      case EntryKind::kError:
        return tl::unexpected(parser.error());
      case EntryKind::kComment:
        break;
      case EntryKind::kHelp:
      case EntryKind::kUnit:
      case EntryKind::kType:
        notes.Add(kind, entry);
        break;
      case EntryKind::kSample:
        SEXTANT_TRY(AppendSample(parser, time_ms, summary, appender));
        break;
    }
  }
}

Status BodyAppender::AppendSample(exposition::Parser& parser, core::TimestampMs scrape_time_ms,
                                  BodySummary& summary, model::Appender& appender) {
  const exposition::Entry& line = parser.entry();
  ++summary.scraped;
  Sample sample{
      .value = line.value, .time_ms = scrape_time_ms, .histogram = line.histogram, .start_ms = line.start_ms};
  if (line.timestamp_ms && rules_.honor_timestamps) {
    sample.time_ms = *line.timestamp_ms;
    sample.has_own_time = true;
    sample.outlives_body = !rules_.track_timestamps_staleness;
  }

  if (sample.histogram != nullptr) SEXTANT_TRY(LimitBuckets(sample));

  SeriesCache::Entry* entry = line.is_expected ? &cache_.TakeExpected() : cache_.Find(line.series);
  if (entry == nullptr) {
    SEXTANT_ASSIGN(model::Labels labels, SeriesLabels(parser));
    SeriesCache::Entry& added = cache_.Add(line.series, 0);
    if (labels.empty()) {
      added.is_dropped = 1;
      return {};
    }
    SEXTANT_TRY(AppendTo(added, line.series, labels, sample, summary, appender));
    if (added.ref != 0 && !added.is_repeated) ++summary.added;
    AppendExemplars(parser, added, sample, appender);
    return {};
  }
  if (entry->is_dropped) return {};
  if (!sample.has_own_time && cache_.NoteLine(*entry)) {
    return Count(AppendOutcome::kDuplicateTimestamp, line.series, sample, summary);
  }
  // The store had no room for the series before, or has let it go since (it was idle for long).
  AppendOutcome outcome = AppendOutcome::kUnknownRef;
  if (entry->ref != 0) outcome = Put(entry->ref, kNoLabels, sample, appender).outcome;
  if (outcome == AppendOutcome::kUnknownRef) {
    SEXTANT_ASSIGN(model::Labels labels, SeriesLabels(parser));
    SEXTANT_TRY(AppendTo(*entry, line.series, labels, sample, summary, appender));
  } else {
    entry->outlives_body = sample.outlives_body;
    SEXTANT_TRY(Count(outcome, line.series, sample, summary));
  }
  AppendExemplars(parser, *entry, sample, appender);
  return {};
}

// Exemplars that the store does not take cost nothing else. A histogram has its own in the order of its
// buckets, and the same ones again until others take their place: as in Prometheus they are put in order
// first, and told of only when none of them is news.
void BodyAppender::AppendExemplars(exposition::Parser& parser, const SeriesCache::Entry& entry,
                                   const Sample& sample, model::Appender& appender) {
  if (entry.ref == 0 || !parser.entry().exemplar) return;
  exemplars_.clear();
  do {
    const exposition::Exemplar& exemplar = *parser.entry().exemplar;
    if (!parser.ReadExemplarLabels(builder_)) continue;
    exemplars_.push_back({builder_.Build(), exemplar.value, exemplar.timestamp_ms.value_or(sample.time_ms)});
  } while (parser.NextExemplar());
  std::ranges::sort(exemplars_, [](const model::Exemplar& a, const model::Exemplar& b) {
    if (a.time_ms != b.time_ms) return a.time_ms < b.time_ms;
    const auto order = std::strong_order(a.value, b.value);  // NaN has its place, too
    return order != 0 ? order < 0 : a.labels < b.labels;
  });
  size_t out_of_order = 0;
  for (const model::Exemplar& exemplar : exemplars_) {
    AppendOutcome outcome = appender.AppendExemplar(entry.ref, kNoLabels, exemplar).outcome;
    if (outcome == AppendOutcome::kOutOfOrderExemplar) ++out_of_order;
  }
  if (out_of_order == exemplars_.size()) {
    metrics_.exemplar_out_of_order.Increment(static_cast<double>(out_of_order));
  }
}

model::AppendResult BodyAppender::Put(model::SeriesRef ref, const model::Labels& labels, const Sample& sample,
                                      model::Appender& appender) {
  if (sample.histogram == nullptr && sample.start_ms == 0) {
    return appender.Append(ref, labels, sample.time_ms, sample.value);
  }
  return appender.AppendSample(ref, labels,
                               {.time_ms = sample.time_ms,
                                .value = sample.value,
                                .histogram = sample.histogram,
                                .start_ms = sample.start_ms});
}

Status BodyAppender::AppendTo(SeriesCache::Entry& entry, std::string_view series, const model::Labels& labels,
                              const Sample& sample, BodySummary& summary, model::Appender& appender) {
  model::AppendResult result = Put(0, labels, sample, appender);
  // What the cache does not know by its text may be a series that the body has had: the store kept the first.
  const bool is_new = entry.ref == 0;
  entry.ref = result.ref;
  entry.outlives_body = sample.outlives_body;
  if (is_new && !sample.has_own_time && cache_.NoteLine(entry))
    result.outcome = AppendOutcome::kDuplicateTimestamp;
  return Count(result.outcome, series, sample, summary);
}

Result<model::Labels> BodyAppender::SeriesLabels(const exposition::Parser& parser) {
  SEXTANT_TRY(parser.ReadLabels(builder_));
  MergeTargetLabels(builder_, target_labels_, rules_.honor_labels);
  if (!rules_.metric_relabel.empty() && !rules_.metric_relabel.Apply(builder_)) return model::Labels();
  model::Labels labels = builder_.Build();
  if (labels.metric_name().empty() || !HasNamesOf(labels, rules_.name_scheme)) {
    return Fail(Code::kInvalidArgument, "invalid metric name or label names: {}", labels.ToString());
  }
  SEXTANT_TRY(CheckLimits(labels));
  return labels;
}

Status BodyAppender::CheckLimits(const model::Labels& labels) const {
  Status within = CheckLabelLimits(labels);
  if (!within) metrics_.label_limits.Increment();
  return within;
}

Status BodyAppender::CheckLabelLimits(const model::Labels& labels) const {
  const config::ScrapeLimits& limits = rules_.limits;
  if (limits.label_limit > 0 && labels.size() > limits.label_limit) {
    return Fail(Code::kResourceExhausted,
                "label_limit exceeded (metric: {:.50}, number of labels: {}, limit: {})",
                labels.metric_name(), labels.size(), limits.label_limit);
  }
  if (limits.label_name_length_limit == 0 && limits.label_value_length_limit == 0) return {};
  for (model::LabelView label : labels) {
    if (limits.label_name_length_limit > 0 && label.name.size() > limits.label_name_length_limit) {
      return Fail(
          Code::kResourceExhausted,
          "label_name_length_limit exceeded (metric: {:.50}, label name: {:.50}, length: {}, limit: {})",
          labels.metric_name(), label.name, label.name.size(), limits.label_name_length_limit);
    }
    if (limits.label_value_length_limit > 0 && label.value.size() > limits.label_value_length_limit) {
      return Fail(Code::kResourceExhausted,
                  "label_value_length_limit exceeded (metric: {:.50}, label name: {:.50}, value: {:.50}, "
                  "length: {}, limit: {})",
                  labels.metric_name(), label.name, label.value, label.value.size(),
                  limits.label_value_length_limit);
    }
  }
  return {};
}

Status BodyAppender::LimitBuckets(Sample& sample) {
  // The store refuses it, and there is no way to widen it.
  if (sample.histogram->schema > model::kMaxReservedSchema) return {};
  const config::HistogramLimits& limits = rules_.histogram_limits;
  bool is_custom = sample.histogram->schema == model::kCustomBucketsSchema;
  bool is_over = limits.bucket_limit > 0 && model::BucketCount(*sample.histogram) > limits.bucket_limit;
  int32_t schema = SchemaOfFactor(limits.min_bucket_factor);
  bool is_fine = !is_custom && sample.histogram->schema > schema;
  if (!is_over && !is_fine) return {};
  wide_histogram_ = *sample.histogram;
  sample.histogram = &wide_histogram_;
  while (limits.bucket_limit > 0 && model::BucketCount(wide_histogram_) > limits.bucket_limit) {
    if (is_custom || wide_histogram_.schema <= model::kMinExponentialSchema) {
      metrics_.bucket_limit.Increment();
      return Fail(Code::kResourceExhausted, "histogram bucket limit exceeded");
    }
    model::ReduceResolution(wide_histogram_, wide_histogram_.schema - 1);
  }
  model::ReduceResolution(wide_histogram_, schema);
  return {};
}

// Counts a sample that relabelling kept. A sample that the store refuses does not fail the scrape, too many
// samples do.
Status BodyAppender::Count(AppendOutcome outcome, std::string_view series, const Sample& sample,
                           BodySummary& summary) {
  ++summary.post_relabel;
  if (rules_.limits.sample_limit > 0 && summary.post_relabel > rules_.limits.sample_limit) {
    metrics_.sample_limit.Increment();
    return Fail(Code::kResourceExhausted, "sample limit exceeded");
  }
  if (outcome == AppendOutcome::kOk) return {};
  if (++summary.refused == 1) {
    summary.refused_series = ShortText(series);
    summary.refusal = model::RefusalText(outcome, sample.histogram);
  }
  switch (outcome) {
    case AppendOutcome::kOutOfOrder:
      metrics_.out_of_order.Increment();
      break;
    case AppendOutcome::kDuplicateTimestamp:
      metrics_.duplicate_timestamp.Increment();
      break;
    case AppendOutcome::kTooOld:
    case AppendOutcome::kOutOfBounds:
    case AppendOutcome::kTooFarInFuture:
      metrics_.out_of_bounds.Increment();
      break;
    default:
      metrics_.series_refused.Increment();
  }
  return {};
}

void BodyAppender::AppendStaleSample(const SeriesCache::Entry& entry, core::TimestampMs time_ms,
                                     model::Appender& appender) {
  if (entry.is_dropped || entry.outlives_body || entry.is_repeated || entry.ref == 0) return;
  // A series that is gone from the store, or has a newer sample from elsewhere, needs no mark.
  appender.Append(entry.ref, kNoLabels, time_ms, model::StaleNan());
}

void BodyAppender::MarkVanished(core::TimestampMs time_ms, model::Appender& appender) {
  appender.RefuseOutOfOrder(true);
  cache_.EndBody([&](const SeriesCache::Entry& entry) { AppendStaleSample(entry, time_ms, appender); });
  appender.RefuseOutOfOrder(false);
}

void BodyAppender::AppendStale(core::TimestampMs time_ms, model::Appender& appender) {
  cache_.BeginBody();
  MarkVanished(time_ms, appender);
}

void BodyAppender::AppendReport(const ScrapeOutcome& outcome, const BodySummary& summary,
                                core::TimestampMs time_ms, model::Appender& appender) {
  const std::array<double, kReportNames.size()> values = {outcome.is_up ? 1.0 : 0.0,
                                                          outcome.duration_seconds,
                                                          static_cast<double>(summary.scraped),
                                                          static_cast<double>(summary.post_relabel),
                                                          static_cast<double>(summary.added),
                                                          outcome.timeout_seconds,
                                                          static_cast<double>(rules_.limits.sample_limit),
                                                          static_cast<double>(outcome.body_bytes)};
  size_t count = rules_.extra_metrics ? values.size() : kPlainReports;
  for (size_t i = 0; i < count; ++i) AppendReportSample(i, values[i], time_ms, appender);
}

void BodyAppender::AppendStaleReport(core::TimestampMs time_ms, model::Appender& appender) {
  appender.RefuseOutOfOrder(true);
  for (size_t i = 0; i < kReportNames.size(); ++i) {
    if (report_refs_[i] != 0) AppendReportSample(i, model::StaleNan(), time_ms, appender);
  }
  appender.RefuseOutOfOrder(false);
}

void BodyAppender::AppendReportSample(size_t index, double value, core::TimestampMs time_ms,
                                      model::Appender& appender) {
  if (report_refs_[index] != 0 &&
      appender.Append(report_refs_[index], kNoLabels, time_ms, value).outcome != AppendOutcome::kUnknownRef) {
    return;
  }
  builder_.Reset(target_labels_);
  builder_.Set(model::kMetricName, kReportNames[index]);
  report_refs_[index] = appender.Append(0, builder_.Build(), time_ms, value).ref;
}

}  // namespace sextant::scrape
