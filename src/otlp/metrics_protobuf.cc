// Metrics from protobuf. Numbers of the schema: opentelemetry/proto/metrics/v1/metrics.proto.
#include "otlp/common_protobuf.h"
#include "otlp/metrics.h"
#include "wire/decode.h"

namespace sextant::otlp {

namespace {

using core::Status;
using wire::Bytes;
using wire::Fixed64;
using wire::pbf_reader;
using wire::ReaderOf;
using wire::Varint;
using wire::View;

constexpr uint32_t kNoRecordedValue = 1;  // a flag of data points

class Decoder {
 public:
  Decoder(size_t message_bytes, Memory& memory)
      : budget_(message_bytes, kMaxDecodedFactor), common_(memory, budget_) {}

  Status ReadRequest(std::string_view bytes, MetricsData& out) {
    return ForEach(bytes, Bytes(1), [&](pbf_reader& reader) -> Status {
      SEXTANT_ASSIGN(ResourceMetrics * item, budget_.Add(out.resources));
      return ReadResourceMetrics(View(reader), *item);
    });
  }

 private:
  // Calls `read` for each field of one tag; others are skipped.
  template <typename Read>
  static Status ForEach(std::string_view bytes, uint32_t tag, Read&& read) {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      if (reader.tag_and_type() == tag) {
        SEXTANT_TRY(read(reader));
      } else {
        reader.skip();
      }
    }
    return {};
  }

  Status ReadResourceMetrics(std::string_view bytes, ResourceMetrics& out) {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          SEXTANT_TRY(common_.ReadResource(View(reader), out.resource));
          break;
        case Bytes(2): {
          SEXTANT_ASSIGN(ScopeMetrics * item, budget_.Add(out.scopes));
          SEXTANT_TRY(ReadScopeMetrics(View(reader), *item));
          break;
        }
        case Bytes(3):
          out.schema_url = View(reader);
          break;
        default:
          reader.skip();
      }
    }
    return {};
  }

  Status ReadScopeMetrics(std::string_view bytes, ScopeMetrics& out) {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          SEXTANT_TRY(common_.ReadScope(View(reader), out.scope));
          break;
        case Bytes(2): {
          SEXTANT_ASSIGN(Metric * item, budget_.Add(out.metrics));
          SEXTANT_TRY(ReadMetric(View(reader), *item));
          break;
        }
        case Bytes(3):
          out.schema_url = View(reader);
          break;
        default:
          reader.skip();
      }
    }
    return {};
  }

  Status ReadMetric(std::string_view bytes, Metric& out) {
    size_t mark = common_.Mark();
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          out.name = View(reader);
          break;
        case Bytes(2):
          out.description = View(reader);
          break;
        case Bytes(3):
          out.unit = View(reader);
          break;
        case Bytes(5):
          SEXTANT_TRY(ReadData(View(reader), MetricKind::kGauge, out));
          break;
        case Bytes(7):
          SEXTANT_TRY(ReadData(View(reader), MetricKind::kSum, out));
          break;
        case Bytes(9):
          SEXTANT_TRY(ReadData(View(reader), MetricKind::kHistogram, out));
          break;
        case Bytes(10):
          SEXTANT_TRY(ReadData(View(reader), MetricKind::kExponentialHistogram, out));
          break;
        case Bytes(11):
          SEXTANT_TRY(ReadData(View(reader), MetricKind::kSummary, out));
          break;
        case Bytes(12):
          SEXTANT_TRY(common_.AddAttribute(View(reader)));
          break;
        default:
          reader.skip();
      }
    }
    out.metadata = common_.Take(mark);
    return {};
  }

  // Gauge, Sum, Histogram, ExponentialHistogram and Summary have the same form.
  Status ReadData(std::string_view bytes, MetricKind kind, Metric& out) {
    out.kind = kind;
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          SEXTANT_TRY(ReadPoint(View(reader), out));
          break;
        case Varint(2): {
          uint64_t number = reader.get_uint64();
          out.temporality = number == 1   ? Temporality::kDelta
                            : number == 2 ? Temporality::kCumulative
                                          : Temporality::kUnspecified;
          break;
        }
        case Varint(3):
          out.is_monotonic = reader.get_bool();
          break;
        default:
          reader.skip();
      }
    }
    return {};
  }

  Status ReadPoint(std::string_view bytes, Metric& out) {
    switch (out.kind) {
      case MetricKind::kNone:
        return {};
      case MetricKind::kGauge:
      case MetricKind::kSum: {
        SEXTANT_ASSIGN(NumberPoint * point, budget_.Add(out.numbers));
        return ReadNumberPoint(bytes, *point);
      }
      case MetricKind::kHistogram: {
        SEXTANT_ASSIGN(HistogramPoint * point, budget_.Add(out.histograms));
        return ReadHistogramPoint(bytes, *point);
      }
      case MetricKind::kExponentialHistogram: {
        SEXTANT_ASSIGN(ExponentialPoint * point, budget_.Add(out.exponentials));
        return ReadExponentialPoint(bytes, *point);
      }
      case MetricKind::kSummary: {
        SEXTANT_ASSIGN(SummaryPoint * point, budget_.Add(out.summaries));
        return ReadSummaryPoint(bytes, *point);
      }
    }
    return {};
  }

  Status ReadNumberPoint(std::string_view bytes, NumberPoint& out) {
    size_t mark = common_.Mark();
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(7):
          SEXTANT_TRY(common_.AddAttribute(View(reader)));
          break;
        case Fixed64(2):
          out.start_ns = reader.get_fixed64();
          break;
        case Fixed64(3):
          out.time_ns = reader.get_fixed64();
          break;
        case Fixed64(4):
          SetDouble(reader, out.value);
          break;
        case Fixed64(6):
          SetInt(reader, out.value);
          break;
        case Bytes(5):
          SEXTANT_TRY(AddExemplar(View(reader), out));
          break;
        case Varint(8):
          out.has_no_value = (reader.get_uint32() & kNoRecordedValue) != 0;
          break;
        default:
          reader.skip();
      }
    }
    out.attributes = common_.Take(mark);
    return {};
  }

  Status ReadHistogramPoint(std::string_view bytes, HistogramPoint& out) {
    size_t mark = common_.Mark();
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(9):
          SEXTANT_TRY(common_.AddAttribute(View(reader)));
          break;
        case Fixed64(2):
          out.start_ns = reader.get_fixed64();
          break;
        case Fixed64(3):
          out.time_ns = reader.get_fixed64();
          break;
        case Fixed64(4):
          out.count = reader.get_fixed64();
          break;
        case Fixed64(5):
          out.sum = reader.get_double();
          break;
        case Bytes(6):
          for (uint64_t count : reader.get_packed_fixed64()) SEXTANT_TRY(AddTo(out.bucket_counts, count));
          break;
        case Fixed64(6):
          SEXTANT_TRY(AddTo(out.bucket_counts, reader.get_fixed64()));
          break;
        case Bytes(7):
          for (double bound : reader.get_packed_double()) SEXTANT_TRY(AddTo(out.explicit_bounds, bound));
          break;
        case Fixed64(7):
          SEXTANT_TRY(AddTo(out.explicit_bounds, reader.get_double()));
          break;
        case Bytes(8):
          SEXTANT_TRY(AddExemplar(View(reader), out));
          break;
        case Varint(10):
          out.has_no_value = (reader.get_uint32() & kNoRecordedValue) != 0;
          break;
        case Fixed64(11):
          out.min = reader.get_double();
          break;
        case Fixed64(12):
          out.max = reader.get_double();
          break;
        default:
          reader.skip();
      }
    }
    out.attributes = common_.Take(mark);
    return {};
  }

  Status ReadExponentialPoint(std::string_view bytes, ExponentialPoint& out) {
    size_t mark = common_.Mark();
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          SEXTANT_TRY(common_.AddAttribute(View(reader)));
          break;
        case Fixed64(2):
          out.start_ns = reader.get_fixed64();
          break;
        case Fixed64(3):
          out.time_ns = reader.get_fixed64();
          break;
        case Fixed64(4):
          out.count = reader.get_fixed64();
          break;
        case Fixed64(5):
          out.sum = reader.get_double();
          break;
        case Varint(6):
          out.scale = reader.get_sint32();
          break;
        case Fixed64(7):
          out.zero_count = reader.get_fixed64();
          break;
        case Bytes(8):
          SEXTANT_TRY(ReadBuckets(View(reader), out.positive));
          break;
        case Bytes(9):
          SEXTANT_TRY(ReadBuckets(View(reader), out.negative));
          break;
        case Varint(10):
          out.has_no_value = (reader.get_uint32() & kNoRecordedValue) != 0;
          break;
        case Bytes(11):
          SEXTANT_TRY(AddExemplar(View(reader), out));
          break;
        case Fixed64(12):
          out.min = reader.get_double();
          break;
        case Fixed64(13):
          out.max = reader.get_double();
          break;
        case Fixed64(14):
          out.zero_threshold = reader.get_double();
          break;
        default:
          reader.skip();
      }
    }
    out.attributes = common_.Take(mark);
    return {};
  }

  Status ReadBuckets(std::string_view bytes, ExponentialBuckets& out) {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Varint(1):
          out.offset = reader.get_sint32();
          break;
        case Bytes(2):
          for (uint64_t count : reader.get_packed_uint64()) SEXTANT_TRY(AddTo(out.counts, count));
          break;
        case Varint(2):
          SEXTANT_TRY(AddTo(out.counts, reader.get_uint64()));
          break;
        default:
          reader.skip();
      }
    }
    return {};
  }

  Status ReadSummaryPoint(std::string_view bytes, SummaryPoint& out) {
    size_t mark = common_.Mark();
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(7):
          SEXTANT_TRY(common_.AddAttribute(View(reader)));
          break;
        case Fixed64(2):
          out.start_ns = reader.get_fixed64();
          break;
        case Fixed64(3):
          out.time_ns = reader.get_fixed64();
          break;
        case Fixed64(4):
          out.count = reader.get_fixed64();
          break;
        case Fixed64(5):
          out.sum = reader.get_double();
          break;
        case Bytes(6): {
          SEXTANT_ASSIGN(SummaryPoint::Quantile * quantile, budget_.Add(out.quantiles));
          ReadQuantile(View(reader), *quantile);
          break;
        }
        case Varint(8):
          out.has_no_value = (reader.get_uint32() & kNoRecordedValue) != 0;
          break;
        default:
          reader.skip();
      }
    }
    out.attributes = common_.Take(mark);
    return {};
  }

  static void ReadQuantile(std::string_view bytes, SummaryPoint::Quantile& out) {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Fixed64(1):
          out.quantile = reader.get_double();
          break;
        case Fixed64(2):
          out.value = reader.get_double();
          break;
        default:
          reader.skip();
      }
    }
  }

  Status AddExemplar(std::string_view bytes, Point& point) {
    SEXTANT_ASSIGN(Exemplar * out, budget_.Add(point.exemplars));
    size_t mark = common_.Mark();
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(7):
          SEXTANT_TRY(common_.AddAttribute(View(reader)));
          break;
        case Fixed64(2):
          out->time_ns = reader.get_fixed64();
          break;
        case Fixed64(3):
          SetDouble(reader, out->value);
          break;
        case Fixed64(6):
          SetInt(reader, out->value);
          break;
        case Bytes(4):
          out->span_id = View(reader);
          break;
        case Bytes(5):
          out->trace_id = View(reader);
          break;
        default:
          reader.skip();
      }
    }
    out->filtered_attributes = common_.Take(mark);
    return {};
  }

  static void SetDouble(pbf_reader& reader, Number& out) {
    out.kind = NumberKind::kDouble;
    out.real = reader.get_double();
  }
  static void SetInt(pbf_reader& reader, Number& out) {
    out.kind = NumberKind::kInt;
    out.integer = reader.get_sfixed64();
  }

  template <typename T>
  Status AddTo(std::vector<T>& items, T item) {
    SEXTANT_TRY(budget_.Take(sizeof(T)));
    items.push_back(item);
    return {};
  }

  DecodeBudget budget_;
  CommonReader common_;
};

}  // namespace

core::Result<MetricsData> DecodeMetrics(std::string_view bytes) {
  MetricsData data;
  Decoder decoder(bytes.size(), data.memory);
  SEXTANT_TRY(wire::Guarded("ExportMetricsServiceRequest", [&] { return decoder.ReadRequest(bytes, data); }));
  return data;
}

size_t CountPoints(const Metric& metric) {
  return metric.numbers.size() + metric.histograms.size() + metric.exponentials.size() +
         metric.summaries.size();
}

size_t CountPoints(const MetricsData& data) {
  size_t count = 0;
  for (const ResourceMetrics& resource : data.resources) {
    for (const ScopeMetrics& scope : resource.scopes) {
      for (const Metric& metric : scope.metrics) count += CountPoints(metric);
    }
  }
  return count;
}

}  // namespace sextant::otlp
