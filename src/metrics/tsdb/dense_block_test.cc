#include "metrics/tsdb/dense_block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "metrics/tsdb/db_test_util.h"
#include "metrics/tsdb/dense_rows.h"

namespace sextant::tsdb {
namespace {

using model::BucketSpan;
using model::FloatHistogram;
using model::Labels;
using model::Matcher;
using model::MatchType;
using model::SampleColumns;
using namespace std::string_view_literals;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

void AppendBits(double value, std::string& text) { text += std::to_string(BitsOf(value)) + ","; }

// Everything of a sample as a text, so that bit patterns compare.
std::string Describe(const SampleColumns& samples, size_t i) {
  std::string text = std::to_string(samples.times_ms[i]) + ":";
  text += std::to_string(samples.start_times_ms.empty() ? 0 : samples.start_times_ms[i]) + ":";
  const FloatHistogram* h = samples.histograms.empty() ? nullptr : samples.histograms[i].get();
  if (h == nullptr) {
    AppendBits(samples.values[i], text);
    return text;
  }
  text += fmt::format("h{}{}{}|", static_cast<int>(h->counter_reset_hint), h->is_integer, h->schema);
  for (double value : {h->zero_threshold, h->zero_count, h->count, h->sum}) AppendBits(value, text);
  for (const auto* spans : {&h->positive_spans, &h->negative_spans}) {
    for (const BucketSpan& span : *spans) text += fmt::format("{}+{},", span.offset, span.length);
    text += "|";
  }
  for (const auto* values : {&h->positive_buckets, &h->negative_buckets, &h->custom_bounds}) {
    for (double value : *values) AppendBits(value, text);
    text += "|";
  }
  return text;
}

void ExpectSame(const SampleColumns& actual, const SampleColumns& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  ASSERT_EQ(actual.values.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(Describe(actual, i), Describe(expected, i)) << i;
}

class BlockTest : public ::testing::Test {
 protected:
  static constexpr TimestampMs kEnd = 2'000'000;

  std::string Path() const { return core::JoinPath(dir_.path(), "block"); }

  core::Result<bool> Write(const std::map<Labels, SampleColumns>& series, TimestampMs end_ms = kEnd) {
    SEXTANT_ASSIGN(std::unique_ptr<BlockWriter> writer, DenseBlockWriter::Start(fs_, Path(), 0, end_ms));
    for (const auto& [labels, samples] : series) SEXTANT_TRY(writer->Add(labels, samples));
    return writer->Finish();
  }
  std::shared_ptr<const Block> Open() {
    auto block = DenseBlock::Open(fs_, Path());
    EXPECT_TRUE(block.has_value()) << block.error().message();
    return block.value();
  }

  // 50 series of 2000 samples.
  static std::map<Labels, SampleColumns> Fifty() {
    std::map<Labels, SampleColumns> all;
    for (int i = 0; i < 50; ++i) all[LabelsOf(i)] = SamplesOf(i);
    return all;
  }
  static Labels LabelsOf(int i) { return MetricLabels("m" + std::to_string(i % 3), std::to_string(i)); }
  static SampleColumns SamplesOf(int i) {
    SampleColumns samples;
    for (int j = 0; j < 2000; ++j) samples.Add(j * 1000 + i, i % 2 == 0 ? i : i * 1.37 * j);
    return samples;
  }

  void ExpectHolds(const Block& block, const std::map<Labels, SampleColumns>& expected) {
    std::vector<FoundInBlock> found;
    auto selected = block.Select({}, found);
    ASSERT_TRUE(selected.has_value()) << selected.error().message();
    ASSERT_EQ(found.size(), expected.size());
    auto next = expected.begin();
    for (const FoundInBlock& series : found) {
      ASSERT_EQ(series.labels, next->first);
      ASSERT_EQ(block.LabelsOf(series.series).value(), next->first);
      SampleColumns samples;
      auto read = block.Read(series.series, kFirst, kLast, samples);
      ASSERT_TRUE(read.has_value()) << read.error().message();
      ExpectSame(samples, next->second);
      ++next;
    }
  }

  TempDir dir_;
  core::PosixFileSystem posix_;
  core::FaultFileSystem fs_{posix_};
};

TEST_F(BlockTest, ServesWhatWasWritten) {
  ASSERT_TRUE(Write(Fifty()).value());
  auto block = Open();
  EXPECT_EQ(block->facts().series, 50u);
  EXPECT_EQ(block->facts().samples, 100'000u);
  ExpectHolds(*block, Fifty());
  std::vector<FoundInBlock> found;
  ASSERT_TRUE(block->Select({Matcher::Equal("__name__", "m1"), Matcher::Equal("instance", "4")}, found));
  ASSERT_EQ(found.size(), 1u);
  SampleColumns samples;
  ASSERT_TRUE(block->Read(found[0].series, 1'000'004, 1'002'004, samples).has_value());
  EXPECT_THAT(samples.times_ms, ElementsAre(1'000'004, 1'001'004, 1'002'004));
  std::vector<core::FileInfo> files = posix_.List(Path()).value();
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].name, "columns");
  EXPECT_EQ(files[1].name, "index");
}

TEST_F(BlockTest, LookupsAnswerAsTheLabelsDo) {
  // Names with many values, values that are prefixes of others, labels that some series lack.
  std::map<Labels, SampleColumns> all;
  SampleColumns one;
  one.Add(5, 1);
  for (int i = 0; i < 700; ++i) {
    all[Labels::Of({{"__name__", "metric_" + std::to_string(i % 40)},
                    {i % 3 == 0 ? "pod" : "node", "p" + std::to_string(i)},
                    {"zone", i % 5 == 0 ? "" : "z" + std::to_string(i % 2)}})] = one;
  }
  ASSERT_TRUE(Write(all).value());
  auto block = Open();
  auto matcher = [](MatchType type, std::string_view name, std::string_view value) {
    return Matcher::Make(type, name, value).value();
  };
  const std::vector<std::vector<Matcher>> selections = {
      {Matcher::Equal("pod", "p3")},
      {Matcher::Equal("pod", "p4")},
      {Matcher::Equal("pod", "")},
      {Matcher::Equal("nothing", "")},
      {Matcher::Equal("nothing", "x")},
      {Matcher::Equal("__name__", "metric_7"), Matcher::Equal("zone", "")},
      {matcher(MatchType::kNotEqual, "zone", "z0"), Matcher::Equal("__name__", "metric_20")},
      {matcher(MatchType::kRegexp, "node", "p1.*")},
      {matcher(MatchType::kRegexp, "node", "p1|p2|p7000|p4")},
      {matcher(MatchType::kRegexp, "node", "zzz.*")},
      {matcher(MatchType::kRegexp, "node", ".*9")},
      {matcher(MatchType::kNotRegexp, "node", "p1.*")},
      {matcher(MatchType::kNotRegexp, "node", "p1|p2"), matcher(MatchType::kNotRegexp, "pod", ".+5")},
      {matcher(MatchType::kRegexp, "zone", "|z1"), matcher(MatchType::kRegexp, "__name__", "metric_(1|2).*")},
  };
  for (const auto& matchers : selections) {
    std::vector<Labels> expected;
    std::set<std::string> values;
    std::set<std::string> names;
    for (const auto& [labels, samples] : all) {
      if (!model::MatchesAll(matchers, labels)) continue;
      expected.push_back(labels);
      if (labels.Has("node")) values.emplace(labels.Get("node"));
      for (model::LabelView label : labels) names.emplace(label.name);
    }
    std::vector<FoundInBlock> found;
    ASSERT_TRUE(block->Select(matchers, found).has_value());
    std::vector<Labels> actual;
    for (const FoundInBlock& series : found) actual.push_back(series.labels);
    EXPECT_EQ(actual, expected) << matchers[0].ToString();
    std::vector<std::string> texts;
    ASSERT_TRUE(block->LabelValues("node", matchers, texts).has_value());
    EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()), values) << matchers[0].ToString();
    texts.clear();
    ASSERT_TRUE(block->LabelNames(matchers, texts).has_value());
    EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()), names) << matchers[0].ToString();
  }
  std::vector<std::string> texts;
  ASSERT_TRUE(block->LabelNames({}, texts).has_value());
  EXPECT_THAT(texts, ElementsAre("__name__", "node", "pod", "zone"));
}

// Series of all kinds: floats with gaps, jitter and odd values, histograms of changing layouts, start times.
SampleColumns RandomSamples(std::mt19937_64& random) {
  SampleColumns samples;
  size_t kind = random() % 6;
  size_t size = random() % 4 == 0 ? 1 + random() % 3 : 1 + random() % 900;
  if (random() % 40 == 0) size = 20'000;
  TimestampMs time_ms = static_cast<TimestampMs>(random() % 1000);
  TimestampMs start_ms = static_cast<TimestampMs>(random() % 2 * 12'345);
  double value = static_cast<double>(random() % 1000);
  FloatHistogram histogram;
  auto new_layout = [&] {
    histogram = {};
    histogram.is_integer = random() % 2 == 0;
    histogram.schema =
        random() % 4 == 0 ? model::kCustomBucketsSchema : static_cast<int32_t>(random() % 9) - 4;
    histogram.zero_threshold = 1e-128;
    histogram.positive_spans = {{static_cast<int32_t>(random() % 20) - 10, 3}, {2, 1}};
    histogram.positive_buckets.assign(4, 0);
    if (random() % 2 == 0) {
      histogram.negative_spans = {{0, 2}};
      histogram.negative_buckets.assign(2, 0);
    }
    if (histogram.schema == model::kCustomBucketsSchema) histogram.custom_bounds = {0.1, 0.5, 1, 10};
  };
  new_layout();
  for (size_t i = 0; i < size; ++i) {
    time_ms += kind % 2 == 0 ? 1000 : 1 + static_cast<TimestampMs>(random() % 5000);
    if (random() % 200 == 0) start_ms = time_ms;
    if (random() % 3 == 0) value += static_cast<double>(random() % 100) / (kind == 1 ? 100 : 1);
    if (kind >= 4 && !(kind == 5 && random() % 10 == 0)) {
      if (random() % 100 == 0) new_layout();
      histogram.counter_reset_hint =
          static_cast<model::CounterResetHint>(random() % 30 == 0 ? random() % 4 : 2);
      for (double& bucket : histogram.positive_buckets)
        bucket += histogram.is_integer ? static_cast<double>(random() % 5) : 0.25;
      histogram.count += 7;
      histogram.sum = random() % 50 == 0 ? std::bit_cast<double>(uint64_t{0x7ff0000000000002}) : value;
      samples.AddHistogram(time_ms, std::make_shared<FloatHistogram>(histogram), start_ms);
    } else if (kind == 2) {
      samples.Add(time_ms, std::bit_cast<double>(random()));
    } else if (kind == 3 && random() % 20 == 0) {
      samples.Add(time_ms, std::bit_cast<double>(uint64_t{0x7ff0000000000002}), start_ms);
    } else {
      samples.Add(time_ms, value, kind == 0 ? 0 : start_ms);
    }
  }
  return samples;
}

TEST_F(BlockTest, AllKindsOfSamplesComeBack) {
  std::mt19937_64 random(11);
  constexpr TimestampMs kLongEnd = 200'000'000;
  std::map<Labels, SampleColumns> all;
  for (int i = 0; i < 300; ++i) all[MetricLabels("m" + std::to_string(i))] = RandomSamples(random);
  ASSERT_TRUE(Write(all, kLongEnd).value());
  auto block = Open();
  ExpectHolds(*block, all);
  // Narrow ranges, also across rows.
  std::vector<FoundInBlock> found;
  ASSERT_TRUE(block->Select({}, found).has_value());
  for (int i = 0; i < 500; ++i) {
    const FoundInBlock& series = found[random() % found.size()];
    const SampleColumns& of_series = all[series.labels];
    TimestampMs start_ms = of_series.times_ms[random() % of_series.size()] - 1;
    TimestampMs end_ms = start_ms + static_cast<TimestampMs>(random() % 100'000'000 >> random() % 26);
    SampleColumns expected;
    for (size_t j = 0; j < of_series.size(); ++j) {
      if (of_series.times_ms[j] < start_ms || of_series.times_ms[j] > end_ms) continue;
      TimestampMs created_ms = of_series.start_times_ms.empty() ? 0 : of_series.start_times_ms[j];
      if (!of_series.histograms.empty() && of_series.histograms[j] != nullptr) {
        expected.AddHistogram(of_series.times_ms[j], of_series.histograms[j], created_ms);
      } else {
        expected.Add(of_series.times_ms[j], of_series.values[j], created_ms);
      }
    }
    SampleColumns samples;
    ASSERT_TRUE(block->Read(series.series, start_ms, end_ms, samples).has_value());
    ExpectSame(samples, expected);
  }
}

TEST_F(BlockTest, SeriesMayHaveManyLabels) {
  std::map<Labels, SampleColumns> all;
  SampleColumns one;
  one.Add(5, 1);
  for (int i = 0; i < 100; ++i) {
    model::LabelsBuilder labels;
    labels.Set("__name__", "wide");
    for (int j = 0; j < 57 + i % 8; ++j) labels.Set("l" + std::to_string(j), std::to_string(i * j % 10));
    all[labels.Build()] = one;
  }
  ASSERT_TRUE(Write(all).value());
  ExpectHolds(*Open(), all);
}

TEST_F(BlockTest, WhoReadsSeesADeletionWholeOrNot) {
  ASSERT_TRUE(Write(Fifty()).value());
  auto block = Open();
  std::atomic<bool> is_deleted = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      bool was_deleted;
      do {
        was_deleted = is_deleted;
        std::vector<FoundInBlock> found;
        ASSERT_TRUE(block->Select({Matcher::Equal("__name__", "m2")}, found).has_value());
        for (const FoundInBlock& series : found) {
          SampleColumns samples;
          ASSERT_TRUE(block->Read(series.series, 0, kLast, samples).has_value());
          ASSERT_TRUE(samples.size() == 1000 || (samples.size() == 2000 && !was_deleted));
        }
      } while (!was_deleted);
    });
  }
  std::vector<std::thread> deleters;
  for (int i = 0; i < 2; ++i) {
    deleters.emplace_back([&] {
      ASSERT_TRUE(block->Delete(fs_, {Matcher::Equal("__name__", "m2")}, 1'000'000, kLast).has_value());
    });
  }
  for (std::thread& thread : deleters) thread.join();
  is_deleted = true;
  for (std::thread& thread : readers) thread.join();
  EXPECT_EQ(block->deletions(), 16u);
}

TEST_F(BlockTest, TimesOfOneScrapeAreStoredOnce) {
  auto size_with = [&](int series) {
    std::map<Labels, SampleColumns> all;
    std::mt19937_64 random(1);
    SampleColumns samples;
    for (int i = 0; i < 480; ++i) samples.Add(i * 4000 + static_cast<int>(random() % 1000), 1);
    for (int i = 0; i < series; ++i) all[MetricLabels("m", std::to_string(1000 + i))] = samples;
    EXPECT_TRUE(Write(all).value());
    return Open()->size_bytes();
  };
  // A few bytes a series, where the times take more than a byte a sample.
  EXPECT_LT(size_with(1000), size_with(1) + 15'000);
}

TEST_F(BlockTest, EqualSeriesAreStoredOnce) {
  std::mt19937_64 random(1);
  std::map<Labels, SampleColumns> all;
  SampleColumns samples;
  SampleColumns later;
  for (int i = 0; i < 1000; ++i) {
    samples.Add(i * 1000, static_cast<double>(random() >> 20));
    later.Add(i * 1000 + 1, samples.values.back());
  }
  all[MetricLabels("a")] = samples;
  ASSERT_TRUE(Write(all).value());
  uint64_t of_one = Open()->size_bytes();
  for (int i = 0; i < 300; ++i) all[MetricLabels("m", std::to_string(i))] = samples;
  ASSERT_TRUE(Write(all).value());
  EXPECT_LT(Open()->size_bytes(), of_one + 300 * 12);
  // With other times they are others.
  all[MetricLabels("n")] = later;
  ASSERT_TRUE(Write(all).value());
  auto block = Open();
  EXPECT_GT(block->size_bytes(), 2 * of_one);
  ExpectHolds(*block, all);
  // What is deleted of one is not of the others.
  ASSERT_TRUE(block->Delete(fs_, {Matcher::Equal("__name__", "a")}, 0, kEnd).has_value());
  ASSERT_TRUE(block->Delete(fs_, {Matcher::Equal("instance", "7")}, 0, kEnd).has_value());
  all.erase(MetricLabels("a"));
  all.erase(MetricLabels("m", "7"));
  ExpectHolds(*block, all);
}

TEST_F(BlockTest, BucketsOfAHistogramAreDifferences) {
  std::mt19937_64 random(1);
  constexpr int kMethods = 3;
  const std::vector<std::string> bounds = {"+Inf", "0.1", "0.25", "0.5", "1", "10", "2.5", "5"};
  const std::vector<unsigned> shares = {100, 5, 30, 70, 90, 100, 97, 99};  // percent
  auto make = [&](const std::string& name) {
    std::map<Labels, SampleColumns> all;
    for (int method = 0; method < kMethods; ++method) {
      std::vector<double> counts(bounds.size());
      for (int i = 0; i < 1500; ++i) {
        for (uint64_t requests = random() % 200; requests > 0; --requests) {
          uint64_t percent = random() % 100;
          for (size_t bucket = 0; bucket < bounds.size(); ++bucket)
            counts[bucket] += percent < shares[bucket];
        }
        for (size_t bucket = 0; bucket < bounds.size(); ++bucket) {
          Labels labels = Labels::Of({{"__name__", "requests_bucket"},
                                      {"instance", method == 2 ? "b" : "a"},
                                      {name, bounds[bucket]},
                                      {"method", std::to_string(method)}});
          all[labels].Add(i * 1000, i == 77 && method == 1 ? 0.5 : counts[bucket]);
        }
      }
    }
    return all;
  };
  std::map<Labels, SampleColumns> alone = make("other");
  ASSERT_TRUE(Write(alone).value());
  uint64_t of_alone = Open()->size_bytes();
  ExpectHolds(*Open(), alone);
  std::map<Labels, SampleColumns> together = make("le");
  ASSERT_TRUE(Write(together).value());
  auto block = Open();
  EXPECT_LT(block->size_bytes(), of_alone * 3 / 4);
  ExpectHolds(*block, together);
  // More histograms than are remembered.
  std::map<Labels, SampleColumns> many;
  for (int i = 0; i < 2500; ++i) {
    Labels labels = Labels::Of(
        {{"__name__", "m_bucket"}, {"le", std::to_string(i % 4)}, {"path", std::to_string(i / 4)}});
    double value = 0;
    for (int j = 0; j < 100; ++j) many[labels].Add(j, value += static_cast<double>(random() % 1000));
  }
  ASSERT_TRUE(Write(many).value());
  ExpectHolds(*Open(), many);
}

TEST_F(BlockTest, ARowThatIsAsNoneIsRefused) {
  std::string path = core::JoinPath(dir_.path(), "columns");
  auto writer = ColumnsWriter::Create(fs_, path).value();
  const std::vector<TimestampMs> times_ms = {1, 2, 3};
  uint32_t times = writer.AddTimes(times_ms).value();
  const std::vector<std::string> rows = {
      "\x1d\x01",  // before the first
      std::string(2, '\0') + '\2',
      "\x1d\x01",  // as the one before
      "\x1d\x01",  // as one that is as another
      std::string("\x1d\x00", 2),
      "\x1d",
      "\x1d\x05\x01",                    // a difference in another form
      std::string("\x1d\x06\0\0\2", 5),  // a difference
      std::string("\x1d\x01\0\0\2", 5),  // to a difference
  };
  for (const std::string& row : rows) ASSERT_TRUE(writer.AddRow(times, row).has_value());
  ASSERT_TRUE(writer.Finish().has_value());
  auto bytes_of = [](const std::vector<GroupPlace>& places) {
    return std::string_view(reinterpret_cast<const char*>(places.data()), places.size() * sizeof(GroupPlace));
  };
  ColumnsReader reader(fs_.Open(path, core::OpenMode::kRead).value(), writer.size_bytes(),
                       bytes_of(writer.row_groups()), bytes_of(writer.time_groups()));
  for (uint64_t row = 0; row < rows.size(); ++row) {
    auto read = reader.ReadRow(row);
    ASSERT_EQ(read.has_value(), row == 1 || row == 2 || row == 6 || row == 7) << row;
    if (read) {
      SampleColumns samples;
      EXPECT_EQ(DecodeRow(read->stored, times_ms, 0, 3, samples).has_value(), row != 6);
      EXPECT_EQ(samples.values, row == 6 ? std::vector<double>() : std::vector<double>(3, row == 7 ? 2 : 1));
    } else {
      EXPECT_EQ(read.error().code(), core::Code::kCorruption);
    }
  }
}

// The example of docs/formats/block.md.
TEST_F(BlockTest, BlocksOfVersion2AreRead) {
  std::map<Labels, SampleColumns> all;
  for (int i = 1; i <= 4; ++i) {
    all[Labels::Of({{"__name__", "up"}, {"instance", "a"}})].Add(i * 15'000, 1);
    all[Labels::Of({{"__name__", "up"}, {"instance", "b"}})].Add(i * 15'000, i * 0.5);
  }
  ASSERT_TRUE(Write(all, 7'200'000).value());
  constexpr std::string_view kColumns =
      "SXTCOL2\n\x88\x8f\xfa\xe9\x01\x02\x00\x10\x04\x01\xb0\xea\x01\xb0\xea\x01"
      "\xd8\x12\xf9\x24\x02\x02\x00\x00\x03\x01\x06\x02\x00\x00\x02\x01\x01\x0a\x0a"sv;
  std::string path = core::JoinPath(Path(), "columns");
  std::string columns = core::ReadFile(posix_, path, 1 << 20).value();
  EXPECT_EQ(columns.substr(0, 8), "SXTCOL3\n");
  EXPECT_EQ(columns.substr(8), kColumns.substr(8));
  ASSERT_TRUE(core::WriteFileAtomically(posix_, path, std::string(kColumns)).has_value());
  ExpectHolds(*Open(), all);
  columns[6] = '4';
  ASSERT_TRUE(core::WriteFileAtomically(posix_, path, columns).has_value());
  EXPECT_FALSE(DenseBlock::Open(fs_, Path()).has_value());
}

TEST_F(BlockTest, RefusesWhatIsNotInOrderOrRange) {
  SampleColumns one;
  one.Add(5, 1);
  SampleColumns late;
  late.Add(kEnd, 1);
  auto writer = DenseBlockWriter::Start(fs_, Path(), 0, kEnd).value();
  ASSERT_TRUE(writer->Add(MetricLabels("b"), one).has_value());
  EXPECT_FALSE(writer->Add(MetricLabels("b"), one).has_value());
  EXPECT_FALSE(writer->Add(MetricLabels("a"), one).has_value());
  EXPECT_FALSE(writer->Add(MetricLabels("c"), late).has_value());
  EXPECT_FALSE(writer->Add(MetricLabels("c"), {}).has_value());
}

TEST_F(BlockTest, ABlockWithoutSeriesIsNone) {
  auto writer = DenseBlockWriter::Start(fs_, Path(), 0, 1000).value();
  EXPECT_FALSE(writer->Finish().value());
  EXPECT_TRUE(posix_.List(dir_.path())->empty());
}

TEST_F(BlockTest, ItIsThereWholeOrNotAtAllWhateverFails) {
  for (uint64_t n = 1;; ++n) {
    fs_.FailOperation(n, core::Fault::kTorn);
    auto written = Write(Fifty());
    bool is_reached = fs_.operations() >= n;
    fs_.Heal();
    if (posix_.Stat(Path())) ExpectHolds(*Open(), Fifty());
    EXPECT_EQ(written.has_value(), !is_reached);
    ASSERT_TRUE(core::RemoveAll(posix_, Path()).has_value());
    if (!is_reached) break;
  }
}

TEST_F(BlockTest, DeletedSamplesAreGoneForGood) {
  std::map<Labels, SampleColumns> all = Fifty();
  ASSERT_TRUE(Write(all).value());
  auto block = Open();
  EXPECT_EQ(block->deletions(), 0u);
  auto erase = [&](SampleColumns& samples, TimestampMs start_ms, TimestampMs end_ms) {
    SampleColumns left;
    for (size_t i = 0; i < samples.size(); ++i) {
      if (samples.times_ms[i] < start_ms || samples.times_ms[i] > end_ms)
        left.Add(samples.times_ms[i], samples.values[i]);
    }
    samples = std::move(left);
  };
  ASSERT_TRUE(block->Delete(fs_, {Matcher::Equal("__name__", "m1")}, 100'000, 200'000).has_value());
  ASSERT_TRUE(block->Delete(fs_, {Matcher::Equal("__name__", "m1")}, 150'000, 300'000).has_value());
  ASSERT_TRUE(block->Delete(fs_, {Matcher::Equal("instance", "4")}, 250'000, 400'000).has_value());
  ASSERT_TRUE(block->Delete(fs_, {Matcher::Equal("instance", "5")}, kFirst, kLast).has_value());
  ASSERT_TRUE(block->Delete(fs_, {Matcher::Equal("instance", "none")}, kFirst, kLast).has_value());
  ASSERT_TRUE(block->Delete(fs_, {Matcher::Equal("instance", "6")}, kEnd, kLast).has_value());
  for (auto& [labels, samples] : all) {
    if (labels.metric_name() == "m1") erase(samples, 100'000, 300'000);
    if (labels.Get("instance") == "4") erase(samples, 250'000, 400'000);
  }
  all.erase(LabelsOf(5));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(block->deletions(), 17u + 1 + 1);
    ExpectHolds(*block, all);
    EXPECT_EQ(block->AllSeries()->size(), 49u);
    block = Open();
  }
  // What fails deletes nothing.
  for (uint64_t n = 1;; ++n) {
    fs_.FailOperation(n, core::Fault::kFail);
    auto deleted = block->Delete(fs_, {Matcher::Equal("instance", "7")}, 0, 1000);
    bool is_reached = fs_.operations() >= n;
    fs_.Heal();
    EXPECT_EQ(deleted.has_value(), !is_reached);
    if (!is_reached) break;
    EXPECT_EQ(block->deletions(), 19u);
  }
  EXPECT_EQ(block->deletions(), 20u);
  EXPECT_GT(Open()->size_bytes(), block->size_bytes());

  std::string path = core::JoinPath(Path(), "deletions");
  std::string bytes = core::ReadFile(posix_, path, 1 << 20).value();
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] ^= 0x20;
    ASSERT_TRUE(core::WriteFileAtomically(posix_, path, changed).has_value());
    EXPECT_FALSE(DenseBlock::Open(fs_, Path()).has_value()) << at;
  }
}

TEST_F(BlockTest, EveryChangedByteOfTheIndexIsFound) {
  ASSERT_TRUE(Write(Fifty()).value());
  std::string path = core::JoinPath(Path(), "index");
  std::string bytes = core::ReadFile(posix_, path, 1 << 26).value();
  auto is_refused = [&] {
    auto block = DenseBlock::Open(fs_, Path());
    std::vector<FoundInBlock> found;
    if (!block || !(*block)->Select({Matcher::Equal("__name__", "m1")}, found)) return true;
    SampleColumns samples;
    return !(*block)->Read(found[0].series, 0, kLast, samples);
  };
  for (size_t at = 0; at < bytes.size(); at += 1 + bytes.size() / 150) {
    std::string changed = bytes;
    changed[at] ^= 0x10;
    ASSERT_TRUE(core::WriteFileAtomically(posix_, path, changed).has_value());
    EXPECT_TRUE(is_refused()) << at;
  }
  for (size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 20) {
    ASSERT_TRUE(core::WriteFileAtomically(posix_, path, bytes.substr(0, size)).has_value());
    EXPECT_TRUE(is_refused());
  }
  ASSERT_TRUE(core::WriteFileAtomically(posix_, path, bytes).has_value());
  EXPECT_FALSE(is_refused());
}

TEST_F(BlockTest, AChangedGroupCostsItsSamplesNotTheBlock) {
  std::map<Labels, SampleColumns> all = Fifty();
  std::mt19937_64 random(2);
  for (auto& [labels, samples] : all) {
    for (double& value : samples.values) value = static_cast<double>(random() >> 20);
  }
  ASSERT_TRUE(Write(all).value());
  std::string path = core::JoinPath(Path(), "columns");
  std::string columns = core::ReadFile(posix_, path, 1 << 26).value();
  ASSERT_GT(columns.size(), size_t{64} << 10);
  std::string changed = columns;
  changed[changed.size() / 2] ^= 1;
  ASSERT_TRUE(core::WriteFileAtomically(posix_, path, changed).has_value());
  auto block = Open();
  size_t samples_left = 0;
  int damaged = 0;
  for (uint32_t series = 0; series < 50; ++series) {
    SampleColumns samples;
    auto read = block->Read(series, 0, kLast, samples);
    if (!read) {
      ++damaged;
      EXPECT_EQ(read.error().code(), core::Code::kCorruption);
      EXPECT_THAT(read.error().message(), ::testing::HasSubstr("columns at "));
    }
    samples_left += samples.size();
  }
  EXPECT_GT(damaged, 0);
  EXPECT_GT(samples_left, 60'000u);
  EXPECT_EQ(samples_left, 100'000u - static_cast<size_t>(damaged) * 2000);
  ASSERT_TRUE(core::WriteFileAtomically(posix_, path, columns.substr(1)).has_value());
  EXPECT_FALSE(DenseBlock::Open(fs_, Path()).has_value());
}

}  // namespace
}  // namespace sextant::tsdb
