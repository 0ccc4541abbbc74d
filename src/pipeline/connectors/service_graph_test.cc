#include "pipeline/connectors/service_graph.h"

#include "pipeline/component_harness.h"
#include "pipeline/connectors/service_graph_connector.h"

namespace sextant::pipeline {
namespace {

using otlp::SpanKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

otlp::Span MakeSpan(SpanKind kind, uint8_t id, uint8_t parent, uint64_t duration_ns = 1'000'000'000) {
  otlp::Span span;
  span.trace_id.bytes[0] = 1;
  span.span_id.bytes[0] = id;
  span.parent_span_id.bytes[0] = parent;
  span.kind = kind;
  span.start_ns = 1'000;
  span.end_ns = 1'000 + duration_ns;
  return span;
}

void AddSpan(otlp::TracesData& data, std::string_view service, const otlp::Span& span) {
  AddSpans(data, {{"service.name", TextValue(service)}}).push_back(span);
}

otlp::TracesData One(std::string_view service, const otlp::Span& span) {
  otlp::TracesData data;
  AddSpan(data, service, span);
  return data;
}

ServiceGraphConfig OneBucket() {
  ServiceGraphConfig config;
  config.latency_histogram_buckets_ns = {2'000'000'000};
  return config;
}

TEST(ServiceGraph, PairsClientAndServerInAnyOrder) {
  ServiceGraph graph(OneBucket(), 5);
  graph.Add(One("shop", MakeSpan(SpanKind::kClient, 1, 0, 3'000'000'000)), 0);
  EXPECT_THAT(MetricLines(graph.Flush(9)), IsEmpty());
  graph.Add(One("stock", MakeSpan(SpanKind::kServer, 2, 1)), 0);
  graph.Add(One("stock", MakeSpan(SpanKind::kServer, 4, 3)), 0);
  graph.Add(One("shop", MakeSpan(SpanKind::kClient, 3, 0)), 0);
  std::string attributes = "{client='shop',server='stock',connection_type='',failed=false}";
  EXPECT_THAT(MetricLines(graph.Flush(9)),
              ElementsAre("{} traces_service_graph_request_client s histogram_cumulative " + attributes +
                              " count=2 sum=4 [1,1] [5..9]",
                          "{} traces_service_graph_request_server s histogram_cumulative " + attributes +
                              " count=2 sum=2 [2,0] [5..9]",
                          "{} traces_service_graph_request_total sum_cumulative_monotonic " + attributes +
                              " 2 [5..9]"));
  EXPECT_EQ(graph.Flush(9).resources[0].scopes[0].scope.name, "traces_service_graph");
  EXPECT_EQ(graph.counts().edges, 2u);
}

TEST(ServiceGraph, EitherEndsErrorMakesAnEdgeFailed) {
  ServiceGraph graph(OneBucket(), 5);
  otlp::Span client = MakeSpan(SpanKind::kClient, 1, 0);
  client.status = otlp::StatusCode::kError;
  graph.Add(One("a", client), 0);
  graph.Add(One("b", MakeSpan(SpanKind::kServer, 2, 1)), 0);
  EXPECT_THAT(MetricLines(graph.Flush(9)),
              testing::Contains("{} traces_service_graph_request_failed_total sum_cumulative_monotonic "
                                "{client='a',server='b',connection_type='',failed=true} 1 [5..9]"));
}

TEST(ServiceGraph, DatabasesAnswerWithoutASpan) {
  ServiceGraph graph(OneBucket(), 5);
  otlp::TracesData data;
  otlp::Span span = MakeSpan(SpanKind::kClient, 1, 0);
  span.attributes = MakeAttributes(data.memory, {{"db.name", TextValue("orders")}});
  AddSpan(data, "shop", span);
  graph.Add(data, 0);
  EXPECT_THAT(
      MetricLines(graph.Flush(9)),
      testing::Contains(HasSubstr("request_total sum_cumulative_monotonic {client='shop',server='orders',"
                                  "connection_type='database',failed=false} 1")));
}

TEST(ServiceGraph, MessagesByParentAndByLink) {
  ServiceGraph graph(OneBucket(), 5);
  graph.Add(One("a", MakeSpan(SpanKind::kProducer, 1, 0)), 0);
  graph.Add(One("b", MakeSpan(SpanKind::kConsumer, 2, 1)), 0);
  // Two consumers of one message, one of which comes before the producer.
  otlp::TracesData data;
  auto linked = [&](uint8_t id) {
    otlp::Span span = MakeSpan(SpanKind::kConsumer, id, 0);
    span.trace_id.bytes[0] = 9;
    otlp::SpanLink link;
    link.trace_id.bytes[0] = 1;
    link.span_id.bytes[0] = 7;
    span.links = data.memory.CopyList<otlp::SpanLink>({&link, 1});
    return span;
  };
  AddSpan(data, "d", linked(3));
  AddSpan(data, "c", MakeSpan(SpanKind::kProducer, 7, 0));
  AddSpan(data, "d", linked(4));
  graph.Add(data, 0);
  EXPECT_THAT(
      MetricLines(graph.Flush(9)),
      testing::IsSupersetOf({HasSubstr("request_total sum_cumulative_monotonic {client='a',server='b',"
                                       "connection_type='messaging_system',failed=false} 1"),
                             HasSubstr("request_total sum_cumulative_monotonic {client='c',server='d',"
                                       "connection_type='messaging_system',failed=false} 2")}));
  // The producer was found, so it does not count as one without a consumer.
  graph.Expire(10'000);
  EXPECT_EQ(graph.counts().expired_edges, 0u);
}

TEST(ServiceGraph, VirtualNodesStandForEndsThatDoNotCome) {
  ServiceGraphConfig config = OneBucket();
  config.has_virtual_node_label = true;
  ServiceGraph graph(config, 5);
  otlp::TracesData data;
  otlp::Span named = MakeSpan(SpanKind::kClient, 1, 0);
  named.attributes = MakeAttributes(data.memory, {{"peer.service", TextValue("mail")}});
  AddSpan(data, "shop", named);
  AddSpan(data, "shop", MakeSpan(SpanKind::kClient, 2, 0));
  AddSpan(data, "shop", MakeSpan(SpanKind::kServer, 3, 0));  // the first of its trace
  AddSpan(data, "shop", MakeSpan(SpanKind::kServer, 4, 5));  // whose client was lost
  graph.Add(data, 0);
  graph.Expire(2'000);
  EXPECT_EQ(graph.counts().expired_edges, 0u);
  graph.Expire(2'001);
  EXPECT_EQ(graph.counts().expired_edges, 4u);
  EXPECT_THAT(MetricLines(graph.Flush(9)),
              testing::IsSupersetOf(
                  {HasSubstr("request_total sum_cumulative_monotonic {client='shop',server='mail',"
                             "connection_type='virtual_node',failed=false,virtual_node='server'} 1"),
                   HasSubstr("request_total sum_cumulative_monotonic {client='shop',server='unknown',"
                             "connection_type='virtual_node',failed=false,virtual_node='server'} 1"),
                   HasSubstr("request_total sum_cumulative_monotonic {client='user',server='shop',"
                             "connection_type='virtual_node',failed=false,virtual_node='client'} 1")}));
  EXPECT_EQ(MetricLines(graph.Flush(9)).size(), 9u);
}

TEST(ServiceGraph, DimensionsSayWhoseTheyAre) {
  ServiceGraphConfig config = OneBucket();
  config.dimensions = {"zone"};
  ServiceGraph graph(config, 5);
  otlp::TracesData data;
  for (auto [service, kind] : {std::pair{"a", SpanKind::kClient}, std::pair{"b", SpanKind::kServer}}) {
    otlp::Span span = MakeSpan(kind, 1, 1);
    span.attributes = MakeAttributes(data.memory, {{"zone", TextValue(std::string("of ") + service)}});
    AddSpan(data, service, span);
  }
  graph.Add(data, 0);
  EXPECT_THAT(MetricLines(graph.Flush(9)),
              testing::Contains(HasSubstr("failed=false,client_zone='of a',server_zone='of b'} 1")));
}

TEST(ServiceGraph, AFullStoreDropsWhatIsNewUnlessSomethingExpired) {
  ServiceGraphConfig config = OneBucket();
  config.store.max_items = 1;
  config.virtual_node_peer_attributes.clear();
  ServiceGraph graph(config, 5);
  graph.Add(One("a", MakeSpan(SpanKind::kClient, 1, 0)), 0);
  graph.Add(One("a", MakeSpan(SpanKind::kClient, 2, 0)), 0);
  EXPECT_EQ(graph.counts().dropped_spans, 1u);
  graph.Add(One("a", MakeSpan(SpanKind::kClient, 3, 0)), 2'001);
  EXPECT_EQ(graph.counts().dropped_spans, 1u);
  EXPECT_EQ(graph.counts().expired_edges, 1u);
  EXPECT_THAT(MetricLines(graph.Flush(9)), IsEmpty());
}

TEST(ServiceGraph, SeriesWithoutEdgesAreForgotten) {
  ServiceGraph graph(OneBucket(), 5);
  otlp::TracesData data;
  AddSpan(data, "a", MakeSpan(SpanKind::kClient, 1, 0));
  AddSpan(data, "b", MakeSpan(SpanKind::kServer, 2, 1));
  graph.Add(data, 1'000);
  graph.ForgetStale(1'000 + ServiceGraph::kSeriesLifeMs);
  EXPECT_EQ(MetricLines(graph.Flush(9)).size(), 3u);
  graph.ForgetStale(1'001 + ServiceGraph::kSeriesLifeMs);
  EXPECT_THAT(MetricLines(graph.Flush(9)), IsEmpty());
}

TEST(ServiceGraph, ExponentialBucketsAndOffset) {
  ServiceGraphConfig config;
  config.exponential_histogram_max_size = 10;
  config.metrics_timestamp_offset_ms = 1;
  ServiceGraph graph(config, 5);
  otlp::TracesData data;
  AddSpan(data, "a", MakeSpan(SpanKind::kClient, 1, 0));
  AddSpan(data, "b", MakeSpan(SpanKind::kServer, 2, 1));
  graph.Add(data, 0);
  EXPECT_THAT(MetricLines(graph.Flush(1'000'009))[0],
              HasSubstr("count=1 sum=1 scale=20 zero=0 offset=-1 [1] [5..9]"));
}

class ServiceGraphConnectorTest : public ComponentTest {
 protected:
  ComponentType type_ = ServiceGraphConnectorType();
};

// The spans of the original's messaging-system-trace.yaml, whose expected metrics are named here as newer
// versions name them: the unit stands apart, and what waits in a messaging system has no metric any more.
TEST_F(ServiceGraphConnectorTest, ConformanceTrace) {
  auto connector = MakeConnector(type_, "metrics_flush_interval: 0s", Signal::kTraces);
  otlp::TracesData data;
  AddSpan(data, "foo-server", MakeSpan(SpanKind::kClient, 0xa0, 0, 1'000));
  AddSpan(data, "bar-requester", MakeSpan(SpanKind::kServer, 0xa1, 0xa0, 1'000));
  connector->Consume(Telemetry(std::move(data)), [](const Outcome&) {});
  ASSERT_EQ(next_.batches().size(), 1u);
  std::string attributes = "{client='foo-server',server='bar-requester',connection_type='',failed=false}";
  std::string buckets = " count=1 sum=1e-06 [1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0] [1000000000..1000000000]";
  const otlp::MetricsData& metrics = next_.batches()[0].metrics();
  EXPECT_THAT(
      MetricLines(metrics),
      ElementsAre("{} traces_service_graph_request_client s histogram_cumulative " + attributes + buckets,
                  "{} traces_service_graph_request_server s histogram_cumulative " + attributes + buckets,
                  "{} traces_service_graph_request_total sum_cumulative_monotonic " + attributes +
                      " 1 [1000000000..1000000000]"));
  EXPECT_EQ(metrics.resources[0].scopes[0].metrics[1].histograms[0].explicit_bounds,
            (std::vector<double>{0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1, 1.4, 2, 5, 10,
                                 15}));
  EXPECT_TRUE(harness_.HasMetric("otelcol_connector_servicegraph_total_edges 1"));
}

TEST_F(ServiceGraphConnectorTest, Settings) {
  auto config =
      harness_.Read(type_,
                    "latency_histogram_buckets: [1, 2, 3, 4, 5]\ndimensions: [dimension-1, dimension-2]\n"
                    "store: {ttl: 1s, max_items: 10}\ndatabase_name_attribute: db.name");
  ASSERT_TRUE(config) << config.error().message();
  const auto& read = *static_cast<const ServiceGraphConfig*>(config->get());
  EXPECT_EQ(read.latency_histogram_buckets_ns, (std::vector<DurationNs>{1, 2, 3, 4, 5}));
  EXPECT_EQ(read.store.ttl_ms, 1'000);
  EXPECT_EQ(read.database_name_attributes, std::vector<std::string>{"db.name"});

  EXPECT_THAT(harness_.ErrorOf(type_, "edge_dimensions: [a]"),
              HasSubstr("edge_dimensions is not supported yet"));
  EXPECT_THAT(harness_.ErrorOf(type_, "latency_histogram_buckets: [1s]\nexponential_histogram_max_size: 5"),
              HasSubstr("use either `latency_histogram_buckets` or `exponential_histogram_max_size`"));
  EXPECT_THAT(harness_.ErrorOf(type_, "latency_histogram_buckets: [2s, 1s]"), HasSubstr("ascending"));
  EXPECT_THAT(harness_.ErrorOf(type_, "store: {max_items: 0}"), HasSubstr("max_items must be above 0"));
}

TEST_F(ServiceGraphConnectorTest, HandsOnWhatItHasWhenItEnds) {
  auto connector = MakeConnector(type_, "", Signal::kTraces);
  ASSERT_TRUE(connector->Start());
  otlp::TracesData data;
  AddSpan(data, "a", MakeSpan(SpanKind::kClient, 1, 0));
  AddSpan(data, "b", MakeSpan(SpanKind::kServer, 2, 1));
  connector->Consume(Telemetry(std::move(data)), [](const Outcome&) {});
  EXPECT_TRUE(next_.batches().empty());
  connector->Shutdown();
  EXPECT_EQ(next_.batches().size(), 1u);
}

}  // namespace
}  // namespace sextant::pipeline
