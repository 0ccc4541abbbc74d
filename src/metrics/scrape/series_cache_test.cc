#include "metrics/scrape/series_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace sextant::scrape {
namespace {

// Plays a body of lines; returns which were new and which vanished (by ref).
struct Outcome {
  std::vector<std::string> added;
  std::set<model::SeriesRef> vanished;
};

struct Player {
  SeriesCache cache;
  std::map<std::string, model::SeriesRef> refs;

  Outcome Play(const std::vector<std::string>& lines) {
    Outcome outcome;
    cache.BeginBody();
    for (const std::string& line : lines) {
      SeriesCache::Entry* entry = cache.Find(line);
      if (entry == nullptr) {
        model::SeriesRef ref = refs.try_emplace(line, refs.size() + 1).first->second;
        cache.Add(line, ref);
        outcome.added.push_back(line);
      } else {
        EXPECT_EQ(entry->ref, refs.at(line)) << line;
      }
    }
    cache.EndBody([&](const SeriesCache::Entry& entry) { outcome.vanished.insert(entry.ref); });
    return outcome;
  }
};

TEST(SeriesCache, FollowsABodyThatStaysTheSame) {
  Player player;
  EXPECT_EQ(player.Play({"a", "b", "c"}).added.size(), 3u);
  for (int i = 0; i < 3; ++i) {
    Outcome outcome = player.Play({"a", "b", "c"});
    EXPECT_TRUE(outcome.added.empty());
    EXPECT_TRUE(outcome.vanished.empty());
  }
}

TEST(SeriesCache, NoticesWhatComesAndGoes) {
  Player player;
  player.Play({"a", "b", "c", "d"});
  Outcome outcome = player.Play({"a", "x", "c"});
  EXPECT_EQ(outcome.added, std::vector<std::string>{"x"});
  EXPECT_EQ(outcome.vanished, (std::set<model::SeriesRef>{player.refs["b"], player.refs["d"]}));
  outcome = player.Play({"a"});
  EXPECT_EQ(outcome.vanished, (std::set<model::SeriesRef>{player.refs["x"], player.refs["c"]}));
  EXPECT_EQ(player.Play({}).vanished.size(), 1u);
  EXPECT_EQ(player.cache.size(), 0u);
}

TEST(SeriesCache, AnAbortedBodyLeavesTheLayoutAsItWas) {
  Player player;
  player.Play({"a", "b"});
  player.cache.BeginBody();
  player.cache.Find("z");
  player.cache.Add("z", 99);
  player.cache.AbortBody();
  Outcome outcome = player.Play({"a", "b"});
  EXPECT_TRUE(outcome.added.empty());
  EXPECT_TRUE(outcome.vanished.empty());
}

TEST(SeriesCache, KeepsNoTexts) {
  Player player;
  std::vector<std::string> lines;
  for (int i = 0; i < 100; ++i) lines.push_back(std::string(1'000, 'x') + std::to_string(i));
  player.Play(lines);
  EXPECT_EQ(player.cache.size(), 100u);
  EXPECT_EQ(player.cache.SizeBytes(), 100 * sizeof(SeriesCache::Entry));
  EXPECT_TRUE(player.Play(lines).added.empty());
}

TEST(SeriesCache, AgreesWithAPlainMapOnRandomBodies) {
  std::mt19937 random(42);
  Player player;
  std::set<std::string> previous;
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> lines;
    for (int i = 0; i < 30; ++i) {
      if (random() % 8 != 0) lines.push_back("series" + std::to_string(i));
    }
    if (random() % 4 == 0) std::shuffle(lines.begin(), lines.end(), random);
    Outcome outcome = player.Play(lines);
    std::set<std::string> now(lines.begin(), lines.end());
    std::set<std::string> added(outcome.added.begin(), outcome.added.end());
    std::set<std::string> expected_added;
    std::set<model::SeriesRef> expected_vanished;
    std::set_difference(now.begin(), now.end(), previous.begin(), previous.end(),
                        std::inserter(expected_added, expected_added.end()));
    for (const std::string& line : previous) {
      if (!now.contains(line)) expected_vanished.insert(player.refs[line]);
    }
    ASSERT_EQ(added, expected_added) << round;
    ASSERT_EQ(outcome.vanished, expected_vanished) << round;
    previous = now;
  }
}

}  // namespace
}  // namespace sextant::scrape
