// What flows through pipelines: a batch of spans, of metrics or of log records, with who sent it.
//
// A batch may be shared: handing it on costs a pointer, and whoever changes it gets a copy of what others
// still look at (texts and lists of attributes are shared in any case, see otlp/memory.h). One Telemetry is
// used by one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "otlp/logs.h"
#include "otlp/metrics.h"
#include "otlp/spans.h"

namespace sextant::pipeline {

enum class Signal { kTraces, kMetrics, kLogs };
inline constexpr Signal kSignals[] = {Signal::kTraces, Signal::kMetrics, Signal::kLogs};

// "traces", "metrics", "logs".
std::string_view SignalName(Signal signal);
// What the collector calls the items in metrics' names: "spans", "metric_points", "log_records".
std::string_view ItemsName(Signal signal);

// Who sent a batch.
struct Client {
  std::string address;  // of the peer, without its port; "" when nobody connected
  // Headers or gRPC metadata, names in small letters; only where a receiver has `include_metadata`.
  std::vector<std::pair<std::string, std::string>> metadata;

  // The values of a name, in the order they came.
  std::vector<std::string_view> Values(std::string_view name) const;
};

class Telemetry {
 public:
  explicit Telemetry(otlp::TracesData data);
  explicit Telemetry(otlp::MetricsData data);
  explicit Telemetry(otlp::LogsData data);

  Signal signal() const { return static_cast<Signal>(data_.index()); }

  // The data of its signal; only for that signal.
  const otlp::TracesData& traces() const { return *std::get<0>(data_); }
  const otlp::MetricsData& metrics() const { return *std::get<1>(data_); }
  const otlp::LogsData& logs() const { return *std::get<2>(data_); }

  // The same to be changed, after which the counts may be others.
  otlp::TracesData& MutableTraces() { return Mutable<otlp::TracesData>(); }
  otlp::MetricsData& MutableMetrics() { return Mutable<otlp::MetricsData>(); }
  otlp::LogsData& MutableLogs() { return Mutable<otlp::LogsData>(); }

  // Calls visit(Resource&, Memory&) for each resource, whatever the signal.
  template <typename Visit>
  void ForEachResource(Visit&& visit) {
    auto go = [&](auto& data) {
      for (auto& resource : data.resources) visit(resource.resource, data.memory);
    };
    switch (signal()) {
      case Signal::kTraces:
        return go(MutableTraces());
      case Signal::kMetrics:
        return go(MutableMetrics());
      case Signal::kLogs:
        return go(MutableLogs());
    }
  }
  template <typename Visit>
  void ForEachResource(Visit&& visit) const {
    std::visit(
        [&](const auto& data) {
          for (const auto& resource : data->resources) visit(resource.resource);
        },
        data_);
  }

  // Spans, data points, log records.
  size_t CountItems() const;
  // As an OTLP request in protobuf; costs as much as making one.
  size_t EncodedBytes() const;
  // What it holds in memory, about.
  size_t MemoryBytes() const;

  // Takes what `other`, of the same signal, has, behind what is here.
  void Append(Telemetry other);
  // Takes off the first `items` items, at least one; all but those stay here. Needs more than `items`.
  Telemetry TakeFirst(size_t items);

  // Null when nobody is known.
  std::shared_ptr<const Client> client;

 private:
  template <typename Data>
  Data& Mutable() {
    auto& held = std::get<std::shared_ptr<Data>>(data_);
    if (held.use_count() != 1) held = std::make_shared<Data>(std::as_const(*held));
    return *held;
  }

  std::variant<std::shared_ptr<otlp::TracesData>, std::shared_ptr<otlp::MetricsData>,
               std::shared_ptr<otlp::LogsData>>
      data_;
};

}  // namespace sextant::pipeline
