#include "metrics/tsdb/dense_rows.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <utility>
#include <vector>

#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/dense_integers.h"
#include "metrics/tsdb/dense_values.h"
#include "metrics/tsdb/histogram_check.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::Status;
using core::TimestampMs;
using model::BucketSpan;
using model::FloatHistogram;
using model::SampleColumns;

// The bits of a row's first byte beside those of its values' form.
constexpr uint8_t kHasStartTimes = 0x40;
constexpr uint8_t kHasHistograms = 0x80;

// What a run of samples in a row with histograms holds.
enum RunKind : uint8_t { kFloats = 0, kFloatHistograms = 1, kIntegerHistograms = 2 };

// The most that the histograms of a row of more than one sample may weigh.
constexpr size_t kMaxRowWeight = size_t{1} << 16;

tl::unexpected<core::Error> Malformed(std::string_view what) {
  return core::Fail(Code::kCorruption, "malformed row: {}", what);
}

// How many things one takes room for in memory.
size_t WeightOf(const FloatHistogram& histogram) {
  return histogram.positive_buckets.size() + histogram.negative_buckets.size() +
         histogram.positive_spans.size() + histogram.negative_spans.size() + histogram.custom_bounds.size();
}

bool SameBits(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

bool SameSpans(const std::vector<BucketSpan>& a, const std::vector<BucketSpan>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const BucketSpan& x, const BucketSpan& y) {
    return x.offset == y.offset && x.length == y.length;
  });
}

// Whether two histograms differ by their counts, sum and hint alone.
bool SameLayout(const FloatHistogram& a, const FloatHistogram& b) {
  return a.is_integer == b.is_integer && a.schema == b.schema &&
         SameBits(a.zero_threshold, b.zero_threshold) && SameSpans(a.positive_spans, b.positive_spans) &&
         SameSpans(a.negative_spans, b.negative_spans) &&
         a.positive_buckets.size() == b.positive_buckets.size() &&
         a.negative_buckets.size() == b.negative_buckets.size() &&
         std::equal(a.custom_bounds.begin(), a.custom_bounds.end(), b.custom_bounds.begin(),
                    b.custom_bounds.end(), SameBits);
}

void PutIntegers(std::span<const int64_t> values, std::string& out) {
  std::string column;
  EncodeIntegers(values, ColumnGoal::kSmall, column);
  PutText(out, column);
}

void PutValues(std::span<const double> values, std::string& out) {
  std::string column;
  EncodeValues(values, column);
  PutText(out, column);
}

void PutSpans(const std::vector<BucketSpan>& spans, std::string& out) {
  PutVarint(out, spans.size());
  for (const BucketSpan& span : spans) {
    PutSignedVarint(out, span.offset);
    PutVarint(out, span.length);
  }
}

bool ReadSpans(ByteReader& reader, std::vector<BucketSpan>& spans) {
  spans.resize(reader.Count(2));
  for (BucketSpan& span : spans) {
    int64_t offset = reader.SignedVarint();
    uint64_t length = reader.Varint();
    if (!std::in_range<int32_t>(offset) || !std::in_range<uint32_t>(length)) return false;
    span = {static_cast<int32_t>(offset), static_cast<uint32_t>(length)};
  }
  return reader.ok();
}

void PutLayout(const FloatHistogram& histogram, std::string& out) {
  PutSignedVarint(out, histogram.schema);
  PutFixed(out, histogram.zero_threshold);
  PutSpans(histogram.positive_spans, out);
  PutSpans(histogram.negative_spans, out);
  PutVarint(out, histogram.custom_bounds.size());
  for (double bound : histogram.custom_bounds) PutFixed(out, bound);
  PutVarint(out, histogram.positive_buckets.size());
  PutVarint(out, histogram.negative_buckets.size());
}

// Each bucket has a column, of at least three bytes with its size.
constexpr size_t kMinColumnBytes = 3;

bool ReadLayout(ByteReader& reader, FloatHistogram& histogram) {
  int64_t schema = reader.SignedVarint();
  if (!std::in_range<int32_t>(schema)) return false;
  histogram.schema = static_cast<int32_t>(schema);
  histogram.zero_threshold = reader.Fixed<double>();
  if (!ReadSpans(reader, histogram.positive_spans) || !ReadSpans(reader, histogram.negative_spans))
    return false;
  histogram.custom_bounds.resize(reader.Count(sizeof(double)));
  for (double& bound : histogram.custom_bounds) bound = reader.Fixed<double>();
  histogram.positive_buckets.resize(reader.Count(kMinColumnBytes));
  histogram.negative_buckets.resize(reader.Count(kMinColumnBytes));
  return reader.ok() && histogram.positive_buckets.size() == CountBuckets(histogram.positive_spans) &&
         histogram.negative_buckets.size() == CountBuckets(histogram.negative_spans);
}

using Histograms = std::span<const std::shared_ptr<const FloatHistogram>>;

// How many samples from the first on are alike: floats, or histograms of one layout.
size_t RunLength(Histograms histograms) {
  const FloatHistogram* first = histograms[0].get();
  size_t length = 1;
  for (; length < histograms.size(); ++length) {
    const FloatHistogram* next = histograms[length].get();
    if ((first == nullptr) != (next == nullptr)) break;
    if (first != nullptr && first != next && !SameLayout(*first, *next)) break;
  }
  return length;
}

void EncodeHistogramRun(Histograms run, std::string& out) {
  PutLayout(*run[0], out);
  std::vector<int64_t> hints;
  for (const auto& histogram : run) hints.push_back(static_cast<int64_t>(histogram->counter_reset_hint));
  PutIntegers(hints, out);
  std::vector<double> column(run.size());
  auto put = [&](auto value_of) {
    for (size_t i = 0; i < run.size(); ++i) column[i] = value_of(*run[i]);
    PutValues(column, out);
  };
  put([](const FloatHistogram& histogram) { return histogram.count; });
  put([](const FloatHistogram& histogram) { return histogram.zero_count; });
  put([](const FloatHistogram& histogram) { return histogram.sum; });
  for (size_t bucket = 0; bucket < run[0]->positive_buckets.size(); ++bucket)
    put([=](const FloatHistogram& histogram) { return histogram.positive_buckets[bucket]; });
  for (size_t bucket = 0; bucket < run[0]->negative_buckets.size(); ++bucket)
    put([=](const FloatHistogram& histogram) { return histogram.negative_buckets[bucket]; });
}

void EncodeHistograms(Histograms histograms, std::span<const double> values, std::string& out) {
  uint64_t runs = 0;
  std::string bytes;
  for (size_t at = 0; at < histograms.size(); ++runs) {
    size_t length = RunLength(histograms.subspan(at));
    PutVarint(bytes, length);
    const FloatHistogram* first = histograms[at].get();
    bytes.push_back(static_cast<char>(first == nullptr    ? kFloats
                                      : first->is_integer ? kIntegerHistograms
                                                          : kFloatHistograms));
    if (first == nullptr) {
      PutValues(values.subspan(at, length), bytes);
    } else {
      EncodeHistogramRun(histograms.subspan(at, length), bytes);
    }
    at += length;
  }
  PutVarint(out, runs);
  out += bytes;
}

// One row, decoded whole.
class RowDecoder {
 public:
  explicit RowDecoder(size_t samples) : values(samples) {}

  std::vector<double> values;
  std::vector<std::shared_ptr<const FloatHistogram>> histograms;  // empty when there are none
  std::vector<TimestampMs> start_times_ms;                        // empty when there are none

  Status Decode(std::string_view bytes, size_t begin, size_t end) {
    if (bytes.empty()) return Malformed("empty");
    uint8_t head = static_cast<uint8_t>(bytes[0]);
    ByteReader reader(bytes.substr(1));
    if ((head & kHasStartTimes) != 0) {
      start_times_ms.resize(values.size());
      if (!DecodeIntegers(reader.Text(), start_times_ms)) return Malformed("start times");
    }
    uint8_t form = head & kValueFormBits;
    if ((head & kHasHistograms) == 0) {
      bool is_good = DecodeValues(form, reader.Bytes(reader.remaining()), values);
      return is_good ? Status() : Malformed("values");
    }
    if (form != 0) return Malformed("form");
    histograms.resize(values.size());
    return DecodeRuns(reader, begin, end);
  }

 private:
  Status DecodeRuns(ByteReader& reader, size_t begin, size_t end) {
    uint64_t runs = reader.Count(kMinColumnBytes);
    size_t at = 0;
    size_t weight = 0;
    for (uint64_t run = 0; run < runs; ++run) {
      uint64_t length = reader.Varint();
      uint8_t kind = reader.Byte();
      if (!reader.ok() || length == 0 || length > values.size() - at) return Malformed("run of samples");
      if (kind == kFloats) {
        if (!DecodeValues(reader.Text(), std::span(values).subspan(at, length))) return Malformed("values");
      } else if (kind == kFloatHistograms || kind == kIntegerHistograms) {
        FloatHistogram layout;
        layout.is_integer = kind == kIntegerHistograms;
        if (!ReadLayout(reader, layout)) return Malformed("layout of histograms");
        weight += length * WeightOf(layout);
        if (weight > kMaxRowWeight && values.size() > 1) return Malformed("too many buckets");
        SEXTANT_TRY(DecodeHistogramRun(reader, layout, at, length, begin, end));
      } else {
        return Malformed("kind of samples");
      }
      at += length;
    }
    return reader.ok() && reader.at_end() && at == values.size() ? Status() : Malformed("runs of samples");
  }

  // Histograms outside [begin, end) are read but not made.
  Status DecodeHistogramRun(ByteReader& reader, const FloatHistogram& layout, size_t at, size_t length,
                            size_t begin, size_t end) {
    std::vector<int64_t> hints(length);
    if (!DecodeIntegers(reader.Text(), hints)) return Malformed("reset hints");
    std::vector<std::shared_ptr<FloatHistogram>> made(length);
    for (size_t i = 0; i < length; ++i) {
      if (static_cast<uint64_t>(hints[i]) > static_cast<uint64_t>(model::CounterResetHint::kGauge))
        return Malformed("reset hints");
      if (at + i < begin || at + i >= end) continue;
      made[i] = std::make_shared<FloatHistogram>(layout);
      made[i]->counter_reset_hint = static_cast<model::CounterResetHint>(hints[i]);
    }
    std::vector<double> column(length);
    auto read = [&](auto place_of) {
      if (!DecodeValues(reader.Text(), column)) return false;
      for (size_t i = 0; i < length; ++i) {
        if (made[i]) place_of(*made[i]) = column[i];
      }
      return true;
    };
    bool is_good = read([](FloatHistogram& histogram) -> double& { return histogram.count; }) &&
                   read([](FloatHistogram& histogram) -> double& { return histogram.zero_count; }) &&
                   read([](FloatHistogram& histogram) -> double& { return histogram.sum; });
    for (size_t i = 0; is_good && i < layout.positive_buckets.size(); ++i)
      is_good = read([=](FloatHistogram& histogram) -> double& { return histogram.positive_buckets[i]; });
    for (size_t i = 0; is_good && i < layout.negative_buckets.size(); ++i)
      is_good = read([=](FloatHistogram& histogram) -> double& { return histogram.negative_buckets[i]; });
    if (!is_good) return Malformed("columns of histograms");
    std::move(made.begin(), made.end(), histograms.begin() + static_cast<ptrdiff_t>(at));
    return {};
  }
};

template <typename T>
void AppendSlice(const std::vector<T>& from, size_t begin, size_t end, std::vector<T>& to) {
  to.insert(to.end(), from.begin() + static_cast<ptrdiff_t>(begin),
            from.begin() + static_cast<ptrdiff_t>(end));
}

bool HasHistograms(const SampleColumns& samples, size_t begin, size_t count) {
  if (samples.histograms.empty()) return false;
  Histograms row = Histograms(samples.histograms).subspan(begin, count);
  return std::any_of(row.begin(), row.end(), [](const auto& histogram) { return histogram != nullptr; });
}

}  // namespace

size_t RowLength(const SampleColumns& samples, size_t begin) {
  size_t length = std::min(samples.size() - begin, kMaxRowSamples);
  if (!HasHistograms(samples, begin, length)) return length;
  size_t weight = 0;
  for (size_t i = 0; i < length; ++i) {
    const FloatHistogram* histogram = samples.histograms[begin + i].get();
    weight += histogram == nullptr ? 0 : WeightOf(*histogram);
    if (weight > kMaxRowWeight) return std::max<size_t>(i, 1);
  }
  return length;
}

void EncodeRow(const SampleColumns& samples, size_t begin, size_t count, std::string& out) {
  size_t head = out.size();
  out.push_back('\0');
  uint8_t flags = 0;
  if (!samples.start_times_ms.empty()) {
    std::span<const TimestampMs> starts = std::span(samples.start_times_ms).subspan(begin, count);
    if (std::any_of(starts.begin(), starts.end(), [](TimestampMs start_ms) { return start_ms != 0; })) {
      flags = kHasStartTimes;
      PutIntegers(starts, out);
    }
  }
  std::span<const double> values = std::span(samples.values).subspan(begin, count);
  if (HasHistograms(samples, begin, count)) {
    flags |= kHasHistograms;
    EncodeHistograms(Histograms(samples.histograms).subspan(begin, count), values, out);
  } else {
    std::string column;
    EncodeValues(values, column);
    flags |= static_cast<uint8_t>(column[0]);
    out.append(column, 1);
  }
  out[head] = static_cast<char>(flags);
}

Status DecodeRow(const StoredRow& stored, std::span<const TimestampMs> times_ms, size_t begin, size_t end,
                 SampleColumns& out) {
  RowDecoder row(times_ms.size());
  if (stored.base.empty()) {
    SEXTANT_TRY(row.Decode(stored.bytes, begin, end));
  } else if (!DecodeDifferences(stored.base, stored.bytes, row.values)) {
    return Malformed("differences");
  }
  size_t before = out.size();
  out.times_ms.insert(out.times_ms.end(), times_ms.begin() + static_cast<ptrdiff_t>(begin),
                      times_ms.begin() + static_cast<ptrdiff_t>(end));
  AppendSlice(row.values, begin, end, out.values);
  if (!row.histograms.empty()) {
    out.histograms.resize(before);
    AppendSlice(row.histograms, begin, end, out.histograms);
  }
  if (!row.start_times_ms.empty()) {
    out.start_times_ms.resize(before);
    AppendSlice(row.start_times_ms, begin, end, out.start_times_ms);
  }
  out.Resize(out.size());
  return {};
}

}  // namespace sextant::tsdb
