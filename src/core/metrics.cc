#include "core/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

#include "core/result.h"

namespace sextant::core {

namespace {

void AppendEscaped(std::string_view text, std::string& out) {
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
}

void AppendCount(uint64_t count, std::string& out) {
  char buffer[20];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, count).ptr);
}

void AppendValue(double value, std::string& out) {
  constexpr double kWhole = 1e15;  // up to here whole numbers are written without an exponent
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else if (!std::signbit(value) && value < kWhole && value == std::trunc(value)) {
    AppendCount(static_cast<uint64_t>(value), out);
  } else {
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

void AppendLabels(const MetricLabels& labels, std::string_view extra_name, std::string_view extra_value,
                  std::string& out) {
  if (labels.empty() && extra_name.empty()) return;
  char before = '{';
  const auto append = [&](std::string_view name, std::string_view value) {
    out += before;
    out += name;
    out += "=\"";
    AppendEscaped(value, out);
    out += '"';
    before = ',';
  };
  for (const auto& [name, value] : labels) append(name, value);
  if (!extra_name.empty()) append(extra_name, extra_value);
  out += '}';
}

void AppendSample(std::string_view name, std::string_view suffix, const MetricLabels& labels,
                  std::string_view extra_name, std::string_view extra_value, double value, std::string& out) {
  out.append(name).append(suffix);
  AppendLabels(labels, extra_name, extra_value, out);
  out += ' ';
  AppendValue(value, out);
  out += '\n';
}

void AppendHistogram(std::string_view name, const MetricLabels& labels,
                     const std::vector<double>& upper_bounds,
                     const std::vector<std::atomic<uint64_t>>& buckets, double sum, std::string& out) {
  uint64_t cumulative = 0;
  std::string bound;
  for (size_t i = 0; i < buckets.size(); ++i) {
    cumulative += buckets[i].load(std::memory_order_relaxed);
    bound.clear();
    AppendValue(i == upper_bounds.size() ? HUGE_VAL : upper_bounds[i], bound);
    AppendSample(name, "_bucket", labels, "le", bound, static_cast<double>(cumulative), out);
  }
  AppendSample(name, "_sum", labels, "", "", sum, out);
  AppendSample(name, "_count", labels, "", "", static_cast<double>(cumulative), out);
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
  std::string out;
  std::lock_guard lock(mutex_);
  for (const auto& [name, family] : families_) {
    out.append("# HELP ").append(name).append(" ").append(family.help);
    out.append("\n# TYPE ").append(name).append(" ").append(family.type).append("\n");
    for (const auto& metric : family.metrics) {
      if (metric->histogram) {
        const Histogram& histogram = *metric->histogram;
        AppendHistogram(name, metric->labels, histogram.upper_bounds_, histogram.buckets_,
                        histogram.sum_.load(std::memory_order_relaxed), out);
        continue;
      }
      if (metric->summary) {
        const Summary& summary = *metric->summary;
        const std::vector<double> values = summary.QuantileValues();
        for (size_t i = 0; i < values.size(); ++i) {
          std::string quantile;
          AppendValue(summary.quantiles_[i], quantile);
          AppendSample(name, "", metric->labels, "quantile", quantile, values[i], out);
        }
        AppendSample(name, "_sum", metric->labels, "", "", summary.sum_.load(std::memory_order_relaxed), out);
        AppendSample(name, "_count", metric->labels, "", "",
                     static_cast<double>(summary.count_.load(std::memory_order_relaxed)), out);
        continue;
      }
      AppendSample(name, "", metric->labels, "", "",
                   metric->read      ? metric->read()
                   : metric->counter ? metric->counter->value()
                                     : metric->gauge->value(),
                   out);
    }
  }
  return out;
}

}  // namespace sextant::core
