#include "metrics/tsdb/journal_batch.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>

namespace sextant::tsdb {
namespace {

struct Batch {
  std::vector<SeriesDefinition> definitions;
  std::vector<SeriesRef> refs;
  std::vector<TimestampMs> times_ms;
  std::vector<uint64_t> bits;

  SampleSpans samples() const { return {refs, times_ms, bits}; }
  void Add(SeriesRef ref, TimestampMs time_ms, double value) {
    refs.push_back(ref);
    times_ms.push_back(time_ms);
    bits.push_back(std::bit_cast<uint64_t>(value));
  }
};

class JournalBatchTest : public ::testing::Test {
 protected:
  // Encodes, decodes, compares; returns the size.
  size_t RoundTrip(const Batch& batch) {
    std::string payload;
    encoder_.Encode(batch.definitions, batch.samples(), {}, payload);
    DecodedBatch decoded;
    auto status = decoder_.Decode(payload, decoded);
    EXPECT_TRUE(status.has_value()) << status.error().message();
    EXPECT_EQ(decoded.definitions.size(), batch.definitions.size());
    for (size_t i = 0; i < std::min(decoded.definitions.size(), batch.definitions.size()); ++i) {
      EXPECT_EQ(decoded.definitions[i].ref, batch.definitions[i].ref);
      EXPECT_EQ(decoded.definitions[i].labels, batch.definitions[i].labels);
    }
    EXPECT_TRUE(std::equal(batch.refs.begin(), batch.refs.end(), decoded.samples.refs.begin(),
                           decoded.samples.refs.end()));
    EXPECT_TRUE(std::equal(batch.times_ms.begin(), batch.times_ms.end(), decoded.samples.times_ms.begin(),
                           decoded.samples.times_ms.end()));
    EXPECT_TRUE(std::equal(batch.bits.begin(), batch.bits.end(), decoded.samples.bits.begin(),
                           decoded.samples.bits.end()));
    return payload.size();
  }

  BatchEncoder encoder_;
  BatchDecoder decoder_;
};

TEST_F(JournalBatchTest, ARepeatedScrapeIsSmall) {
  auto scrape = [](int n) {
    Batch batch;
    for (uint32_t i = 0; i < 1000; ++i) batch.Add(MakeRef(i, 1), n * 5000, i % 4 == 0 ? n * i : i);
    return batch;
  };
  EXPECT_LT(RoundTrip(scrape(1)), 7000u);
  for (int n = 2; n < 10; ++n) EXPECT_LT(RoundTrip(scrape(n)), 1300u);
}

TEST_F(JournalBatchTest, AScrapeThatChangesALittleStaysSmall) {
  std::vector<uint32_t> slots(1000);
  for (uint32_t i = 0; i < slots.size(); ++i) slots[i] = i;
  auto scrape = [&](TimestampMs time_ms) {
    Batch batch;
    for (uint32_t slot : slots) batch.Add(MakeRef(slot, 1 + slot / 5000), time_ms, slot * 1.234567);
    return batch;
  };
  RoundTrip(scrape(1000));
  slots.erase(slots.begin() + 500);
  EXPECT_LT(RoundTrip(scrape(2000)), 50u);
  slots.insert(slots.begin() + 100, 7777);
  slots.push_back(8888);
  EXPECT_LT(RoundTrip(scrape(3000)), 80u);
  slots.erase(slots.begin());
  EXPECT_LT(RoundTrip(scrape(4000)), 50u);
  EXPECT_EQ(encoder_.columns(), slots.size());
}

TEST_F(JournalBatchTest, DefinitionsAreCompressedTogether) {
  Batch batch;
  size_t raw = 0;
  for (uint32_t i = 0; i < 500; ++i) {
    auto labels =
        model::Labels::Of({{"__name__", "http_requests_total"}, {"code", std::to_string(i)}, {"job", "api"}});
    raw += labels.ToString().size();
    batch.definitions.push_back({MakeRef(i * 3, i % 2 + 1), labels});
    batch.Add(MakeRef(i * 3, i % 2 + 1), 1, 1);
  }
  EXPECT_LT(RoundTrip(batch), raw / 3);
  Batch one;
  one.definitions.push_back({MakeRef(9, 1), model::Labels::Of({{"a", "b"}})});
  RoundTrip(one);
}

TEST_F(JournalBatchTest, RandomBatchesOfManyStreams) {
  std::mt19937_64 random(3);
  encoder_.set_max_columns(300);
  std::vector<std::vector<SeriesRef>> targets(20);
  for (size_t target = 0; target < targets.size(); ++target) {
    for (uint32_t i = 0; i < random() % 60; ++i)
      targets[target].push_back(MakeRef(static_cast<uint32_t>(target * 100 + i), 1));
  }
  for (int n = 0; n < 3000; ++n) {
    auto& refs = targets[random() % targets.size()];
    if (random() % 3 == 0 && !refs.empty())
      refs.erase(refs.begin() + static_cast<ptrdiff_t>(random() % refs.size()));
    if (random() % 3 == 0) {
      refs.insert(refs.begin() + static_cast<ptrdiff_t>(random() % (refs.size() + 1)),
                  MakeRef(static_cast<uint32_t>(random() % 5000), 1 + random() % 3));
    }
    if (random() % 20 == 0) std::shuffle(refs.begin(), refs.end(), random);
    Batch batch;
    TimestampMs time_ms = n * 1000;
    for (SeriesRef ref : refs) {
      batch.Add(ref, random() % 10 == 0 ? static_cast<TimestampMs>(random()) : time_ms,
                random() % 2 == 0 ? 5 : std::bit_cast<double>(random()));
    }
    RoundTrip(batch);
    if (random() % 500 == 0) encoder_.ForgetStreams();
    if (random() % 900 == 0) {
      encoder_.Reset();
      decoder_ = BatchDecoder();
    }
    if (HasFailure()) return;
  }
}

TEST_F(JournalBatchTest, CutOffAndChangedPayloadsAreRefusedOrHarmless) {
  Batch batch;
  for (uint32_t i = 0; i < 40; ++i) {
    batch.definitions.push_back({MakeRef(i, 1), model::Labels::Of({{"a", std::to_string(i)}})});
    batch.Add(MakeRef(i, 1), i, i * 1.5);
  }
  std::string payload;
  encoder_.Encode(batch.definitions, batch.samples(), {}, payload);
  DecodedBatch decoded;
  for (size_t size = 0; size < payload.size(); ++size) {
    BatchDecoder decoder;
    EXPECT_FALSE(decoder.Decode(payload.substr(0, size), decoded).has_value());
  }
  EXPECT_FALSE(BatchDecoder().Decode(payload + "x", decoded).has_value());
  std::mt19937_64 random(1);
  for (int i = 0; i < 5000; ++i) {
    std::string changed = payload;
    changed[random() % changed.size()] = static_cast<char>(random());
    BatchDecoder decoder;
    static_cast<void>(decoder.Decode(changed, decoded));
  }
}

}  // namespace
}  // namespace sextant::tsdb
