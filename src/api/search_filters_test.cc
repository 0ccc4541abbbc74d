#include "api/search_filters.h"

#include <gtest/gtest.h>

namespace sextant::api {
namespace {

TEST(SearchFilters, SubsequencesScoreByTheirRuns) {
  EXPECT_EQ(SubsequenceScore(U"up", U"up"), 1);
  EXPECT_EQ(SubsequenceScore(U"", U"up"), 1);
  EXPECT_EQ(SubsequenceScore(U"pu", U"up"), 0);
  EXPECT_EQ(SubsequenceScore(U"abc", U"ab"), 0);
  // One run of two in five characters: nothing before, three behind at half a fifth each.
  EXPECT_DOUBLE_EQ(SubsequenceScore(U"ab", U"abxyz"), (4 - 0.3) / 4);
  // Two runs of one with a gap of one.
  EXPECT_DOUBLE_EQ(SubsequenceScore(U"ac", U"abc"), (2 - 1.0 / 3) / 4);
  // The second place is better than the first.
  EXPECT_DOUBLE_EQ(SubsequenceScore(U"ab", U"axab"), (4 - 0.5) / 4);
  EXPECT_DOUBLE_EQ(SubsequenceScore(U"é", U"aé"), 1 - 0.5);
}

TEST(SearchFilters, JaroWinkler) {
  EXPECT_EQ(JaroWinklerScore(U"a", U"a"), 1);
  EXPECT_EQ(JaroWinklerScore(U"a", U""), 0);
  EXPECT_EQ(JaroWinklerScore(U"abc", U"xyz"), 0);
  EXPECT_NEAR(JaroWinklerScore(U"MARTHA", U"MARHTA"), 0.9611, 1e-4);
  EXPECT_NEAR(JaroWinklerScore(U"DIXON", U"DICKSONX"), 0.8133, 1e-4);
  EXPECT_EQ(JaroWinklerScore(U"DIXON", U"DICKSONX"), JaroWinklerScore(U"DICKSONX", U"DIXON"));
}

TEST(SearchFilters, AnyTermFinds) {
  EXPECT_EQ(SearchFilter({}).Score("up"), 1);
  SearchFilter two({.terms = {"http", "cpu"}});
  EXPECT_EQ(two.Score("http_requests"), 1);
  EXPECT_GT(two.Score("node_cpu_seconds"), 0.9);
  EXPECT_FALSE(two.Score("up"));
  EXPECT_FALSE(SearchFilter({.terms = {"HTTP"}}).Score("http_requests"));
  EXPECT_EQ(SearchFilter({.terms = {"HTTP"}, .case_sensitive = false}).Score("Http_requests"), 1);
  EXPECT_EQ(SearchFilter({.terms = {"ÄB"}, .case_sensitive = false}).Score("äb"), 1);
}

TEST(SearchFilters, ThresholdsRefuse) {
  EXPECT_TRUE(SearchFilter({.terms = {"nsec"}}).Score("node_cpu_seconds"));
  EXPECT_FALSE(SearchFilter({.terms = {"nsec"}, .threshold = 0.9}).Score("node_cpu_seconds"));
  // Without a threshold, Jaro-Winkler finds what holds the term only.
  SearchTerms terms{.terms = {"cpu"}, .algorithm = FuzzyAlgorithm::kJaroWinkler};
  EXPECT_EQ(SearchFilter(terms).Score("node_cpu"), 0.9);
  EXPECT_FALSE(SearchFilter(terms).Score("cup"));
  terms.threshold = 0.5;
  EXPECT_TRUE(SearchFilter(terms).Score("cup"));
}

TEST(SearchFilters, InvalidUtf8IsNoCrash) {
  EXPECT_EQ(DecodeUtf8("a\xff").size(), 2U);
  EXPECT_TRUE(SearchFilter({.terms = {"\xff"}}).Score("\xff"));
}

}  // namespace
}  // namespace sextant::api
