#include "metrics/promfiles/head_export.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "core/fault_file.h"
#include "metrics/promfiles/head_visitor_test_util.h"

namespace sextant::promfiles {
namespace {

using model::FloatHistogram;
using model::Labels;
using model::SampleColumns;
using test::ImportedHead;

class HeadExportTest : public testing::Test {
 protected:
  HeadExportTest() {
    std::string pattern = testing::TempDir() + "sextant-export-XXXXXX";
    dir_ = mkdtemp(pattern.data());
  }
  ~HeadExportTest() override { std::filesystem::remove_all(dir_); }

  core::PosixFileSystem fs_;
  std::string dir_;
};

std::shared_ptr<const FloatHistogram> Histogram(int i, bool is_integer, bool custom) {
  auto histogram = std::make_shared<FloatHistogram>();
  histogram->is_integer = is_integer;
  histogram->schema = custom ? model::kCustomBucketsSchema : 2;
  if (custom) histogram->custom_bounds = {0.5, 1};
  histogram->count = 2.0 * i + (is_integer ? 0 : 0.5);
  histogram->sum = i;
  histogram->positive_spans = {{0, 2}};
  histogram->positive_buckets = {double(i), double(i)};
  return histogram;
}

// Every kind of sample, also in turns, and all that may come with it.
core::Status Fill(HeadVisitor& visitor, bool start_times) {
  for (uint64_t ref = 1; ref <= 2500; ++ref) {
    std::string number = std::to_string(ref);
    SEXTANT_TRY(visitor.Series(ref, Labels::Of({{"__name__", "m"}, {"n", number}})));
    if (ref % 3 == 0) SEXTANT_TRY(visitor.Metadata({.type = "counter", .help = "Help.", .unit = "s"}));
    if (ref % 50 == 0) SEXTANT_TRY(visitor.Tombstone(-10, -5));
    SampleColumns samples;
    for (int i = 0; i < 20; ++i) {
      TimestampMs time_ms = 1000 * i + static_cast<TimestampMs>(ref % 7);
      TimestampMs start_ms = start_times && ref % 5 == 0 ? 1 + i / 8 : 0;
      if (ref % 4 != 0 || i % 6 == 0) {
        samples.Add(time_ms, i * static_cast<double>(ref), start_ms);
      } else {
        samples.AddHistogram(time_ms, Histogram(i, i % 5 < 2, ref % 8 == 0), start_ms);
      }
    }
    SEXTANT_TRY(visitor.Samples(samples));
    if (ref % 10 == 0) {
      SEXTANT_TRY(
          visitor.Exemplar({.labels = Labels::Of({{"trace_id", number}}), .value = 1, .time_ms = 500}));
    }
  }
  return {};
}

TEST_F(HeadExportTest, WhatIsExportedIsImported) {
  for (bool start_times : {false, true}) {
    std::filesystem::remove_all(dir_);
    ImportedHead expected;
    ASSERT_TRUE(Fill(expected, start_times));
    auto exporter = HeadExporter::Create(
        fs_, dir_,
        {.min_valid_ms = 5000, .float_start_times = start_times, .histogram_start_times = start_times});
    ASSERT_TRUE(exporter) << exporter.error().message();
    ASSERT_TRUE(Fill(**exporter, start_times));
    EXPECT_FALSE(HasHead(fs_, dir_));
    ASSERT_TRUE((*exporter)->Finish());
    EXPECT_TRUE(HasHead(fs_, dir_));

    // Samples from before the newest block's end are there, as out-of-order ones; exemplars and deletions of
    // that time are in the block.
    ImportedHead imported;
    auto report = ImportHead(fs_, dir_, {}, imported);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_TRUE(report->warnings.empty());
    EXPECT_EQ(imported.Describe(), expected.Describe());
    ImportedHead newer;
    report = ImportHead(fs_, dir_, {.min_valid_ms = 5000}, newer);
    ASSERT_TRUE(report);
    EXPECT_EQ(report->samples, 2500u * 20);
    EXPECT_EQ(report->out_of_order_samples, 2500u * 5);
    EXPECT_EQ(report->exemplars, 0u);
  }
}

TEST_F(HeadExportTest, StartTimesStayWhereTheyAreAskedFor) {
  auto fill = [](HeadVisitor& visitor, TimestampMs float_start_ms, TimestampMs histogram_start_ms) {
    EXPECT_TRUE(visitor.Series(1, Labels::Of({{"__name__", "m"}})));
    SampleColumns samples;
    samples.Add(10'000, 1, float_start_ms);
    samples.AddHistogram(11'000, Histogram(1, true, false), histogram_start_ms);
    samples.AddHistogram(12'000, Histogram(2, false, true), histogram_start_ms);
    EXPECT_TRUE(visitor.Samples(samples));
  };
  for (bool floats : {false, true}) {
    for (bool histograms : {false, true}) {
      std::filesystem::remove_all(dir_);
      auto exporter =
          HeadExporter::Create(fs_, dir_, {.float_start_times = floats, .histogram_start_times = histograms});
      ASSERT_TRUE(exporter) << exporter.error().message();
      fill(**exporter, 7, 8);
      ASSERT_TRUE((*exporter)->Finish());
      ImportedHead imported;
      ASSERT_TRUE(ImportHead(fs_, dir_, {}, imported));
      ImportedHead expected;
      fill(expected, floats ? 7 : 0, histograms ? 8 : 0);
      EXPECT_EQ(imported.Describe(), expected.Describe()) << floats << histograms;
    }
  }
}

TEST_F(HeadExportTest, AnExistingHeadIsLeftAlone) {
  std::filesystem::create_directories(dir_ + "/chunks_head");
  EXPECT_TRUE(HeadExporter::Create(fs_, dir_, {}));
  ASSERT_TRUE(fs_.Open(dir_ + "/chunks_head/000001", core::OpenMode::kCreate));
  auto exporter = HeadExporter::Create(fs_, dir_, {});
  ASSERT_FALSE(exporter);
  EXPECT_EQ(exporter.error().code(), core::Code::kAlreadyExists);
}

TEST_F(HeadExportTest, AFailedExportLeavesNoHead) {
  core::FaultFileSystem faults(fs_);
  auto run = [&]() -> core::Status {
    SEXTANT_ASSIGN(auto exporter, HeadExporter::Create(faults, dir_, {}));
    SEXTANT_TRY(Fill(*exporter, false));
    return exporter->Finish();
  };
  for (uint64_t n = 1;; ++n) {
    faults.FailOperation(n, core::Fault::kFail);
    core::Status status = run();
    if (faults.operations() < n) {
      EXPECT_TRUE(status);
      break;
    }
    EXPECT_FALSE(status) << faults.failed_operation();
    // Only the last sync may fail with everything in place.
    if (HasHead(fs_, dir_)) {
      EXPECT_EQ(faults.failed_operation(), "sync directory " + dir_);
      std::filesystem::remove_all(dir_ + "/wal");
    }
  }
}

}  // namespace
}  // namespace sextant::promfiles
