#include "pipeline/telemetry.h"

#include <algorithm>

#include "core/result.h"
#include "otlp/encode.h"

namespace sextant::pipeline {

namespace {

size_t Count(const otlp::TracesData& data) { return otlp::CountSpans(data); }
size_t Count(const otlp::MetricsData& data) { return otlp::CountPoints(data); }
size_t Count(const otlp::LogsData& data) { return otlp::CountRecords(data); }

// Moves up to `wanted` items from the front of `from` to the end of `to`; returns how many.
template <typename Item>
size_t MoveFront(std::vector<Item>& from, std::vector<Item>& to, size_t wanted) {
  size_t count = std::min(wanted, from.size());
  auto end = from.begin() + static_cast<ptrdiff_t>(count);
  to.insert(to.end(), std::move_iterator(from.begin()), std::move_iterator(end));
  from.erase(from.begin(), end);
  return count;
}

size_t Move(otlp::ScopeSpans& from, otlp::ScopeSpans& to, size_t wanted) {
  return MoveFront(from.spans, to.spans, wanted);
}
size_t Move(otlp::ScopeLogs& from, otlp::ScopeLogs& to, size_t wanted) {
  return MoveFront(from.records, to.records, wanted);
}
// A metric's points may go to both sides.
size_t Move(otlp::ScopeMetrics& from, otlp::ScopeMetrics& to, size_t wanted) {
  size_t moved = 0;
  size_t whole = 0;
  for (; whole < from.metrics.size(); ++whole) {
    size_t points = CountPoints(from.metrics[whole]);
    if (moved + points > wanted) break;
    moved += points;
  }
  MoveFront(from.metrics, to.metrics, whole);
  if (moved == wanted || from.metrics.empty()) return moved;
  otlp::Metric& split = from.metrics.front();
  otlp::Metric part = split;
  part.numbers.clear();
  part.histograms.clear();
  part.exponentials.clear();
  part.summaries.clear();
  moved += MoveFront(split.numbers, part.numbers, wanted - moved);
  moved += MoveFront(split.histograms, part.histograms, wanted - moved);
  moved += MoveFront(split.exponentials, part.exponentials, wanted - moved);
  moved += MoveFront(split.summaries, part.summaries, wanted - moved);
  to.metrics.push_back(std::move(part));
  return moved;
}

size_t CountScope(const otlp::ScopeSpans& scope) { return scope.spans.size(); }
size_t CountScope(const otlp::ScopeLogs& scope) { return scope.records.size(); }
size_t CountScope(const otlp::ScopeMetrics& scope) {
  size_t count = 0;
  for (const otlp::Metric& metric : scope.metrics) count += CountPoints(metric);
  return count;
}

template <typename ResourceItems>
size_t CountResource(const ResourceItems& resource) {
  size_t count = 0;
  for (const auto& scope : resource.scopes) count += CountScope(scope);
  return count;
}

template <typename Data>
Data TakeFirstOf(Data& data, size_t wanted) {
  Data taken;
  taken.memory = std::as_const(data.memory);
  size_t whole = 0;
  for (; whole < data.resources.size(); ++whole) {
    size_t count = CountResource(data.resources[whole]);
    if (count > wanted) break;
    wanted -= count;
  }
  MoveFront(data.resources, taken.resources, whole);
  if (wanted == 0 || data.resources.empty()) return taken;
  auto& split = data.resources.front();
  auto& part = taken.resources.emplace_back();
  part.resource = split.resource;
  part.schema_url = split.schema_url;
  whole = 0;
  for (; whole < split.scopes.size(); ++whole) {
    size_t count = CountScope(split.scopes[whole]);
    if (count > wanted) break;
    wanted -= count;
  }
  MoveFront(split.scopes, part.scopes, whole);
  if (wanted == 0 || split.scopes.empty()) return taken;
  auto& split_scope = split.scopes.front();
  auto& part_scope = part.scopes.emplace_back();
  part_scope.scope = split_scope.scope;
  part_scope.schema_url = split_scope.schema_url;
  Move(split_scope, part_scope, wanted);
  return taken;
}

template <typename Data>
void AppendTo(Data& data, Data& other) {
  data.memory.Join(std::move(other.memory));
  MoveFront(other.resources, data.resources, other.resources.size());
}

}  // namespace

std::string_view SignalName(Signal signal) {
  switch (signal) {
    case Signal::kTraces:
      return "traces";
    case Signal::kMetrics:
      return "metrics";
    case Signal::kLogs:
      return "logs";
  }
  return "";
}

std::string_view ItemsName(Signal signal) {
  switch (signal) {
    case Signal::kTraces:
      return "spans";
    case Signal::kMetrics:
      return "metric_points";
    case Signal::kLogs:
      return "log_records";
  }
  return "";
}

std::vector<std::string_view> Client::Values(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : metadata) {
    if (key == name) values.push_back(value);
  }
  return values;
}

Telemetry::Telemetry(otlp::TracesData data) : data_(std::make_shared<otlp::TracesData>(std::move(data))) {}
Telemetry::Telemetry(otlp::MetricsData data) : data_(std::make_shared<otlp::MetricsData>(std::move(data))) {}
Telemetry::Telemetry(otlp::LogsData data) : data_(std::make_shared<otlp::LogsData>(std::move(data))) {}

size_t Telemetry::CountItems() const {
  return std::visit([](const auto& data) { return Count(*data); }, data_);
}

size_t Telemetry::EncodedBytes() const {
  return std::visit([](const auto& data) { return otlp::EncodedSize(*data); }, data_);
}

size_t Telemetry::MemoryBytes() const {
  constexpr size_t kItemBytes = 200;
  return CountItems() * kItemBytes + std::visit([](const auto& data) { return data->memory.bytes(); }, data_);
}

void Telemetry::Append(Telemetry other) {
  SEXTANT_CHECK(signal() == other.signal());
  switch (signal()) {
    case Signal::kTraces:
      return AppendTo(MutableTraces(), other.MutableTraces());
    case Signal::kMetrics:
      return AppendTo(MutableMetrics(), other.MutableMetrics());
    case Signal::kLogs:
      return AppendTo(MutableLogs(), other.MutableLogs());
  }
}

Telemetry Telemetry::TakeFirst(size_t items) {
  auto take = [&](auto& data) {
    Telemetry taken(TakeFirstOf(data, items));
    taken.client = client;
    return taken;
  };
  switch (signal()) {
    case Signal::kTraces:
      return take(MutableTraces());
    case Signal::kMetrics:
      return take(MutableMetrics());
    default:
      return take(MutableLogs());
  }
}

}  // namespace sextant::pipeline
