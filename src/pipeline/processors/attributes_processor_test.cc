#include "pipeline/processors/attributes_processor.h"

#include "pipeline/component_harness.h"
#include "pipeline/processors/resource_processor.h"

namespace sextant::pipeline {
namespace {

using otlp::AnyValue;
using testing::HasSubstr;

class AttributesProcessorTest : public ComponentTest {
 protected:
  // What the actions make of a span's attributes.
  std::string Change(const std::string& actions,
                     const std::vector<std::pair<std::string, AnyValue>>& attributes,
                     std::shared_ptr<const Client> client = nullptr) {
    auto processor = MakeProcessor(type_, "actions: " + actions, Signal::kTraces);
    if (processor == nullptr) return "";
    otlp::TracesData data;
    AddSpans(data, {}).emplace_back().attributes = MakeAttributes(data.memory, attributes);
    Telemetry batch(std::move(data));
    batch.client = std::move(client);
    processor->Consume(std::move(batch), [](const Outcome& outcome) { EXPECT_TRUE(outcome); });
    return AttributesLine(next_.batches().back().traces().resources[0].scopes[0].spans[0].attributes);
  }

  // Whether the span called "x" is changed under these filters.
  bool Chooses(const std::string& filters, const otlp::TracesData& data) {
    auto processor =
        MakeProcessor(type_, filters + "\nactions: [{key: new, value: 1, action: insert}]", Signal::kTraces);
    if (processor == nullptr) return false;
    processor->Consume(Telemetry(data), [](const Outcome&) {});
    const otlp::Span& span = next_.batches().back().traces().resources[0].scopes[0].spans[0];
    return otlp::FindAttribute(span.attributes, "new") != nullptr;
  }

  ComponentType type_ = AttributesProcessorType();
};

TEST_F(AttributesProcessorTest, InsertUpdateUpsert) {
  EXPECT_EQ(Change("[{key: a, value: 2, action: insert}, {key: b, value: true, action: insert}, "
                   "{key: c, value: x, action: update}, {key: d, value: '5', action: UPSERT}, "
                   "{key: a, value: 1.5, action: upsert}]",
                   {{"a", TextValue("old")}}),
            "{a=1.5,b=true,d='5'}");
  EXPECT_EQ(Change("[{key: a, value: [x, {b: 1}], action: insert}]", {}), "{a=[\"x\",{\"b\":1}]}");
}

TEST_F(AttributesProcessorTest, ValuesFromAttributesAndTheClient) {
  EXPECT_EQ(Change("[{key: b, from_attribute: a, action: insert}, {key: c, from_attribute: none, action: "
                   "insert}]",
                   {{"a", AnyValue::Int(7)}}),
            "{a=7,b=7}");
  auto client = std::make_shared<Client>();
  client->address = "10.0.0.1";
  client->metadata = {{"x-tenant", "a"}, {"x-tenant", "b"}};
  EXPECT_EQ(Change("[{key: t, from_context: X-Tenant, action: insert}, {key: m, from_context: "
                   "metadata.x-tenant, action: insert}, {key: ip, from_context: client.address, action: "
                   "insert}, {key: none, from_context: metadata.none, action: insert}]",
                   {}, client),
            "{t='a;b',m='a;b',ip='10.0.0.1'}");
}

TEST_F(AttributesProcessorTest, DefaultsWhereASourceHasNothing) {
  EXPECT_EQ(Change("[{key: b, from_attribute: a, default_value: x, action: insert}, "
                   "{key: c, from_attribute: none, default_value: 5, action: upsert}, "
                   "{key: d, from_context: metadata.none, default_value: true, action: insert}, "
                   "{key: e, default_value: alone, action: insert}]",
                   {{"a", AnyValue::Int(7)}}),
            "{a=7,b=7,c=5,d=true,e='alone'}");
  EXPECT_THAT(harness_.ErrorOf(type_, "actions: [{key: a, default_value: x, action: delete}]"),
              HasSubstr("does not use the \"default_value\" field"));
}

TEST_F(AttributesProcessorTest, DeleteAndHashByKeyAndPattern) {
  EXPECT_EQ(Change("[{key: a, action: delete}, {pattern: ^secret, action: delete}]",
                   {{"a", TextValue("1")}, {"secret.b", TextValue("2")}, {"c", TextValue("3")}}),
            "{c='3'}");
  EXPECT_EQ(Change("[{key: a, action: hash}]", {{"a", TextValue("abc")}}),
            "{a='ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'}");
  // Of numbers, their bytes.
  EXPECT_EQ(Change("[{pattern: '^a', action: hash}]", {{"ab", AnyValue::Int(0)}}),
            "{ab='af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc'}");
}

TEST_F(AttributesProcessorTest, ExtractByNamedGroups) {
  EXPECT_EQ(
      Change(
          R"([{key: url, pattern: '^(?P<scheme>[a-z]+)://(?<host>[^/]+)(?P<path>/.*)?$', action: extract}])",
          {{"url", TextValue("http://h")}}),
      "{url='http://h',scheme='http',host='h',path=''}");
  EXPECT_EQ(Change("[{key: n, pattern: '(?P<x>.)', action: extract}]", {{"n", AnyValue::Int(1)}}), "{n=1}");
}

TEST_F(AttributesProcessorTest, Convert) {
  EXPECT_EQ(Change("[{key: a, converted_type: int, action: convert}, {key: b, converted_type: int, action: "
                   "convert}, {key: c, converted_type: double, action: convert}, {key: d, converted_type: "
                   "string, action: convert}, {key: e, converted_type: int, action: convert}]",
                   {{"a", TextValue("12")},
                    {"b", AnyValue::Double(2.9)},
                    {"c", AnyValue::Bool(true)},
                    {"d", AnyValue::Int(5)},
                    {"e", TextValue("no")}}),
            "{a=12,b=2,c=1,d='5',e='no'}");
}

TEST_F(AttributesProcessorTest, FiltersOfSpans) {
  otlp::TracesData data;
  otlp::Span& span = AddSpans(data, {{"service.name", TextValue("shop")}}).emplace_back();
  span.name = "x";
  span.kind = otlp::SpanKind::kServer;
  span.attributes = MakeAttributes(data.memory, {{"code", AnyValue::Int(200)}});
  data.resources[0].scopes[0].scope.name = "lib";
  data.resources[0].scopes[0].scope.version = "1.2";
  EXPECT_TRUE(Chooses("include: {match_type: strict, services: [other, shop]}", data));
  EXPECT_FALSE(Chooses("include: {match_type: strict, services: [sho]}", data));
  EXPECT_TRUE(Chooses("include: {match_type: regexp, services: [sho.*], span_names: ['^x']}", data));
  EXPECT_FALSE(Chooses("exclude: {match_type: strict, span_names: [x]}", data));
  EXPECT_TRUE(Chooses("include: {match_type: strict, attributes: [{key: code, value: 200}]}", data));
  EXPECT_FALSE(Chooses("include: {match_type: strict, attributes: [{key: code, value: '200'}]}", data));
  EXPECT_TRUE(Chooses("include: {match_type: regexp, attributes: [{key: code, value: '^2'}]}", data));
  EXPECT_TRUE(Chooses("include: {match_type: strict, attributes: [{key: code}]}", data));
  EXPECT_TRUE(Chooses("include: {match_type: strict, libraries: [{name: lib, version: '1.2'}]}", data));
  EXPECT_FALSE(Chooses("include: {match_type: strict, libraries: [{name: lib, version: ''}]}", data));
  EXPECT_TRUE(Chooses("include: {match_type: strict, span_kinds: [SPAN_KIND_SERVER]}", data));
  EXPECT_FALSE(Chooses("include: {match_type: strict, resources: [{key: service.name, value: no}]}", data));
}

TEST_F(AttributesProcessorTest, FiltersOfLogsAndMetrics) {
  std::string actions = "\nactions: [{key: new, value: 1, action: insert}]";
  auto logs = MakeProcessor(type_,
                            "include: {match_type: regexp, log_bodies: ['^b'], log_severity_number: {min: 9, "
                            "match_undefined: true}}" +
                                actions,
                            Signal::kLogs);
  otlp::LogsData records;
  auto& scope = records.resources.emplace_back().scopes.emplace_back();
  for (int severity : {0, 8, 9}) {
    otlp::LogRecord& record = scope.records.emplace_back();
    record.severity_number = severity;
    record.body = TextValue("body");
  }
  logs->Consume(Telemetry(std::move(records)), [](const Outcome&) {});
  std::string changed;
  for (const auto& record : next_.batches().back().logs().resources[0].scopes[0].records) {
    changed += record.attributes.empty() ? '-' : '+';
  }
  EXPECT_EQ(changed, "+-+");

  auto metrics =
      MakeProcessor(type_, "exclude: {match_type: strict, metric_names: [b]}" + actions, Signal::kMetrics);
  otlp::MetricsData data;
  auto& metric_scope = data.resources.emplace_back().scopes.emplace_back();
  for (std::string_view name : {"a", "b"}) {
    otlp::Metric& metric = metric_scope.metrics.emplace_back();
    metric.name = name;
    metric.kind = otlp::MetricKind::kGauge;
    metric.numbers.emplace_back();
  }
  metrics->Consume(Telemetry(std::move(data)), [](const Outcome&) {});
  EXPECT_THAT(MetricLines(next_.batches().back().metrics()),
              testing::ElementsAre("{} a gauge {new=1} 0 [0..0]", "{} b gauge {} 0 [0..0]"));
}

TEST_F(AttributesProcessorTest, SaysWhatIsWrongWithItsActions) {
  EXPECT_EQ(harness_.ErrorOf(type_, "{}"), "c.yml:1:1: missing required field \"actions\"");
  auto error = [&](const std::string& action) {
    return harness_.ErrorOf(type_, "actions: [{" + action + "}]");
  };
  EXPECT_THAT(error("action: insert"),
              HasSubstr("error creating AttrProc due to missing required field \"key\" at the 0-th actions"));
  EXPECT_THAT(error("key: a, action: insert"), HasSubstr("setting must be specified for 0-th action"));
  EXPECT_THAT(error("key: a, action: insert, value: 1, from_attribute: b"),
              HasSubstr("due to multiple value sources being set at the 0-th actions"));
  EXPECT_THAT(error("key: a, action: insert, value: 1, pattern: x"),
              HasSubstr("Action \"insert\" does not use the \"pattern\" field"));
  EXPECT_THAT(error("key: a, action: insert, from_context: auth.subject"), HasSubstr("not supported yet"));
  EXPECT_THAT(error("action: delete"), HasSubstr("at least one of \"key\" and \"pattern\""));
  EXPECT_THAT(error("key: a, action: hash, value: 1"), HasSubstr("does not use \"value\""));
  EXPECT_THAT(error("pattern: '(', action: delete"), HasSubstr("Field \"pattern\" has invalid pattern"));
  EXPECT_THAT(error("key: a, action: extract, pattern: a"), HasSubstr("contains no named matcher groups"));
  EXPECT_THAT(error("key: a, action: extract, pattern: '(?P<a>.)(.)'"),
              HasSubstr("contains at least one unnamed matcher group"));
  EXPECT_THAT(error("key: a, action: convert, converted_type: bool"),
              HasSubstr("invalid value \"bool\" in field \"converted_type\""));
  EXPECT_THAT(error("key: a, action: explode"),
              HasSubstr("unsupported action \"explode\" at the 0-th actions"));
}

TEST_F(AttributesProcessorTest, SaysWhatIsWrongWithItsFilters) {
  auto error = [&](const std::string& include, Signal signal) {
    auto config = harness_.Read(type_, "include: {" + include + "}\nactions: [{key: a, action: delete}]");
    EXPECT_TRUE(config) << config.error().message();
    auto made = type_.make_processor(harness_.Settings(type_), *config, signal, next_);
    return made ? std::string() : std::string(made.error().message());
  };
  EXPECT_EQ(error("match_type: strict", Signal::kTraces),
            "at least one of \"attributes\", \"libraries\",  or \"resources\" field must be specified");
  EXPECT_EQ(
      error("services: [a]", Signal::kTraces),
      "error creating service name filters: unrecognized match_type: '', valid types are: [regexp strict]");
  EXPECT_EQ(error("match_type: strict, log_bodies: [a]", Signal::kTraces),
            "log_bodies should not be specified for trace spans");
  EXPECT_EQ(error("match_type: strict, services: [a]", Signal::kLogs),
            "services, span_names, and span_kinds are not valid for log records");
  EXPECT_THAT(error("match_type: regexp, span_names: ['(']", Signal::kTraces),
              HasSubstr("error creating span name filters: error parsing regexp"));
  EXPECT_THAT(error("match_type: regexp, attributes: [{key: a, value: 1}]", Signal::kTraces),
              HasSubstr("match_type=regexp for \"a\" only supports Str, but found Int"));
}

class ResourceProcessorTest : public ComponentTest {};

TEST_F(ResourceProcessorTest, ChangesResourcesOfEverySignal) {
  // The reference deployment's.
  std::string yaml = "attributes: [{key: collector.name, value: otel-collector-metrics, action: upsert}]";
  ComponentType type = ResourceProcessorType();
  auto processor = MakeProcessor(type, yaml, Signal::kLogs);
  otlp::LogsData data;
  data.resources.emplace_back().scopes.emplace_back().records.emplace_back();
  Telemetry shared(std::move(data));
  processor->Consume(shared, [](const Outcome&) {});
  EXPECT_EQ(AttributesLine(next_.batches()[0].logs().resources[0].resource.attributes),
            "{collector.name='otel-collector-metrics'}");
  EXPECT_EQ(AttributesLine(shared.logs().resources[0].resource.attributes), "{}");
  EXPECT_EQ(harness_.ErrorOf(type, "{}"), "c.yml:1:1: missing required field \"attributes\"");
}

}  // namespace
}  // namespace sextant::pipeline
