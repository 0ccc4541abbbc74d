#include "metrics/tsdb/prometheus_block.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "metrics/tsdb/block_chunks_test_util.h"
#include "metrics/tsdb/db_test_util.h"
#include "model/value.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::JoinPath;
using model::Labels;
using model::Matcher;
using model::MatchType;
using model::SampleColumns;
using promfiles::Ulid;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr TimestampMs kHour = 3'600'000;

std::string ConformanceDir(std::string_view name) {
  const char* dir = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::string path = JoinPath(dir != nullptr ? dir : SEXTANT_CONFORMANCE_DEFAULT, "prometheus/tsdb");
  path = JoinPath(path, name);
  return core::PosixFileSystem().Stat(path) ? path : "";
}

std::shared_ptr<const model::FloatHistogram> MakeHistogram(double n, bool is_integer) {
  auto histogram = std::make_shared<model::FloatHistogram>();
  histogram->is_integer = is_integer;
  histogram->schema = 1;
  histogram->zero_threshold = 0.001;
  histogram->zero_count = n;
  histogram->count = 5 * n;
  histogram->sum = 18.4 * n;
  histogram->positive_spans = {{0, 2}, {1, 1}};
  histogram->positive_buckets = {n, n, 2 * n};
  return histogram;
}

using Model = std::map<Labels, SampleColumns>;

// Series of every kind: counters, gauges with odd values, histograms of both kinds, and changes between them.
Model RandomModel(uint64_t seed, size_t count, TimestampMs start_ms, TimestampMs end_ms) {
  std::mt19937_64 random(seed);
  auto below = [&random](uint64_t limit) { return random() % limit; };
  Model series;
  for (size_t i = 0; i < count; ++i) {
    Labels labels = Labels::Of({{"__name__", "m" + std::to_string(i % 7)},
                                {"instance", "host-" + std::to_string(i)},
                                {"job", i % 2 == 0 ? "a" : "b"}});
    SampleColumns samples;
    double counter = 0;
    uint64_t kind = below(5);
    for (TimestampMs time_ms = start_ms + static_cast<TimestampMs>(below(60'000)); time_ms < end_ms;
         time_ms += 15'000 + static_cast<TimestampMs>(below(40))) {
      counter += static_cast<double>(below(100));
      bool is_histogram = kind == 2 || kind == 3 || (kind == 4 && time_ms % 600'000 > 300'000);
      if (is_histogram) {
        samples.AddHistogram(time_ms, MakeHistogram(counter, kind != 3));
      } else if (kind == 1) {
        samples.Add(time_ms, std::bit_cast<double>(random()));
      } else {
        samples.Add(time_ms, counter);
      }
    }
    series[labels] = std::move(samples);
  }
  return series;
}

// Samples as texts, so that differences can be read.
std::vector<std::string> Texts(const SampleColumns& samples) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < samples.size(); ++i) {
    const model::FloatHistogram* histogram =
        samples.histograms.empty() ? nullptr : samples.histograms[i].get();
    if (histogram == nullptr) {
      texts.push_back(fmt::format("{} {:x}", samples.times_ms[i], BitsOf(samples.values[i])));
    } else {
      texts.push_back(fmt::format("{} {} {} {} {}", samples.times_ms[i], histogram->is_integer,
                                  histogram->count, histogram->sum,
                                  fmt::join(histogram->positive_buckets, ",")));
    }
  }
  return texts;
}

std::vector<std::string> TextsBetween(const SampleColumns& samples, TimestampMs start_ms,
                                      TimestampMs end_ms) {
  std::vector<std::string> all = Texts(samples);
  std::vector<std::string> texts;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (samples.times_ms[i] >= start_ms && samples.times_ms[i] <= end_ms) texts.push_back(all[i]);
  }
  return texts;
}

class PrometheusBlockTest : public ::testing::Test {
 protected:
  std::string Path() const { return JoinPath(dir_.path(), ulid_.ToString()); }

  core::Result<bool> Write(const Model& series, PrometheusBlockOptions options = {}) {
    options.ulid = ulid_;
    options.start_ms = 0;
    options.end_ms = 2 * kHour;
    SEXTANT_ASSIGN(std::unique_ptr<PrometheusBlockWriter> writer,
                   PrometheusBlockWriter::Start(fs_, Path(), std::move(options)));
    for (const auto& [labels, samples] : series) SEXTANT_TRY(writer->Add(labels, samples));
    return writer->Finish();
  }
  std::shared_ptr<const PrometheusBlock> Open() {
    auto block = PrometheusBlock::Open(fs_, Path());
    EXPECT_TRUE(block.has_value()) << block.error().message();
    return block ? *block : nullptr;
  }

  static void ExpectContents(const Block& block, const Model& series) {
    auto all = block.AllSeries();
    ASSERT_TRUE(all.has_value()) << all.error().message();
    ASSERT_EQ(all->size(), series.size());
    auto expected = series.begin();
    for (uint32_t number : *all) {
      EXPECT_EQ(block.LabelsOf(number).value(), expected->first);
      SampleColumns samples;
      auto read = block.Read(number, kFirst, kLast, samples);
      EXPECT_TRUE(read.has_value()) << read.error().message();
      EXPECT_EQ(Texts(samples), Texts(expected->second)) << expected->first.ToString();
      ++expected;
    }
  }

  TempDir dir_;
  core::PosixFileSystem posix_;
  core::FaultFileSystem fs_{posix_};
  Ulid ulid_ = Ulid::Make(kTestStart, 1, 2);
};

TEST_F(PrometheusBlockTest, GivesBackWhatWasWritten) {
  Model series = RandomModel(1, 60, 0, 2 * kHour);
  PrometheusBlockOptions options;
  options.compaction = {.level = 3,
                        .sources = {Ulid::Make(1, 2, 3), Ulid::Make(4, 5, 6)},
                        .parents = {{Ulid::Make(1, 2, 3), 0, 5}},
                        .hints = {"from-out-of-order"}};
  options.other_meta = {{"thanos", R"({"labels":{"a":"b"}})"}};
  options.max_segment_bytes = 50'000;
  ASSERT_TRUE(Write(series, options).value());
  EXPECT_GT(posix_.List(JoinPath(Path(), "chunks"))->size(), 3u);
  auto block = Open();
  ExpectContents(*block, series);

  promfiles::BlockMeta meta = block->meta();
  EXPECT_EQ(meta.ulid, ulid_);
  EXPECT_EQ(meta.compaction, options.compaction);
  EXPECT_EQ(meta.other, options.other_meta);
  EXPECT_EQ(block->facts().series, 60u);
  uint64_t samples = 0;
  for (const auto& [labels, columns] : series) samples += columns.size();
  EXPECT_EQ(block->facts().samples, samples);
  EXPECT_EQ(meta.stats.float_samples + meta.stats.histogram_samples, samples);
  uint64_t size_bytes = 0;
  for (const char* folder : {"", "chunks"}) {
    std::vector<core::FileInfo> files = posix_.List(JoinPath(Path(), folder)).value();
    for (const core::FileInfo& file : files) size_bytes += file.is_directory ? 0 : file.size_bytes;
  }
  EXPECT_EQ(block->size_bytes(), size_bytes);
  EXPECT_TRUE(PrometheusBlock::IsOne(fs_, Path()));
  EXPECT_FALSE(PrometheusBlock::IsOne(fs_, dir_.path()));
}

TEST_F(PrometheusBlockTest, ReadsAnyRangeOfTime) {
  Model series = RandomModel(2, 20, 0, kHour);
  ASSERT_TRUE(Write(series).value());
  auto block = Open();
  std::mt19937_64 random(3);
  std::vector<FoundInBlock> found;
  ASSERT_TRUE(block->Select({}, found).has_value());
  SampleColumns samples;
  for (const FoundInBlock& one : found) {
    const SampleColumns& expected = series.at(one.labels);
    for (int i = 0; i < 20; ++i) {
      auto start_ms = static_cast<TimestampMs>(random() % kHour);
      auto end_ms = start_ms + static_cast<TimestampMs>(random() % kHour / 2);
      samples.clear();
      samples.Add(-1, 42);  // what was there stays
      ASSERT_TRUE(block->Read(one.series, start_ms, end_ms, samples).has_value());
      EXPECT_EQ(samples.values[0], 42);
      std::vector<std::string> texts = Texts(samples);
      texts.erase(texts.begin());
      EXPECT_EQ(texts, TextsBetween(expected, start_ms, end_ms));
    }
  }
  std::vector<std::string> values;
  ASSERT_TRUE(block->LabelValues("job", {Matcher::Equal("instance", "host-1")}, values).has_value());
  EXPECT_THAT(values, ElementsAre("b"));
  values.clear();
  ASSERT_TRUE(block->LabelNames({}, values).has_value());
  EXPECT_THAT(values, ElementsAre("__name__", "instance", "job"));
}

TEST_F(PrometheusBlockTest, WritesStartTimesOnlyWhenAsked) {
  Model series;
  SampleColumns& samples = series[Labels::Of({{"__name__", "requests_total"}})];
  for (int i = 0; i < 300; ++i) samples.Add(i * 15'000, i, 1 + i / 100 * 1'000'000);
  for (bool start_times : {false, true}) {
    PrometheusBlockOptions options;
    options.chunks.float_start_times = start_times;
    ASSERT_TRUE(Write(series, options).value());
    SampleColumns read;
    auto block = Open();
    ASSERT_TRUE(block->Read(block->AllSeries()->at(0), kFirst, kLast, read).has_value());
    EXPECT_EQ(read.times_ms, samples.times_ms);
    EXPECT_EQ(read.start_times_ms, start_times ? samples.start_times_ms : std::vector<TimestampMs>());
    ASSERT_TRUE(core::RemoveAll(posix_, Path()).has_value());
  }
}

// The encodings as they are on disk, by their numbers.
TEST_F(PrometheusBlockTest, WritesTheEncodingsThatAreAskedFor) {
  Model series;
  SampleColumns& plain = series[Labels::Of({{"__name__", "a_plain"}})];
  SampleColumns& started = series[Labels::Of({{"__name__", "b_started"}})];
  SampleColumns& histograms = series[Labels::Of({{"__name__", "c_histograms"}})];
  for (int i = 1; i <= 100; ++i) {
    plain.Add(i * 15'000, i % 10 == 9 ? model::StaleNan() : i * 0.1);
    started.Add(i * 15'000, i, 1 + i / 30);
    histograms.AddHistogram(i * 15'000, MakeHistogram(i, /*is_integer=*/i <= 50), 7);
  }
  struct Case {
    promfiles::EncodeOptions options;
    std::string encodings;
    bool has_float_starts;
    bool has_histogram_starts;
  };
  const Case cases[] = {
      {{}, "1 1 2 3", false, false},
      {{.xor2_floats = true}, "4 4 2 3", true, false},
      {{.float_start_times = true}, "1 4 2 3", true, false},
      {{.histogram_start_times = true}, "1 1 5 6", false, true},
      {{.xor2_floats = true, .histogram_start_times = true}, "4 4 5 6", true, true},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.encodings);
    PrometheusBlockOptions options;
    options.chunks = one.options;
    ASSERT_TRUE(Write(series, options).value());
    EXPECT_EQ(ChunkEncodingsIn(posix_, Path()), one.encodings);
    auto block = Open();
    size_t place = 0;
    for (const auto& [labels, samples] : series) {
      SampleColumns read;
      ASSERT_TRUE(block->Read(block->AllSeries()->at(place++), kFirst, kLast, read).has_value());
      EXPECT_EQ(read.times_ms, samples.times_ms);
      bool has_starts = samples.histograms.empty() ? one.has_float_starts : one.has_histogram_starts;
      EXPECT_EQ(read.start_times_ms, has_starts ? samples.start_times_ms : std::vector<TimestampMs>());
      for (size_t i = 0; i < read.size(); ++i) {
        if (samples.histograms.empty()) {
          EXPECT_EQ(BitsOf(read.values[i]), BitsOf(samples.values[i]));
        } else {
          EXPECT_EQ(read.histograms[i]->positive_buckets, samples.histograms[i]->positive_buckets);
        }
      }
    }
    EXPECT_EQ(block->meta().stats.float_samples, 200u);
    ASSERT_TRUE(core::RemoveAll(posix_, Path()).has_value());
  }
}

TEST_F(PrometheusBlockTest, ABlockWithoutSeriesIsNone) {
  EXPECT_FALSE(Write({}).value());
  EXPECT_TRUE(posix_.List(dir_.path())->empty());
}

TEST_F(PrometheusBlockTest, ItIsThereWholeOrNotAtAllWhateverFails) {
  Model series = RandomModel(4, 8, 0, kHour);
  PrometheusBlockOptions options;
  options.max_segment_bytes = 3000;
  for (uint64_t n = 1;; ++n) {
    fs_.FailOperation(n, core::Fault::kTorn);
    auto written = Write(series, options);
    bool is_reached = fs_.operations() >= n;
    fs_.Heal();
    if (posix_.Stat(Path())) ExpectContents(*Open(), series);
    EXPECT_EQ(written.has_value(), !is_reached);
    ASSERT_TRUE(core::RemoveAll(posix_, Path()).has_value());
    if (!is_reached) break;
  }
}

TEST_F(PrometheusBlockTest, DeletesForReadersThatHaveItOpen) {
  Model series = RandomModel(5, 20, 0, kHour);
  ASSERT_TRUE(Write(series).value());
  auto block = Open();
  EXPECT_EQ(block->deletions(), 0u);
  ASSERT_TRUE(block->Delete(fs_, {Matcher::Equal("job", "a")}, 600'000, 1'200'000).has_value());
  ASSERT_TRUE(block->Delete(fs_, {Matcher::Equal("instance", "host-4")}, kFirst, kLast).has_value());
  ASSERT_TRUE(block->Delete(fs_, {Matcher::Equal("job", "none")}, kFirst, kLast).has_value());
  ASSERT_TRUE(block->Delete(fs_, {Matcher::Equal("job", "b")}, 3 * kHour, 4 * kHour).has_value());
  ASSERT_TRUE(block->Delete(fs_, {Matcher::Equal("job", "b")}, 20, 10).has_value());
  EXPECT_EQ(block->deletions(), 10u);  // host-4's two are one
  Model expected = series;
  for (auto& [labels, samples] : expected) {
    if (labels.Get("job") == "a") model::EraseIntervals({{600'000, 1'200'000}}, 0, samples);
    if (labels.Get("instance") == "host-4") samples.clear();
  }
  ExpectContents(*block, expected);
  auto again = Open();
  ExpectContents(*again, expected);
  EXPECT_EQ(again->deletions(), 10u);
  EXPECT_EQ(again->meta().stats.tombstones, 10u);
  EXPECT_EQ(again->meta().stats.series, 20u);
}

TEST_F(PrometheusBlockTest, ADeletionHappensOrNotWhateverFails) {
  Model series = RandomModel(6, 4, 0, kHour);
  Model rest = series;
  for (auto& [labels, samples] : rest) samples.clear();
  for (uint64_t n = 1;; ++n) {
    ASSERT_TRUE(Write(series).value());
    auto block = Open();
    fs_.FailOperation(n, core::Fault::kTorn);
    auto deleted = block->Delete(fs_, {}, kFirst, kLast);
    bool is_reached = fs_.operations() >= n;
    fs_.Heal();
    EXPECT_EQ(deleted.has_value(), !is_reached);
    auto again = Open();
    ASSERT_NE(again, nullptr);
    ExpectContents(*again, again->deletions() == 0 ? series : rest);
    ExpectContents(*block, block->deletions() == 0 ? series : rest);
    ASSERT_TRUE(core::RemoveAll(posix_, Path()).has_value());
    if (!is_reached) break;
  }
}

TEST_F(PrometheusBlockTest, ReadsWhileOthersDelete) {
  Model series = RandomModel(7, 10, 0, kHour);
  ASSERT_TRUE(Write(series).value());
  auto block = Open();
  std::vector<uint32_t> all = block->AllSeries().value();
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      for (TimestampMs time_ms = i * 1000; time_ms < kHour; time_ms += 200'000) {
        EXPECT_TRUE(block->Delete(posix_, {Matcher::Equal("job", "a")}, time_ms, time_ms + 500).has_value());
      }
    });
    threads.emplace_back([&] {
      size_t former = SIZE_MAX;
      for (int round = 0; round < 20; ++round) {
        size_t count = 0;
        for (uint32_t number : all) {
          SampleColumns samples;
          EXPECT_TRUE(block->Read(number, kFirst, kLast, samples).has_value());
          count += samples.size();
        }
        EXPECT_LE(count, former);
        former = count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(block->deletions(), 0u);
}

// A block whose chunks of one series overlap, as old versions have written.
TEST_F(PrometheusBlockTest, MergesOverlappingChunks) {
  ASSERT_TRUE(fs_.MakeDirectories(JoinPath(Path(), "chunks")).has_value());
  promfiles::ChunkSegmentWriter chunks(fs_, JoinPath(Path(), "chunks"));
  std::vector<promfiles::ChunkMeta> metas;
  for (double value : {1.0, 2.0, 3.0}) {
    SampleColumns samples;
    for (int i = 0; i < 10; ++i) {
      samples.Add(static_cast<TimestampMs>(value) * 5000 + i * 1000, value);
    }
    std::vector<promfiles::EncodedChunk> encoded;
    ASSERT_TRUE(promfiles::EncodeChunks(samples, {}, encoded).has_value());
    metas.push_back({chunks.Add(encoded[0]).value(), encoded[0].min_time_ms, encoded[0].max_time_ms});
  }
  ASSERT_TRUE(chunks.Finish().has_value());
  // The writer refuses chunks that overlap, so the index says of them that they do not.
  auto index = promfiles::IndexWriter::Start(fs_, JoinPath(Path(), "index")).value();
  Labels labels = Labels::Of({{"__name__", "m"}});
  EXPECT_EQ(index->Add(labels, metas).error().code(), Code::kInvalidArgument);
  for (size_t i = 1; i < metas.size(); ++i) metas[i].min_time_ms = metas[i - 1].max_time_ms + 1;
  ASSERT_TRUE(index->Add(labels, metas).has_value());
  ASSERT_TRUE(index->Finish().has_value());
  promfiles::BlockMeta meta;
  meta.ulid = ulid_;
  meta.max_time_ms = kHour;
  ASSERT_TRUE(promfiles::WriteBlockMeta(fs_, Path(), meta).has_value());

  auto block = Open();
  SampleColumns samples;
  ASSERT_TRUE(block->Read(block->AllSeries()->at(0), kFirst, kLast, samples).has_value());
  SampleColumns expected;
  for (TimestampMs time_ms = 5000; time_ms <= 24'000; time_ms += 1000) {
    expected.Add(time_ms, time_ms <= 14'000 ? 1 : time_ms <= 19'000 ? 2 : 3);
  }
  EXPECT_EQ(Texts(samples), Texts(expected));
}

TEST_F(PrometheusBlockTest, ADamagedChunkCostsItsSamplesNotTheBlock) {
  Model series = RandomModel(8, 10, 0, kHour);
  uint64_t written = 0;
  for (const auto& [labels, samples] : series) written += samples.size();
  ASSERT_TRUE(Write(series).value());
  std::string path = JoinPath(Path(), "chunks/000001");
  std::string bytes = core::ReadFile(posix_, path, 1 << 26).value();
  std::mt19937_64 random(1);
  auto read_all = [&](std::string& error) -> uint64_t {
    auto block = PrometheusBlock::Open(fs_, Path());
    if (!block) {
      error = block.error().message();
      return 0;
    }
    uint64_t count = 0;
    std::vector<uint32_t> all = (*block)->AllSeries().value();
    for (uint32_t number : all) {
      SampleColumns samples;
      auto read = (*block)->Read(number, kFirst, kLast, samples);
      if (!read) {
        EXPECT_EQ(read.error().code(), Code::kCorruption);
        error = read.error().message();
      }
      count += samples.size();
    }
    return count;
  };
  for (size_t i = 0; i < 100; ++i) {
    size_t at = i < 20 ? i : random() % bytes.size();
    if (at >= 5 && at < 8) continue;  // padding
    std::string changed = bytes;
    changed[at] ^= static_cast<char>(1 + random() % 255);
    ASSERT_TRUE(core::WriteFileAtomically(posix_, path, changed).has_value());
    std::string error;
    EXPECT_LT(read_all(error), written) << at;
    EXPECT_THAT(error, HasSubstr("chunks/000001 at ")) << at;
  }
  for (size_t size : {size_t{0}, size_t{4}, size_t{8}, bytes.size() / 2, bytes.size() - 1}) {
    ASSERT_TRUE(core::WriteFileAtomically(posix_, path, bytes.substr(0, size)).has_value());
    std::string error;
    EXPECT_LT(read_all(error), written) << size;
    EXPECT_THAT(error, HasSubstr("chunks/000001 at ")) << size;
  }
  ASSERT_TRUE(posix_.Remove(path).has_value());
  std::string error;
  EXPECT_EQ(read_all(error), 0u);
  EXPECT_THAT(error, HasSubstr("there is no segment 1"));
}

TEST_F(PrometheusBlockTest, MissingFilesAreNamed) {
  ASSERT_TRUE(Write(RandomModel(9, 3, 0, kHour)).value());
  for (const char* name : {"meta.json", "index", "chunks"}) {
    ASSERT_TRUE(posix_.Rename(JoinPath(Path(), name), JoinPath(dir_.path(), "away")).has_value());
    auto block = PrometheusBlock::Open(fs_, Path());
    ASSERT_FALSE(block.has_value());
    EXPECT_THAT(block.error().message(), HasSubstr(JoinPath(Path(), name)));
    ASSERT_TRUE(posix_.Rename(JoinPath(dir_.path(), "away"), JoinPath(Path(), name)).has_value());
  }
  ASSERT_TRUE(posix_.Remove(JoinPath(Path(), "tombstones")).has_value());
  EXPECT_NE(Open(), nullptr);
}

// ---- data of Prometheus

// A sample as `promtool tsdb dump` prints it, with the value as bits, so that no digits matter.
std::string DumpLine(std::string_view labels, double value, std::string_view time) {
  return fmt::format("{} {} {}", labels, std::isnan(value) ? "NaN" : fmt::format("{:x}", BitsOf(value)),
                     time);
}

// A block as promtool 2.42 dumps it, sorted: of each series the floats before its first histogram.
std::vector<std::string> Dump(const Block& block) {
  std::vector<std::string> lines;
  std::vector<uint32_t> all = block.AllSeries().value();
  for (uint32_t number : all) {
    SampleColumns samples;
    auto read = block.Read(number, kFirst, kLast, samples);
    EXPECT_TRUE(read.has_value()) << read.error().message();
    std::string labels = block.LabelsOf(number)->ToString();
    for (size_t i = 0; i < samples.size(); ++i) {
      bool is_histogram = !samples.histograms.empty() && samples.histograms[i] != nullptr;
      if (is_histogram) break;
      lines.push_back(DumpLine(labels, samples.values[i], std::to_string(samples.times_ms[i])));
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

// What promtool printed, in the same form.
std::vector<std::string> ParseDump(std::istream& in) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) continue;
    size_t labels_end = line.find("} ") + 1;
    size_t time = line.rfind(' ') + 1;
    std::string value = line.substr(labels_end + 1, time - labels_end - 2);
    lines.push_back(
        DumpLine(line.substr(0, labels_end), std::strtod(value.c_str(), nullptr), line.substr(time)));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

TEST(PrometheusBlockConformance, BlocksOfPrometheus242) {
  std::string dir = ConformanceDir("golden-prometheus-2.42/blocks-from-openmetrics");
  if (dir.empty()) GTEST_SKIP() << "no conformance data";
  core::PosixFileSystem fs;
  std::vector<std::string> dump;
  std::vector<core::FileInfo> blocks = fs.List(JoinPath(dir, "data")).value();
  for (const core::FileInfo& entry : blocks) {
    auto block = PrometheusBlock::Open(fs, JoinPath(JoinPath(dir, "data"), entry.name));
    ASSERT_TRUE(block.has_value()) << block.error().message();
    for (std::string& line : Dump(**block)) dump.push_back(std::move(line));
  }
  std::ifstream file(JoinPath(dir, "expected.dump.txt"));
  std::vector<std::string> expected = ParseDump(file);
  ASSERT_EQ(expected.size(), 2880u);
  std::sort(dump.begin(), dump.end());
  EXPECT_EQ(dump, expected);
}

TEST(PrometheusBlockConformance, ASnapshotOfPrometheus242) {
  std::string dir = ConformanceDir("golden-prometheus-2.42/v242-snappy/admin-snapshot-block");
  if (dir.empty()) GTEST_SKIP() << "no conformance data";
  core::PosixFileSystem fs;
  std::string name = fs.List(dir)->at(0).name;
  auto block = PrometheusBlock::Open(fs, JoinPath(dir, name));
  ASSERT_TRUE(block.has_value()) << block.error().message();
  uint64_t samples = 0;
  uint64_t histograms = 0;
  std::vector<FoundInBlock> found;
  ASSERT_TRUE((*block)->Select({}, found).has_value());
  for (const FoundInBlock& series : found) {
    SampleColumns columns;
    auto read = (*block)->Read(series.series, kFirst, kLast, columns);
    ASSERT_TRUE(read.has_value()) << read.error().message();
    samples += columns.size();
    for (const auto& histogram : columns.histograms) histograms += histogram != nullptr ? 1 : 0;
  }
  EXPECT_EQ(found.size(), (*block)->facts().series);
  EXPECT_EQ(samples, (*block)->facts().samples);
  EXPECT_GT(histograms, 0u);
}

TEST(PrometheusBlockConformance, IndexVersion1) {
  std::string dir = ConformanceDir("upstream/index_format_v1");
  if (dir.empty()) GTEST_SKIP() << "no conformance data";
  core::PosixFileSystem fs;
  auto block = PrometheusBlock::Open(fs, dir);
  ASSERT_TRUE(block.has_value()) << block.error().message();
  auto query = [&](const Matcher& matcher) {
    std::vector<std::string> lines;
    std::vector<FoundInBlock> found;
    EXPECT_TRUE((*block)->Select({matcher}, found).has_value());
    for (const FoundInBlock& series : found) {
      SampleColumns samples;
      EXPECT_TRUE((*block)->Read(series.series, 0, 1000, samples).has_value());
      lines.push_back(fmt::format("{} {} {}", series.labels.ToString(), fmt::join(samples.times_ms, ","),
                                  fmt::join(samples.values, ",")));
    }
    return lines;
  };
  EXPECT_THAT(query(Matcher::Equal("foo", "bar")), ElementsAre(R"({foo="bar"} 1 2)"));
  EXPECT_THAT(query(Matcher::Make(MatchType::kNotRegexp, "foo", "^.?$").value()),
              ElementsAre(R"({foo="bar"} 1 2)", R"({foo="baz"} 3 4)"));
}

// ---- Prometheus' own tool on what we write

std::string Promtool() {
  const char* peers = std::getenv("SEXTANT_PEERS");
  std::string path = JoinPath(peers != nullptr ? peers : SEXTANT_PEERS_DEFAULT, "usr/bin/promtool");
  return core::PosixFileSystem().Stat(path) ? path : "";
}

std::string RunCommand(const std::string& command) {
  std::string output;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  char buffer[4096];
  for (size_t got = 0; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) output.append(buffer, got);
  EXPECT_EQ(pclose(pipe), 0) << command << "\n" << output;
  return output;
}

TEST_F(PrometheusBlockTest, PromtoolReadsIt) {
  std::string promtool = Promtool();
  if (promtool.empty()) GTEST_SKIP() << "no promtool: run scripts/peers";
  Model series = RandomModel(10, 200, 0, 2 * kHour);
  PrometheusBlockOptions options;
  options.max_segment_bytes = 300'000;
  ASSERT_TRUE(Write(series, options).value());
  std::string list = RunCommand(promtool + " tsdb list " + dir_.path());
  EXPECT_THAT(list, HasSubstr(ulid_.ToString()));
  EXPECT_THAT(list, HasSubstr(std::to_string(Open()->facts().samples)));
  std::string analysis = RunCommand(promtool + " tsdb analyze " + dir_.path() + " " + ulid_.ToString());
  EXPECT_THAT(analysis, HasSubstr("Series: 200"));
  EXPECT_THAT(analysis, HasSubstr("200 instance"));

  // It asks for the journal's directory, too.
  ASSERT_TRUE(posix_.MakeDirectories(JoinPath(dir_.path(), "wal")).has_value());
  std::istringstream dump(RunCommand(promtool + " tsdb dump " + dir_.path()));
  EXPECT_EQ(ParseDump(dump), Dump(*Open()));

  // After a deletion, too.
  ASSERT_TRUE(Open()->Delete(fs_, {Matcher::Equal("job", "a")}, 0, kHour).has_value());
  std::istringstream rest(RunCommand(promtool + " tsdb dump " + dir_.path()));
  EXPECT_EQ(ParseDump(rest), Dump(*Open()));
}

}  // namespace
}  // namespace sextant::tsdb
