#include "metrics/rules/alert_states.h"

#include <gtest/gtest.h>

#include <optional>

namespace sextant::rules {
namespace {

constexpr core::TimestampMs kStart = 1'700'000'000'000;
constexpr core::DurationMs kMinute = 60'000;

const model::Labels kA = model::Labels::Of({{"alertname", "X"}, {"instance", "a"}});
const model::Labels kB = model::Labels::Of({{"alertname", "X"}, {"instance", "b"}});

std::vector<AlertInstance> Instances(std::initializer_list<model::Labels> labels) {
  std::vector<AlertInstance> instances;
  for (const model::Labels& l : labels) instances.push_back({l, {}, 1});
  return instances;
}

// A row of a life cycle: at this minute the expression does or does not return the alert; then its state is
// as given ('-' is forgotten), and it is sent or not.
struct Step {
  int minute;
  bool is_returned;
  char state;  // 'p' pending, 'f' firing, 'i' inactive, '-' not tracked
  bool is_sent;
};

void Play(const AlertRuleTiming& timing, std::initializer_list<Step> steps) {
  AlertStates states;
  for (const Step& step : steps) {
    const core::TimestampMs now_ms = kStart + step.minute * kMinute;
    ASSERT_TRUE(states.Update(step.is_returned ? Instances({kA}) : Instances({}), timing, 0, now_ms));
    const auto found = states.alerts().find(kA);
    char state = '-';
    if (found != states.alerts().end()) {
      if (found->second.state == AlertState::kPending) state = 'p';
      if (found->second.state == AlertState::kFiring) state = 'f';
      if (found->second.state == AlertState::kInactive) state = 'i';
    }
    EXPECT_EQ(state, step.state) << "minute " << step.minute;
    EXPECT_EQ(!states.TakeDue(now_ms, kMinute, kMinute).empty(), step.is_sent) << "minute " << step.minute;
  }
}

TEST(AlertStates, WithoutForFiresAtOnce) {
  Play({}, {{0, true, 'f', true}, {1, true, 'f', false}, {2, true, 'f', true}, {3, false, 'i', true}});
}

TEST(AlertStates, WithForIsPendingFirst) {
  Play({.for_ms = 2 * kMinute},
       {{0, true, 'p', false}, {1, true, 'p', false}, {2, true, 'f', true}, {3, false, 'i', true}});
}

TEST(AlertStates, PendingThatEndsIsForgottenAndStartsAnew) {
  Play({.for_ms = 2 * kMinute}, {{0, true, 'p', false},
                                 {1, true, 'p', false},
                                 {2, false, '-', false},
                                 {3, true, 'p', false},
                                 {4, true, 'p', false},
                                 {5, true, 'f', true}});
}

TEST(AlertStates, ResolvedIsKeptAndResentForFifteenMinutes) {
  Play({}, {{0, true, 'f', true},
            {1, false, 'i', true},
            {2, false, 'i', false},
            {3, false, 'i', true},
            {16, false, 'i', true},
            {17, false, '-', false}});
}

TEST(AlertStates, ResolvedThatReturnsIsNew) {
  Play({.for_ms = kMinute}, {{0, true, 'p', false},
                             {1, true, 'f', true},
                             {2, false, 'i', true},
                             {3, true, 'p', false},
                             {4, true, 'f', true}});
}

TEST(AlertStates, KeepFiringForBridgesGaps) {
  Play({.keep_firing_for_ms = 3 * kMinute}, {{0, true, 'f', true},
                                             {1, false, 'f', false},
                                             {2, false, 'f', true},
                                             {3, true, 'f', false},  // seen again: the count starts anew
                                             {4, false, 'f', true},
                                             {6, false, 'f', true},
                                             {7, false, 'i', true}});
}

TEST(AlertStates, KeepFiringForDoesNotHoldPending) {
  Play({.for_ms = 5 * kMinute, .keep_firing_for_ms = 3 * kMinute},
       {{0, true, 'p', false}, {1, false, '-', false}});
}

TEST(AlertStates, KeepsTimesAndValues) {
  AlertStates states;
  const AlertRuleTiming timing{.for_ms = kMinute};
  ASSERT_TRUE(states.Update(Instances({kA}), timing, 0, kStart));
  ASSERT_TRUE(states.Update({{kA, model::Labels::Of({{"summary", "s"}}), 7}}, timing, 0, kStart + kMinute));
  const auto due = states.TakeDue(kStart + kMinute, kMinute, 2 * kMinute);
  ASSERT_EQ(due.size(), 1u);
  const TrackedAlert& alert = due[0]->second;
  EXPECT_EQ(alert.active_at_ms, kStart);
  EXPECT_EQ(alert.fired_at_ms, kStart + kMinute);
  EXPECT_EQ(alert.value, 7);
  EXPECT_EQ(alert.annotations.Get("summary"), "s");
  EXPECT_EQ(alert.valid_until_ms, kStart + kMinute + 8 * kMinute);
  ASSERT_TRUE(states.Update(Instances({kB}), timing, 0, kStart + 2 * kMinute));
  EXPECT_EQ(states.alerts().at(kA).resolved_at_ms, kStart + 2 * kMinute);
  EXPECT_EQ(states.alerts().at(kB).state, AlertState::kPending);
}

TEST(AlertStates, RefusesEqualLabels) {
  AlertStates states;
  ASSERT_TRUE(states.Update(Instances({kA}), {}, 0, kStart));
  const auto status = states.Update(Instances({kA, kA}), {}, 0, kStart + kMinute);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message(),
            "vector contains metrics with the same labelset after applying alert labels");
  EXPECT_EQ(states.alerts().size(), 1u);
}

TEST(AlertStates, LimitForgetsEverything) {
  AlertStates states;
  ASSERT_TRUE(states.Update(Instances({kA}), {}, 1, kStart));
  const auto status = states.Update(Instances({kA, kB}), {}, 1, kStart + kMinute);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message(), "exceeded limit of 1 with 2 alerts");
  EXPECT_TRUE(states.alerts().empty());
}

}  // namespace
}  // namespace sextant::rules
