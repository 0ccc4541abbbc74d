#include "alerting/silences.h"

#include <gmock/gmock.h>

#include <random>

#include "alerting/test_util.h"

namespace sextant::alerting {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr core::TimestampMs kNow = 1'800'000'000'000;
constexpr core::DurationMs kHour = 3'600'000;

Matchers Parse(const std::string& text) { return ParseMatchers(text, MatcherSyntax::kFallback).value(); }

Silence Make(const std::string& matchers, core::TimestampMs starts = kNow,
             core::TimestampMs ends = kNow + kHour) {
  return {.matcher_sets = {Parse(matchers)},
          .starts_at_ms = starts,
          .ends_at_ms = ends,
          .created_by = "me",
          .comment = "why"};
}

model::Labels Labels(std::map<std::string, std::string> labels) { return testing::LabelsOf(labels); }

std::string ErrorOf(SilenceStore& store, const Silence& silence) {
  const auto id = store.Set(silence, kNow);
  return id ? "no error" : id.error().message();
}

TEST(Silences, SilenceWhileTheyAreActive) {
  SilenceStore store({});
  const std::string now = store.Set(Make("a=1"), kNow).value();
  const std::string later = store.Set(Make("a=~\"1\"", kNow + kHour, kNow + 2 * kHour), kNow).value();
  const model::Labels labels = Labels({{"a", "1"}, {"b", "2"}});
  EXPECT_THAT(store.Silencing(1, labels, kNow), ElementsAre(now));
  EXPECT_THAT(store.Silencing(2, Labels({{"a", "2"}}), kNow), IsEmpty());
  EXPECT_THAT(store.Silencing(1, labels, kNow + 3 * kHour), IsEmpty());
  EXPECT_EQ(store.Count(SilenceState::kActive, kNow), 1);
  EXPECT_EQ(store.Count(SilenceState::kPending, kNow), 1);
  EXPECT_EQ(store.Find(later)->StateAt(kNow + kHour + 1), SilenceState::kActive);
}

TEST(Silences, WhatIsRememberedFollowsEveryChange) {
  SilenceStore store({});
  const model::Labels labels = Labels({{"a", "1"}});
  EXPECT_THAT(store.Silencing(1, labels, kNow), IsEmpty());
  const std::string first = store.Set(Make("a=1"), kNow).value();
  EXPECT_THAT(store.Silencing(1, labels, kNow), ElementsAre(first));
  ASSERT_TRUE(store.Expire(first, kNow + 1));
  EXPECT_THAT(store.Silencing(1, labels, kNow + 2), IsEmpty());
  const std::string pending = store.Set(Make("a=1", kNow + kHour, kNow + 2 * kHour), kNow + 2).value();
  EXPECT_THAT(store.Silencing(1, labels, kNow + 2), IsEmpty());
  EXPECT_THAT(store.Silencing(1, labels, kNow + kHour), ElementsAre(pending));
}

TEST(Silences, EditsKeepTheIdUnlessHistoryWouldChange) {
  SilenceStore store({});
  const std::string id = store.Set(Make("a=1"), kNow).value();
  Silence longer = Make("a=1", kNow, kNow + 5 * kHour);
  longer.id = id;
  EXPECT_EQ(store.Set(longer, kNow + 1).value(), id);
  EXPECT_EQ(store.Find(id)->ends_at_ms, kNow + 5 * kHour);

  Silence other = Make("a=2", kNow, kNow + 5 * kHour);
  other.id = id;
  const std::string replaced = store.Set(other, kNow + kHour).value();
  EXPECT_NE(replaced, id);
  EXPECT_EQ(store.Find(id)->ends_at_ms, kNow + kHour);
  EXPECT_EQ(store.Find(replaced)->starts_at_ms, kNow + kHour);

  Silence again = Make("a=1", kNow, kNow + 9 * kHour);
  again.id = id;  // expired: made anew
  EXPECT_NE(store.Set(again, kNow + 2 * kHour).value(), id);
  again.id = "unknown";
  EXPECT_EQ(store.Set(again, kNow).error().code(), core::Code::kNotFound);
  EXPECT_EQ(store.Expire("unknown", kNow).error().message(), "silence not found");
  EXPECT_TRUE(store.Expire(id, kNow + 3 * kHour)) << "twice is no error";
}

TEST(Silences, PendingOnesExpireWhole) {
  SilenceStore store({});
  const std::string id = store.Set(Make("a=1", kNow + kHour, kNow + 2 * kHour), kNow).value();
  ASSERT_TRUE(store.Expire(id, kNow + 1));
  EXPECT_EQ(store.Find(id)->starts_at_ms, kNow + 1);
  EXPECT_EQ(store.Find(id)->ends_at_ms, kNow + 1);
}

TEST(Silences, RefusalsHaveUpstreamsWords) {
  SilenceStore store({});
  EXPECT_EQ(ErrorOf(store, {.ends_at_ms = kNow}), "invalid silence: at least one matcher set required");
  EXPECT_EQ(ErrorOf(store, Make("")), "invalid silence: at least one matcher required");
  EXPECT_EQ(ErrorOf(store, Make("a=\"\"")),
            "invalid silence: at least one matcher must not match the empty string");
  EXPECT_EQ(ErrorOf(store, Make("a=~\"x*\"")),
            "invalid silence: at least one matcher must not match the empty string");
  EXPECT_EQ(ErrorOf(store, Make("a=1", kNow, kNow - 1)),
            "invalid silence: end time must not be before start time");
  SilenceStore classic({.syntax = MatcherSyntax::kClassic});
  EXPECT_THAT(ErrorOf(classic, Make("\"a b\"=1")), HasSubstr("invalid label name \"a b\""));
  EXPECT_EQ(store.size(), 0);
}

TEST(Silences, Limits) {
  SilenceStore few({.max_silences = 1});
  const std::string id = few.Set(Make("a=1"), kNow).value();
  EXPECT_EQ(ErrorOf(few, Make("a=2")), "exceeded maximum number of silences: 1 (limit: 1)");
  Silence edit = Make("a=1", kNow, kNow + 2 * kHour);
  edit.id = id;
  EXPECT_TRUE(few.Set(edit, kNow)) << "an edit needs no room";
  SilenceStore small({.max_silence_bytes = 200});
  EXPECT_TRUE(small.Set(Make("a=1"), kNow));
  Silence large = Make("a=1");
  large.comment = std::string(200, 'x');
  EXPECT_THAT(ErrorOf(small, large), HasSubstr("bytes (limit: 200 bytes)"));
}

TEST(Silences, AreForgottenAfterTheRetention) {
  SilenceStore store({.retention_ms = kHour});
  ASSERT_TRUE(store.Set(Make("a=1"), kNow));
  EXPECT_EQ(store.Collect(kNow + 2 * kHour - 1), 0);
  EXPECT_EQ(store.Collect(kNow + 2 * kHour), 1);
  EXPECT_EQ(store.size(), 0);
  EXPECT_THAT(store.Silencing(1, Labels({{"a", "1"}}), kNow), IsEmpty());
}

TEST(Silences, SerializedAndJournalGiveTheSame) {
  SilenceStore store({});
  const std::string id = store.Set(Make("a=~\"x|y\",b!=2"), kNow).value();
  ASSERT_TRUE(store.Set(Make("c!~3,d=4"), kNow));
  ASSERT_TRUE(store.Expire(id, kNow + 1));
  SilenceStore from_snapshot({});
  ASSERT_TRUE(from_snapshot.MergeBytes(store.Serialize(), kNow));
  SilenceStore from_journal({});
  const std::vector<std::string> records = store.TakeRecords();
  EXPECT_THAT(records, SizeIs(3));
  for (const std::string& record : records) ASSERT_TRUE(from_journal.MergeBytes(record, kNow));
  EXPECT_EQ(from_snapshot.Serialize(), store.Serialize());
  EXPECT_EQ(from_journal.Serialize(), store.Serialize());
}

// Any number of instances that see the same versions in any order, some of them twice, agree.
TEST(Silences, MergeIsCommutative) {
  std::mt19937_64 random(20261129);
  for (int round = 0; round < 200; ++round) {
    std::vector<wire::MeshSilence> versions;
    for (int i = 0; i < 12; ++i) {
      wire::MeshSilence version;
      version.id = std::string(1, static_cast<char>('a' + random() % 3));
      version.matcher_sets = {{{wire::SilenceMatcherType::kEqual, "n", std::to_string(random() % 3)}}};
      version.updated_at_ms = kNow + static_cast<core::DurationMs>(random() % 4);  // many ties
      version.comment = std::to_string(random() % 3);
      version.ends_at_ms = kNow + kHour;
      version.expires_at_ms = kNow + kHour * static_cast<core::DurationMs>(random() % 3);
      versions.push_back(version);
    }
    std::string expected;
    for (int order = 0; order < 5; ++order) {
      std::shuffle(versions.begin(), versions.end(), random);
      SilenceStore store({});
      for (const wire::MeshSilence& version : versions) ASSERT_TRUE(store.Merge(version, kNow));
      for (size_t i = 0; i < versions.size(); i += 3) ASSERT_TRUE(store.Merge(versions[i], kNow));
      if (order == 0) expected = store.Serialize();
      EXPECT_EQ(store.Serialize(), expected);
    }
  }
}

TEST(Silences, BadVersionsChangeNothing) {
  SilenceStore store({});
  wire::MeshSilence bad{.id = "x",
                        .matcher_sets = {{{wire::SilenceMatcherType::kRegexp, "a", "("}}},
                        .expires_at_ms = kNow + 1};
  EXPECT_FALSE(store.Merge(bad, kNow));
  EXPECT_FALSE(store.MergeBytes("\x05garbage", kNow));
  EXPECT_EQ(store.size(), 0);
}

TEST(Silences, UuidsAreVersionFour) {
  const std::string uuid = RandomUuid();
  ASSERT_EQ(uuid.size(), 36);
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(RandomUuid(), uuid);
}

}  // namespace
}  // namespace sextant::alerting
