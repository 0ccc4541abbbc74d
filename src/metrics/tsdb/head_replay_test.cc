// What a restart makes of journals whose streams, series and files are interleaved in every way.
#include "metrics/tsdb/head_replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "metrics/tsdb/db_test_util.h"
#include "metrics/tsdb/store.h"

namespace sextant::tsdb {
namespace {

using model::Labels;
using ::testing::ElementsAre;

Labels LabelsOf(size_t series) { return Labels::Of({{"__name__", "m"}, {"series", std::to_string(series)}}); }

class HeadReplayTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  HeadReplayTest() {
    bench_.options.load_behind_series = GetParam();
    bench_.options.replay_behind_samples = GetParam();
    db_ = bench_.Open();
  }

  // Opens the store again as after a kill.
  void Crash() {
    bench_.fs.FailOperation(1, core::Fault::kFail, /*and_all_later=*/true);
    db_.reset();
    bench_.fs.Heal();
    db_ = bench_.Open();
    ASSERT_NE(db_, nullptr);
  }

  // One commit of a sample for each of the series, in their order.
  void Commit(const std::vector<size_t>& series, TimestampMs time_ms) {
    auto appender = db_->NewAppender();
    for (size_t one : series) {
      double value = static_cast<double>(one * 1000 + static_cast<size_t>(time_ms % 997));
      ASSERT_EQ(appender->Append(0, LabelsOf(one), time_ms, value).outcome, model::AppendOutcome::kOk);
    }
    ASSERT_TRUE(appender->Commit().has_value());
  }

  Bench bench_;
  std::unique_ptr<Db> db_;
};

TEST_P(HeadReplayTest, StreamsThatShareSeriesKeepTheOrderOfTheJournal) {
  std::vector<size_t> left;
  std::vector<size_t> right;
  for (size_t i = 0; i < 300; ++i) (i < 200 ? left : right).push_back(i);
  std::vector<size_t> across = {5, 250, 3, 199, 200};
  for (int round = 0; round < 60; ++round) {
    TimestampMs time_ms = kTestStart + round * 3000;
    Commit(left, time_ms);
    Commit(right, time_ms);
    Commit(across, time_ms + 1000);
  }
  Contents before = ReadContents(*db_);
  Crash();
  EXPECT_EQ(Difference(ReadContents(*db_), before), "");
}

TEST_P(HeadReplayTest, StreamsComeAndGoOverManyFiles) {
  db_.reset();
  bench_.options.journal_segment_bytes = 2000;
  db_ = bench_.Open();
  std::mt19937 random(7);
  std::vector<std::vector<size_t>> targets(12);
  size_t next = 0;
  for (auto& target : targets) {
    for (int i = 0; i < 20; ++i) target.push_back(next++);
  }
  for (int round = 0; round < 120; ++round) {
    for (auto& target : targets) {
      if (random() % 10 == 0) target.erase(target.begin() + static_cast<ptrdiff_t>(random() % target.size()));
      if (random() % 8 == 0) target.push_back(next++);
      if (random() % 50 == 0) std::ranges::shuffle(target, random);
      if (random() % 5 != 0) Commit(target, kTestStart + round * 1000);
    }
    if (round == 60) Crash();
  }
  Contents before = ReadContents(*db_);
  Crash();
  EXPECT_EQ(Difference(ReadContents(*db_), before), "");
}

// Targets of as many series, with a sample in each of ten rounds.
class AskedEarlyTest : public HeadReplayTest {
 protected:
  static constexpr size_t kTargets = 40;
  static constexpr size_t kSeries = 200;

  void CommitRounds(int from, int to) {
    for (int round = from; round < to; ++round) {
      for (size_t target = 0; target < kTargets; ++target) {
        std::vector<size_t> series(kSeries);
        for (size_t i = 0; i < kSeries; ++i) series[i] = target * kSeries + i;
        Commit(series, kTestStart + round * 1000);
      }
    }
  }

  bool HasAll(size_t series) {
    auto querier = db_->NewQuerier(kFirst, kLast).value();
    auto set = querier->Select({model::Matcher::Equal("series", std::to_string(series))}, {}).value();
    model::SampleColumns samples;
    return set->size() == 1 && set->Read(0, kFirst, kLast, samples) && samples.size() == 10;
  }

  // What is appended comes after what there was; what there was not is new.
  bool GoesOn(size_t series) {
    auto appender = db_->NewAppender();
    auto outcome = [&](const Labels& labels, TimestampMs time_ms) {
      return appender->Append(0, labels, time_ms, 1).outcome;
    };
    return outcome(LabelsOf(series), kTestStart) != model::AppendOutcome::kOk &&
           outcome(LabelsOf(series), kTestStart + 20'000) == model::AppendOutcome::kOk &&
           outcome(LabelsOf(kTargets * kSeries + series), kTestStart) == model::AppendOutcome::kOk &&
           appender->Commit().has_value();
  }

  void AskFromManyThreads() {
    std::vector<std::jthread> askers;
    std::atomic<int> wrong = 0;
    std::atomic<size_t> asked = 0;
    for (size_t asker = 0; asker < 4; ++asker) {
      askers.emplace_back([&, asker] {
        for (size_t i = asker; i < kTargets * kSeries; i += 97) {
          if (!HasAll(i) || !GoesOn(i)) ++wrong;
          ++asked;
        }
      });
    }
    askers.emplace_back([&] {
      auto querier = db_->NewQuerier(kFirst, kLast).value();
      if (querier->Select({}, {}).value()->size() < kTargets * kSeries) ++wrong;
    });
    askers.clear();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(db_->GetStats()->series, kTargets * kSeries + asked);
  }
};

TEST_P(AskedEarlyTest, WhoAsksBeforeAllIsReplayedGetsAll) {
  CommitRounds(0, 10);
  Crash();
  AskFromManyThreads();
}

TEST_P(AskedEarlyTest, WhoAsksBeforeAllIsLoadedGetsAll) {
  CommitRounds(0, 10);
  db_.reset();
  db_ = bench_.Open();
  AskFromManyThreads();
}

TEST_P(AskedEarlyTest, WhoAsksBeforeAllIsLoadedAndReplayedGetsAll) {
  CommitRounds(0, 7);
  db_.reset();
  db_ = bench_.Open();
  CommitRounds(7, 10);
  for (int i = 0; i < 2; ++i) {  // also those that came after it
    Crash();
    EXPECT_TRUE(HasAll(kSeries));
  }
  AskFromManyThreads();
  Contents before = ReadContents(*db_);
  Crash();
  EXPECT_EQ(Difference(ReadContents(*db_), before), "");
}

INSTANTIATE_TEST_SUITE_P(AtOnceAndBehind, HeadReplayTest, ::testing::Values(UINT64_MAX, 0));
INSTANTIATE_TEST_SUITE_P(AtOnceAndBehind, AskedEarlyTest, ::testing::Values(UINT64_MAX, 0));

// A head that is given payloads, and what it has of a series afterwards.
class HeadReplayPayloadTest : public ::testing::Test {
 protected:
  std::string Payload(const std::vector<SeriesDefinition>& definitions, std::vector<SeriesRef> refs,
                      TimestampMs time_ms) {
    std::vector<TimestampMs> times_ms(refs.size(), time_ms);
    std::vector<uint64_t> bits(refs.size(), BitsOf(static_cast<double>(time_ms - kTestStart) + 0.1));
    std::string out;
    encoder_.Encode(definitions, {refs, times_ms, bits}, {}, out);
    return out;
  }
  void Replay(const std::vector<std::string>& payloads) {
    for (const std::string& bytes : payloads) ASSERT_TRUE(replay_.Add(1, bytes).has_value());
    replay_.Finish();
  }
  std::vector<TimestampMs> TimesOf(SeriesRef ref) const {
    HeadSeries series;
    model::SampleColumns samples;
    if (store_.head.Describe(ref, series)) store_.head.Read(series, kFirst, kLast, samples);
    std::vector<TimestampMs> after_start;
    for (TimestampMs time_ms : samples.times_ms) after_start.push_back(time_ms - kTestStart);
    return after_start;
  }

  Bench bench_;
  core::Registry registry_;
  Store store_{bench_.fs, bench_.clock, core::Logger::Discard(), registry_, bench_.options};
  BatchEncoder encoder_;
  HeadReplay replay_{store_.head, 2};
};

// The journal of a store that lost a file with a definition: the next life gave the ref to another series.
TEST_F(HeadReplayPayloadTest, ARefThatIsDefinedLaterHasNoEarlierSamples) {
  const SeriesRef known = MakeRef(0, 1);
  const SeriesRef lost = MakeRef(1, 1);
  Replay({Payload({{known, LabelsOf(0)}}, {known, lost}, kTestStart),
          Payload({}, {known, lost}, kTestStart + 1),
          Payload({{lost, LabelsOf(1)}}, {known, lost}, kTestStart + 2)});
  EXPECT_EQ(replay_.losses().unknown_samples, 2u);
  EXPECT_THAT(TimesOf(known), ElementsAre(0, 1, 2));
  EXPECT_THAT(TimesOf(lost), ElementsAre(2));
}

TEST_F(HeadReplayPayloadTest, MalformedSamplesCostTheRestOfTheirStreamOnly) {
  const SeriesRef bad = MakeRef(0, 1);
  const SeriesRef good = MakeRef(1, 1);
  std::vector<std::string> payloads = {Payload({{bad, LabelsOf(0)}}, {bad}, kTestStart),
                                       Payload({{good, LabelsOf(1)}}, {good}, kTestStart)};
  for (int i = 1; i < 4; ++i) {
    payloads.push_back(Payload({}, {bad}, kTestStart + i));
    payloads.push_back(Payload({}, {good}, kTestStart + i));
  }
  payloads[2].pop_back();
  Replay(payloads);
  EXPECT_EQ(replay_.losses().malformed_batches, 3u);
  EXPECT_THAT(TimesOf(bad), ElementsAre(0));
  EXPECT_THAT(TimesOf(good), ElementsAre(0, 1, 2, 3));
}

TEST_F(HeadReplayPayloadTest, ABatchThatDoesNotFollowTheOthersIsRefusedWhole) {
  const SeriesRef ref = MakeRef(0, 1);
  std::string first = Payload({{ref, LabelsOf(0)}}, {ref}, kTestStart);
  std::string second = Payload({{MakeRef(1, 1), LabelsOf(1)}}, {ref}, kTestStart + 1);
  EXPECT_FALSE(replay_.Add(1, second).has_value()) << "its stream has not begun";
  replay_.Finish();
  EXPECT_EQ(store_.head.series_count(), 0u);
  EXPECT_TRUE(replay_.Add(1, first).has_value());
  EXPECT_FALSE(replay_.Add(1, first).has_value()) << "its stream has begun";
  EXPECT_FALSE(replay_.Add(2, second).has_value()) << "streams end with their file";
}

}  // namespace
}  // namespace sextant::tsdb
