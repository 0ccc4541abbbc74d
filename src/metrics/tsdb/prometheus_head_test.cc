#include "metrics/tsdb/prometheus_head.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "metrics/promfiles/head_export.h"
#include "metrics/promfiles/head_visitor_test_util.h"
#include "metrics/tsdb/db_test_util.h"
#include "model/value.h"

namespace sextant::tsdb {
namespace {

using promfiles::test::ImportedHead;

constexpr const char* kVariants[] = {"v242-snappy", "v242-nocomp", "v242-memsnap"};
constexpr const char* kStates[] = {"data-clean-shutdown", "data-copied-while-running"};

// Samples as Contents has them; what histograms say of resets is computed anew by each reader.
void AddContents(const std::string& labels, const model::SampleColumns& columns, Contents& out) {
  for (size_t i = 0; i < columns.size(); ++i) {
    bool is_histogram = !columns.histograms.empty() && columns.histograms[i] != nullptr;
    uint64_t bits = BitsOf(columns.values[i]);
    if (is_histogram) {
      model::FloatHistogram histogram = *columns.histograms[i];
      if (histogram.counter_reset_hint != model::CounterResetHint::kGauge) {
        histogram.counter_reset_hint = model::CounterResetHint::kUnknown;
      }
      bits = HistogramBits(histogram);
    }
    out[labels][columns.times_ms[i]] = bits;
  }
}

Contents ContentsOf(const ImportedHead& head) {
  Contents contents;
  for (const auto& [labels, series] : head.series) AddContents(labels, series.samples, contents);
  return contents;
}

Contents ContentsOf(const Db& db) {
  Contents contents;
  auto querier = db.NewQuerier(kFirst, kLast).value();
  auto set = querier->Select({}, {}).value();
  model::SampleColumns columns;
  for (size_t i = 0; i < set->size(); ++i) {
    EXPECT_TRUE(set->Read(i, kFirst, kLast, columns).has_value());
    AddContents(set->labels(i).ToString(), columns, contents);
  }
  return contents;
}

size_t Count(const std::string& text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

class TakenOverHead : public testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  void SetUp() override {
    std::string source = promfiles::test::ConformancePath(
        fmt::format("golden-prometheus-2.42/{}/{}", std::get<0>(GetParam()), std::get<1>(GetParam())));
    if (!bench_.posix.Stat(source)) GTEST_SKIP() << "no conformance data";
    ASSERT_TRUE(promfiles::ImportHead(bench_.posix, source, {}, expected_).has_value());
    std::filesystem::copy(source, bench_.dir.path(), std::filesystem::copy_options::recursive);
  }

  // A clean stop, and what Prometheus would find then.
  ImportedHead CloseAndImport(std::unique_ptr<Db> db) {
    EXPECT_TRUE(db->Close().has_value());
    db.reset();
    ImportedHead head;
    auto report = promfiles::ImportHead(bench_.posix, bench_.dir.path(), {}, head);
    EXPECT_TRUE(report.has_value());
    if (report) {
      EXPECT_EQ(report->damages, 0u);
    }
    return head;
  }

  Bench bench_;
  ImportedHead expected_;
};

TEST_P(TakenOverHead, IsServedAndGivenBack) {
  bench_.options.block_form = BlockForm::kPrometheus;
  Contents expected = ContentsOf(expected_);
  ASSERT_FALSE(expected.empty());
  auto db = bench_.Open();
  EXPECT_EQ(Difference(ContentsOf(*db), expected), "");
  const TimestampMs newest_ms = db->NewestTimeMs();
  ASSERT_TRUE(AppendOne(*db, MetricLabels("ours"), newest_ms, 5).has_value());
  expected[MetricLabels("ours").ToString()][newest_ms] = BitsOf(5);

  ImportedHead given_back = CloseAndImport(std::move(db));
  EXPECT_EQ(Difference(ContentsOf(given_back), expected), "");
  for (const auto& [labels, series] : expected_.series) {
    EXPECT_EQ(given_back.series[labels].exemplars, series.exemplars) << labels;
    EXPECT_EQ(given_back.series[labels].metadata, series.metadata) << labels;
  }

  // Nobody has been there meanwhile: our own files are enough.
  db = bench_.Open();
  EXPECT_EQ(Difference(ContentsOf(*db), expected), "");
  EXPECT_EQ(Count(bench_.log, "took over"), 1u) << bench_.log;
}

TEST_P(TakenOverHead, StaysWhereItIsForOurOwnForm) {
  Contents expected = ContentsOf(expected_);
  auto db = bench_.Open();
  EXPECT_EQ(Difference(ContentsOf(*db), expected), "");
  ImportedHead left = CloseAndImport(std::move(db));
  EXPECT_EQ(left.Describe(), expected_.Describe());
  db = bench_.Open();
  EXPECT_EQ(Difference(ContentsOf(*db), expected), "");
  EXPECT_EQ(Count(bench_.log, "took over"), 1u) << bench_.log;
}

INSTANTIATE_TEST_SUITE_P(Golden, TakenOverHead,
                         testing::Combine(testing::ValuesIn(kVariants), testing::ValuesIn(kStates)));

// A store in Prometheus' form with some samples of ours, closed.
struct GivenBack {
  Bench bench;
  Contents expected;

  GivenBack() {
    bench.options.block_form = BlockForm::kPrometheus;
    auto db = bench.Open();
    for (int i = 0; i < 50; ++i) {
      EXPECT_TRUE(AppendOne(*db, MetricLabels("a"), kTestStart + i * 1000, i).has_value());
      expected[MetricLabels("a").ToString()][kTestStart + i * 1000] = BitsOf(i);
    }
    EXPECT_TRUE(db->Close().has_value());
  }

  // What a Prometheus does that runs there for a while: the same, and a sample more.
  void RunPrometheus(TimestampMs time_ms, double value) {
    ImportedHead head;
    ASSERT_TRUE(promfiles::ImportHead(bench.posix, bench.dir.path(), {}, head).has_value());
    for (const char* part : {"wal", "wbl", "chunks_head"}) {
      ASSERT_TRUE(core::RemoveAll(bench.posix, core::JoinPath(bench.dir.path(), part)).has_value());
    }
    auto exporter = promfiles::HeadExporter::Create(bench.posix, bench.dir.path(), {}).value();
    for (auto& [text, series] : head.series) {
      ASSERT_TRUE(exporter->Series(series.ref, MetricLabels("a")).has_value());
      series.samples.Add(time_ms, value);
      ASSERT_TRUE(exporter->Samples(series.samples).has_value());
    }
    ASSERT_TRUE(exporter->Finish().has_value());
    expected[MetricLabels("a").ToString()][time_ms] = BitsOf(value);
  }
};

TEST(PrometheusHead, ReplacesOursAfterPrometheusHasGoneOn) {
  GivenBack given;
  given.RunPrometheus(kTestStart + 60'000, 77);
  auto db = given.bench.Open();
  EXPECT_EQ(Difference(ContentsOf(*db), given.expected), "");
  EXPECT_EQ(Count(given.bench.log, "its files replace our head"), 1u);
  // And our samples follow.
  ASSERT_TRUE(AppendOne(*db, MetricLabels("a"), kTestStart + 61'000, 78).has_value());
}

TEST(PrometheusHead, IsAddedToWhatACrashHasLeft) {
  GivenBack given;
  {
    auto db = given.bench.Open();
    ASSERT_TRUE(AppendOne(*db, MetricLabels("ours"), kTestStart + 70'000, 1).has_value());
    given.expected[MetricLabels("ours").ToString()][kTestStart + 70'000] = BitsOf(1);
    // The process is killed here: as far as the directory shows, nothing was given back since.
    ASSERT_TRUE(core::WriteFileAtomically(given.bench.posix,
                                          core::JoinPath(given.bench.dir.path(), "prometheus-head"),
                                          "0000000000000000 taken-over\n")
                    .has_value());
    given.bench.options.dir = given.bench.dir.path() + "/copy";
    std::filesystem::create_directory(given.bench.options.dir);
    for (const auto& entry : std::filesystem::directory_iterator(given.bench.dir.path())) {
      if (entry.path().filename() == "copy") continue;
      std::filesystem::copy(entry.path(), given.bench.options.dir + "/" + entry.path().filename().string(),
                            std::filesystem::copy_options::recursive);
    }
  }
  auto db = given.bench.Open();
  EXPECT_EQ(Difference(ContentsOf(*db), given.expected), "");
}

TEST(PrometheusHead, AnEmptyHeadIsGivenBackToo) {
  GivenBack given;
  given.bench.options.stale_series_threshold = 0.5;
  auto db = given.bench.Open();
  ASSERT_TRUE(AppendOne(*db, MetricLabels("a"), kTestStart + 60'000, model::StaleNan()).has_value());
  // All that there was has ended and is in a block, and then is deleted.
  ASSERT_TRUE(db->Maintain().has_value());
  ASSERT_EQ(db->GetStats(0)->series, 0u);
  ASSERT_EQ(db->Blocks().size(), 1u);
  ASSERT_TRUE(db->DeleteSeries({{}}, kFirst, kLast).has_value());
  ASSERT_TRUE(db->Close().has_value());
  ImportedHead head;
  ASSERT_TRUE(promfiles::ImportHead(given.bench.posix, given.bench.dir.path(), {}, head).has_value());
  EXPECT_TRUE(head.series.empty()) << "what was deleted is there again";
}

TEST(PrometheusHead, KeepsStartTimesThatBlocksKeep) {
  for (bool keeps : {false, true}) {
    Bench bench;
    bench.options.block_form = BlockForm::kPrometheus;
    bench.options.chunk_encodings = {.xor2_floats = keeps, .histogram_start_times = keeps};
    auto db = bench.Open();
    {
      auto appender = db->NewAppender();
      model::Sample sample{.time_ms = kTestStart, .value = 5, .start_ms = kTestStart - 1000};
      ASSERT_EQ(appender->AppendSample(0, MetricLabels("a"), sample).outcome, model::AppendOutcome::kOk);
      ASSERT_TRUE(appender->Commit().has_value());
    }
    ASSERT_TRUE(db->Close().has_value());
    ImportedHead head;
    ASSERT_TRUE(promfiles::ImportHead(bench.posix, bench.dir.path(), {}, head).has_value());
    ASSERT_EQ(head.series.size(), 1u);
    const auto& starts = head.series.begin()->second.samples.start_times_ms;
    EXPECT_EQ(starts, keeps ? std::vector<TimestampMs>{kTestStart - 1000} : std::vector<TimestampMs>());
  }
}

TEST(PrometheusHead, AnInterruptedExchangeIsUndone) {
  GivenBack given;
  std::string wal = core::JoinPath(given.bench.dir.path(), "wal");
  ASSERT_TRUE(given.bench.posix.Rename(wal, wal + ".replaced").has_value());
  auto db = given.bench.Open();
  EXPECT_EQ(Difference(ContentsOf(*db), given.expected), "");
  EXPECT_TRUE(given.bench.posix.Stat(wal).has_value());
}

// Whatever fails while the head is given back, nothing is lost: the next start has everything.
TEST(PrometheusHead, AFailingExportLosesNothing) {
  uint64_t failures = 0;
  for (uint64_t n = 1; n < 1000; ++n) {
    GivenBack given;
    auto db = given.bench.Open();
    ASSERT_TRUE(AppendOne(*db, MetricLabels("a"), kTestStart + 60'000, 60).has_value());
    given.expected[MetricLabels("a").ToString()][kTestStart + 60'000] = BitsOf(60);
    given.bench.fs.FailOperation(n, core::Fault::kTorn);
    bool is_closed = db->Close().has_value();
    bool is_through = given.bench.fs.operations() < n;
    std::string failed = given.bench.fs.failed_operation();
    db.reset();
    given.bench.fs.Heal();
    db = given.bench.Open();
    ASSERT_EQ(Difference(ContentsOf(*db), given.expected), "") << n << " " << failed;
    if (is_through) {
      EXPECT_TRUE(is_closed);
      break;
    }
    failures += is_closed ? 0 : 1;
  }
  EXPECT_GT(failures, 10u);
}

}  // namespace
}  // namespace sextant::tsdb
