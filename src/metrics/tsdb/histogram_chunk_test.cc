#include "metrics/tsdb/histogram_chunk.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "metrics/tsdb/histogram_section.h"
#include "metrics/tsdb/histogram_test_util.h"

namespace sextant::tsdb {
namespace {

using model::CounterResetHint;
using model::FloatHistogram;

constexpr TimestampMs kFirst = std::numeric_limits<TimestampMs>::min();
constexpr TimestampMs kLast = std::numeric_limits<TimestampMs>::max();

model::SampleColumns Decode(const HistogramChunk& chunk, TimestampMs start_ms = kFirst,
                            TimestampMs end_ms = kLast) {
  model::SampleColumns out;
  auto decoded = DecodeHistogramChunk(chunk.bytes(), chunk.samples(), start_ms, end_ms, out);
  EXPECT_TRUE(decoded.has_value());
  return out;
}

TEST(HistogramChunkTest, RandomHistogramsComeBack) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    HistogramSource source(seed);
    std::mt19937_64 random(seed);
    TimestampMs time_ms = static_cast<TimestampMs>(random() % 2'000'000'000'000) - 1'000'000'000;
    TimestampMs start_ms = 0;
    auto chunk = std::make_unique<HistogramChunk>(time_ms);
    std::vector<TimestampMs> times_ms;
    std::vector<TimestampMs> starts_ms;
    std::vector<FloatHistogram> appended;
    while (!chunk->IsFull() && appended.size() < 300) {
      appended.push_back(source.Next());
      ASSERT_EQ(HistogramFault(appended.back()), "");
      times_ms.push_back(time_ms);
      starts_ms.push_back(start_ms);
      chunk->Append(time_ms, start_ms, appended.back());
      ASSERT_EQ(chunk->last_bits(), HistogramBits(appended.back()));
      time_ms += 1 + static_cast<TimestampMs>(random() % 3 == 0 ? random() % 100'000 : 14'999);
      if (random() % 20 == 0) start_ms = time_ms - static_cast<TimestampMs>(random() % 1000);
      if (random() % 30 == 0) start_ms = 0;
      // Goes on after it was put away.
      if (random() % 10 == 0) {
        auto restored = HistogramChunk::Restore(chunk->bytes(), chunk->samples());
        ASSERT_TRUE(restored.has_value());
        ASSERT_EQ((*restored)->last_bits(), chunk->last_bits());
        ASSERT_EQ((*restored)->is_integer(), chunk->is_integer());
        chunk = std::move(*restored);
      }
    }
    model::SampleColumns out = Decode(*chunk);
    ASSERT_EQ(out.times_ms, times_ms);
    ASSERT_EQ(out.histograms.size(), appended.size());
    for (size_t i = 0; i < appended.size(); ++i) {
      ASSERT_EQ(HistogramBits(*out.histograms[i]), HistogramBits(appended[i])) << i;
      ASSERT_EQ(out.histograms[i]->is_integer, appended[i].is_integer);
      ASSERT_EQ(out.start_times_ms.empty() ? 0 : out.start_times_ms[i], starts_ms[i]);
    }
    size_t middle = times_ms.size() / 2;
    EXPECT_EQ(Decode(*chunk, times_ms[middle], times_ms[middle]).size(), 1u);
    EXPECT_EQ(Decode(*chunk, times_ms[0] + 1, times_ms[middle] - 1).size(), middle - 1);
  }
}

TEST(HistogramChunkTest, WhatDoesNotChangeCostsAByteAndIsShared) {
  HistogramChunk chunk(1000);
  chunk.Append(1000, 0, CounterHistogram(5));
  chunk.Append(2000, 0, CounterHistogram(6));
  chunk.Append(3000, 0, CounterHistogram(6));
  size_t before = chunk.bytes().size();
  for (int i = 4; i < 104; ++i) chunk.Append(i * 1000, 0, CounterHistogram(6));
  EXPECT_EQ(chunk.bytes().size(), before + 100);
  model::SampleColumns out = Decode(chunk);
  ASSERT_EQ(out.size(), 103u);
  EXPECT_EQ(out.histograms[3], out.histograms[102]);
}

TEST(HistogramChunkTest, HintsAreThoseOfTheChunk) {
  auto with_hint = [](FloatHistogram histogram, CounterResetHint hint) {
    histogram.counter_reset_hint = hint;
    return histogram;
  };
  using Hint = CounterResetHint;
  const std::tuple<FloatHistogram, Hint> kSteps[] = {
      {with_hint(CounterHistogram(5), Hint::kNotReset), Hint::kUnknown},  // nothing is known before it
      {CounterHistogram(6), Hint::kNotReset},
      {CounterHistogram(4), Hint::kUnknown},
      {with_hint(CounterHistogram(5), Hint::kReset), Hint::kReset},
      {CounterHistogram(6), Hint::kNotReset},
      {with_hint(CounterHistogram(7), Hint::kGauge), Hint::kGauge},
      {CounterHistogram(8), Hint::kUnknown},  // another kind
      {StaleHistogram(true), Hint::kUnknown},
      {StaleHistogram(true), Hint::kUnknown},
      {CounterHistogram(9), Hint::kUnknown},
      {CustomHistogram(9), Hint::kUnknown},
      {CustomHistogram(10), Hint::kNotReset},
  };
  HistogramChunk chunk(0);
  TimestampMs time_ms = 0;
  for (const auto& [histogram, hint] : kSteps) chunk.Append(time_ms++, 0, histogram);
  model::SampleColumns out = Decode(chunk);
  ASSERT_EQ(out.size(), std::size(kSteps));
  for (size_t i = 0; i < out.size(); ++i) {
    EXPECT_EQ(out.histograms[i]->counter_reset_hint, std::get<1>(kSteps[i])) << i;
    EXPECT_EQ(HistogramBits(*out.histograms[i]), HistogramBits(std::get<0>(kSteps[i]))) << i;
  }
}

TEST(HistogramChunkTest, LargeHistogramsFit) {
  FloatHistogram histogram;
  histogram.positive_spans = {{0, kMaxHistogramParts - 1}};
  histogram.positive_buckets.resize(kMaxHistogramParts - 1);
  for (size_t i = 0; i < histogram.positive_buckets.size(); ++i) {
    histogram.positive_buckets[i] = 1 / (1 + static_cast<double>(i));
  }
  ASSERT_EQ(HistogramFault(histogram), "");
  HistogramChunk chunk(0);
  TimestampMs time_ms = 0;
  while (!chunk.IsFull()) {
    for (double& count : histogram.positive_buckets) count *= 1.1;
    chunk.Append(time_ms++, 0, histogram);
  }
  EXPECT_LT(chunk.bytes().size(), 1u << 20) << "what a chunk in a file may have";
  EXPECT_EQ(HistogramBits(*Decode(chunk).histograms.back()), HistogramBits(histogram));
}

TEST(HistogramChunkTest, DamageIsNoticedOrHarmless) {
  HistogramSource source(7);
  HistogramChunk chunk(0);
  for (TimestampMs t = 0; t < 60; ++t) chunk.Append(t * 1000, 0, source.Next());
  std::string bytes(chunk.bytes());
  std::mt19937_64 random(7);
  int noticed = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = bytes;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    if (random() % 3 == 0) damaged.resize(random() % damaged.size());
    auto restored = HistogramChunk::Restore(damaged, chunk.samples());
    if (!restored) ++noticed;
    model::SampleColumns out;
    static_cast<void>(DecodeHistogramChunk(damaged, chunk.samples(), kFirst, kLast, out));
    for (const auto& histogram : out.histograms) {
      ASSERT_EQ(LayoutFault(*histogram), "");
      ASSERT_EQ(histogram->positive_buckets.size(), CountBuckets(histogram->positive_spans));
      ASSERT_EQ(histogram->negative_buckets.size(), CountBuckets(histogram->negative_spans));
    }
  }
  EXPECT_GT(noticed, 5'000);
  EXPECT_FALSE(HistogramChunk::Restore(bytes, chunk.samples() - 1).has_value());
  EXPECT_FALSE(HistogramChunk::Restore(bytes, chunk.samples() + 1).has_value());
  EXPECT_FALSE(HistogramChunk::Restore(bytes, 0).has_value());
  EXPECT_FALSE(HistogramChunk::Restore("", 1).has_value());
}

TEST(HistogramSectionTest, SamplesComeBack) {
  std::mt19937_64 random(3);
  std::vector<MixedSample> samples;
  HistogramSource source(3);
  for (int i = 0; i < 200; ++i) {
    MixedSample& sample = samples.emplace_back();
    sample.ref = MakeRef(static_cast<uint32_t>(random() % 5), 1 + static_cast<uint32_t>(random() % 2));
    sample.time_ms = static_cast<TimestampMs>(random() % 1'000'000);
    if (random() % 4 == 0) {
      sample.bits = random();
      continue;
    }
    sample.histogram = std::make_shared<const FloatHistogram>(source.Next());
    sample.bits = HistogramBits(*sample.histogram);
    sample.start_ms = random() % 2 == 0 ? 0 : static_cast<TimestampMs>(random() % 1000);
  }
  std::string bytes;
  PutMixedSamples(samples, bytes);
  auto read = ReadMixedSection(bytes);
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->samples.size(), samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(read->samples[i].ref, samples[i].ref);
    EXPECT_EQ(read->samples[i].time_ms, samples[i].time_ms);
    EXPECT_EQ(read->samples[i].start_ms, samples[i].start_ms);
    EXPECT_EQ(read->samples[i].bits, samples[i].bits);
    EXPECT_EQ(read->samples[i].histogram == nullptr, samples[i].histogram == nullptr);
  }
  EXPECT_FALSE(ReadMixedSection(std::string_view(bytes).substr(0, bytes.size() - 1)).has_value());
  EXPECT_FALSE(ReadMixedSection("").has_value());
  EXPECT_FALSE(ReadMixedSection("\x03").has_value());
}

TEST(HistogramSectionTest, StatesComeBack) {
  HistogramChunk chunk(1000);
  chunk.Append(1000, 500, CounterHistogram(5));
  chunk.Append(2000, 500, CounterHistogram(6));
  char float_chunk[kMaxSampleBytes];
  ChunkTail tail;
  size_t size = EncodeSample(tail, 700, 42, float_chunk);
  CommitSample(tail, 700, 42, size, float_chunk);
  MixedStateWriter writer;
  writer.AddWithHistograms(MakeRef(3, 1), 77, chunk);
  writer.AddWithFloats(MakeRef(4, 1), 78, tail, {float_chunk, size});
  writer.AddWithFloats(MakeRef(5, 2), 0, {.last_time_ms = 9, .last_bits = 8}, {});
  std::vector<std::string> sections = writer.Finish();
  ASSERT_EQ(sections.size(), 1u);
  auto read = ReadMixedSection(sections[0]);
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->states.size(), 3u);
  const auto& states = read->states;
  EXPECT_EQ(states[0].ref, MakeRef(3, 1));
  EXPECT_EQ(states[0].written_chunk, 77u);
  ASSERT_NE(states[0].histogram_chunk, nullptr);
  EXPECT_EQ(states[0].histogram_chunk->bytes(), chunk.bytes());
  EXPECT_EQ(states[0].tail.last_time_ms, 2000);
  EXPECT_EQ(states[0].tail.last_bits, HistogramBits(CounterHistogram(6)));
  EXPECT_EQ(states[1].float_chunk, std::string(float_chunk, size));
  EXPECT_EQ(states[1].tail.last_time_ms, 700);
  EXPECT_EQ(states[2].ref, MakeRef(5, 2));
  EXPECT_EQ(states[2].tail.last_time_ms, 9);
  EXPECT_EQ(states[2].tail.last_bits, 8u);
  for (size_t cut = 1; cut < sections[0].size(); ++cut) {
    auto torn = ReadMixedSection(std::string_view(sections[0]).substr(0, cut));
    EXPECT_TRUE(!torn || torn->states.size() < 3) << cut;
  }
}

}  // namespace
}  // namespace sextant::tsdb
