// Lookups over very many series ask again and again whether they must stop, and do so at each of these
// questions. Nothing is timed: the questions are counted.
#include <gtest/gtest.h>

#include "metrics/tsdb/db_test_util.h"

namespace sextant::tsdb {
namespace {

using model::Labels;
using model::Matcher;
using model::MatchType;

constexpr int kSeries = 40'000;

// Fails from the n-th question on.
class CountedCheck {
 public:
  explicit CountedCheck(int64_t fail_at = 0) : fail_at_(fail_at) {}
  CountedCheck(const CountedCheck&) = delete;
  CountedCheck& operator=(const CountedCheck&) = delete;

  const model::StopCheck* get() const { return &check_; }
  int64_t asked() const { return asked_; }

 private:
  core::Status Ask() {
    if (++asked_ >= fail_at_ && fail_at_ > 0) return core::Fail(core::Code::kCancelled, "the client is gone");
    return {};
  }

  const int64_t fail_at_;
  int64_t asked_ = 0;
  const model::StopCheck check_ = [this] { return Ask(); };
};

using Lookup = std::function<core::Status(const model::Querier&, const model::SelectHints&)>;

class LookupStopTest : public testing::Test {
 protected:
  void Fill(Db& db) {
    auto appender = db.NewAppender();
    for (int i = 0; i < kSeries; ++i) {
      Labels labels = Labels::Of({{"__name__", "m"}, {"id", fmt::format("{:06}", i * 7'919 % kSeries)}});
      ASSERT_EQ(appender->Append(0, labels, kTestStart, i).outcome, model::AppendOutcome::kOk);
    }
    ASSERT_TRUE(appender->Commit().has_value());
  }

  // Every lookup, stopped at some of its questions.
  static void StopsEverywhere(const Db& db) {
    const Matcher matcher = Matcher::Make(MatchType::kRegexp, "id", ".*[0-8]").value();
    const Matcher metric = Matcher::Equal("__name__", "m");
    auto select = [](std::vector<Matcher> matchers) {
      return
          [matchers = std::move(matchers)](const model::Querier& querier, const model::SelectHints& hints) {
            return querier.Select(matchers, hints).map([](const auto&) {});
          };
    };
    const std::pair<const char*, Lookup> lookups[] = {
        {"select", select({matcher})},
        {"select all", select({metric})},
        {"values", [&](const auto& q,
                       const auto& hints) { return q.LabelValues("id", {}, hints).map([](const auto&) {}); }},
        {"values that match",
         [&](const auto& q, const auto& hints) {
           return q.LabelValues("id", {matcher}, hints).map([](const auto&) {});
         }},
        {"values of a metric",
         [&](const auto& q, const auto& hints) {
           return q.LabelValues("id", {metric}, hints).map([](const auto&) {});
         }},
        {"names", [&](const auto& q,
                      const auto& hints) { return q.LabelNames({matcher}, hints).map([](const auto&) {}); }},
    };
    auto querier = db.NewQuerier(kFirst, kLast).value();
    for (const auto& [name, lookup] : lookups) {
      for (bool sorted : {false, true}) {
        SCOPED_TRACE(fmt::format("{}{}", name, sorted ? ", sorted" : ""));
        CountedCheck counted;
        ASSERT_TRUE(lookup(*querier, {.sorted = sorted, .check = counted.get()}).has_value());
        // Each series is one unit of work at least.
        EXPECT_GE(counted.asked(),
                  kSeries / static_cast<int64_t>(2 * model::PacedCheck::kUnitsBetweenChecks));
        for (int64_t at = 1; at <= counted.asked(); ++at) {
          // What was found before is remembered, so that it may take less the next time.
          CountedCheck failing(at);
          core::Status status = lookup(*querier, {.sorted = sorted, .check = failing.get()});
          if (failing.asked() < at) continue;
          ASSERT_FALSE(status.has_value()) << at;
          EXPECT_EQ(status.error().code(), core::Code::kCancelled);
          EXPECT_LE(failing.asked(), at + 2);
        }
      }
    }
  }

  Bench bench_;
};

TEST_F(LookupStopTest, OfTheHead) {
  auto db = bench_.Open();
  ASSERT_NE(db, nullptr);
  Fill(*db);
  StopsEverywhere(*db);
}

class BlockLookupStopTest : public LookupStopTest, public ::testing::WithParamInterface<BlockForm> {};

TEST_P(BlockLookupStopTest, OfBlocks) {
  bench_.options.block_form = GetParam();
  auto db = bench_.Open();
  ASSERT_NE(db, nullptr);
  Fill(*db);
  // Much later, so that what was before is cut into a block.
  constexpr TimestampMs kLater = kTestStart + 24 * 3'600'000;
  bench_.clock.Advance(kLater - kTestStart);
  ASSERT_TRUE(AppendOne(*db, MetricLabels("later"), kLater, 1).has_value());
  ASSERT_TRUE(db->Maintain().has_value());
  ASSERT_EQ(db->Blocks().size(), 1u);
  StopsEverywhere(*db);
}

INSTANTIATE_TEST_SUITE_P(EachForm, BlockLookupStopTest,
                         testing::Values(BlockForm::kDense, BlockForm::kPrometheus));

}  // namespace
}  // namespace sextant::tsdb
