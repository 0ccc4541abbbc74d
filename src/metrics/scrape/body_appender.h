// Turns one scraped body into appended samples: finds each line's series through the layout of the previous
// body, relabels what is new, keeps to the limits, marks what vanished as stale. Knows nothing of HTTP or
// time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/prometheus_config.h"
#include "core/metric_names.h"
#include "core/result.h"
#include "metrics/exposition/parser.h"
#include "metrics/relabel/relabel.h"
#include "metrics/scrape/metadata_store.h"
#include "metrics/scrape/scrape_metrics.h"
#include "metrics/scrape/series_cache.h"
#include "model/storage.h"

namespace sextant::scrape {

// How the samples of one job are treated; shared by its targets.
struct SampleRules {
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  // What a target is taken to speak when its Content-Type does not say.
  std::optional<exposition::Format> fallback_format;
  exposition::ParserOptions parser;
  core::NameScheme name_scheme = core::NameScheme::kUtf8;
  config::ScrapeLimits limits;
  config::HistogramLimits histogram_limits;
  bool extra_metrics = false;  // in the report
  relabel::Rules metric_relabel;
};

// What a target answered.
struct ScrapedBody {
  std::string text;
  std::string content_type;
};

// What one body came to.
struct BodySummary {
  uint64_t scraped = 0;        // samples in the body
  uint64_t post_relabel = 0;   // of these, left after relabelling
  uint64_t added = 0;          // new series
  uint64_t refused = 0;        // samples the store did not take
  std::string refusal;         // why the first of them, for a person
  std::string refused_series;  // the first of them, as it stands in the body
};

// How a scrape went, for its report.
struct ScrapeOutcome {
  bool is_up = false;
  double duration_seconds = 0;
  double timeout_seconds = 0;
  int64_t body_bytes = 0;  // -1: more than the limit
};

// One per target; not thread-safe.
class BodyAppender {
 public:
  // All references must outlive it.
  BodyAppender(const SampleRules& rules, model::Labels target_labels, MetadataStore& metadata,
               ScrapeMetrics& metrics);

  // Appends the samples of a body at `time_ms`. On an error (malformed, over a limit) the caller rolls the
  // appender back and calls AppendStale with a fresh one; the layout is then still that of the last good
  // body.
  core::Result<BodySummary> AppendBody(const ScrapedBody& body, core::TimestampMs time_ms,
                                       model::Appender& appender);

  // Marks every series of the last good body as stale and forgets it: for a scrape that failed and a target
  // that goes.
  void AppendStale(core::TimestampMs time_ms, model::Appender& appender);

  // up, scrape_duration_seconds, scrape_samples_scraped, scrape_samples_post_metric_relabeling,
  // scrape_series_added; with extra_metrics scrape_timeout_seconds, scrape_sample_limit and
  // scrape_body_size_bytes, too.
  void AppendReport(const ScrapeOutcome& outcome, const BodySummary& summary, core::TimestampMs time_ms,
                    model::Appender& appender);
  // Marks these as stale, when the target goes.
  void AppendStaleReport(core::TimestampMs time_ms, model::Appender& appender);

  size_t series() const { return cache_.size(); }
  // What the last good body said of its families; null before there was one.
  const std::shared_ptr<const StatementNumbers>& metadata() const { return said_; }
  size_t SizeBytes() const { return cache_.SizeBytes(); }

 private:
  struct Sample {
    double value = 0;
    core::TimestampMs time_ms = 0;
    bool has_own_time = false;
    bool outlives_body = false;
    const model::FloatHistogram* histogram = nullptr;
    core::TimestampMs start_ms = 0;
  };

  core::Status AppendLines(exposition::Parser& parser, core::TimestampMs time_ms, BodySummary& summary,
                           model::Appender& appender);
  core::Status AppendSample(exposition::Parser& parser, core::TimestampMs scrape_time_ms,
                            BodySummary& summary, model::Appender& appender);
  static model::AppendResult Put(model::SeriesRef ref, const model::Labels& labels, const Sample& sample,
                                 model::Appender& appender);
  core::Status AppendTo(SeriesCache::Entry& entry, std::string_view series, const model::Labels& labels,
                        const Sample& sample, BodySummary& summary, model::Appender& appender);
  // The labels of the current line's series after the target's labels and relabelling; empty when it is
  // dropped.
  core::Result<model::Labels> SeriesLabels(const exposition::Parser& parser);
  core::Status CheckLimits(const model::Labels& labels) const;  // and counts it
  core::Status CheckLabelLimits(const model::Labels& labels) const;
  // Gives the sample a histogram with wider buckets where the limits ask for that.
  core::Status LimitBuckets(Sample& sample);
  core::Status Count(model::AppendOutcome outcome, std::string_view series, const Sample& sample,
                     BodySummary& summary);
  void AppendExemplars(exposition::Parser& parser, const SeriesCache::Entry& entry, const Sample& sample,
                       model::Appender& appender);
  void MarkVanished(core::TimestampMs time_ms, model::Appender& appender);
  void AppendStaleSample(const SeriesCache::Entry& entry, core::TimestampMs time_ms,
                         model::Appender& appender);
  void AppendReportSample(size_t index, double value, core::TimestampMs time_ms, model::Appender& appender);

  const SampleRules& rules_;
  const model::Labels target_labels_;
  MetadataStore& metadata_;
  ScrapeMetrics& metrics_;
  SeriesCache cache_;
  MetadataLayout metadata_layout_;
  std::shared_ptr<const StatementNumbers> said_;
  model::LabelsBuilder builder_;
  std::vector<model::Exemplar> exemplars_;  // of the current line
  model::FloatHistogram wide_histogram_;    // of the current line, when LimitBuckets made one
  std::array<model::SeriesRef, 8> report_refs_{};
};

}  // namespace sextant::scrape
