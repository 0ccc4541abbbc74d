#include "metrics/tsdb/match_cache.h"

#include <gtest/gtest.h>

namespace sextant::tsdb {
namespace {

using model::Matcher;
using model::MatchType;

std::shared_ptr<const MatchedPairs> Found(size_t count) {
  auto matched = std::make_shared<MatchedPairs>();
  matched->tested = count;
  matched->accepted.resize(count);
  matched->accepted.shrink_to_fit();
  return matched;
}

Matcher Regexp(std::string_view name, std::string_view value) {
  return Matcher::Make(MatchType::kRegexp, name, value).value();
}

TEST(MatchCacheTest, ForgetsWhatWasNotUsedForLongest) {
  MatchCache cache(40'000);
  cache.Put(Regexp("n", "a.*"), Found(3000));
  cache.Put(Regexp("n", "b.*"), Found(3000));
  EXPECT_EQ(cache.Find(Regexp("n", "a.*"))->tested, 3000u);
  cache.Put(Regexp("n", "c.*"), Found(4000));
  EXPECT_EQ(cache.Find(Regexp("n", "b.*")), nullptr);
  EXPECT_NE(cache.Find(Regexp("n", "a.*")), nullptr);
  EXPECT_NE(cache.Find(Regexp("n", "c.*")), nullptr);
  EXPECT_LE(cache.SizeBytes(), 40'000u);
  // One that would leave no room for others is not kept.
  cache.Put(Regexp("n", "a.*"), Found(9000));
  EXPECT_EQ(cache.Find(Regexp("n", "a.*")), nullptr);
}

TEST(MatchCacheTest, TellsMatchersApart) {
  MatchCache cache;
  cache.Put(Regexp("a", "b=~c"), Found(1));
  EXPECT_EQ(cache.Find(Regexp("a=~b", "c")), nullptr);
  EXPECT_EQ(cache.Find(Matcher::Make(MatchType::kNotRegexp, "a", "b=~c").value()), nullptr);
  EXPECT_NE(cache.Find(Regexp("a", "b=~c")), nullptr);
}

}  // namespace
}  // namespace sextant::tsdb
