#include "metrics/tsdb/postings_codec.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace sextant::tsdb {
namespace {

constexpr uint32_t kEndSlot = 1 << 20;

std::vector<uint32_t> SlotsOf(const std::vector<SlotRun>& runs) {
  std::vector<uint32_t> slots;
  for (SlotRun run : runs) {
    for (uint32_t slot = run.begin; slot < run.end; ++slot) slots.push_back(slot);
  }
  return slots;
}

TEST(PostingsCodecTest, GivesBackWhatWasPut) {
  std::mt19937 random(11);
  std::vector<std::vector<uint32_t>> sets = {{}, {0}, {5}, {0, 1, 2}, {kEndSlot - 1}, {0, kEndSlot - 1}};
  for (uint32_t spread : {1u, 2u, 7u, 2500u}) {
    std::set<uint32_t> random_set;
    std::vector<uint32_t> steady;
    for (uint32_t i = 0; i < 300; ++i) {
      random_set.insert(random() % (300 * spread));
      steady.push_back(3 + i * spread);
    }
    sets.emplace_back(random_set.begin(), random_set.end());
    sets.push_back(steady);
  }
  std::string bytes;
  for (const auto& set : sets) PutStoredPostings(set, bytes);
  std::string_view rest = bytes;
  std::vector<SlotRun> runs;
  for (const auto& set : sets) {
    const char* stored = nullptr;
    ASSERT_TRUE(TakeStoredPostings(rest, kEndSlot, stored));
    EXPECT_EQ(CountOfStored(stored), set.size());
    ReadStoredPostings(stored, runs);
    EXPECT_EQ(SlotsOf(runs), set);
  }
  EXPECT_TRUE(rest.empty());
}

TEST(PostingsCodecTest, ARunAndASteadyGapAreAFewBytes) {
  std::vector<uint32_t> run;
  std::vector<uint32_t> steady;
  for (uint32_t i = 0; i < 100'000; ++i) run.push_back(700 + i);
  for (uint32_t i = 0; i < 2000; ++i) steady.push_back(17 + i * 2500);
  for (const auto& slots : {run, steady}) {
    std::string bytes;
    PutStoredPostings(slots, bytes);
    EXPECT_LT(bytes.size(), 24u);
  }
}

TEST(PostingsCodecTest, SlotsBeyondTheEndAreRefused) {
  std::vector<uint32_t> slots = {1, 9};
  std::string bytes;
  PutStoredPostings(slots, bytes);
  const char* stored = nullptr;
  std::string_view rest = bytes;
  EXPECT_FALSE(TakeStoredPostings(rest, 9, stored));
  EXPECT_TRUE(TakeStoredPostings(rest, 10, stored));
}

// Whatever bytes they are, no more slots come out than stated, ascending, and none behind the last.
TEST(PostingsCodecTest, DamageDoesNoHarm) {
  std::mt19937 random(12);
  std::vector<SlotRun> runs;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<uint32_t> slots;
    uint32_t slot = 0;
    for (uint32_t i = 0; i < 20; ++i) slots.push_back(slot += 1 + (i / 5 % 2 == 0 ? 1 : random() % 4000));
    std::string bytes;
    PutStoredPostings(slots, bytes);
    for (int i = 0; i < 3; ++i) bytes[4 + random() % (bytes.size() - 4)] = static_cast<char>(random());
    if (round % 3 == 0) bytes.resize(random() % bytes.size());
    std::string_view rest = bytes;
    const char* stored = nullptr;
    if (!TakeStoredPostings(rest, kEndSlot, stored)) continue;
    ReadStoredPostings(stored, runs);
    std::vector<uint32_t> read = SlotsOf(runs);
    ASSERT_LE(read.size(), CountOfStored(stored));
    ASSERT_TRUE(std::is_sorted(read.begin(), read.end(), std::less_equal<>()));
    ASSERT_TRUE(read.empty() || read.back() < kEndSlot);
  }
}

}  // namespace
}  // namespace sextant::tsdb
