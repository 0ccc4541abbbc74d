// The process's own metrics: counters, gauges, histograms and summaries that any component registers and any
// thread moves.
//
//   core::Counter& scrapes = registry.AddCounter("prometheus_target_scrapes_total", "Scrapes done.");
//   scrapes.Increment();
//
// A metric lives as long as its Registry; the references stay valid. Moving a metric is one relaxed atomic;
// registering takes a lock. Registering the same name and labels again returns the same metric. Names of
// originals are used where a meaning corresponds, so that their dashboards work on us.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sextant::core {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// Only goes up.
class Counter {
 public:
  void Increment(double by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Goes anywhere.
class Gauge {
 public:
  void Set(double value) { value_.store(value, std::memory_order_relaxed); }
  void Add(double by) { value_.fetch_add(by, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Counts observations in buckets with fixed upper bounds (ascending, +Inf is implied).
class Histogram {
 public:
  explicit Histogram(std::vector<double> upper_bounds);
  void Observe(double value);

 private:
  friend class Registry;
  std::vector<double> upper_bounds_;
  std::vector<std::atomic<uint64_t>> buckets_;  // not cumulative; the last is +Inf
  std::atomic<double> sum_{0};
};

// Counts observations, and tells quantiles of the last kRecent of them (originals: of the last ten minutes).
class Summary {
 public:
  static constexpr size_t kRecent = 256;

  explicit Summary(std::vector<double> quantiles);
  void Observe(double value);

 private:
  friend class Registry;
  // The values of quantiles_; NaN before the first observation.
  std::vector<double> QuantileValues() const;

  std::vector<double> quantiles_;
  std::array<std::atomic<double>, kRecent> recent_{};
  std::atomic<uint64_t> count_{0};
  std::atomic<double> sum_{0};
};

class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  Counter& AddCounter(std::string_view name, std::string_view help, MetricLabels labels = {});
  Gauge& AddGauge(std::string_view name, std::string_view help, MetricLabels labels = {});
  Histogram& AddHistogram(std::string_view name, std::string_view help, std::vector<double> upper_bounds,
                          MetricLabels labels = {});
  Summary& AddSummary(std::string_view name, std::string_view help, std::vector<double> quantiles,
                      MetricLabels labels = {});
  // A gauge or counter whose value is asked for at each rendering. `read` must stay callable until Remove or
  // the end of the registry; it may not register metrics.
  void AddGaugeCallback(std::string_view name, std::string_view help, std::function<double()> read,
                        MetricLabels labels = {});
  void AddCounterCallback(std::string_view name, std::string_view help, std::function<double()> read,
                          MetricLabels labels = {});
  // Forgets all metrics of this family whose labels contain `labels`; their references become invalid.
  void Remove(std::string_view name, const MetricLabels& labels);

  // All metrics in the text exposition format 0.0.4, families sorted by name.
  std::string RenderText() const;

 private:
  struct Metric;
  struct Family;
  Family& FindFamily(std::string_view name, std::string_view help, std::string_view type);
  Metric& FindMetric(std::string_view name, std::string_view help, std::string_view type,
                     MetricLabels labels);

  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace sextant::core
