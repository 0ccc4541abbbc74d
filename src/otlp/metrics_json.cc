// Metrics from OTLP's JSON.
#include "otlp/common_json.h"
#include "otlp/metrics.h"

namespace sextant::otlp {

namespace {

using core::Status;
using Element = JsonReader::Element;

class Decoder {
 public:
  Decoder(size_t message_bytes, MetricsData& data)
      : budget_(message_bytes, kMaxDecodedFactor), json_(budget_, data.memory) {}

  Status ReadRequest(Element request, MetricsData& out) {
    return json_.ReadResources(request, "resourceMetrics", "scopeMetrics", out.resources,
                               [&](Element item, ScopeMetrics& scope) {
                                 return json_.ForEach(item, "metrics", [&](Element metric) -> Status {
                                   SEXTANT_ASSIGN(Metric * added, budget_.Add(scope.metrics));
                                   return ReadMetric(metric, *added);
                                 });
                               });
  }

 private:
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
    static constexpr EnumName kNames[] = {{"AGGREGATION_TEMPORALITY_UNSPECIFIED", 0},
                                          {"AGGREGATION_TEMPORALITY_DELTA", 1},
                                          {"AGGREGATION_TEMPORALITY_CUMULATIVE", 2}};
    int32_t number = 0;
    SEXTANT_TRY(json_.Enum(data, "aggregationTemporality", kNames, number));
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
    SEXTANT_TRY(json_.Int32(item, "scale", out.scale));
    SEXTANT_TRY(json_.UInt(item, "zeroCount", out.zero_count));
    SEXTANT_TRY(json_.Double(item, "zeroThreshold", out.zero_threshold));
    SEXTANT_TRY(ReadBuckets(item, "positive", out.positive));
    return ReadBuckets(item, "negative", out.negative);
  }

  Status ReadBuckets(Element item, std::string_view name, ExponentialBuckets& out) {
    SEXTANT_ASSIGN(std::optional<Element> found, json_.Find(item, name));
    if (!found) return {};
    SEXTANT_TRY(json_.Int32(*found, "offset", out.offset));
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

}  // namespace

core::Result<MetricsData> DecodeMetricsJson(std::string_view text) {
  MetricsData data;
  SEXTANT_ASSIGN(Element request, JsonReader::Parse(text, data.memory));
  Decoder decoder(text.size(), data);
  SEXTANT_TRY(decoder.ReadRequest(request, data));
  return data;
}

}  // namespace sextant::otlp
