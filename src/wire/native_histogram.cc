#include "wire/native_histogram.h"

#include <vector>

#include "wire/decode.h"
#include "wire/encode.h"
#include "wire/parts.h"

namespace sextant::wire {

namespace {

using model::BucketSpan;

// Fields of the message.
enum Field : uint32_t {
  kCountInt = 1,
  kCountFloat = 2,
  kSum = 3,
  kSchema = 4,
  kZeroThreshold = 5,
  kZeroCountInt = 6,
  kZeroCountFloat = 7,
  kNegativeSpans = 8,
  kNegativeDeltas = 9,
  kNegativeCounts = 10,
  kPositiveSpans = 11,
  kPositiveDeltas = 12,
  kPositiveCounts = 13,
  kResetHint = 14,
  kTimestamp = 15,
  kCustomValues = 16,
  kStartTimestamp = 17,
};

// Buckets as differences, of which the running sum is kept. It wraps around, as Go's does.
class DeltaSum {
 public:
  void Add(int64_t delta, std::vector<double>& buckets) {
    sum_ += static_cast<uint64_t>(delta);
    buckets.push_back(static_cast<double>(static_cast<int64_t>(sum_)));
  }
  void AddPacked(pbf_reader& reader, std::vector<double>& buckets) {
    for (int64_t delta : reader.get_packed_sint64()) Add(delta, buckets);
  }

 private:
  uint64_t sum_ = 0;
};

void AddPackedDoubles(pbf_reader& reader, std::vector<double>& out) {
  for (double value : reader.get_packed_double()) out.push_back(value);
}

model::CounterResetHint HintOf(int32_t number) {
  switch (number) {
    case 1:
      return model::CounterResetHint::kReset;
    case 2:
      return model::CounterResetHint::kNotReset;
    case 3:
      return model::CounterResetHint::kGauge;
    default:
      return model::CounterResetHint::kUnknown;
  }
}

void Clear(model::FloatHistogram& histogram) {
  histogram.counter_reset_hint = model::CounterResetHint::kUnknown;
  histogram.is_integer = true;  // until a number of the other kind comes
  histogram.schema = 0;
  histogram.zero_threshold = 0;
  histogram.zero_count = 0;
  histogram.count = 0;
  histogram.sum = 0;
  histogram.positive_spans.clear();
  histogram.negative_spans.clear();
  histogram.positive_buckets.clear();
  histogram.negative_buckets.clear();
  histogram.custom_bounds.clear();
}

void ReadFields(std::string_view bytes, TimedHistogram& out) {
  model::FloatHistogram& histogram = out.histogram;
  DeltaSum positive_sum;
  DeltaSum negative_sum;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Varint(kCountInt):
        histogram.count = static_cast<double>(reader.get_uint64());
        histogram.is_integer = true;
        break;
      case Fixed64(kCountFloat):
        histogram.count = reader.get_double();
        histogram.is_integer = false;
        break;
      case Fixed64(kSum):
        histogram.sum = reader.get_double();
        break;
      case Varint(kSchema):
        histogram.schema = reader.get_sint32();
        break;
      case Fixed64(kZeroThreshold):
        histogram.zero_threshold = reader.get_double();
        break;
      case Varint(kZeroCountInt):
        histogram.zero_count = static_cast<double>(reader.get_uint64());
        break;
      case Fixed64(kZeroCountFloat):
        histogram.zero_count = reader.get_double();
        break;
      case Bytes(kNegativeSpans):
        histogram.negative_spans.push_back(ReadSpan(View(reader)));
        break;
      case Bytes(kNegativeDeltas):
        negative_sum.AddPacked(reader, histogram.negative_buckets);
        break;
      case Varint(kNegativeDeltas):
        negative_sum.Add(reader.get_sint64(), histogram.negative_buckets);
        break;
      case Bytes(kNegativeCounts):
        AddPackedDoubles(reader, histogram.negative_buckets);
        break;
      case Fixed64(kNegativeCounts):
        histogram.negative_buckets.push_back(reader.get_double());
        break;
      case Bytes(kPositiveSpans):
        histogram.positive_spans.push_back(ReadSpan(View(reader)));
        break;
      case Bytes(kPositiveDeltas):
        positive_sum.AddPacked(reader, histogram.positive_buckets);
        break;
      case Varint(kPositiveDeltas):
        positive_sum.Add(reader.get_sint64(), histogram.positive_buckets);
        break;
      case Bytes(kPositiveCounts):
        AddPackedDoubles(reader, histogram.positive_buckets);
        break;
      case Fixed64(kPositiveCounts):
        histogram.positive_buckets.push_back(reader.get_double());
        break;
      case Varint(kResetHint):
        histogram.counter_reset_hint = HintOf(reader.get_int32());
        break;
      case Varint(kTimestamp):
        out.time_ms = reader.get_int64();
        break;
      case Bytes(kCustomValues):
        AddPackedDoubles(reader, histogram.custom_bounds);
        break;
      case Fixed64(kCustomValues):
        histogram.custom_bounds.push_back(reader.get_double());
        break;
      case Varint(kStartTimestamp):
        out.start_ms = reader.get_int64();
        break;
      default:
        reader.skip();
    }
  }
}

void PutSpans(std::string& out, uint32_t field, const std::vector<BucketSpan>& spans) {
  for (const BucketSpan& span : spans) {
    Submessage message(out, field);
    PutSintField(out, 1, span.offset);
    PutUintField(out, 2, span.length);
  }
}

// A count as the whole number that it should be.
uint64_t WholeNumber(double count) {
  if (!(count > 0)) return 0;
  return count < 0x1p64 ? static_cast<uint64_t>(count) : UINT64_MAX;
}

void PutDeltas(std::string& out, uint32_t field, const std::vector<double>& buckets) {
  if (buckets.empty()) return;
  Submessage packed(out, field);
  uint64_t before = 0;
  for (double bucket : buckets) {
    uint64_t count = WholeNumber(bucket);
    PutVarint(out, ZigZag(static_cast<int64_t>(count - before)));
    before = count;
  }
}

void PutDoubles(std::string& out, uint32_t field, const std::vector<double>& values) {
  if (values.empty()) return;
  PutVarint(out, field << 3 | 2);
  PutVarint(out, values.size() * sizeof(double));
  for (double value : values) PutFixed64(out, std::bit_cast<uint64_t>(value));
}

// The two counts say by their field of which kind the histogram is, and are there also when 0.
void PutCount(std::string& out, bool is_integer, uint32_t int_field, double count) {
  if (is_integer) {
    PutVarint(out, int_field << 3);
    PutVarint(out, WholeNumber(count));
  } else {
    PutVarint(out, (int_field + 1) << 3 | 1);
    PutFixed64(out, std::bit_cast<uint64_t>(count));
  }
}

}  // namespace

core::Status ReadHistogram(std::string_view bytes, TimedHistogram& out) {
  Clear(out.histogram);
  out.time_ms = 0;
  out.start_ms = 0;
  return Guarded("Histogram", [&] { ReadFields(bytes, out); });
}

void AppendHistogram(const model::FloatHistogram& histogram, core::TimestampMs time_ms,
                     core::TimestampMs start_ms, std::string& out) {
  bool is_integer = histogram.is_integer;
  PutCount(out, is_integer, kCountInt, histogram.count);
  PutDoubleField(out, kSum, histogram.sum);
  PutSintField(out, kSchema, histogram.schema);
  PutDoubleField(out, kZeroThreshold, histogram.zero_threshold);
  PutCount(out, is_integer, kZeroCountInt, histogram.zero_count);
  PutSpans(out, kNegativeSpans, histogram.negative_spans);
  if (is_integer) {
    PutDeltas(out, kNegativeDeltas, histogram.negative_buckets);
  } else {
    PutDoubles(out, kNegativeCounts, histogram.negative_buckets);
  }
  PutSpans(out, kPositiveSpans, histogram.positive_spans);
  if (is_integer) {
    PutDeltas(out, kPositiveDeltas, histogram.positive_buckets);
  } else {
    PutDoubles(out, kPositiveCounts, histogram.positive_buckets);
  }
  PutUintField(out, kResetHint, static_cast<uint64_t>(histogram.counter_reset_hint));
  PutIntField(out, kTimestamp, time_ms);
  PutDoubles(out, kCustomValues, histogram.custom_bounds);
  PutIntField(out, kStartTimestamp, start_ms);
}

}  // namespace sextant::wire
