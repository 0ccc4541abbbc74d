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

}  // namespace
}  // namespace sextant::tsdb
