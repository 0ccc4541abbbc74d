#include "alerting/inhibitor.h"

#include <gmock/gmock.h>

#include "alerting/test_util.h"

namespace sextant::alerting {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::MustParse;

constexpr core::TimestampMs kNow = 1'800'000'000'000;

AlertPtr Make(std::map<std::string, std::string> labels, core::TimestampMs ends = kNow + 1'000) {
  auto alert = std::make_shared<Alert>();
  alert->labels = testing::LabelsOf(labels);
  alert->ends_at_ms = ends;
  return alert;
}

Inhibitor Rules(const std::string& rules) {
  return Inhibitor(
      *MustParse("route: {receiver: a}\nreceivers: [{name: a}]\ninhibit_rules: " + rules + "\n"));
}

// Of many sources that have ended none is looked at, and those that fire count.
TEST(Inhibitor, SourcesThatEndHoldNothingBack) {
  Inhibitor inhibitor = Rules("[{source_matchers: ['s=\"1\"'], target_matchers: ['t=\"1\"'], equal: []}]");
  const model::Labels target = testing::LabelsOf({{"t", "1"}});
  const auto update = [&](uint64_t id, core::TimestampMs ends) {
    auto alert = std::make_shared<Alert>(*Make({{"s", "1"}, {"id", std::to_string(id)}}, ends));
    alert->updated_at_ms = kNow;
    inhibitor.Update(id, alert);
  };
  for (uint64_t id = 1; id <= 3; ++id) update(id, kNow + 1'000);
  EXPECT_THAT(inhibitor.InhibitedBy(target, kNow), ElementsAre(1));
  update(1, kNow);
  EXPECT_THAT(inhibitor.InhibitedBy(target, kNow), ElementsAre(2));
  update(2, kNow - 1);
  update(3, kNow);
  EXPECT_THAT(inhibitor.InhibitedBy(target, kNow), IsEmpty());
  update(2, kNow + 1'000);  // again
  EXPECT_THAT(inhibitor.InhibitedBy(target, kNow), ElementsAre(2));
  EXPECT_THAT(inhibitor.InhibitedBy(target, kNow + 1'000), IsEmpty());
}

// Upstream's table of equal labels: alerts that are sources, and a target.
TEST(Inhibitor, UpstreamsTableOfEqualLabels) {
  const auto path = testing::ConformanceDir() / "alertmanager/tables/inhibit.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path;
  simdjson::dom::parser parser;
  int run = 0;
  for (const simdjson::dom::element table : simdjson::dom::array(parser.load(path.string())["tables"])) {
    if (testing::Text(table, "func") != "TestInhibitRuleHasEqual") continue;
    for (const simdjson::dom::element c : simdjson::dom::array(table["cases"])) {
      SCOPED_TRACE(testing::Text(c, "name"));
      std::string equal;
      simdjson::dom::array names;
      if (c["equal"].get(names) == simdjson::SUCCESS) {
        for (const simdjson::dom::element name : names) equal += std::string(std::string_view(name)) + ", ";
      }
      Inhibitor inhibitor =
          Rules("[{source_matchers: ['is_source=\"1\"'], target_matchers: ['is_source=\"\"'], equal: [" +
                equal + "]}]");
      simdjson::dom::object initial;
      uint64_t fingerprint = 0;
      if (c["initial"].get(initial) == simdjson::SUCCESS) {
        for (const auto& [key, value] : initial) {
          if (key == "$type") continue;
          std::map<std::string, std::string> labels;
          core::TimestampMs ends = kNow + 1'000;
          simdjson::dom::element alert;
          if (simdjson::dom::element(value)["Alert"].get(alert) == simdjson::SUCCESS) {
            labels = testing::StringMap(alert["Labels"]);
            if (testing::Text(alert["EndsAt"], "$go") == "now.Add(-time.Second)") ends = kNow - 1'000;
          }
          labels["is_source"] = "1";
          inhibitor.Update(++fingerprint, Make(labels, ends));
        }
      }
      const bool is_inhibited =
          !inhibitor.InhibitedBy(testing::LabelsOf(testing::StringMap(c["input"])), kNow).empty();
      EXPECT_EQ(is_inhibited, bool(c["result"]));
      ++run;
    }
  }
  EXPECT_EQ(run, 5);
}

// The fault of upstream that is not copied: one source per set of equal labels.
TEST(Inhibitor, EverySourceOfASetCounts) {
  Inhibitor inhibitor = Rules("[{source_matchers: [s=1], target_matchers: [t=1], equal: [e]}]");
  const auto first = Make({{"s", "1"}, {"e", "x"}, {"n", "1"}});
  inhibitor.Update(1, first);
  inhibitor.Update(2, Make({{"s", "1"}, {"e", "x"}, {"n", "2"}}));
  const model::Labels target = testing::LabelsOf({{"t", "1"}, {"e", "x"}});
  EXPECT_THAT(inhibitor.InhibitedBy(target, kNow), ElementsAre(1));
  inhibitor.Update(1, Make({{"s", "1"}, {"e", "x"}, {"n", "1"}}, kNow - 1));
  EXPECT_THAT(inhibitor.InhibitedBy(target, kNow), ElementsAre(2));
  inhibitor.Remove(2, testing::LabelsOf({{"s", "1"}, {"e", "x"}, {"n", "2"}}));
  EXPECT_THAT(inhibitor.InhibitedBy(target, kNow), IsEmpty());
}

TEST(Inhibitor, WhatIsBothSilencesNoOther) {
  Inhibitor inhibitor = Rules("[{source_matchers: ['s=~\".+\"'], target_matchers: ['s=~\".+\"']}]");
  inhibitor.Update(1, Make({{"s", "1"}}));
  inhibitor.Update(2, Make({{"s", "2"}}));
  EXPECT_THAT(inhibitor.InhibitedBy(testing::LabelsOf({{"s", "1"}}), kNow), IsEmpty());
}

// A hundred thousand alerts that are source and target at once must not be compared with each other.
TEST(Inhibitor, ManyTwoSidedAlertsStayCheap) {
  Inhibitor inhibitor = Rules("[{source_matchers: ['s=~\".+\"'], target_matchers: ['s=~\".+\"']}]");
  std::vector<AlertPtr> alerts;
  for (int i = 0; i < 100'000; ++i) alerts.push_back(Make({{"s", std::to_string(i)}}));
  for (size_t i = 0; i < alerts.size(); ++i) inhibitor.Update(i + 1, alerts[i]);
  for (const AlertPtr& alert : alerts) ASSERT_THAT(inhibitor.InhibitedBy(alert->labels, kNow), IsEmpty());
}

}  // namespace
}  // namespace sextant::alerting
