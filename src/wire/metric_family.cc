#include "wire/metric_family.h"

#include "wire/decode.h"
#include "wire/parts.h"

namespace sextant::wire {

namespace {

using core::Code;
using core::Fail;
using core::Status;
using model::LabelView;

constexpr std::string_view kMessage = "io.prometheus.client.MetricFamily";

template <typename T>
T& AddPart(std::vector<T>& parts) {
  // Told like a message that cannot be read.
  if (parts.size() >= kMaxFamilyParts) throw protozero::invalid_length_exception{};
  return parts.emplace_back();
}

// google.protobuf.Timestamp.
core::TimestampMs ReadTimestamp(std::string_view bytes) {
  uint64_t seconds = 0;
  int64_t nanos = 0;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Varint(1):
        seconds = static_cast<uint64_t>(reader.get_int64());
        break;
      case Varint(2):
        nanos = reader.get_int32();
        break;
      default:
        reader.skip();
    }
  }
  return static_cast<int64_t>(seconds * 1000 + static_cast<uint64_t>(nanos / 1'000'000));
}

// The message of a gauge and of an untyped metric.
double ReadValue(std::string_view bytes) {
  double value = 0;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    if (reader.tag_and_type() == Fixed64(1)) {
      value = reader.get_double();
    } else {
      reader.skip();
    }
  }
  return value;
}

void ReadCounter(std::string_view bytes, FamilyMetric& out) {
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Fixed64(1):
        out.value = reader.get_double();
        break;
      case Bytes(2):
        out.exemplar = View(reader);
        break;
      case Bytes(3):
        out.created_ms = ReadTimestamp(View(reader));
        break;
      default:
        reader.skip();
    }
  }
}

void ReadSummary(std::string_view bytes, FamilyMetric& out) {
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Varint(1):
        out.count = static_cast<double>(reader.get_uint64());
        break;
      case Fixed64(2):
        out.sum = reader.get_double();
        break;
      case Bytes(3): {
        FamilyMetric::Quantile& quantile = AddPart(out.quantiles);
        pbf_reader fields = ReaderOf(View(reader));
        while (fields.next()) {
          switch (fields.tag_and_type()) {
            case Fixed64(1):
              quantile.quantile = fields.get_double();
              break;
            case Fixed64(2):
              quantile.value = fields.get_double();
              break;
            default:
              fields.skip();
          }
        }
        break;
      }
      case Bytes(4):
        out.created_ms = ReadTimestamp(View(reader));
        break;
      default:
        reader.skip();
    }
  }
}

void ReadBucket(std::string_view bytes, FamilyMetric::Bucket& out) {
  double count_float = 0;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Varint(1):
        out.cumulative_count = static_cast<double>(reader.get_uint64());
        break;
      case Fixed64(2):
        out.upper_bound = reader.get_double();
        break;
      case Bytes(3):
        out.exemplar = View(reader);
        break;
      case Fixed64(4):
        count_float = reader.get_double();
        break;
      default:
        reader.skip();
    }
  }
  if (count_float != 0) out.cumulative_count = count_float;
}

// Both kinds of a side's buckets, of which the histogram's kind decides later.
struct Side {
  std::vector<double> from_deltas;
  std::vector<double> counts;
  uint64_t sum = 0;

  void AddDelta(int64_t delta) {
    sum += static_cast<uint64_t>(delta);
    AddPart(from_deltas) = static_cast<double>(static_cast<int64_t>(sum));
  }
};

class HistogramReader {
 public:
  explicit HistogramReader(FamilyMetric& out) : out_(out) {}

  void Read(std::string_view bytes, FamilyType type) {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) ReadField(reader);
    model::FloatHistogram& histogram = out_.histogram;
    out_.count = count_float_ != 0 ? count_float_ : count_;
    out_.is_native = !histogram.positive_spans.empty() || !histogram.negative_spans.empty() ||
                     histogram.zero_threshold > 0 || zero_count_ > 0 || zero_count_float_ > 0;
    bool is_float = count_float_ > 0 || zero_count_float_ > 0;
    histogram.is_integer = !is_float;
    histogram.count = is_float ? count_float_ : count_;
    histogram.zero_count = is_float ? zero_count_float_ : zero_count_;
    histogram.sum = out_.sum;
    histogram.positive_buckets = is_float ? std::move(positive_.counts) : std::move(positive_.from_deltas);
    histogram.negative_buckets = is_float ? std::move(negative_.counts) : std::move(negative_.from_deltas);
    histogram.counter_reset_hint = type == FamilyType::kGaugeHistogram ? model::CounterResetHint::kGauge
                                                                       : model::CounterResetHint::kUnknown;
  }

 private:
  void ReadField(pbf_reader& reader) {
    model::FloatHistogram& histogram = out_.histogram;
    switch (reader.tag_and_type()) {
      case Varint(1):
        count_ = static_cast<double>(reader.get_uint64());
        break;
      case Fixed64(2):
        out_.sum = reader.get_double();
        break;
      case Bytes(3):
        ReadBucket(View(reader), AddPart(out_.buckets));
        break;
      case Fixed64(4):
        count_float_ = reader.get_double();
        break;
      case Varint(5):
        histogram.schema = reader.get_sint32();
        break;
      case Fixed64(6):
        histogram.zero_threshold = reader.get_double();
        break;
      case Varint(7):
        zero_count_ = static_cast<double>(reader.get_uint64());
        break;
      case Fixed64(8):
        zero_count_float_ = reader.get_double();
        break;
      case Bytes(9):
        AddPart(histogram.negative_spans) = ReadSpan(View(reader));
        break;
      case Bytes(12):
        AddPart(histogram.positive_spans) = ReadSpan(View(reader));
        break;
      case Bytes(15):
        out_.created_ms = ReadTimestamp(View(reader));
        break;
      case Bytes(16):
        AddPart(out_.exemplars) = View(reader);
        break;
      default:
        if (!ReadBuckets(reader, 10, negative_) && !ReadBuckets(reader, 13, positive_)) reader.skip();
    }
  }

  // The repeated numbers of a side, packed or not: differences in one field, counts in the next.
  static bool ReadBuckets(pbf_reader& reader, uint32_t field, Side& side) {
    uint32_t tag = reader.tag_and_type();
    if (tag == Varint(field)) {
      side.AddDelta(reader.get_sint64());
    } else if (tag == Bytes(field)) {
      for (int64_t delta : reader.get_packed_sint64()) side.AddDelta(delta);
    } else if (tag == Fixed64(field + 1)) {
      AddPart(side.counts) = reader.get_double();
    } else if (tag == Bytes(field + 1)) {
      for (double count : reader.get_packed_double()) AddPart(side.counts) = count;
    } else {
      return false;
    }
    return true;
  }

  FamilyMetric& out_;
  double count_ = 0;
  double count_float_ = 0;
  double zero_count_ = 0;
  double zero_count_float_ = 0;
  Side positive_;
  Side negative_;
};

void ReadMetric(std::string_view bytes, FamilyType type, FamilyMetric& out) {
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    uint32_t tag = reader.tag_and_type();
    if (tag == Bytes(1)) {
      AddPart(out.labels) = ReadLabel(View(reader));
    } else if (tag == Varint(6)) {
      out.time_ms = reader.get_int64();
    } else if (tag == Bytes(2) && type == FamilyType::kGauge) {
      out.value = ReadValue(View(reader));
    } else if (tag == Bytes(3) && type == FamilyType::kCounter) {
      ReadCounter(View(reader), out);
    } else if (tag == Bytes(4) && type == FamilyType::kSummary) {
      ReadSummary(View(reader), out);
    } else if (tag == Bytes(5) && type == FamilyType::kUntyped) {
      out.value = ReadValue(View(reader));
    } else if (tag == Bytes(7) && (type == FamilyType::kHistogram || type == FamilyType::kGaugeHistogram)) {
      HistogramReader(out).Read(View(reader), type);
    } else {
      reader.skip();
    }
  }
}

}  // namespace

FamilyReader::FamilyReader(std::string_view body) : rest_(body) {}
FamilyReader::~FamilyReader() = default;

// Reads the size, and all of the family but its metrics.
Status FamilyReader::ReadHead() {
  head_ = FamilyHead();
  uint64_t type = 0;
  Status read = Guarded(kMessage, [&] {
    const char* at = rest_.data();
    const char* end = at + rest_.size();
    uint64_t size = protozero::decode_varint(&at, end);
    if (size > static_cast<uint64_t>(end - at)) throw protozero::end_of_buffer_exception{};
    family_ = std::string_view(at, static_cast<size_t>(size));
    rest_ = std::string_view(at + size, static_cast<size_t>(end - at) - static_cast<size_t>(size));
    pbf_reader reader = ReaderOf(family_);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          head_.name = View(reader);
          break;
        case Bytes(2):
          head_.help = View(reader);
          break;
        case Varint(3):
          type = reader.get_uint64();
          break;
        case Bytes(5):
          head_.unit = View(reader);
          break;
        default:
          reader.skip();
      }
    }
  });
  SEXTANT_TRY(read);
  if (type > static_cast<uint64_t>(FamilyType::kGaugeHistogram)) {
    return Fail(Code::kInvalidArgument, "unknown metric type for metric {}: {}", model::QuoteGo(head_.name),
                type);
  }
  head_.type = static_cast<FamilyType>(type);
  return {};
}

// Cuts the next metric off the family; false when there is none. The family has been walked through before.
bool FamilyReader::NextMetric(std::string_view& metric) {
  pbf_reader reader = ReaderOf(family_);
  if (!reader.next(4, pbf_wire_type::length_delimited)) return false;
  metric = View(reader);
  protozero::data_view rest = reader.data();
  family_ = std::string_view(rest.data(), rest.size());
  return true;
}

core::Result<FamilyReader::Step> FamilyReader::Next() {
  Step step = Step::kMetric;
  std::string_view metric;
  while (true) {
    bool has_metric = false;
    SEXTANT_TRY(Guarded(kMessage, [&] { has_metric = NextMetric(metric); }));
    if (has_metric) break;
    if (rest_.empty()) return Step::kEnd;
    SEXTANT_TRY(ReadHead());
    step = Step::kFamily;
  }
  metric_ = FamilyMetric();
  SEXTANT_TRY(Guarded(kMessage, [&] { ReadMetric(metric, head_.type, metric_); }));
  return step;
}

Status ReadFamilyExemplar(std::string_view bytes, FamilyExemplar& out) {
  out = FamilyExemplar();
  return Guarded("io.prometheus.client.Exemplar", [&] {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          AddPart(out.labels) = ReadLabel(View(reader));
          break;
        case Fixed64(2):
          out.value = reader.get_double();
          break;
        case Bytes(3):
          out.time_ms = ReadTimestamp(View(reader));
          break;
        default:
          reader.skip();
      }
    }
  });
}

}  // namespace sextant::wire
