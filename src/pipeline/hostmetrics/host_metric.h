// Metrics of a host as the collector names them: tables of what each scraper has, and what one look makes of
// them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/decode.h"
#include "otlp/metrics.h"

namespace sextant::pipeline {

enum class HostMetricKind : uint8_t {
  kGauge,
  kSum,      // goes up and down
  kCounter,  // monotonic
};

struct HostMetric {
  std::string_view name;
  std::string_view description;
  std::string_view unit;
  HostMetricKind kind = HostMetricKind::kGauge;
  bool is_double = false;
  bool is_default = true;  // there unless it is disabled
};

// `metrics:` of a scraper: which metrics are enabled or disabled, of those that are named.
using MetricSwitches = std::map<std::string, bool, std::less<>>;
// Reads them; a name that is not in the table is an unknown field.
config::CodecFor<MetricSwitches> SwitchesOf(std::span<const HostMetric> table);

// Which metrics of a table are wanted, by their place in it.
class WantedMetrics {
 public:
  WantedMetrics(std::span<const HostMetric> table, const MetricSwitches& switches);

  bool Has(size_t metric) const { return is_wanted_[metric]; }
  bool HasAnyOf(std::initializer_list<size_t> metrics) const;
  std::span<const HostMetric> table() const { return table_; }

 private:
  std::span<const HostMetric> table_;
  std::vector<bool> is_wanted_;
};

// A text of the host's (names of devices, commands: any bytes) as one that OTLP takes: cut after
// kHostTextBytes, and with U+FFFD for what is not UTF-8.
inline constexpr size_t kHostTextBytes = 32 << 10;
std::string_view CopyHostText(std::string_view text, otlp::Memory& memory);

// The points of one look at a host, or at one of its processes. One thread.
class HostPoints {
 public:
  using AttributeList = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // Texts are copied into `data`, which must outlive this.
  HostPoints(const WantedMetrics& wanted, otlp::MetricsData& data, uint64_t start_ns, uint64_t now_ns);

  // A point, unless nobody wants the metric.
  void Add(size_t metric, double value, AttributeList attributes = {});

  size_t count() const { return count_; }
  // Puts the metrics that have points behind those in `data`, as a resource of their own.
  void Finish(otlp::Attributes resource, std::string_view scope, std::string_view version);

 private:
  const WantedMetrics& wanted_;
  otlp::MetricsData& data_;
  const uint64_t start_ns_;
  const uint64_t now_ns_;
  std::vector<std::vector<otlp::NumberPoint>> points_;  // by the metric's place
  size_t count_ = 0;
};

}  // namespace sextant::pipeline
