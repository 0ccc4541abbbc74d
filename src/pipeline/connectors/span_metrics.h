// Requests, errors and durations counted from spans: what the connector `span_metrics` keeps between flushes.
//
//   resource (by its attributes) ─► series (by the values of its dimensions) ─► calls, durations, events
//
// A span whose resource has no service.name counts nowhere, as in the original. Resources are an LRU cache:
// one that falls out is still in the next flush. Whoever comes above a limit of series is counted in one
// series `otel.metric.overflow` of its resource.
//
// Not thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "otlp/metrics.h"
#include "otlp/spans.h"
#include "pipeline/connectors/span_metrics_config.h"
#include "pipeline/exponential_histogram.h"

namespace sextant::pipeline {

class SpanMetrics {
 public:
  // Of all resources together; above it series overflow whatever the configuration says.
  static constexpr size_t kMaxSeries = 1'000'000;

  struct Counts {
    uint64_t overflowed_spans = 0;    // counted in a series for what is above a limit
    uint64_t dropped_resources = 0;   // forgotten before they were flushed
    uint64_t evicted_timestamps = 0;  // of delta series, which begin anew
    size_t resources = 0;
    size_t series = 0;
  };

  // `instance_id` becomes collector.instance.id.
  SpanMetrics(const SpanMetricsConfig& config, std::string instance_id);

  // Counts spans that came at this time.
  void Add(const otlp::TracesData& traces, uint64_t now_ns);
  // What was counted so far (cumulative) or since the last flush (delta). New cumulative counts are first
  // sent as 0, as the original does, so that Prometheus sees them rise; not in the last flush of all.
  otlp::MetricsData Flush(uint64_t now_ns, bool is_last);
  Counts counts() const;

 private:
  struct SpanExemplar {
    otlp::TraceId trace_id;
    otlp::SpanId span_id;
    double value = 0;
  };

  // Of one set of attributes.
  struct Series {
    otlp::Attributes attributes;
    uint64_t start_ns = 0;
    uint64_t last_seen_ns = 0;
    bool is_first = true;  // not flushed yet
    uint64_t count = 0;
    double sum = 0;
    std::vector<uint64_t> buckets;
    std::unique_ptr<ExponentialHistogram> exponential;
    std::vector<SpanExemplar> exemplars;
  };

  struct Table {
    absl::flat_hash_map<std::string, std::unique_ptr<Series>> series;
    std::unique_ptr<Series> overflow;

    size_t size() const { return series.size() + (overflow != nullptr ? 1 : 0); }
  };

  struct ResourceEntry {
    std::string key;
    otlp::Attributes attributes;
    otlp::Memory memory;  // of all attributes here
    Table calls;          // with durations, when both have the same dimensions
    Table durations;
    Table events;
    uint64_t last_seen_ns = 0;
    bool is_evicted = false;
    size_t expired = 0;  // series whose attributes still are in the memory
  };
  using Entries = std::list<ResourceEntry>;

  // What the spans being counted have in common.
  struct Context {
    ResourceEntry* entry = nullptr;
    const otlp::Attributes* resource = nullptr;
    const otlp::Attributes* event = nullptr;  // while events are counted
    const otlp::Scope* scope = nullptr;       // when it is one of those to be included
    std::string_view service;
    uint64_t now_ns = 0;
  };

  // How often a span counts, as its sampling says.
  struct Weight {
    uint64_t count = 1;
    bool is_adjusted = false;
  };

  // Where a flush goes.
  struct Output {
    uint64_t now_ns = 0;
    bool is_last = false;
    otlp::Memory& memory;
    otlp::ScopeMetrics& scope;
  };

  Table& DurationsOf(ResourceEntry& entry) const {
    return has_own_durations_ ? entry.durations : entry.calls;
  }
  ResourceEntry& EntryOf(const otlp::Attributes& resource, uint64_t now_ns);
  void EvictResources();
  bool IsKeyAttribute(std::string_view key) const;
  void AddSpan(const Context& context, const otlp::Span& span);
  void AddEvents(Context context, const otlp::Span& span, const Weight& weight, double duration);
  Weight WeightOf(std::string_view trace_state);
  void ObserveDuration(Series& series, double duration, uint64_t times) const;
  void AddExemplar(Series& series, const otlp::Span& span, double duration) const;

  // The series' key goes to key_.
  void BuildKey(const Context& context, const otlp::Span& span, const std::vector<Dimension>& more,
                bool is_adjusted);
  Series& FindSeries(Table& table, const Context& context, const otlp::Span& span,
                     const std::vector<Dimension>& more, bool is_adjusted);
  otlp::Attributes BuildAttributes(const Context& context, const otlp::Span& span,
                                   const std::vector<Dimension>& more, bool is_adjusted) const;
  std::optional<otlp::AnyValue> ValueOf(const Dimension& dimension, const Context& context,
                                        const otlp::Span& span) const;
  std::unique_ptr<Series> MakeSeries(const otlp::Attributes& attributes, bool has_durations,
                                     uint64_t now_ns) const;

  template <typename Visit>
  static void ForEachSeries(Table& table, Visit&& visit);
  void FlushResource(ResourceEntry& entry, uint64_t now_ns, bool is_last, otlp::MetricsData& out);
  void FlushCounts(std::string_view name, ResourceEntry& entry, Table& table, char tag, Output out);
  void FlushDurations(ResourceEntry& entry, Output out);
  static void FillPoint(const Series& series, uint64_t start_ns, Output out, otlp::Point& point);
  // When the point of a series begins; deltas join the one before.
  uint64_t StartOf(const ResourceEntry& entry, char tag, std::string_view key, const Series& series);
  void NoteDeltaTimes(uint64_t now_ns);
  void ForgetAfterFlush(uint64_t now_ns);
  void ForgetSeries(ResourceEntry& entry, uint64_t now_ns);
  void Compact(ResourceEntry& entry);
  void Remove(Entries& list, Entries::iterator entry);

  const SpanMetricsConfig config_;
  const std::string instance_id_;
  const bool has_own_durations_;  // other dimensions than calls have
  const bool has_service_name_;
  const bool has_span_name_;
  const bool has_span_kind_;
  const bool has_status_code_;
  const bool has_instance_id_;
  const double unit_ns_;
  std::vector<double> bounds_;
  std::string calls_name_;
  std::string durations_name_;
  std::string events_name_;
  std::vector<Dimension> event_dimensions_;

  Entries recent_;   // the last used first
  Entries evicted_;  // go with the next flush
  absl::flat_hash_map<std::string_view, Entries::iterator> entries_;
  size_t series_ = 0;
  std::string key_;           // of the series looked for
  std::string resource_key_;  // of the resource looked for
  uint64_t random_ = 0x9e3779b97f4a7c15;
  std::string last_trace_state_;
  uint64_t last_kept_ = 0;  // of kThresholdEnd, as it says; 0 when it says nothing

  // When series of deltas were flushed last, the last used first.
  struct DeltaTime {
    std::string key;
    uint64_t time_ns = 0;
  };
  std::list<DeltaTime> delta_times_;
  absl::flat_hash_map<std::string_view, std::list<DeltaTime>::iterator> delta_index_;
  std::vector<std::string> flushed_keys_;

  Counts counts_;
};

}  // namespace sextant::pipeline
