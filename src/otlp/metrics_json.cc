// Metrics from OTLP's JSON.
#include "otlp/common_json.h"
#include "otlp/metrics.h"

namespace sextant::otlp {

namespace {

using core::Code;
using core::Fail;
using core::Status;
using Element = JsonReader::Element;

class Decoder {
 public:
  Decoder(size_t message_bytes, MetricsData& data)
      : budget_(message_bytes, kMaxDecodedFactor), json_(budget_, data.memory) {}

  Status ReadRequest(Element request, MetricsData& out) {
    return json_.ForEach(request, "resourceMetrics", [&](Element item) -> Status {
      SEXTANT_ASSIGN(ResourceMetrics * added, budget_.Add(out.resources));
      SEXTANT_ASSIGN(std::optional<Element> resource, json_.Find(item, "resource"));
      if (resource) SEXTANT_TRY(json_.ReadResource(*resource, added->resource));
      SEXTANT_TRY(json_.Text(item, "schemaUrl", added->schema_url));
      return json_.ForEach(item, "scopeMetrics", [&](Element scope) -> Status {
        SEXTANT_ASSIGN(ScopeMetrics * metrics, budget_.Add(added->scopes));
        return ReadScopeMetrics(scope, *metrics);
      });
    });
  }

 private:
  Status ReadScopeMetrics(Element item, ScopeMetrics& out) {
    SEXTANT_ASSIGN(std::optional<Element> scope, json_.Find(item, "scope"));
    if (scope) SEXTANT_TRY(json_.ReadScope(*scope, out.scope));
    SEXTANT_TRY(json_.Text(item, "schemaUrl", out.schema_url));
    return json_.ForEach(item, "metrics", [&](Element metric) -> Status {
      SEXTANT_ASSIGN(Metric * added, budget_.Add(out.metrics));
      return ReadMetric(metric, *added);
    });
  }

  Status ReadMetric(Element item, Metric& out) {
    SEXTANT_TRY(json_.Text(item, "name", out.name));
    SEXTANT_TRY(json_.Text(item, "description", out.description));
    SEXTANT_TRY(json_.Text(item, "unit", out.unit));
    SEXTANT_TRY(json_.Attributes(item, "metadata", out.metadata));
    struct Form {
      std::string_view name;
      MetricKind kind;
    };
    constexpr Form kForms[] = {{"gauge", MetricKind::kGauge},
                               {"sum", MetricKind::kSum},
                               {"histogram", MetricKind::kHistogram},
                               {"exponentialHistogram", MetricKind::kExponentialHistogram},
                               {"summary", MetricKind::kSummary}};
    for (const Form& form : kForms) {
      SEXTANT_ASSIGN(std::optional<Element> data, json_.Find(item, form.name));
      if (!data) continue;
      out.kind = form.kind;
      SEXTANT_TRY(ReadTemporality(*data, out.temporality));
      SEXTANT_TRY(json_.Bool(*data, "isMonotonic", out.is_monotonic));
      SEXTANT_TRY(json_.ForEach(*data, "dataPoints", [&](Element point) { return ReadPoint(point, out); }));
    }
    return {};
  }

  Status ReadTemporality(Element data, Temporality& out) {
    SEXTANT_ASSIGN(std::optional<Element> found, json_.Find(data, "aggregationTemporality"));
    if (!found) return {};
    std::string_view word;
    int64_t number = 0;
    if (found->get(word) == simdjson::SUCCESS) {
      number = word == "AGGREGATION_TEMPORALITY_DELTA"        ? 1
               : word == "AGGREGATION_TEMPORALITY_CUMULATIVE" ? 2
                                                              : 0;
    } else if (found->get(number) != simdjson::SUCCESS) {
      return JsonReader::Wrong("aggregationTemporality", "a known value");
    }
    out = number == 1   ? Temporality::kDelta
          : number == 2 ? Temporality::kCumulative
                        : Temporality::kUnspecified;
    return {};
  }

  Status ReadPoint(Element item, Metric& out) {
    switch (out.kind) {
      case MetricKind::kNone:
        return {};
      case MetricKind::kGauge:
      case MetricKind::kSum: {
        SEXTANT_ASSIGN(NumberPoint * point, budget_.Add(out.numbers));
        SEXTANT_TRY(ReadCommon(item, *point));
        return ReadNumber(item, point->value);
      }
      case MetricKind::kHistogram: {
        SEXTANT_ASSIGN(HistogramPoint * point, budget_.Add(out.histograms));
        return ReadHistogramPoint(item, *point);
      }
      case MetricKind::kExponentialHistogram: {
        SEXTANT_ASSIGN(ExponentialPoint * point, budget_.Add(out.exponentials));
        return ReadExponentialPoint(item, *point);
      }
      case MetricKind::kSummary: {
        SEXTANT_ASSIGN(SummaryPoint * point, budget_.Add(out.summaries));
        return ReadSummaryPoint(item, *point);
      }
    }
    return {};
  }

  Status ReadCommon(Element item, Point& out) {
    SEXTANT_TRY(json_.Attributes(item, "attributes", out.attributes));
    SEXTANT_TRY(json_.UInt(item, "startTimeUnixNano", out.start_ns));
    SEXTANT_TRY(json_.UInt(item, "timeUnixNano", out.time_ns));
    uint64_t flags = 0;
    SEXTANT_TRY(json_.UInt(item, "flags", flags));
    out.has_no_value = (flags & 1) != 0;
    return json_.ForEach(item, "exemplars", [&](Element exemplar) -> Status {
      SEXTANT_ASSIGN(Exemplar * added, budget_.Add(out.exemplars));
      SEXTANT_TRY(json_.Attributes(exemplar, "filteredAttributes", added->filtered_attributes));
      SEXTANT_TRY(json_.UInt(exemplar, "timeUnixNano", added->time_ns));
      SEXTANT_TRY(json_.HexBytes(exemplar, "spanId", added->span_id));
      SEXTANT_TRY(json_.HexBytes(exemplar, "traceId", added->trace_id));
      return ReadNumber(exemplar, added->value);
    });
  }

  Status ReadNumber(Element item, Number& out) {
    SEXTANT_ASSIGN(std::optional<Element> real, json_.Find(item, "asDouble"));
    if (real) {
      out.kind = NumberKind::kDouble;
      return json_.Double(item, "asDouble", out.real);
    }
    SEXTANT_ASSIGN(std::optional<Element> integer, json_.Find(item, "asInt"));
    if (!integer) return {};
    out.kind = NumberKind::kInt;
    return json_.Int(item, "asInt", out.integer);
  }

  Status ReadOptional(Element item, std::string_view name, std::optional<double>& out) {
    SEXTANT_ASSIGN(std::optional<Element> found, json_.Find(item, name));
    if (!found) return {};
    return json_.Double(item, name, out.emplace());
  }

  Status ReadCounts(Element item, std::string_view name, std::vector<uint64_t>& out) {
    return json_.ForEach(item, name, [&](Element element) -> Status {
      std::optional<uint64_t> count = JsonReader::AsUInt(element);
      if (!count) return JsonReader::Wrong(name, "a list of whole numbers");
      SEXTANT_ASSIGN(uint64_t* added, budget_.Add(out));
      *added = *count;
      return {};
    });
  }

  Status ReadHistogramPoint(Element item, HistogramPoint& out) {
    SEXTANT_TRY(ReadCommon(item, out));
    SEXTANT_TRY(json_.UInt(item, "count", out.count));
    SEXTANT_TRY(ReadOptional(item, "sum", out.sum));
    SEXTANT_TRY(ReadOptional(item, "min", out.min));
    SEXTANT_TRY(ReadOptional(item, "max", out.max));
    SEXTANT_TRY(ReadCounts(item, "bucketCounts", out.bucket_counts));
    return json_.ForEach(item, "explicitBounds", [&](Element element) -> Status {
      std::optional<double> bound = JsonReader::AsDouble(element);
      if (!bound) return JsonReader::Wrong("explicitBounds", "a list of numbers");
      SEXTANT_ASSIGN(double* added, budget_.Add(out.explicit_bounds));
      *added = *bound;
      return {};
    });
  }

  Status ReadExponentialPoint(Element item, ExponentialPoint& out) {
    SEXTANT_TRY(ReadCommon(item, out));
    SEXTANT_TRY(json_.UInt(item, "count", out.count));
    SEXTANT_TRY(ReadOptional(item, "sum", out.sum));
    SEXTANT_TRY(ReadOptional(item, "min", out.min));
    SEXTANT_TRY(ReadOptional(item, "max", out.max));
    SEXTANT_TRY(ReadInt32(item, "scale", out.scale));
    SEXTANT_TRY(json_.UInt(item, "zeroCount", out.zero_count));
    SEXTANT_TRY(json_.Double(item, "zeroThreshold", out.zero_threshold));
    SEXTANT_TRY(ReadBuckets(item, "positive", out.positive));
    return ReadBuckets(item, "negative", out.negative);
  }

  Status ReadInt32(Element item, std::string_view name, int32_t& out) {
    int64_t number = out;
    SEXTANT_TRY(json_.Int(item, name, number));
    if (number < INT32_MIN || number > INT32_MAX) return JsonReader::Wrong(name, "a number of 32 bits");
    out = static_cast<int32_t>(number);
    return {};
  }

  Status ReadBuckets(Element item, std::string_view name, ExponentialBuckets& out) {
    SEXTANT_ASSIGN(std::optional<Element> found, json_.Find(item, name));
    if (!found) return {};
    SEXTANT_TRY(ReadInt32(*found, "offset", out.offset));
    return ReadCounts(*found, "bucketCounts", out.counts);
  }

  Status ReadSummaryPoint(Element item, SummaryPoint& out) {
    SEXTANT_TRY(ReadCommon(item, out));
    SEXTANT_TRY(json_.UInt(item, "count", out.count));
    SEXTANT_TRY(json_.Double(item, "sum", out.sum));
    return json_.ForEach(item, "quantileValues", [&](Element element) -> Status {
      SEXTANT_ASSIGN(SummaryPoint::Quantile * added, budget_.Add(out.quantiles));
      SEXTANT_TRY(json_.Double(element, "quantile", added->quantile));
      return json_.Double(element, "value", added->value);
    });
  }

  DecodeBudget budget_;
  JsonReader json_;
};

// What views of decoded JSON refer to.
struct Parsed {
  simdjson::dom::parser parser;
};

}  // namespace

core::Result<MetricsData> DecodeMetricsJson(std::string_view text) {
  MetricsData data;
  auto parsed = std::make_shared<Parsed>();
  Element request;
  if (auto error = parsed->parser.parse(text.data(), text.size()).get(request); error != simdjson::SUCCESS) {
    return Fail(Code::kInvalidArgument, "malformed JSON: {}", simdjson::error_message(error));
  }
  data.memory.Keep(parsed, text.size());
  Decoder decoder(text.size(), data);
  SEXTANT_TRY(decoder.ReadRequest(request, data));
  return data;
}

}  // namespace sextant::otlp
