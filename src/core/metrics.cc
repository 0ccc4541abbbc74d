#include "core/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/result.h"

namespace sextant::core {

namespace {

std::string EscapeLabelValue(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '"')
      out += "\\\"";
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string FormatValue(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

std::string FormatLabels(const MetricLabels& labels, std::string_view extra_name = "",
                         std::string_view extra_value = "") {
  if (labels.empty() && extra_name.empty()) return "";
  std::string out = "{";
  for (const auto& [name, value] : labels) {
    if (out.size() > 1) out += ',';
    out += fmt::format("{}=\"{}\"", name, EscapeLabelValue(value));
  }
  if (!extra_name.empty()) {
    if (out.size() > 1) out += ',';
    out += fmt::format("{}=\"{}\"", extra_name, extra_value);
  }
  return out + "}";
}

}  // namespace

Histogram::Histogram(std::vector<double> upper_bounds)
    : upper_bounds_(std::move(upper_bounds)), buckets_(upper_bounds_.size() + 1) {}

void Histogram::Observe(double value) {
  size_t index = std::lower_bound(upper_bounds_.begin(), upper_bounds_.end(), value) - upper_bounds_.begin();
  buckets_[index].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Summary::Summary(std::vector<double> quantiles) : quantiles_(std::move(quantiles)) {}

void Summary::Observe(double value) {
  uint64_t place = count_.fetch_add(1, std::memory_order_relaxed);
  recent_[place % kRecent].store(value, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::vector<double> Summary::QuantileValues() const {
  std::vector<double> values(std::min<uint64_t>(count_.load(std::memory_order_relaxed), kRecent));
  for (size_t i = 0; i < values.size(); ++i) values[i] = recent_[i].load(std::memory_order_relaxed);
  std::sort(values.begin(), values.end());
  std::vector<double> found;
  for (double quantile : quantiles_) {
    auto rank = static_cast<size_t>(std::ceil(quantile * static_cast<double>(values.size())));
    found.push_back(values.empty() ? std::numeric_limits<double>::quiet_NaN()
                                   : values[std::clamp<size_t>(rank, 1, values.size()) - 1]);
  }
  return found;
}

struct Registry::Metric {
  MetricLabels labels;
  std::unique_ptr<Counter> counter;
  std::unique_ptr<Gauge> gauge;
  std::unique_ptr<Histogram> histogram;
  std::unique_ptr<Summary> summary;
  std::function<double()> read;
};

struct Registry::Family {
  std::string help;
  std::string type;
  std::vector<std::unique_ptr<Metric>> metrics;
};

Registry::Registry() = default;
Registry::~Registry() = default;

Registry::Family& Registry::FindFamily(std::string_view name, std::string_view help, std::string_view type) {
  auto it = families_.find(name);
  if (it == families_.end()) {
    it = families_.emplace(std::string(name), Family{std::string(help), std::string(type), {}}).first;
  }
  SEXTANT_CHECK(it->second.type == type);
  return it->second;
}

Registry::Metric& Registry::FindMetric(std::string_view name, std::string_view help, std::string_view type,
                                       MetricLabels labels) {
  Family& family = FindFamily(name, help, type);
  for (auto& metric : family.metrics) {
    if (metric->labels == labels) return *metric;
  }
  family.metrics.push_back(std::make_unique<Metric>());
  family.metrics.back()->labels = std::move(labels);
  return *family.metrics.back();
}

Counter& Registry::AddCounter(std::string_view name, std::string_view help, MetricLabels labels) {
  std::lock_guard lock(mutex_);
  Metric& metric = FindMetric(name, help, "counter", std::move(labels));
  if (!metric.counter) metric.counter = std::make_unique<Counter>();
  return *metric.counter;
}

Gauge& Registry::AddGauge(std::string_view name, std::string_view help, MetricLabels labels) {
  std::lock_guard lock(mutex_);
  Metric& metric = FindMetric(name, help, "gauge", std::move(labels));
  if (!metric.gauge) metric.gauge = std::make_unique<Gauge>();
  return *metric.gauge;
}

Histogram& Registry::AddHistogram(std::string_view name, std::string_view help,
                                  std::vector<double> upper_bounds, MetricLabels labels) {
  std::lock_guard lock(mutex_);
  Metric& metric = FindMetric(name, help, "histogram", std::move(labels));
  if (!metric.histogram) metric.histogram = std::make_unique<Histogram>(std::move(upper_bounds));
  return *metric.histogram;
}

Summary& Registry::AddSummary(std::string_view name, std::string_view help, std::vector<double> quantiles,
                              MetricLabels labels) {
  std::lock_guard lock(mutex_);
  Metric& metric = FindMetric(name, help, "summary", std::move(labels));
  if (!metric.summary) metric.summary = std::make_unique<Summary>(std::move(quantiles));
  return *metric.summary;
}

void Registry::AddGaugeCallback(std::string_view name, std::string_view help, std::function<double()> read,
                                MetricLabels labels) {
  std::lock_guard lock(mutex_);
  FindMetric(name, help, "gauge", std::move(labels)).read = std::move(read);
}

void Registry::AddCounterCallback(std::string_view name, std::string_view help, std::function<double()> read,
                                  MetricLabels labels) {
  std::lock_guard lock(mutex_);
  FindMetric(name, help, "counter", std::move(labels)).read = std::move(read);
}

void Registry::Remove(std::string_view name, const MetricLabels& labels) {
  std::lock_guard lock(mutex_);
  auto it = families_.find(name);
  if (it == families_.end()) return;
  std::erase_if(it->second.metrics, [&](const std::unique_ptr<Metric>& metric) {
    return std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
      return std::find(metric->labels.begin(), metric->labels.end(), label) != metric->labels.end();
    });
  });
  if (it->second.metrics.empty()) families_.erase(it);
}

std::string Registry::RenderText() const {
  std::lock_guard lock(mutex_);
  fmt::memory_buffer buffer;
  auto out = std::back_inserter(buffer);
  for (const auto& [name, family] : families_) {
    fmt::format_to(out, "# HELP {} {}\n# TYPE {} {}\n", name, family.help, name, family.type);
    for (const auto& metric : family.metrics) {
      if (metric->histogram) {
        const Histogram& histogram = *metric->histogram;
        uint64_t cumulative = 0;
        for (size_t i = 0; i < histogram.buckets_.size(); ++i) {
          cumulative += histogram.buckets_[i].load(std::memory_order_relaxed);
          bool is_last = i == histogram.upper_bounds_.size();
          std::string bound = is_last ? "+Inf" : FormatValue(histogram.upper_bounds_[i]);
          fmt::format_to(out, "{}_bucket{} {}\n", name, FormatLabels(metric->labels, "le", bound),
                         cumulative);
        }
        fmt::format_to(out, "{}_sum{} {}\n", name, FormatLabels(metric->labels),
                       FormatValue(histogram.sum_.load(std::memory_order_relaxed)));
        fmt::format_to(out, "{}_count{} {}\n", name, FormatLabels(metric->labels), cumulative);
        continue;
      }
      if (metric->summary) {
        const Summary& summary = *metric->summary;
        std::vector<double> values = summary.QuantileValues();
        for (size_t i = 0; i < values.size(); ++i) {
          std::string quantile = FormatValue(summary.quantiles_[i]);
          fmt::format_to(out, "{}{} {}\n", name, FormatLabels(metric->labels, "quantile", quantile),
                         FormatValue(values[i]));
        }
        fmt::format_to(out, "{}_sum{} {}\n", name, FormatLabels(metric->labels),
                       FormatValue(summary.sum_.load(std::memory_order_relaxed)));
        fmt::format_to(out, "{}_count{} {}\n", name, FormatLabels(metric->labels),
                       summary.count_.load(std::memory_order_relaxed));
        continue;
      }
      double value = metric->read      ? metric->read()
                     : metric->counter ? metric->counter->value()
                                       : metric->gauge->value();
      fmt::format_to(out, "{}{} {}\n", name, FormatLabels(metric->labels), FormatValue(value));
    }
  }
  return fmt::to_string(buffer);
}

}  // namespace sextant::core
