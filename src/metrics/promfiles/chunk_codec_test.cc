#include "metrics/promfiles/chunk_codec.h"

#include <gtest/gtest.h>

#include <limits>

#include "metrics/promfiles/bits.h"
#include "metrics/promfiles/golden_vectors_test_util.h"
#include "metrics/promfiles/histogram_chunk.h"
#include "metrics/promfiles/histogram_layout.h"
#include "metrics/promfiles/xor_chunk.h"

namespace sextant::promfiles {
namespace {

using model::CounterResetHint;
using model::FloatHistogram;
using model::SampleColumns;
using test::Describe;

constexpr TimestampMs kMin = std::numeric_limits<TimestampMs>::min();
constexpr TimestampMs kMax = std::numeric_limits<TimestampMs>::max();

// One golden chunk, or several that came of one sequence of samples.
struct Vector {
  std::string name;
  Encoding encoding{};
  std::vector<std::string> chunks;
  SampleColumns samples;
};

std::vector<Vector> LoadVectors(const char* file) {
  test::Json json(std::string("golden-vectors-3.14/").append(file));
  std::vector<Vector> vectors;
  if (!json.present()) return vectors;
  for (auto element : simdjson::dom::array(json.root())) {
    std::string name = test::Text(element, "name");
    size_t part = name.find("/part");
    if (part == std::string::npos || name.ends_with("/part0"))
      vectors.emplace_back().name = name.substr(0, part);
    Vector& vector = vectors.back();
    vector.encoding = static_cast<Encoding>(uint64_t(element["encoding"]));
    vector.chunks.push_back(test::FromHex(test::Text(element, "chunk_data_hex")));
    for (auto sample : simdjson::dom::array(element["samples"])) test::AddSample(sample, vector.samples);
  }
  return vectors;
}

SampleColumns Decoded(Encoding encoding, const std::vector<std::string>& chunks, TimestampMs start_ms = kMin,
                      TimestampMs end_ms = kMax) {
  SampleColumns samples;
  for (const std::string& chunk : chunks) {
    auto status = DecodeChunk(static_cast<uint8_t>(encoding), chunk, start_ms, end_ms, samples);
    EXPECT_TRUE(status) << status.error().message();
  }
  return samples;
}

std::vector<std::string> EncodedAs(Encoding encoding, const SampleColumns& samples) {
  if (encoding == Encoding::kXor) return {EncodeXorChunk(samples, 0, samples.size())};
  if (encoding == Encoding::kXor2) return {EncodeXor2Chunk(samples, 0, samples.size())};
  using StartTimes = HistogramChunkWriter::StartTimes;
  bool start_times =
      encoding == Encoding::kHistogramWithStart || encoding == Encoding::kFloatHistogramWithStart;
  std::vector<EncodedChunk> chunks;
  HistogramChunkWriter writer(120, start_times ? StartTimes::kAlways : StartTimes::kLeaveOut, chunks);
  for (size_t i = 0; i < samples.size(); ++i) {
    TimestampMs start_ms = samples.start_times_ms.empty() ? 0 : samples.start_times_ms[i];
    auto status = writer.Append(samples.times_ms[i], *samples.histograms[i], start_ms);
    EXPECT_TRUE(status) << status.error().message();
  }
  writer.Finish();
  std::vector<std::string> bytes;
  for (EncodedChunk& chunk : chunks) {
    EXPECT_EQ(chunk.encoding, encoding);
    bytes.push_back(std::move(chunk.bytes));
  }
  return bytes;
}

std::vector<std::string> Hex(const std::vector<std::string>& chunks) {
  std::vector<std::string> hex;
  for (const std::string& chunk : chunks) hex.push_back(test::ToHex(chunk));
  return hex;
}

// Leaves of hints only what an instrumented program says.
void ForgetHints(SampleColumns& samples) {
  for (auto& histogram : samples.histograms) {
    if (histogram->counter_reset_hint == CounterResetHint::kGauge) continue;
    auto copy = std::make_shared<FloatHistogram>(*histogram);
    copy->counter_reset_hint = CounterResetHint::kUnknown;
    histogram = std::move(copy);
  }
}

class GoldenChunks : public testing::TestWithParam<const char*> {};

TEST_P(GoldenChunks, DecodeAndEncode) {
  std::vector<Vector> vectors = LoadVectors(GetParam());
  if (vectors.empty()) GTEST_SKIP() << "no conformance data";
  for (Vector& vector : vectors) {
    SCOPED_TRACE(vector.name);
    EXPECT_EQ(Describe(Decoded(vector.encoding, vector.chunks)), Describe(vector.samples));
    EXPECT_EQ(Hex(EncodedAs(vector.encoding, vector.samples)), Hex(vector.chunks));
    if (vector.samples.histograms.empty()) continue;
    ForgetHints(vector.samples);
    // A stale marker in a chunk of gauges would be one of a counter without its hint.
    if (vector.name.ends_with("/gauge")) continue;
    EXPECT_EQ(Hex(EncodedAs(vector.encoding, vector.samples)), Hex(vector.chunks)) << "without hints";
  }
}

// The option, too, and not only the encoder behind it, makes Prometheus' bytes of floats.
TEST(GoldenFloatChunks, AreWrittenInTheEncodingThatIsAskedFor) {
  std::vector<Vector> vectors = LoadVectors("float_chunks.json");
  if (vectors.empty()) GTEST_SKIP() << "no conformance data";
  size_t compared = 0;
  for (const Vector& vector : vectors) {
    if (vector.samples.size() == 0) continue;
    SCOPED_TRACE(vector.name);
    std::vector<EncodedChunk> chunks;
    EncodeOptions options{.max_samples = static_cast<uint32_t>(vector.samples.size()),
                          .xor2_floats = vector.encoding == Encoding::kXor2};
    ASSERT_TRUE(EncodeChunks(vector.samples, options, chunks));
    ASSERT_EQ(chunks.size(), 1u);
    EXPECT_EQ(chunks[0].encoding, vector.encoding);
    EXPECT_EQ(test::ToHex(chunks[0].bytes), Hex(vector.chunks).front());
    ++compared;
  }
  EXPECT_GT(compared, 10u);
}

TEST_P(GoldenChunks, CutShortAnywhereAreErrorsAndLeaveNothing) {
  std::vector<Vector> vectors = LoadVectors(GetParam());
  if (vectors.empty()) GTEST_SKIP() << "no conformance data";
  for (const Vector& vector : vectors) {
    SCOPED_TRACE(vector.name);
    const std::string& chunk = vector.chunks.front();
    for (size_t size = 0; size < chunk.size(); ++size) {
      SampleColumns samples;
      samples.Add(1, 2);
      auto status =
          DecodeChunk(static_cast<uint8_t>(vector.encoding), chunk.substr(0, size), kMin, kMax, samples);
      ASSERT_FALSE(status) << size;
      EXPECT_EQ(status.error().code(), core::Code::kCorruption);
      EXPECT_EQ(samples.size(), 1u);
    }
  }
}

TEST_P(GoldenChunks, YieldOnlyTheRange) {
  std::vector<Vector> vectors = LoadVectors(GetParam());
  if (vectors.empty()) GTEST_SKIP() << "no conformance data";
  for (const Vector& vector : vectors) {
    SCOPED_TRACE(vector.name);
    size_t middle = vector.samples.size() / 2;
    TimestampMs time_ms = vector.samples.times_ms[middle];
    SampleColumns one = Decoded(vector.encoding, vector.chunks, time_ms, time_ms);
    ASSERT_EQ(one.size(), 1u);
    EXPECT_EQ(Describe(one)[0], Describe(vector.samples)[middle]);
  }
}

INSTANTIATE_TEST_SUITE_P(All, GoldenChunks, testing::Values("float_chunks.json", "histogram_chunks.json"));

FloatHistogram Histogram(double count, std::vector<model::BucketSpan> spans, std::vector<double> buckets) {
  FloatHistogram histogram;
  histogram.is_integer = true;
  histogram.schema = 1;
  histogram.count = count;
  histogram.sum = count * 2;
  histogram.positive_spans = std::move(spans);
  histogram.positive_buckets = std::move(buckets);
  return histogram;
}

void Add(SampleColumns& samples, FloatHistogram histogram) {
  TimestampMs time_ms = 1000 * static_cast<TimestampMs>(samples.size() + 1);
  samples.AddHistogram(time_ms, std::make_shared<const FloatHistogram>(std::move(histogram)));
}

std::vector<EncodedChunk> Encoded(const SampleColumns& samples, const EncodeOptions& options = {}) {
  std::vector<EncodedChunk> chunks;
  auto status = EncodeChunks(samples, options, chunks);
  EXPECT_TRUE(status) << status.error().message();
  return chunks;
}

SampleColumns Decoded(const std::vector<EncodedChunk>& chunks) {
  SampleColumns samples;
  for (const EncodedChunk& chunk : chunks) {
    auto status = DecodeChunk(static_cast<uint8_t>(chunk.encoding), chunk.bytes, kMin, kMax, samples);
    EXPECT_TRUE(status) << status.error().message();
  }
  return samples;
}

TEST(ChunkCodecTest, NewBucketsWidenTheChunkInPlace) {
  SampleColumns samples;
  Add(samples, Histogram(3, {{0, 2}}, {1, 2}));
  Add(samples, Histogram(9, {{-1, 2}, {2, 1}}, {4, 1, 4}));  // a reset: bucket 1 is gone
  Add(samples, Histogram(12, {{-1, 2}, {1, 2}}, {4, 1, 3, 4}));
  Add(samples, Histogram(13, {{-1, 1}, {0, 1}, {2, 1}}, {4, 1, 8}));  // again
  std::vector<EncodedChunk> chunks = Encoded(samples);
  ASSERT_EQ(chunks.size(), 3u);
  EXPECT_EQ(chunks[1].samples, 2u);
  SampleColumns decoded = Decoded(chunks);
  EXPECT_EQ(
      Describe(*decoded.histograms[1]),
      "int hint 0 schema 1 zero 0/0 count 9 sum 4032000000000000 positive -1+2 1+2 4 1 0 4 negative bounds");
  EXPECT_EQ(Describe(*decoded.histograms[3]),
            "int hint 0 schema 1 zero 0/0 count 13 sum 403a000000000000 positive -1+1 0+1 2+1 4 1 8 negative "
            "bounds");
}

TEST(ChunkCodecTest, BucketsThatNeverCountedMayBeMissing) {
  SampleColumns samples;
  Add(samples, Histogram(3, {{0, 3}}, {1, 0, 2}));
  Add(samples, Histogram(5, {{0, 1}, {1, 1}, {4, 1}}, {1, 3, 1}));
  Add(samples, Histogram(6, {{0, 1}, {1, 1}}, {1, 4}));  // bucket 7 is gone
  std::vector<EncodedChunk> chunks = Encoded(samples);
  ASSERT_EQ(chunks.size(), 2u);
  SampleColumns decoded = Decoded(chunks);
  EXPECT_EQ(
      Describe(*decoded.histograms[1]),
      "int hint 2 schema 1 zero 0/0 count 5 sum 4024000000000000 positive 0+3 4+1 1 0 3 1 negative bounds");
  EXPECT_EQ(chunks[1].bytes[2], '\x80');
}

TEST(ChunkCodecTest, GaugesMergeTheirBuckets) {
  SampleColumns samples;
  for (auto [offset, count] : {std::pair{0, 3.0}, {2, 1.0}, {1, 2.0}}) {
    FloatHistogram histogram = Histogram(count, {{offset, 1}}, {count});
    histogram.counter_reset_hint = CounterResetHint::kGauge;
    Add(samples, std::move(histogram));
  }
  std::vector<EncodedChunk> chunks = Encoded(samples);
  ASSERT_EQ(chunks.size(), 1u);
  SampleColumns decoded = Decoded(chunks);
  EXPECT_EQ(decoded.histograms[0]->positive_buckets, (std::vector<double>{3, 0, 0}));
  EXPECT_EQ(decoded.histograms[1]->positive_buckets, (std::vector<double>{0, 0, 1}));
  EXPECT_EQ(decoded.histograms[2]->positive_buckets, (std::vector<double>{0, 2, 0}));
  EXPECT_EQ(decoded.histograms[2]->counter_reset_hint, CounterResetHint::kGauge);
}

TEST(ChunkCodecTest, OtherKindsOfSamplesAndFullChunksAreCut) {
  SampleColumns samples;
  for (int i = 0; i < 130; ++i) samples.Add(1000 * (i + 1), i, i < 125 ? 0 : 77);
  for (int i = 0; i < 130; ++i) Add(samples, Histogram(i + 1, {{0, 1}}, {double(i + 1)}));
  FloatHistogram floats = Histogram(1.5, {{0, 1}}, {1.5});
  floats.is_integer = false;
  Add(samples, floats);
  samples.Add(kMax, 1);
  std::vector<EncodedChunk> chunks =
      Encoded(samples, {.float_start_times = true, .histogram_start_times = true});
  std::string summary;
  for (const EncodedChunk& chunk : chunks) {
    summary += fmt::format("{}: {} from {} to {}\n", static_cast<int>(chunk.encoding), chunk.samples,
                           chunk.min_time_ms, chunk.max_time_ms);
  }
  EXPECT_EQ(summary,
            "1: 120 from 1000 to 120000\n4: 10 from 121000 to 130000\n2: 120 from 131000 to 250000\n"
            "2: 10 from 251000 to 260000\n3: 1 from 261000 to 261000\n"
            "1: 1 from 9223372036854775807 to 9223372036854775807\n");
  EXPECT_EQ(chunks[3].bytes[2], '\x40');  // continues the one before
  EXPECT_EQ(Decoded(chunks).times_ms, samples.times_ms);
  EXPECT_EQ(Decoded(chunks).start_times_ms, samples.start_times_ms);
  for (const EncodedChunk& chunk : Encoded(samples)) EXPECT_LE(static_cast<int>(chunk.encoding), 3);
}

TEST(ChunkCodecTest, ContradictoryHistogramsAreRefused) {
  for (const FloatHistogram& histogram :
       {Histogram(1, {{0, 2}}, {1}), Histogram(1, {{0, 1}, {-1, 1}}, {1, 1}), Histogram(1.5, {}, {}),
        Histogram(1, {{2147483647, 5}}, {1, 1, 1, 1, 1}), Histogram(1, {{0, 1}}, {-1})}) {
    SampleColumns samples;
    Add(samples, histogram);
    std::vector<EncodedChunk> chunks;
    EXPECT_FALSE(EncodeChunks(samples, {}, chunks));
  }
}

// A chunk of schema 10, which Prometheus reads as one of schema 8 (made with its encoder).
TEST(ChunkCodecTest, FinerHistogramsThanWeKnowAreWidened) {
  std::string bytes =
      test::FromHex("000300ff3f50624dd2f1a9fcc54a7394a31b78fa329140140000000000008c6318cbc7d18622110000");
  SampleColumns samples;
  auto status = DecodeChunk(static_cast<uint8_t>(Encoding::kHistogram), bytes, kMin, kMax, samples);
  ASSERT_TRUE(status) << status.error().message();
  ASSERT_EQ(samples.size(), 3u);
  const double positive[3][3] = {{3, 7, 5}, {5, 9, 6}, {7, 11, 7}};
  for (size_t i = 0; i < 3; ++i) {
    const FloatHistogram& histogram = *samples.histograms[i];
    EXPECT_EQ(histogram.schema, 8);
    ASSERT_EQ(histogram.positive_spans.size(), 1u);
    EXPECT_EQ(histogram.positive_spans[0].offset, 1);
    EXPECT_EQ(histogram.positive_buckets, std::vector<double>(positive[i], positive[i] + 3));
    EXPECT_EQ(histogram.negative_buckets, std::vector<double>{2.0 + static_cast<double>(i)});
  }
}

TEST(ChunkCodecTest, TimesThatDoNotAscendAreCorrupt) {
  SampleColumns samples;
  samples.Add(5, 1);
  samples.Add(5, 2);
  SampleColumns out;
  EXPECT_FALSE(DecodeChunk(1, EncodeXorChunk(samples, 0, 2), kMin, kMax, out));
  EXPECT_FALSE(DecodeChunk(4, EncodeXor2Chunk(samples, 0, 2), kMin, kMax, out));
}

TEST(ChunkCodecTest, ChunksThatWouldExplodeAreRefused) {
  // 65535 stale samples of a few bits each that would repeat ten thousand empty spans.
  std::string bytes = {'\xff', '\xff', 0};
  BitWriter writer(bytes);
  writer.Write(0, 8);
  writer.VarbitInt(0);
  writer.VarbitUint(100000);
  for (int i = 0; i < 100000; ++i) writer.Write(0, 2);
  writer.VarbitUint(0);
  for (int i = 0; i < 100000; ++i) writer.Write(0, 8);
  writer.Finish();
  SampleColumns out;
  auto status = DecodeChunk(2, bytes, kMin, kMax, out);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message().find("claim"), std::string::npos);
}

}  // namespace
}  // namespace sextant::promfiles
