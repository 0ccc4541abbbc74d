// Metrics from protobuf. Numbers of the schema: opentelemetry/proto/metrics/v1/metrics.proto.
#include "otlp/common_protobuf.h"
#include "otlp/message_reader.h"
#include "otlp/metrics.h"

namespace sextant::otlp {

namespace {

using wire::Bytes;
using wire::Fixed64;
using wire::Varint;

constexpr uint32_t kNoRecordedValue = 1;  // a flag of data points

class Decoder {
 public:
  Decoder(size_t message_bytes, Memory& memory)
      : budget_(message_bytes, kMaxDecodedFactor), common_(memory, budget_) {}

  void ReadRequest(std::string_view bytes, MetricsData& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      if (tag == Bytes(1)) {
        ReadResourceMetrics(reader.View(), AddTo(budget_, out.resources));
      } else {
        reader.Skip();
      }
    }
  }

 private:
  void ReadResourceMetrics(std::string_view bytes, ResourceMetrics& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          common_.ReadResource(reader.View(), out.resource);
          break;
        case Bytes(2):
          ReadScopeMetrics(reader.View(), AddTo(budget_, out.scopes));
          break;
        case Bytes(3):
          out.schema_url = reader.View();
          break;
        default:
          reader.Skip();
      }
    }
  }

  void ReadScopeMetrics(std::string_view bytes, ScopeMetrics& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          common_.ReadScope(reader.View(), out.scope);
          break;
        case Bytes(2):
          ReadMetric(reader.View(), AddTo(budget_, out.metrics));
          break;
        case Bytes(3):
          out.schema_url = reader.View();
          break;
        default:
          reader.Skip();
      }
    }
  }

  void ReadMetric(std::string_view bytes, Metric& out) {
    size_t mark = common_.Mark();
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          out.name = reader.View();
          break;
        case Bytes(2):
          out.description = reader.View();
          break;
        case Bytes(3):
          out.unit = reader.View();
          break;
        case Bytes(5):
          ReadData(reader.View(), MetricKind::kGauge, out);
          break;
        case Bytes(7):
          ReadData(reader.View(), MetricKind::kSum, out);
          break;
        case Bytes(9):
          ReadData(reader.View(), MetricKind::kHistogram, out);
          break;
        case Bytes(10):
          ReadData(reader.View(), MetricKind::kExponentialHistogram, out);
          break;
        case Bytes(11):
          ReadData(reader.View(), MetricKind::kSummary, out);
          break;
        case Bytes(12):
          common_.AddAttribute(reader.View());
          break;
        default:
          reader.Skip();
      }
    }
    out.metadata = common_.Take(mark);
  }

  // Gauge, Sum, Histogram, ExponentialHistogram and Summary have the same form.
  void ReadData(std::string_view bytes, MetricKind kind, Metric& out) {
    out.kind = kind;
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          ReadPoint(reader.View(), out);
          break;
        case Varint(2): {
          uint64_t number = reader.Varint();
          out.temporality = number == 1   ? Temporality::kDelta
                            : number == 2 ? Temporality::kCumulative
                                          : Temporality::kUnspecified;
          break;
        }
        case Varint(3):
          out.is_monotonic = reader.Varint() != 0;
          break;
        default:
          reader.Skip();
      }
    }
  }

  void ReadPoint(std::string_view bytes, Metric& out) {
    switch (out.kind) {
      case MetricKind::kNone:
        return;
      case MetricKind::kGauge:
      case MetricKind::kSum:
        return ReadNumberPoint(bytes, AddTo(budget_, out.numbers));
      case MetricKind::kHistogram:
        return ReadHistogramPoint(bytes, AddTo(budget_, out.histograms));
      case MetricKind::kExponentialHistogram:
        return ReadExponentialPoint(bytes, AddTo(budget_, out.exponentials));
      case MetricKind::kSummary:
        return ReadSummaryPoint(bytes, AddTo(budget_, out.summaries));
    }
  }

  void ReadNumberPoint(std::string_view bytes, NumberPoint& out) {
    size_t mark = common_.Mark();
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(7):
          common_.AddAttribute(reader.View());
          break;
        case Fixed64(2):
          out.start_ns = reader.Fixed64();
          break;
        case Fixed64(3):
          out.time_ns = reader.Fixed64();
          break;
        case Fixed64(4):
          SetDouble(reader, out.value);
          break;
        case Fixed64(6):
          SetInt(reader, out.value);
          break;
        case Bytes(5):
          AddExemplar(reader.View(), out);
          break;
        case Varint(8):
          out.has_no_value = (reader.Varint32() & kNoRecordedValue) != 0;
          break;
        default:
          reader.Skip();
      }
    }
    out.attributes = common_.Take(mark);
  }

  void ReadHistogramPoint(std::string_view bytes, HistogramPoint& out) {
    size_t mark = common_.Mark();
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(9):
          common_.AddAttribute(reader.View());
          break;
        case Fixed64(2):
          out.start_ns = reader.Fixed64();
          break;
        case Fixed64(3):
          out.time_ns = reader.Fixed64();
          break;
        case Fixed64(4):
          out.count = reader.Fixed64();
          break;
        case Fixed64(5):
          out.sum = reader.Double();
          break;
        case Bytes(6):
          ReadPacked(reader.View(), &MessageReader::Fixed64, out.bucket_counts);
          break;
        case Fixed64(6):
          AddTo(budget_, out.bucket_counts) = reader.Fixed64();
          break;
        case Bytes(7):
          ReadPacked(reader.View(), &MessageReader::Double, out.explicit_bounds);
          break;
        case Fixed64(7):
          AddTo(budget_, out.explicit_bounds) = reader.Double();
          break;
        case Bytes(8):
          AddExemplar(reader.View(), out);
          break;
        case Varint(10):
          out.has_no_value = (reader.Varint32() & kNoRecordedValue) != 0;
          break;
        case Fixed64(11):
          out.min = reader.Double();
          break;
        case Fixed64(12):
          out.max = reader.Double();
          break;
        default:
          reader.Skip();
      }
    }
    out.attributes = common_.Take(mark);
  }

  void ReadExponentialPoint(std::string_view bytes, ExponentialPoint& out) {
    size_t mark = common_.Mark();
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          common_.AddAttribute(reader.View());
          break;
        case Fixed64(2):
          out.start_ns = reader.Fixed64();
          break;
        case Fixed64(3):
          out.time_ns = reader.Fixed64();
          break;
        case Fixed64(4):
          out.count = reader.Fixed64();
          break;
        case Fixed64(5):
          out.sum = reader.Double();
          break;
        case Varint(6):
          out.scale = static_cast<int32_t>(reader.SignedVarint());
          break;
        case Fixed64(7):
          out.zero_count = reader.Fixed64();
          break;
        case Bytes(8):
          ReadBuckets(reader.View(), out.positive);
          break;
        case Bytes(9):
          ReadBuckets(reader.View(), out.negative);
          break;
        case Varint(10):
          out.has_no_value = (reader.Varint32() & kNoRecordedValue) != 0;
          break;
        case Bytes(11):
          AddExemplar(reader.View(), out);
          break;
        case Fixed64(12):
          out.min = reader.Double();
          break;
        case Fixed64(13):
          out.max = reader.Double();
          break;
        case Fixed64(14):
          out.zero_threshold = reader.Double();
          break;
        default:
          reader.Skip();
      }
    }
    out.attributes = common_.Take(mark);
  }

  void ReadBuckets(std::string_view bytes, ExponentialBuckets& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Varint(1):
          out.offset = static_cast<int32_t>(reader.SignedVarint());
          break;
        case Bytes(2):
          ReadPacked(reader.View(), &MessageReader::Varint, out.counts);
          break;
        case Varint(2):
          AddTo(budget_, out.counts) = reader.Varint();
          break;
        default:
          reader.Skip();
      }
    }
  }

  void ReadSummaryPoint(std::string_view bytes, SummaryPoint& out) {
    size_t mark = common_.Mark();
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(7):
          common_.AddAttribute(reader.View());
          break;
        case Fixed64(2):
          out.start_ns = reader.Fixed64();
          break;
        case Fixed64(3):
          out.time_ns = reader.Fixed64();
          break;
        case Fixed64(4):
          out.count = reader.Fixed64();
          break;
        case Fixed64(5):
          out.sum = reader.Double();
          break;
        case Bytes(6):
          ReadQuantile(reader.View(), AddTo(budget_, out.quantiles));
          break;
        case Varint(8):
          out.has_no_value = (reader.Varint32() & kNoRecordedValue) != 0;
          break;
        default:
          reader.Skip();
      }
    }
    out.attributes = common_.Take(mark);
  }

  static void ReadQuantile(std::string_view bytes, SummaryPoint::Quantile& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Fixed64(1):
          out.quantile = reader.Double();
          break;
        case Fixed64(2):
          out.value = reader.Double();
          break;
        default:
          reader.Skip();
      }
    }
  }

  void AddExemplar(std::string_view bytes, Point& point) {
    Exemplar& out = AddTo(budget_, point.exemplars);
    size_t mark = common_.Mark();
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(7):
          common_.AddAttribute(reader.View());
          break;
        case Fixed64(2):
          out.time_ns = reader.Fixed64();
          break;
        case Fixed64(3):
          SetDouble(reader, out.value);
          break;
        case Fixed64(6):
          SetInt(reader, out.value);
          break;
        case Bytes(4):
          out.span_id = reader.View();
          break;
        case Bytes(5):
          out.trace_id = reader.View();
          break;
        default:
          reader.Skip();
      }
    }
    out.filtered_attributes = common_.Take(mark);
  }

  static void SetDouble(MessageReader& reader, Number& out) {
    out.kind = NumberKind::kDouble;
    out.real = reader.Double();
  }
  static void SetInt(MessageReader& reader, Number& out) {
    out.kind = NumberKind::kInt;
    out.integer = static_cast<int64_t>(reader.Fixed64());
  }

  template <typename T>
  void ReadPacked(std::string_view bytes, T (MessageReader::*read)(), std::vector<T>& out) {
    MessageReader reader(bytes);
    while (!reader.AtEnd()) AddTo(budget_, out) = (reader.*read)();
  }

  DecodeBudget budget_;
  CommonReader common_;
};

}  // namespace

core::Result<MetricsData> DecodeMetrics(std::string_view bytes) {
  MetricsData data;
  Decoder decoder(bytes.size(), data.memory);
  SEXTANT_TRY(Decoded("ExportMetricsServiceRequest", [&] { decoder.ReadRequest(bytes, data); }));
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
