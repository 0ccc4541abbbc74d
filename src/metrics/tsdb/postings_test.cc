#include "metrics/tsdb/postings.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace sextant::tsdb {
namespace {

void ExpectHolds(const Postings& postings, const std::set<uint32_t>& expected) {
  ASSERT_EQ(postings.size(), expected.size());
  ASSERT_EQ(postings.empty(), expected.empty());
  std::set<uint32_t> held;
  for (uint32_t slot : postings.ToBitmap()) held.insert(slot);
  ASSERT_EQ(held, expected);
}

TEST(PostingsTest, GrowsAndShrinksThroughAllItsForms) {
  Postings postings;
  std::set<uint32_t> expected;
  ExpectHolds(postings, expected);
  for (uint32_t slot = 1000; slot > 0; slot -= 5) {
    postings.Add(slot);
    postings.Add(slot);
    expected.insert(slot);
    if (slot % 7 == 0) ExpectHolds(postings, expected);
  }
  ExpectHolds(postings, expected);
  postings.Remove(3);  // not there
  while (!expected.empty()) {
    postings.Remove(*expected.begin());
    expected.erase(expected.begin());
    if (expected.size() < 80) ExpectHolds(postings, expected);
  }
  postings.Remove(5);
  ExpectHolds(postings, expected);
}

TEST(PostingsTest, RandomChangesMatchASet) {
  std::mt19937 random(3);
  Postings postings;
  std::set<uint32_t> expected;
  for (int i = 0; i < 20'000; ++i) {
    uint32_t slot = random() % 300;
    if (random() % 100 < (i / 2000 % 2 == 0 ? 70u : 30u)) {
      postings.Add(slot);
      expected.insert(slot);
    } else {
      postings.Remove(slot);
      expected.erase(slot);
    }
    if (i % 97 == 0) ExpectHolds(postings, expected);
  }
}

TEST(PostingsTest, RunsMakeTheSameAsTheirSlots) {
  std::mt19937 random(3);
  std::vector<uint32_t> scratch;
  for (uint32_t longest : {1u, 2u, 30u, 5000u}) {
    for (int count : {1, 2, 40, 700}) {
      std::vector<SlotRun> runs;
      std::set<uint32_t> expected;
      uint32_t slot = 0;
      for (int i = 0; i < count; ++i) {
        slot += static_cast<uint32_t>(random() % 3);  // also runs that touch
        SlotRun run{slot, slot + 1 + static_cast<uint32_t>(random() % longest)};
        for (; slot < run.end; ++slot) expected.insert(slot);
        runs.push_back(run);
      }
      Postings postings = Postings::FromRuns(runs, scratch);
      ExpectHolds(postings, expected);
      postings.Remove(runs.front().begin);
      expected.erase(runs.front().begin);
      postings.Add(slot + 9);
      expected.insert(slot + 9);
      ExpectHolds(postings, expected);
    }
  }
}

TEST(PostingsTest, UnionAddsToABitmap) {
  Postings one;
  one.Add(7);
  Postings many;
  for (uint32_t slot = 0; slot < 200; ++slot) many.Add(slot * 3);
  Bitmap out;
  one.UnionInto(out);
  many.UnionInto(out);
  Postings().UnionInto(out);
  EXPECT_EQ(out.cardinality(), 201u);
}

// Each form, against the same operation on bitmaps.
TEST(PostingsTest, SetOperationsInEveryForm) {
  std::mt19937 random(5);
  for (uint32_t size : {0u, 1u, 2u, 40u, 300u, 6000u}) {
    for (uint32_t spread : {1u, 5000u}) {
      std::set<uint32_t> held;
      while (held.size() < size) held.insert(random() % (size * 2) * spread);
      std::vector<uint32_t> sorted(held.begin(), held.end());
      Postings postings = Postings::FromSorted(sorted);
      ExpectHolds(postings, held);
      Bitmap other;
      for (uint32_t i = 0; i < 3000; ++i) other.add(random() % 12'000 * (i % 2 == 0 ? 1 : spread));
      Bitmap mine = postings.ToBitmap();
      EXPECT_EQ(postings.Intersects(other), mine.intersect(other));
      EXPECT_EQ(postings.CountIn(other), mine.and_cardinality(other));
      Bitmap result = other;
      postings.IntersectWith(result);
      EXPECT_EQ(result, other & mine);
      result = other;
      postings.SubtractFrom(result);
      EXPECT_EQ(result, other - mine);
      result = other;
      postings.UnionInto(result);
      EXPECT_EQ(result, other | mine);
      Postings moved = std::move(postings);
      ExpectHolds(moved, held);
    }
  }
}

// As they lie in an image, against the same slots in memory; changed, they are as any other.
TEST(PostingsTest, StoredOnesAnswerAsOthersDo) {
  std::mt19937 random(6);
  for (uint32_t size : {0u, 1u, 2u, 40u, 300u, 6000u}) {
    for (uint32_t spread : {1u, 5000u}) {
      std::set<uint32_t> held;
      while (held.size() < size) held.insert(random() % (size * 2) * spread);
      std::vector<uint32_t> sorted(held.begin(), held.end());
      Postings others = Postings::FromSorted(sorted);
      std::string bytes;
      PutStoredPostings(sorted, bytes);
      Postings stored = Postings::Stored(bytes.data());
      EXPECT_EQ(stored.stored(), size == 0 ? nullptr : bytes.data());
      ExpectHolds(stored, held);
      Bitmap some;
      for (uint32_t i = 0; i < 3000; ++i) some.add(random() % 12'000 * (i % 2 == 0 ? 1 : spread));
      EXPECT_EQ(stored.Intersects(some), others.Intersects(some));
      EXPECT_EQ(stored.CountIn(some), others.CountIn(some));
      using Change = void (Postings::*)(Bitmap&) const;
      for (Change change : {&Postings::UnionInto, &Postings::SubtractFrom, &Postings::IntersectWith}) {
        Bitmap result = some;
        Bitmap expected = some;
        (stored.*change)(result);
        (others.*change)(expected);
        EXPECT_EQ(result, expected);
      }
      EXPECT_EQ(stored.stored(), size == 0 ? nullptr : bytes.data()) << "asking does not change them";
      if (size % 4 == 0) {
        stored.Thaw();
      } else {
        stored.Add(77);
        held.insert(77);
      }
      EXPECT_EQ(stored.stored(), nullptr);
      bytes.assign(bytes.size(), '\xff');
      ExpectHolds(stored, held);
    }
  }
}

}  // namespace
}  // namespace sextant::tsdb
