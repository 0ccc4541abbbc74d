#include "agents/node/usage/top_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace sextant::node {
namespace {

using Exposition = std::map<std::string, TopGroups::Series>;

Exposition Expose(TopGroups& groups, core::TimestampMs now_ms) {
  Exposition exposition;
  groups.Expose(now_ms, [&](const TopGroups::Series& series) {
    EXPECT_TRUE(exposition.emplace(std::string(series.name), series).second) << "twice: " << series.name;
  });
  return exposition;
}

int64_t Cpu(const Exposition& exposition, const std::string& name) {
  const auto found = exposition.find(name);
  return found == exposition.end() ? -1 : found->second.usage.cpu_us;
}

TEST(TopGroups, AGroupCountsInTheRestUntilItHasASeries) {
  TopGroups groups(1, 100);
  const uint32_t a = groups.Find("a");
  const uint32_t b = groups.Find("b");
  const auto alive = [&] {
    groups.ClearLevels();
    groups.AddLevel(a, {.processes = 1});
    groups.AddLevel(b, {.processes = 1});
  };
  alive();
  groups.Add(a, {.cpu_us = 5});
  groups.Add(b, {.cpu_us = 1});
  const Exposition first = Expose(groups, 1'000);
  EXPECT_EQ(Cpu(first, "a"), 0);
  EXPECT_EQ(Cpu(first, "(other)"), 6);
  EXPECT_EQ(Cpu(first, "b"), -1);
  alive();
  groups.Add(a, {.cpu_us = 2});
  groups.Add(b, {.cpu_us = 9});
  const Exposition second = Expose(groups, 2'000);
  EXPECT_EQ(Cpu(second, "a"), 2);
  EXPECT_EQ(Cpu(second, "b"), 0);
  EXPECT_EQ(Cpu(second, "(other)"), 15);
}

TEST(TopGroups, ASeriesEndsLaterAndGoesOnWhereItWas) {
  TopGroups groups(1, 100);
  const uint32_t a = groups.Find("a");
  const uint32_t b = groups.Find("b");
  core::TimestampMs now_ms = 1'000;
  const auto round = [&](int64_t cpu_a, int64_t cpu_b) {
    groups.ClearLevels();
    groups.AddLevel(a, {.processes = 1});
    groups.AddLevel(b, {.processes = 1});
    groups.Add(a, {.cpu_us = cpu_a});
    groups.Add(b, {.cpu_us = cpu_b});
    return Expose(groups, now_ms);
  };
  round(5, 0);
  EXPECT_EQ(Cpu(round(3, 0), "a"), 3);
  now_ms += TopGroups::kShownMs;
  EXPECT_EQ(Cpu(round(1, 9), "a"), 4);
  now_ms += 1;
  const Exposition last = round(1, 9);  // its last one, and b's first that counts
  EXPECT_EQ(Cpu(last, "a"), 5);
  EXPECT_EQ(Cpu(last, "b"), 9);
  EXPECT_EQ(Cpu(round(1, 9), "a"), -1);
  const Exposition again = round(50, 9);
  EXPECT_EQ(Cpu(again, "a"), 5);
  EXPECT_EQ(Cpu(again, "(other)"), 5 + 9 + 1 + 50);
}

TEST(TopGroups, LevelsAddUpAndEarlierUsageDecidesFirst) {
  TopGroups groups(1, 100);
  for (const char* name : {"a", "b", "c", "d"}) {
    groups.AddLevel(groups.Find(name),
                    {.memory_bytes = name[0] == 'b' ? 9.0 : 1.0, .processes = 1, .threads = 2});
  }
  groups.AddEarlier(groups.Find("c"), {.cpu_us = 100});
  const Exposition exposition = Expose(groups, 1'000);
  ASSERT_EQ(exposition.size(), 3u);
  EXPECT_EQ(exposition.at("b").level.memory_bytes, 9);
  EXPECT_EQ(exposition.at("c").usage.cpu_us, 0);
  EXPECT_EQ(exposition.at("(other)").level.memory_bytes, 2);
  EXPECT_EQ(exposition.at("(other)").level.threads, 4);
  EXPECT_TRUE(exposition.at("(other)").is_rest);
}

TEST(TopGroups, TooManyGroupsAreOfTheRest) {
  TopGroups groups(2, 4);
  EXPECT_EQ(groups.Find("(other)"), TopGroups::kRest);
  for (const char* name : {"a", "b", "c"}) EXPECT_NE(groups.Find(name), TopGroups::kRest);
  EXPECT_EQ(groups.Find("d"), TopGroups::kRest);
  EXPECT_NE(groups.Find("a"), TopGroups::kRest);
  groups.AddLevel(groups.Find("a"), {.processes = 1});
  groups.Add(groups.Find("b"), {.cpu_us = 3});  // and it ended
  groups.ForgetIfNearlyFull();
  EXPECT_EQ(groups.group_count(), 2u);
  EXPECT_NE(groups.Find("d"), TopGroups::kRest);
  EXPECT_EQ(Cpu(Expose(groups, 1'000), "(other)"), 3);
}

// Whatever comes and goes: no counter goes back, what is shown again goes on, and as much is counted as was
// used.
TEST(TopGroups, CountersNeverGoBackAndSumUp) {
  std::mt19937 random(7);
  TopGroups groups(3, 20);
  std::map<std::string, int64_t> shown;  // last values
  int64_t used = 0;
  int64_t counted = 0;
  core::TimestampMs now_ms = 1'000;
  for (int round = 0; round < 2'000; ++round) {
    groups.ClearLevels();
    for (int name = 0; name < 30; ++name) {
      if (random() % 4 == 0) continue;
      const uint32_t group = groups.Find("g" + std::to_string(name));
      groups.AddLevel(group, {.memory_bytes = static_cast<double>(random() % 100), .processes = 1});
      const auto cpu = static_cast<int64_t>(random() % 8);
      groups.Add(group, {.cpu_us = cpu, .read_bytes = static_cast<int64_t>(random() % 5)});
      used += cpu;
    }
    groups.ForgetIfNearlyFull();
    if (random() % 2 == 0) continue;  // others look as well
    now_ms += 100'000;
    const Exposition exposition = Expose(groups, now_ms);
    EXPECT_LE(exposition.size(), 2u * 6 * 3 + 1);
    std::map<std::string, int64_t> next;
    for (const auto& [name, series] : exposition) {
      next[name] = series.usage.cpu_us;
      const auto before = shown.find(name);
      // As a reader adds it up: a series that was not there a moment ago adds nothing yet.
      if (before == shown.end()) {
        if (name == "(other)") counted += series.usage.cpu_us;
        continue;
      }
      ASSERT_GE(series.usage.cpu_us, before->second) << name;
      counted += series.usage.cpu_us - before->second;
    }
    shown = std::move(next);
    ASSERT_EQ(counted, used);
  }
}

}  // namespace
}  // namespace sextant::node
