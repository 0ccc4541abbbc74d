#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/crc32c.h"
#include "core/fault_file.h"
#include "metrics/promfiles/big_endian.h"
#include "metrics/promfiles/index_reader.h"
#include "metrics/promfiles/index_test_util.h"
#include "metrics/promfiles/index_writer.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using model::Labels;
using model::Matcher;
using model::MatchType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

Matcher Match(MatchType type, std::string_view name, std::string_view value) {
  return Matcher::Make(type, name, value).value();
}

class IndexTest : public ::testing::Test {
 protected:
  std::string Path() const { return dir_.File("index"); }

  core::Result<uint64_t> Write(const IndexedSeries& series) {
    SEXTANT_ASSIGN(std::unique_ptr<IndexWriter> writer, IndexWriter::Start(fs_, Path()));
    for (const auto& [labels, chunks] : series) SEXTANT_TRY(writer->Add(labels, chunks));
    return writer->Finish();
  }
  std::string WriteAndRead(const IndexedSeries& series) {
    auto size = Write(series);
    EXPECT_TRUE(size.has_value()) << size.error().message();
    std::string bytes = core::ReadFile(posix_, Path(), 1 << 30).value();
    EXPECT_EQ(bytes.size(), size.value_or(0));
    return bytes;
  }

  TestDirectory dir_;
  core::PosixFileSystem posix_;
  core::FaultFileSystem fs_{posix_};
};

std::unique_ptr<IndexReader> OpenIndex(std::string_view bytes) {
  auto reader = IndexReader::Open(bytes, "index");
  EXPECT_TRUE(reader.has_value()) << reader.error().message();
  return reader ? std::move(*reader) : nullptr;
}

IndexedSeries Everything(const IndexReader& reader) {
  IndexedSeries all;
  auto selected = reader.Select({});
  EXPECT_TRUE(selected.has_value()) << selected.error().message();
  Labels former;
  for (uint32_t series : *selected) {
    auto labels = reader.LabelsOf(series);
    auto chunks = reader.ChunksOf(series);
    EXPECT_TRUE(labels.has_value() && chunks.has_value());
    EXPECT_LT(former, *labels);
    former = *labels;
    all[*labels] = *chunks;
  }
  return all;
}

std::vector<std::string> Sorted(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  return texts;
}

// Matchers of every kind, of labels that some, all or no series have.
std::vector<std::vector<Matcher>> ManyMatchers() {
  std::vector<Matcher> ones = {
      Matcher::Equal("job", "a"),
      Matcher::Equal("job", ""),
      Matcher::Equal("instance", ""),
      Matcher::Equal("none", ""),
      Matcher::Equal("none", "x"),
      Matcher::Equal("", ""),
      Matcher::Equal("é", "日本"),
      Match(MatchType::kNotEqual, "job", "a"),
      Match(MatchType::kNotEqual, "instance", ""),
      Match(MatchType::kNotEqual, "none", "x"),
      Match(MatchType::kRegexp, "instance", "host-1.*"),
      Match(MatchType::kRegexp, "instance", "host-(1|2):9100|"),
      Match(MatchType::kRegexp, "instance", ".+"),
      Match(MatchType::kRegexp, "instance", ".*"),
      Match(MatchType::kRegexp, "instance", ".*3:9.*"),
      Match(MatchType::kRegexp, "__name__", "metric_1|metric_2|metric_1|other"),
      Match(MatchType::kRegexp, "__name__", "metric_[0-3]"),
      Match(MatchType::kNotRegexp, "instance", "host-1.*"),
      Match(MatchType::kNotRegexp, "instance", ".+"),
      Match(MatchType::kNotRegexp, "instance", "^$"),
      Match(MatchType::kNotRegexp, "__name__", "metric_1|metric_2"),
      Match(MatchType::kNotRegexp, "path", "/x{20,80}"),
      Match(MatchType::kRegexp, "path", "/|/x|"),
  };
  std::vector<std::vector<Matcher>> many = {{}};
  for (const Matcher& a : ones) {
    many.push_back({a});
    for (const Matcher& b : ones) many.push_back({a, b});
  }
  many.push_back({ones[0], ones[10], ones[20]});
  return many;
}

TEST_F(IndexTest, GivesBackWhatWasWritten) {
  for (size_t count : {0, 1, 2, 33, 700}) {
    IndexedSeries series = RandomSeries(count, count);
    std::string bytes = WriteAndRead(series);
    EXPECT_EQ(Everything(*OpenIndex(bytes)), series) << count;
    EXPECT_FALSE(posix_.Stat(Path() + ".series.tmp").has_value());
    ASSERT_TRUE(posix_.Remove(Path()).has_value());
  }
}

TEST_F(IndexTest, FindsWhatAScanFinds) {
  IndexedSeries series = RandomSeries(7, 500);
  std::string bytes = WriteAndRead(series);
  auto reader = OpenIndex(bytes);
  for (const std::vector<Matcher>& matchers : ManyMatchers()) {
    std::string text;
    for (const Matcher& matcher : matchers) text += matcher.ToString() + " ";
    std::vector<Labels> expected;
    std::set<std::string> names;
    std::set<std::string> instances;
    for (const auto& [labels, chunks] : series) {
      if (!model::MatchesAll(matchers, labels)) continue;
      expected.push_back(labels);
      for (model::LabelView label : labels) names.emplace(label.name);
      if (labels.Has("instance")) instances.emplace(labels.Get("instance"));
    }
    std::vector<Labels> found;
    auto selected = reader->Select(matchers);
    ASSERT_TRUE(selected.has_value()) << selected.error().message();
    for (uint32_t number : *selected) found.push_back(reader->LabelsOf(number).value());
    EXPECT_EQ(found, expected) << text;

    std::vector<std::string> texts;
    ASSERT_TRUE(reader->LabelNames(matchers, texts).has_value());
    EXPECT_EQ(Sorted(texts), std::vector<std::string>(names.begin(), names.end())) << text;
    texts.clear();
    ASSERT_TRUE(reader->LabelValues("instance", matchers, texts).has_value());
    EXPECT_EQ(Sorted(texts), std::vector<std::string>(instances.begin(), instances.end())) << text;
  }
}

TEST_F(IndexTest, ListsValuesOfManySeries) {
  IndexedSeries series;
  for (int i = 0; i < 30'000; ++i) {
    series[Labels::Of({{"__name__", i % 4 == 0 ? "few" : "many"},
                       {"id", std::to_string(i)},
                       {"zone", (i % 4 == 0 ? "f" : "m") + std::to_string(i % 12)}})];
  }
  std::string bytes = WriteAndRead(series);
  auto reader = OpenIndex(bytes);
  auto zones = [&](std::string_view name) {
    std::vector<std::string> texts;
    EXPECT_TRUE(reader->LabelValues("zone", {Match(MatchType::kEqual, "__name__", std::string(name))}, texts)
                    .has_value());
    return Sorted(texts);
  };
  EXPECT_EQ(zones("many"),
            (std::vector<std::string>{"m1", "m10", "m11", "m2", "m3", "m5", "m6", "m7", "m9"}));
  EXPECT_EQ(zones("few"), (std::vector<std::string>{"f0", "f4", "f8"}));
  EXPECT_EQ(zones("none"), std::vector<std::string>());
}

TEST_F(IndexTest, HoldsLargeSymbolTables) {
  // More than 1 MiB of symbols, among them one of 100 KB, and lists of tens of thousands of series.
  IndexedSeries series;
  for (int i = 0; i < 40'000; ++i) {
    std::string id = "a-rather-long-identifier-so-that-there-are-many-bytes-" + std::to_string(i);
    series[Labels::Of({{"__name__", "m"}, {"id", id}})] = {{ChunkRef(0, 8), 0, i}};
  }
  std::string large(100'000, 'L');
  series[Labels::Of({{"__name__", "m"}, {"large", large}})] = {};
  std::string bytes = WriteAndRead(series);
  auto reader = OpenIndex(bytes);
  EXPECT_EQ(Everything(*reader), series);
  EXPECT_EQ(reader->Select({Matcher::Equal("large", large)})->cardinality(), 1u);
  EXPECT_EQ(reader->Select({Match(MatchType::kRegexp, "id", ".*9")})->cardinality(), 4000u);
  EXPECT_EQ(reader->Select({Match(MatchType::kRegexp, "id", "a-rather.*-1234.?")})->cardinality(), 11u);
  std::vector<std::string> values;
  ASSERT_TRUE(reader->LabelValues("id", {Matcher::Equal("__name__", "m")}, values).has_value());
  EXPECT_EQ(values.size(), 40'000u);
}

TEST_F(IndexTest, RefusesSeriesAndChunksOutOfOrder) {
  auto writer = IndexWriter::Start(fs_, Path()).value();
  Labels a = Labels::Of({{"x", "a"}});
  Labels b = Labels::Of({{"x", "b"}});
  ASSERT_TRUE(writer->Add(b, {}).has_value());
  for (const Labels& late : {a, b}) {
    auto added = writer->Add(late, {});
    ASSERT_FALSE(added.has_value());
    EXPECT_EQ(added.error().code(), Code::kInvalidArgument);
  }
  Labels c = Labels::Of({{"x", "c"}});
  EXPECT_FALSE(writer->Add(c, {{8, 10, 20}, {9, 20, 30}}).has_value());
  EXPECT_FALSE(writer->Add(c, {{8, 10, 9}}).has_value());
}

TEST_F(IndexTest, ReportsWhateverOperationFails) {
  IndexedSeries series = RandomSeries(3, 50);
  for (uint64_t n = 1;; ++n) {
    fs_.FailOperation(n, core::Fault::kTorn);
    auto written = Write(series);
    bool is_reached = fs_.operations() >= n;
    EXPECT_EQ(written.has_value(), !is_reached) << fs_.failed_operation();
    fs_.Heal();
    static_cast<void>(posix_.Remove(Path()));
    if (!is_reached) break;
  }
}

// Every lookup in an index; whether one of them says that it is broken.
bool IsRefused(std::string_view bytes) {
  auto reader = IndexReader::Open(bytes, "dir/index");
  if (!reader) {
    EXPECT_EQ(reader.error().code(), Code::kCorruption);
    EXPECT_THAT(reader.error().message(), HasSubstr("dir/index at "));
    return true;
  }
  auto all = (*reader)->Select({});
  if (!all) return true;
  bool is_refused = false;
  for (uint32_t series : *all) {
    is_refused = is_refused || !(*reader)->LabelsOf(series) || !(*reader)->ChunksOf(series);
  }
  std::vector<std::string> texts;
  for (const char* pattern : {"host.*", ".*x.*", ".+"}) {
    for (const char* name : {"__name__", "instance", "job", "path"}) {
      is_refused = is_refused || !(*reader)->Select({Match(MatchType::kRegexp, name, pattern)}) ||
                   !(*reader)->Select({Match(MatchType::kNotRegexp, name, pattern)});
    }
  }
  return is_refused;
}

TEST_F(IndexTest, EveryChangedByteIsFound) {
  std::string bytes = WriteAndRead(RandomSeries(5, 12));
  ASSERT_FALSE(IsRefused(bytes));
  auto is_padding = [&](size_t at) {
    // Between a series' checksum and the next multiple of 16.
    return bytes[at] == 0 && !IsRefused(bytes.substr(0, at) + '\x10' + bytes.substr(at + 1));
  };
  size_t unnoticed = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] ^= 0x10;
    if (IsRefused(changed)) continue;
    ++unnoticed;
    // The version byte cannot be told from another one's when it is still 2 to 3.
    EXPECT_TRUE(is_padding(at)) << at;
  }
  EXPECT_LT(unnoticed, 12u * 16);
}

TEST_F(IndexTest, ZerosAreFound) {
  std::string bytes = WriteAndRead(RandomSeries(5, 12));
  // As a disk leaves sectors that it has lost.
  for (size_t at = 0; at + 64 <= bytes.size(); ++at) {
    std::string changed = bytes;
    changed.replace(at, 64, 64, '\0');
    EXPECT_TRUE(IsRefused(changed)) << at;
  }
}

TEST_F(IndexTest, ACutFileIsRefused) {
  std::string bytes = WriteAndRead(RandomSeries(5, 12));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(IsRefused(bytes.substr(0, size))) << size;
  }
}

TEST_F(IndexTest, TablesThatDoNotFitAreHarmless) {
  std::string bytes = WriteAndRead(RandomSeries(5, 30));
  std::mt19937_64 random(1);
  for (int i = 0; i < 3000; ++i) {
    std::string changed = bytes;
    for (uint64_t j = 1 + random() % 4; j > 0; --j) {
      changed[random() % changed.size()] = static_cast<char>(random() % 256);
    }
    auto reader = IndexReader::Open(changed, "index", IndexReader::Checksums::kIgnore);
    if (!reader) continue;
    std::vector<std::string> texts;
    static_cast<void>((*reader)->LabelNames({}, texts));
    static_cast<void>((*reader)->LabelValues("instance", {Matcher::Equal("job", "a")}, texts));
    for (const auto& matchers : {std::vector<Matcher>{}, {Match(MatchType::kRegexp, "instance", "host.*")}}) {
      auto selected = (*reader)->Select(matchers);
      if (!selected) continue;
      for (uint32_t series : *selected) {
        static_cast<void>((*reader)->LabelsOf(series));
        static_cast<void>((*reader)->ChunksOf(series));
      }
    }
  }
}

// An index of version 1, or 3, made of one of version 2 as its documentation says.
std::string AsVersion3(std::string bytes) {
  bytes[4] = 3;
  return bytes;
}

TEST_F(IndexTest, Version3IsRead) {
  IndexedSeries series = RandomSeries(9, 40);
  std::string bytes = AsVersion3(WriteAndRead(series));
  auto reader = OpenIndex(bytes);
  EXPECT_EQ(reader->version(), 3);
  EXPECT_EQ(Everything(*reader), series);
}

TEST_F(IndexTest, OtherVersionsAreRefused) {
  std::string bytes = WriteAndRead(RandomSeries(9, 4));
  for (char version : {'\0', '\4', '\xff'}) {
    bytes[4] = version;
    auto reader = IndexReader::Open(bytes, "index");
    ASSERT_FALSE(reader.has_value());
    EXPECT_THAT(reader.error().message(), HasSubstr("index at 4: unknown index version"));
  }
}

// Appends a section with its length and checksum.
uint64_t PutSection(std::string& file, const std::string& content) {
  uint64_t offset = file.size();
  PutBigEndian<uint32_t>(file, static_cast<uint32_t>(content.size()));
  file += content;
  PutBigEndian<uint32_t>(file, core::Crc32c(content));
  return offset;
}

void PutToc(std::string& file, const IndexToc& toc) {
  std::string bytes;
  for (uint64_t place : {toc.symbols, toc.series, toc.label_indices, toc.label_indices_table, toc.postings,
                         toc.postings_table}) {
    PutBigEndian<uint64_t>(bytes, place);
  }
  PutBigEndian<uint32_t>(bytes, core::Crc32c(bytes));
  file += bytes;
}

TEST(IndexVersion1, ReadsTablesInAnyOrder) {
  std::string file;
  PutBigEndian<uint32_t>(file, kIndexMagic);
  file.push_back(1);
  IndexToc toc;
  // Symbols are named by their offsets.
  std::string symbols;
  PutBigEndian<uint32_t>(symbols, 4);
  uint32_t refs[4];
  for (int i = 0; i < 4; ++i) {
    refs[i] = static_cast<uint32_t>(file.size() + 4 + symbols.size());
    PutPrefixed(symbols, std::string(1, "abcd"[i]));
  }
  toc.symbols = PutSection(file, symbols);
  toc.series = file.size();
  std::vector<uint32_t> series;
  for (int value : {1, 2, 3}) {
    std::string record;
    PutUvarint(record, 1);
    PutUvarint(record, refs[0]);
    PutUvarint(record, refs[value]);
    PutUvarint(record, 0);  // chunks
    series.push_back(static_cast<uint32_t>(file.size()));
    PutPrefixed(file, record);
    PutBigEndian<uint32_t>(file, core::Crc32c(record));
  }
  std::string table;
  PutBigEndian<uint32_t>(table, 4);
  auto put_list = [&](std::string_view name, std::string_view value, std::vector<uint32_t> refs_of_list) {
    std::string list;
    PutBigEndian<uint32_t>(list, static_cast<uint32_t>(refs_of_list.size()));
    for (uint32_t ref : refs_of_list) PutBigEndian<uint32_t>(list, ref);
    PutUvarint(table, 2);
    PutPrefixed(table, name);
    PutPrefixed(table, value);
    PutUvarint(table, PutSection(file, list));
  };
  put_list("a", "d", {series[2]});
  put_list("a", "b", {series[0]});
  put_list("", "", series);
  put_list("a", "c", {series[1]});
  toc.postings_table = PutSection(file, table);
  PutToc(file, toc);

  auto reader = OpenIndex(file);
  ASSERT_NE(reader, nullptr);
  EXPECT_THAT(Everything(*reader), ::testing::SizeIs(3));
  auto selected = reader->Select({Match(MatchType::kRegexp, "a", "b|d")});
  ASSERT_TRUE(selected.has_value());
  EXPECT_EQ(*selected, Roaring::bitmapOf(2, series[0], series[2]));
  std::vector<std::string> values;
  ASSERT_TRUE(reader->LabelValues("a", {}, values).has_value());
  EXPECT_THAT(values, ElementsAre("b", "c", "d"));
}

TEST(IndexLimits, EntriesThatShareAListCannotMakeALookupEndless) {
  std::string file;
  PutBigEndian<uint32_t>(file, kIndexMagic);
  file.push_back(2);
  std::string list;
  PutBigEndian<uint32_t>(list, 1000);
  for (uint32_t i = 0; i < 1000; ++i) PutBigEndian<uint32_t>(list, i);
  uint64_t place = PutSection(file, list);
  std::string table;
  PutBigEndian<uint32_t>(table, 1000);
  for (int i = 0; i < 1000; ++i) {
    PutUvarint(table, 2);
    PutPrefixed(table, "a");
    PutPrefixed(table, fmt::format("{:04}", i));
    PutUvarint(table, place);
  }
  IndexToc toc;
  toc.postings_table = PutSection(file, table);
  PutToc(file, toc);
  auto selected = OpenIndex(file)->Select({Match(MatchType::kRegexp, "a", ".+")});
  ASSERT_FALSE(selected.has_value());
  EXPECT_THAT(selected.error().message(), HasSubstr("overlap"));
}

TEST(IndexConformance, ReadsPrometheus242) {
  std::string dir = ConformanceDir("golden-prometheus-2.42/v242-snappy/admin-snapshot-block");
  if (dir.empty()) GTEST_SKIP() << "no conformance data";
  core::PosixFileSystem fs;
  std::vector<core::FileInfo> blocks = fs.List(dir).value();
  for (const core::FileInfo& block : blocks) {
    std::string bytes =
        core::ReadFile(fs, core::JoinPath(core::JoinPath(dir, block.name), "index"), 1 << 30).value();
    auto reader = OpenIndex(bytes);
    EXPECT_EQ(reader->version(), 2);
    EXPECT_EQ(Everything(*reader).size(), 6u);
    std::vector<std::string> names;
    ASSERT_TRUE(reader->LabelNames({}, names).has_value());
    EXPECT_THAT(names, ::testing::Contains("__name__"));
  }
}

TEST(IndexConformance, ReadsVersion1) {
  std::string dir = ConformanceDir("upstream/index_format_v1");
  if (dir.empty()) GTEST_SKIP() << "no conformance data";
  core::PosixFileSystem fs;
  std::string bytes = core::ReadFile(fs, core::JoinPath(dir, "index"), 1 << 30).value();
  auto reader = OpenIndex(bytes);
  EXPECT_EQ(reader->version(), 1);
  EXPECT_EQ(Everything(*reader).size(), 102u);
  EXPECT_EQ(reader->Select({Matcher::Equal("foo", "bar")})->cardinality(), 1u);
  EXPECT_EQ(reader->Select({Match(MatchType::kNotRegexp, "foo", "^.?$")})->cardinality(), 2u);
}

}  // namespace
}  // namespace sextant::promfiles
