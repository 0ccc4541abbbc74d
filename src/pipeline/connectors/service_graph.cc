#include "pipeline/connectors/service_graph.h"

#include <algorithm>

namespace sextant::pipeline {

namespace {

using otlp::AnyValue;
using otlp::Attributes;
using otlp::KeyValue;

constexpr double kDefaultBounds[] = {0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2,
                                     0.4,   0.8,   1,     1.4,   2,    5,    10,  15};
constexpr std::string_view kMessaging = "messaging_system";
constexpr std::string_view kDatabase = "database";
constexpr std::string_view kVirtualNode = "virtual_node";

double SecondsOf(const otlp::Span& span) {
  return span.end_ns > span.start_ns ? static_cast<double>(span.end_ns - span.start_ns) / 1e9 : 0;
}

bool HasFailed(const otlp::Span& span) { return span.status == otlp::StatusCode::kError; }

// The resource goes before the span.
std::optional<std::string> FindText(std::string_view key, const Attributes& resource,
                                    const Attributes& span) {
  const AnyValue* value = otlp::FindAttribute(resource, key);
  if (value == nullptr) value = otlp::FindAttribute(span, key);
  if (value == nullptr) return std::nullopt;
  return otlp::ValueText(*value);
}

void AppendPart(std::string_view part, std::string& key) {
  key += fmt::format("{}:", part.size());
  key += part;
}

}  // namespace

ServiceGraph::ServiceGraph(const ServiceGraphConfig& config, uint64_t start_ns)
    : config_(config), start_ns_(start_ns), bounds_(std::begin(kDefaultBounds), std::end(kDefaultBounds)) {
  if (!config.latency_histogram_buckets_ns.empty()) {
    bounds_.clear();
    for (DurationNs bound_ns : config.latency_histogram_buckets_ns) {
      bounds_.push_back(static_cast<double>(bound_ns) / 1e9);
    }
  }
}

void ServiceGraph::Add(const otlp::TracesData& traces, core::TimestampMs now_ms) {
  for (const otlp::ResourceSpans& resource : traces.resources) {
    const Attributes& attributes = resource.resource.attributes;
    const AnyValue* service = otlp::FindAttribute(attributes, "service.name");
    if (service == nullptr) continue;
    Context context = {.resource = attributes, .service = otlp::ValueText(*service), .now_ms = now_ms};
    for (const otlp::ScopeSpans& scope : resource.scopes) {
      for (const otlp::Span& span : scope.spans) {
        switch (span.kind) {
          case otlp::SpanKind::kClient:
          case otlp::SpanKind::kProducer:
            AddClient(context, span);
            break;
          case otlp::SpanKind::kConsumer:
            for (const otlp::SpanLink& link : span.links) AddLinked(context, span, link);
            if (span.links.empty()) AddServer(context, span);
            break;
          case otlp::SpanKind::kServer:
            AddServer(context, span);
            break;
          default:  // no part of an edge
            break;
        }
      }
    }
  }
}

void ServiceGraph::AddClient(const Context& context, const otlp::Span& span) {
  EdgeKey key = {.span = {span.trace_id, span.span_id}, .linked = {}};
  Edge* edge = EdgeOf(key, context.now_ms);
  if (edge == nullptr) return;
  edge->connection_type = span.kind == otlp::SpanKind::kProducer ? kMessaging : "";
  edge->client = context.service;
  edge->client_seconds = SecondsOf(span);
  edge->is_failed = edge->is_failed || HasFailed(span);
  AddDimensions("client_", context, span, *edge);
  for (const std::string& name : config_.virtual_node_peer_attributes) {
    if (const AnyValue* peer = otlp::FindAttribute(span.attributes, name)) {
      edge->peer = otlp::ValueText(*peer);
      break;
    }
  }
  // A database sends no span of its own.
  for (const std::string& name : config_.database_name_attributes) {
    if (std::optional<std::string> database = FindText(name, context.resource, span.attributes)) {
      edge->connection_type = kDatabase;
      edge->server = *database;
      edge->server_seconds = SecondsOf(span);
      break;
    }
  }
  JoinWaiting(*edge, context.now_ms);
  CompleteIfDone(key, context.now_ms);
}

void ServiceGraph::AddServer(const Context& context, const otlp::Span& span) {
  EdgeKey key = {.span = {span.trace_id, span.parent_span_id}, .linked = {}};
  Edge* edge = EdgeOf(key, context.now_ms);
  if (edge == nullptr) return;
  FillServer(context, span, *edge);
  CompleteIfDone(key, context.now_ms);
}

void ServiceGraph::AddLinked(const Context& context, const otlp::Span& span, const otlp::SpanLink& link) {
  SpanKey producer = {link.trace_id, link.span_id};
  EdgeKey key = {.span = {span.trace_id, span.span_id}, .linked = producer};
  Edge* edge = EdgeOf(key, context.now_ms);
  if (edge == nullptr) return;
  FillServer(context, span, *edge);
  auto found = index_.find(EdgeKey{.span = producer, .linked = {}});
  if (found != index_.end()) {
    Join(*found->second, *edge);
    CompleteIfDone(key, context.now_ms);
    return;
  }
  std::vector<EdgeKey>& waiting = waiting_[producer];
  if (std::ranges::find(waiting, key) == waiting.end()) waiting.push_back(key);
}

void ServiceGraph::FillServer(const Context& context, const otlp::Span& span, Edge& edge) const {
  edge.connection_type = span.kind == otlp::SpanKind::kConsumer ? kMessaging : "";
  edge.server = context.service;
  edge.server_seconds = SecondsOf(span);
  edge.is_failed = edge.is_failed || HasFailed(span);
  AddDimensions("server_", context, span, edge);
}

void ServiceGraph::AddDimensions(std::string_view prefix, const Context& context, const otlp::Span& span,
                                 Edge& edge) const {
  for (const std::string& name : config_.dimensions) {
    if (std::optional<std::string> value = FindText(name, context.resource, span.attributes)) {
      edge.dimensions[std::string(prefix) + name] = *value;
    }
  }
}

ServiceGraph::Edge* ServiceGraph::EdgeOf(const EdgeKey& key, core::TimestampMs now_ms) {
  auto found = index_.find(key);
  if (found != index_.end()) return &*found->second;
  if (edges_.size() >= static_cast<size_t>(config_.store.max_items) && !ExpireOldest(now_ms)) {
    ++counts_.dropped_spans;
    return nullptr;
  }
  ++counts_.edges;
  Edge& edge = edges_.emplace_back();
  edge.key = key;
  edge.expires_ms = now_ms + config_.store.ttl_ms;
  index_.emplace(key, std::prev(edges_.end()));
  return &edge;
}

void ServiceGraph::CompleteIfDone(const EdgeKey& key, core::TimestampMs now_ms) {
  auto found = index_.find(key);
  if (found == index_.end() || !found->second->IsComplete()) return;
  Count(*found->second, now_ms);
  Remove(found->second);
}

void ServiceGraph::Join(Edge& producer, Edge& consumer) {
  producer.has_served = true;
  consumer.client = producer.client;
  consumer.client_seconds = producer.client_seconds;
  consumer.connection_type = producer.connection_type;
  consumer.is_failed = consumer.is_failed || producer.is_failed;
  for (const auto& [name, value] : producer.dimensions) consumer.dimensions[name] = value;
  if (producer.peer) consumer.peer = producer.peer;
}

void ServiceGraph::JoinWaiting(Edge& producer, core::TimestampMs now_ms) {
  auto found = waiting_.find(producer.key.span);
  if (found == waiting_.end()) return;
  std::vector<EdgeKey> consumers = std::move(found->second);
  waiting_.erase(found);
  for (const EdgeKey& key : consumers) {
    auto consumer = index_.find(key);
    if (consumer == index_.end()) continue;
    Join(producer, *consumer->second);
    CompleteIfDone(key, now_ms);
  }
}

void ServiceGraph::Remove(Edges::iterator edge) {
  if (!edge->key.linked.span.IsEmpty()) {
    auto found = waiting_.find(edge->key.linked);
    if (found != waiting_.end()) {
      std::erase(found->second, edge->key);
      if (found->second.empty()) waiting_.erase(found);
    }
  }
  index_.erase(edge->key);
  edges_.erase(edge);
}

void ServiceGraph::Expire(core::TimestampMs now_ms) {
  while (ExpireOldest(now_ms)) {
  }
}

bool ServiceGraph::ExpireOldest(core::TimestampMs now_ms) {
  if (edges_.empty() || edges_.front().expires_ms >= now_ms) return false;
  GiveUp(edges_.front(), now_ms);
  Remove(edges_.begin());
  return true;
}

void ServiceGraph::GiveUp(Edge& edge, core::TimestampMs now_ms) {
  if (edge.has_served) return;
  ++counts_.expired_edges;
  if (config_.virtual_node_peer_attributes.empty()) return;
  edge.connection_type = kVirtualNode;
  if (edge.client.empty() && edge.key.span.span.IsEmpty()) {
    edge.client = "user";
    edge.virtual_node = "client";
    Count(edge, now_ms);
  }
  if (edge.server.empty()) {
    edge.server = edge.peer.value_or("unknown");
    edge.virtual_node = "server";
    Count(edge, now_ms);
  }
}

void ServiceGraph::Count(const Edge& edge, core::TimestampMs now_ms) {
  Series* series = SeriesOf(edge);
  if (series == nullptr) return;
  series->updated_ms = now_ms;
  ++series->requests;
  if (edge.is_failed) ++series->failed;
  Observe(series->at_server, edge.server_seconds);
  Observe(series->at_client, edge.client_seconds);
}

ServiceGraph::Series* ServiceGraph::SeriesOf(const Edge& edge) {
  std::string key;
  for (std::string_view part : {std::string_view(edge.client), std::string_view(edge.server),
                                edge.connection_type, edge.virtual_node}) {
    AppendPart(part, key);
  }
  key += edge.is_failed ? '1' : '0';
  for (const auto& [name, value] : edge.dimensions) {
    AppendPart(name, key);
    AppendPart(value, key);
  }
  auto found = series_.find(key);
  if (found != series_.end()) return found->second.get();
  if (series_.size() >= kMaxSeries) {
    ++counts_.uncounted_edges;
    return nullptr;
  }
  auto series = std::make_unique<Series>();
  series->texts.assign(edge.dimensions.begin(), edge.dimensions.end());
  series->client = edge.client;
  series->server = edge.server;
  series->connection_type = edge.connection_type;
  series->is_failed = edge.is_failed;
  series->virtual_node = edge.virtual_node;
  for (Latency* latency : {&series->at_server, &series->at_client}) {
    if (config_.exponential_histogram_max_size != 0) {
      latency->exponential = std::make_unique<ExponentialHistogram>(config_.exponential_histogram_max_size);
    } else {
      latency->buckets.resize(bounds_.size() + 1);
    }
  }
  return series_.emplace(std::move(key), std::move(series)).first->second.get();
}

void ServiceGraph::Observe(Latency& latency, double seconds) const {
  if (latency.exponential != nullptr) return latency.exponential->Observe(seconds);
  auto bucket = std::ranges::lower_bound(bounds_, seconds) - bounds_.begin();
  ++latency.buckets[static_cast<size_t>(bucket)];
  ++latency.count;
  latency.sum += seconds;
}

void ServiceGraph::ForgetStale(core::TimestampMs now_ms) {
  absl::erase_if(series_, [&](const auto& item) { return item.second->updated_ms + kSeriesLifeMs < now_ms; });
}

Attributes ServiceGraph::AttributesOf(const Series& series, bool has_label, otlp::Memory& memory) {
  std::vector<KeyValue> items = {
      {"client", AnyValue::Text(memory.Copy(series.client))},
      {"server", AnyValue::Text(memory.Copy(series.server))},
      {"connection_type", AnyValue::Text(series.connection_type)},
      {"failed", AnyValue::Bool(series.is_failed)},
  };
  for (const auto& [name, value] : series.texts) {
    items.push_back({memory.Copy(name), AnyValue::Text(memory.Copy(value))});
  }
  if (has_label) items.push_back({"virtual_node", AnyValue::Text(series.virtual_node)});
  return memory.CopyList<KeyValue>(items);
}

otlp::MetricsData ServiceGraph::Flush(uint64_t wall_ns) const {
  otlp::MetricsData out;
  if (series_.empty()) return out;
  uint64_t now_ns = wall_ns - static_cast<uint64_t>(config_.metrics_timestamp_offset_ms) * 1'000'000;
  std::vector<std::pair<const Series*, Attributes>> series;
  for (const auto& [key, one] : series_) {
    series.emplace_back(one.get(), AttributesOf(*one, config_.has_virtual_node_label, out.memory));
  }
  otlp::ScopeMetrics& scope = out.resources.emplace_back().scopes.emplace_back();
  scope.scope.name = "traces_service_graph";
  auto add_sum = [&](std::string_view name, uint64_t Series::* count) {
    otlp::Metric metric;
    metric.name = name;
    metric.kind = otlp::MetricKind::kSum;
    metric.is_monotonic = true;
    metric.temporality = otlp::Temporality::kCumulative;
    for (const auto& [one, attributes] : series) {
      if (one->*count == 0) continue;
      otlp::NumberPoint& point = metric.numbers.emplace_back();
      point.attributes = attributes;
      point.start_ns = start_ns_;
      point.time_ns = now_ns;
      point.value.kind = otlp::NumberKind::kInt;
      point.value.integer = static_cast<int64_t>(one->*count);
    }
    if (!metric.numbers.empty()) scope.metrics.push_back(std::move(metric));
  };
  add_sum("traces_service_graph_request_total", &Series::requests);
  add_sum("traces_service_graph_request_failed_total", &Series::failed);
  FlushLatency("traces_service_graph_request_server", &Series::at_server, series, now_ns, scope);
  FlushLatency("traces_service_graph_request_client", &Series::at_client, series, now_ns, scope);
  return out;
}

void ServiceGraph::FlushLatency(std::string_view name, const Latency Series::* latency,
                                const std::vector<std::pair<const Series*, Attributes>>& series,
                                uint64_t now_ns, otlp::ScopeMetrics& out) const {
  otlp::Metric& metric = out.metrics.emplace_back();
  metric.name = name;
  metric.unit = "s";
  metric.temporality = otlp::Temporality::kCumulative;
  auto fill = [&](const Attributes& attributes, otlp::Point& point) {
    point.attributes = attributes;
    point.start_ns = start_ns_;
    point.time_ns = now_ns;
  };
  if (config_.exponential_histogram_max_size != 0) {
    metric.kind = otlp::MetricKind::kExponentialHistogram;
    for (const auto& [one, attributes] : series) {
      otlp::ExponentialPoint& point = metric.exponentials.emplace_back();
      fill(attributes, point);
      (one->*latency).exponential->WriteTo(point);
    }
    return;
  }
  metric.kind = otlp::MetricKind::kHistogram;
  for (const auto& [one, attributes] : series) {
    otlp::HistogramPoint& point = metric.histograms.emplace_back();
    fill(attributes, point);
    const Latency& held = one->*latency;
    point.count = held.count;
    point.sum = held.sum;
    point.bucket_counts = held.buckets;
    point.explicit_bounds = bounds_;
  }
}

}  // namespace sextant::pipeline
