#include "metrics/promfiles/meta.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/promfiles/index_test_util.h"

namespace sextant::promfiles {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// Of Prometheus 2.42, with what Thanos adds and what a newer Prometheus says.
constexpr std::string_view kMeta = R"({
	"ulid": "01M81YY0NJEYZ1FKSFG2G8MAS9",
	"minTime": -1699999200000,
	"maxTime": 1700006370001,
	"stats": {
		"numSamples": 1440,
		"numFloatSamples": 1000,
		"numHistogramSamples": 440,
		"numSeries": 6,
		"numChunks": 12,
		"numTombstones": 2
	},
	"compaction": {
		"level": 2,
		"sources": [
			"01M81YY0NJEYZ1FKSFG2G8MAS9",
			"01M81YY0W0DSRKR7B5MNACGHCN"
		],
		"deletable": true,
		"parents": [
			{
				"ulid": "01M81YY0W0DSRKR7B5MNACGHCN",
				"minTime": 5,
				"maxTime": 6
			}
		],
		"failed": true,
		"hints": [
			"from-out-of-order"
		]
	},
	"version": 1,
	"thanos": {
		"labels": {
			"a\"b": "{[,:]}",
			"empty": {}
		},
		"downsample": {
			"resolution": 0
		},
		"list": [],
		"ratio": 0.5
	}
})";

TEST(BlockMeta, IsReadAndWrittenAsItWas) {
  auto meta = ParseBlockMeta(kMeta);
  ASSERT_TRUE(meta.has_value()) << meta.error().message();
  EXPECT_EQ(meta->ulid.ToString(), "01M81YY0NJEYZ1FKSFG2G8MAS9");
  EXPECT_EQ(meta->min_time_ms, -1699999200000);
  EXPECT_EQ(meta->stats.histogram_samples, 440u);
  EXPECT_EQ(meta->compaction.level, 2);
  EXPECT_EQ(meta->compaction.sources.size(), 2u);
  EXPECT_EQ(meta->compaction.parents.at(0).max_time_ms, 6);
  EXPECT_TRUE(meta->compaction.deletable && meta->compaction.failed);
  EXPECT_THAT(meta->compaction.hints, ElementsAre(kHintFromOutOfOrder));
  EXPECT_THAT(meta->other, ElementsAre(Pair("thanos", HasSubstr("downsample"))));
  EXPECT_EQ(FormatBlockMeta(*meta), kMeta);
}

TEST(BlockMeta, WrongTypesAreNamed) {
  for (std::string_view json :
       {R"({"ulid": "x", "version": 1})", R"({"minTime": "1"})", R"({"stats": 1})",
        R"({"stats": {"numSeries": -1}})", R"({"compaction": {"sources": [1]}})",
        R"({"compaction": {"parents": [{"ulid": 3}]}})", R"({"compaction": {"hints": {}}})"}) {
    auto meta = ParseBlockMeta(json);
    ASSERT_FALSE(meta.has_value()) << json;
    EXPECT_EQ(meta.error().code(), core::Code::kCorruption);
    EXPECT_THAT(meta.error().message(), HasSubstr("is not what it should be"));
  }
  for (std::string_view json : {"", "[]", "{", "null", R"({"a": })"}) {
    EXPECT_FALSE(ParseBlockMeta(json).has_value()) << json;
  }
  // As in Go, null is nothing.
  EXPECT_TRUE(
      ParseBlockMeta(R"({"stats": null, "compaction": {"sources": null, "level": null}})").has_value());
}

TEST(BlockMeta, AnotherVersionIsRefused) {
  TestDirectory dir;
  core::PosixFileSystem fs;
  EXPECT_EQ(ReadBlockMeta(fs, dir.File("")).error().code(), core::Code::kNotFound);
  for (std::string_view json : {R"({"version": 2})", "{}"}) {
    ASSERT_TRUE(core::WriteFileAtomically(fs, dir.File("meta.json"), json).has_value());
    auto meta = ReadBlockMeta(fs, dir.File(""));
    ASSERT_FALSE(meta.has_value());
    EXPECT_THAT(meta.error().message(), HasSubstr("meta.json: unexpected meta file version"));
  }
  ASSERT_TRUE(WriteBlockMeta(fs, dir.File(""), {}).has_value());
  EXPECT_EQ(ReadBlockMeta(fs, dir.File("")).value(), BlockMeta());
}

TEST(BlockMetaConformance, Prometheus242) {
  std::string dir = ConformanceDir("golden-prometheus-2.42/blocks-from-openmetrics/data");
  if (dir.empty()) GTEST_SKIP() << "no conformance data";
  core::PosixFileSystem fs;
  std::vector<core::FileInfo> blocks = fs.List(dir).value();
  for (const core::FileInfo& block : blocks) {
    std::string path = core::JoinPath(dir, block.name);
    auto meta = ReadBlockMeta(fs, path);
    ASSERT_TRUE(meta.has_value()) << meta.error().message();
    EXPECT_EQ(meta->ulid.ToString(), block.name);
    EXPECT_EQ(FormatBlockMeta(*meta), core::ReadFile(fs, core::JoinPath(path, "meta.json"), 1 << 20).value());
  }
}

TEST(BlockMetaConformance, RepairsTheVersionsOfPrometheus21) {
  std::string source = ConformanceDir("upstream/repair_index_version/01BZJ9WJQPWHGNC2W4J9TA62KC");
  if (source.empty()) GTEST_SKIP() << "no conformance data";
  core::PosixFileSystem fs;
  TestDirectory dir;
  std::string block = dir.File("01BZJ9WJQPWHGNC2W4J9TA62KC");
  CopyDirectory(fs, source, block);
  EXPECT_FALSE(ReadBlockMeta(fs, block).has_value());
  ASSERT_TRUE(RepairIndexVersion(fs, block).value());
  auto meta = ReadBlockMeta(fs, block);
  ASSERT_TRUE(meta.has_value()) << meta.error().message();
  EXPECT_EQ(meta->version, 1);
  EXPECT_EQ(meta->stats.samples, 31897565u);
  EXPECT_EQ(meta->max_time_ms, 1511368200000);
  EXPECT_FALSE(RepairIndexVersion(fs, block).value());

  std::string bytes = core::ReadFile(fs, core::JoinPath(block, "index"), 1 << 20).value();
  auto index = IndexReader::Open(bytes, "index").value();
  EXPECT_EQ(index->version(), 2);
  auto selected = index->Select({model::Matcher::Equal("b", "1")});
  ASSERT_TRUE(selected.has_value()) << selected.error().message();
  std::vector<std::string> found;
  for (uint32_t series : *selected) {
    found.push_back(index->LabelsOf(series)->ToString());
    EXPECT_TRUE(index->ChunksOf(series).has_value());
  }
  EXPECT_THAT(found, ElementsAre(R"({a="1", b="1"})", R"({a="2", b="1"})"));
}

}  // namespace
}  // namespace sextant::promfiles
