#include "metrics/tsdb/chunk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "model/value.h"

namespace sextant::tsdb {
namespace {

using ::testing::ElementsAre;

using Samples = std::vector<std::pair<TimestampMs, uint64_t>>;

uint64_t Bits(double value) { return std::bit_cast<uint64_t>(value); }

struct Chunk {
  std::string bytes;
  ChunkTail tail;

  void Append(TimestampMs time_ms, uint64_t bits) {
    char added[kMaxSampleBytes];
    size_t size = EncodeSample(tail, time_ms, bits, added);
    ASSERT_LE(size, kMaxSampleBytes);
    if (size == 0) {
      ++bytes.back();
    } else {
      bytes.append(added, size);
    }
    CommitSample(tail, time_ms, bits, size, bytes.data());
    ASSERT_EQ(bytes.size(), tail.size_bytes);
  }
};

void ExpectHolds(const Chunk& chunk, const Samples& samples) {
  ChunkReader reader(chunk.bytes, chunk.tail.count);
  TimestampMs time_ms;
  uint64_t bits;
  for (const auto& [t, b] : samples) {
    ASSERT_TRUE(reader.Next(time_ms, bits));
    ASSERT_EQ(time_ms, t);
    ASSERT_EQ(bits, b);
  }
  EXPECT_FALSE(reader.Next(time_ms, bits));
  EXPECT_TRUE(reader.ok());
  // The newest sample up to any time.
  for (size_t i = 0; i < samples.size(); i += 1 + i / 8) {
    for (TimestampMs end_ms : {samples[i].first - 1, samples[i].first, samples[i].first + 1}) {
      auto after = std::upper_bound(samples.begin(), samples.end(), end_ms,
                                    [](TimestampMs t, const auto& sample) { return t < sample.first; });
      bool is_found = ChunkReader(chunk.bytes, chunk.tail.count).Newest(end_ms, time_ms, bits);
      ASSERT_EQ(is_found, after != samples.begin());
      if (!is_found) continue;
      ASSERT_EQ(time_ms, std::prev(after)->first);
      ASSERT_EQ(bits, std::prev(after)->second);
    }
  }
  auto tail = ReadTail(chunk.bytes, chunk.tail.count);
  ASSERT_TRUE(tail.has_value());
  EXPECT_EQ(tail->size_bytes, chunk.tail.size_bytes);
  EXPECT_EQ(tail->count, chunk.tail.count);
  EXPECT_EQ(tail->ends_in_run, chunk.tail.ends_in_run);
  if (samples.empty()) return;
  EXPECT_EQ(tail->last_time_ms, chunk.tail.last_time_ms);
  EXPECT_EQ(tail->last_bits, chunk.tail.last_bits);
  EXPECT_EQ(tail->last_delta_ms, chunk.tail.last_delta_ms);
}

TEST(ChunkTest, AConstantSeriesCostsAByteIn128Samples) {
  Chunk chunk;
  Samples samples;
  for (int i = 0; i < 1440; ++i) {
    chunk.Append(1'700'000'000'000 + 5000 * i, Bits(1));
    samples.emplace_back(1'700'000'000'000 + 5000 * i, Bits(1));
  }
  EXPECT_LE(chunk.bytes.size(), 26u);
  ExpectHolds(chunk, samples);
}

TEST(ChunkTest, ARegularCounterCostsTwoBytes) {
  Chunk chunk;
  Samples samples;
  for (int i = 0; i < 100; ++i) {
    chunk.Append(15000 * i, Bits(1000 + 100.0 * i));
    samples.emplace_back(15000 * i, Bits(1000 + 100.0 * i));
  }
  EXPECT_LE(chunk.bytes.size(), 220u);
  ExpectHolds(chunk, samples);
}

TEST(ChunkTest, RandomSamplesComeBack) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    Chunk chunk;
    Samples samples;
    TimestampMs time_ms = static_cast<TimestampMs>(random()) >> (random() % 40 + 2);
    double value = 0;
    size_t count = random() % 400;
    for (size_t i = 0; i < count; ++i) {
      switch (random() % 8) {
        case 0:
          value = std::bit_cast<double>(random());
          break;
        case 1:
          value = static_cast<double>(random() % 1000);
          break;
        case 2:
          value += 1;
          break;
        case 3:
          value = model::StaleNan();
          break;
        case 4:
          value += 0.25;
          break;
        default:
          break;
      }
      chunk.Append(time_ms, Bits(value));
      samples.emplace_back(time_ms, Bits(value));
      time_ms += random() % 3 == 0 ? static_cast<TimestampMs>(random() % 100'000) + 1 : 1000;
    }
    ExpectHolds(chunk, samples);
  }
}

TEST(ChunkTest, FirstValuesIncludingZeroAndStale) {
  for (double first : {0.0, -0.0, 1.5, model::StaleNan()}) {
    Chunk chunk;
    Samples samples;
    for (int i = 0; i < 5; ++i) {
      chunk.Append(i, Bits(first));
      samples.emplace_back(i, Bits(first));
    }
    ExpectHolds(chunk, samples);
  }
}

TEST(ChunkTest, ATailIsReadOnlyFromExactlyItsBytes) {
  Chunk chunk;
  for (int i = 0; i < 10; ++i) chunk.Append(i, Bits(i < 5 ? 1 : i));
  EXPECT_FALSE(ReadTail(chunk.bytes, 9).has_value());
  EXPECT_FALSE(ReadTail(chunk.bytes, 11).has_value());
  EXPECT_FALSE(ReadTail(chunk.bytes + "x", 10).has_value());
  EXPECT_FALSE(ReadTail("x", 0).has_value());
  EXPECT_TRUE(ReadTail("", 0).has_value());
}

TEST(ChunkTest, AcceptsOnlyWhatItCanHold) {
  Chunk chunk;
  chunk.Append(0, 0);
  EXPECT_TRUE(ChunkAccepts(chunk.tail, INT32_MAX));
  EXPECT_FALSE(ChunkAccepts(chunk.tail, TimestampMs{INT32_MAX} + 1));
  chunk.tail.count = kMaxChunkSamples;
  EXPECT_FALSE(ChunkAccepts(chunk.tail, 1));
}

TEST(ChunkTest, DecodesARange) {
  Chunk chunk;
  for (int i = 0; i < 10; ++i) chunk.Append(i * 10, Bits(i));
  model::SampleColumns columns;
  ASSERT_TRUE(DecodeChunk(chunk.bytes, chunk.tail.count, 25, 50, columns).has_value());
  EXPECT_THAT(columns.times_ms, ElementsAre(30, 40, 50));
  EXPECT_THAT(columns.values, ElementsAre(3, 4, 5));
}

TEST(ChunkTest, CutOffAndForeignBytesAreCorruption) {
  Chunk chunk;
  for (int i = 0; i < 50; ++i) chunk.Append(i * 1000 + i % 3, Bits(i * 1.1));
  model::SampleColumns columns;
  for (size_t size = 0; size < chunk.bytes.size(); ++size) {
    columns.clear();
    EXPECT_FALSE(DecodeChunk(chunk.bytes.substr(0, size), chunk.tail.count, INT64_MIN, INT64_MAX, columns));
  }
  // Times that stand still: a second sample at a distance of zero.
  std::string bytes(8, '\0');
  bytes += std::string(1, '\x01');
  EXPECT_FALSE(DecodeChunk(bytes, 2, INT64_MIN, INT64_MAX, columns));
  EXPECT_FALSE(DecodeChunk("", 1, INT64_MIN, INT64_MAX, columns));
  EXPECT_TRUE(DecodeChunk("", 0, INT64_MIN, INT64_MAX, columns));
}

}  // namespace
}  // namespace sextant::tsdb
