// Which service calls which, found by pairing spans: what the connector `service_graph` keeps.
//
//   client or producer span ─┐
//                            ├─► edge (by trace and the client's span) ─► series (client, server, …)
//   server or consumer span ─┘
//
// An edge whose other end does not come in time expires; it then leads to a virtual node when the settings
// have names for one. Consumers find their producers also by span links. Edges and series are bounded.
//
// Not thread-safe. Times called `now_ms` are those of a monotonic clock.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "otlp/metrics.h"
#include "otlp/spans.h"
#include "pipeline/connectors/service_graph_config.h"
#include "pipeline/exponential_histogram.h"

namespace sextant::pipeline {

class ServiceGraph {
 public:
  static constexpr size_t kMaxSeries = 100'000;
  static constexpr core::DurationMs kSeriesLifeMs = 15 * 60'000;

  struct Counts {
    uint64_t edges = 0;            // begun
    uint64_t expired_edges = 0;    // of them, whose other end did not come
    uint64_t dropped_spans = 0;    // for which the store had no place
    uint64_t uncounted_edges = 0;  // complete, but there were too many series
  };

  // `start_ns` is the wall time that all sums begin at.
  ServiceGraph(const ServiceGraphConfig& config, uint64_t start_ns);

  void Add(const otlp::TracesData& traces, core::TimestampMs now_ms);
  // Gives up edges that are too old.
  void Expire(core::TimestampMs now_ms);
  // Forgets series that had no edge for a quarter of an hour.
  void ForgetStale(core::TimestampMs now_ms);
  // All series, at this wall time.
  otlp::MetricsData Flush(uint64_t wall_ns) const;
  const Counts& counts() const { return counts_; }

 private:
  struct SpanKey {
    otlp::TraceId trace;
    otlp::SpanId span;

    friend bool operator==(const SpanKey&, const SpanKey&) = default;
    template <typename H>
    friend H AbslHashValue(H hash, const SpanKey& key) {
      return H::combine(std::move(hash), key.trace, key.span);
    }
  };
  // Of the client's span; for a consumer that links to a producer, of its own and the producer's.
  struct EdgeKey {
    SpanKey span;
    SpanKey linked;

    friend bool operator==(const EdgeKey&, const EdgeKey&) = default;
    template <typename H>
    friend H AbslHashValue(H hash, const EdgeKey& key) {
      return H::combine(std::move(hash), key.span, key.linked);
    }
  };

  struct Edge {
    EdgeKey key;
    std::string_view connection_type;  // a constant
    std::string client;
    std::string server;
    double client_seconds = 0;
    double server_seconds = 0;
    bool is_failed = false;
    std::map<std::string, std::string> dimensions;
    std::optional<std::string> peer;
    std::string_view virtual_node;  // a constant
    bool has_served = false;        // a producer whose consumers were found by their links
    core::TimestampMs expires_ms = 0;

    bool IsComplete() const { return !client.empty() && !server.empty(); }
  };
  using Edges = std::list<Edge>;

  struct Latency {
    uint64_t count = 0;
    double sum = 0;
    std::vector<uint64_t> buckets;
    std::unique_ptr<ExponentialHistogram> exponential;
  };
  struct Series {
    std::vector<std::pair<std::string, std::string>> texts;  // attributes behind client, server and type
    std::string client;
    std::string server;
    std::string_view connection_type;
    bool is_failed = false;
    std::string_view virtual_node;
    uint64_t requests = 0;
    uint64_t failed = 0;
    Latency at_server;
    Latency at_client;
    core::TimestampMs updated_ms = 0;
  };

  // What the spans of a resource have in common.
  struct Context {
    const otlp::Attributes& resource;
    std::string service;
    core::TimestampMs now_ms = 0;
  };

  void AddClient(const Context& context, const otlp::Span& span);
  void AddServer(const Context& context, const otlp::Span& span);
  void AddLinked(const Context& context, const otlp::Span& span, const otlp::SpanLink& link);
  void FillServer(const Context& context, const otlp::Span& span, Edge& edge) const;
  void AddDimensions(std::string_view prefix, const Context& context, const otlp::Span& span,
                     Edge& edge) const;

  // The edge of a key, made if need be; null, and the span counted as dropped, when there is no place.
  Edge* EdgeOf(const EdgeKey& key, core::TimestampMs now_ms);
  void CompleteIfDone(const EdgeKey& key, core::TimestampMs now_ms);
  // What a producer knows goes to a consumer that links to it.
  static void Join(Edge& producer, Edge& consumer);
  void JoinWaiting(Edge& producer, core::TimestampMs now_ms);
  void Remove(Edges::iterator edge);
  bool ExpireOldest(core::TimestampMs now_ms);
  void GiveUp(Edge& edge, core::TimestampMs now_ms);
  void Count(const Edge& edge, core::TimestampMs now_ms);
  Series* SeriesOf(const Edge& edge);
  void Observe(Latency& latency, double seconds) const;

  static otlp::Attributes AttributesOf(const Series& series, bool has_label, otlp::Memory& memory);
  void FlushLatency(std::string_view name, const Latency Series::* latency,
                    const std::vector<std::pair<const Series*, otlp::Attributes>>& series, uint64_t now_ns,
                    otlp::ScopeMetrics& out) const;

  const ServiceGraphConfig config_;
  const uint64_t start_ns_;
  std::vector<double> bounds_;
  Edges edges_;  // the oldest first
  absl::flat_hash_map<EdgeKey, Edges::iterator> index_;
  absl::flat_hash_map<SpanKey, std::vector<EdgeKey>> waiting_;  // consumers, by producers not seen yet
  absl::flat_hash_map<std::string, std::unique_ptr<Series>> series_;
  Counts counts_;
};

}  // namespace sextant::pipeline
