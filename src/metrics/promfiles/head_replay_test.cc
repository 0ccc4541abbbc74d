// What an import makes of directories that the golden ones do not have: checkpoints, series that came again,
// damage of all kinds.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "metrics/promfiles/head_files_test_util.h"
#include "metrics/promfiles/head_import.h"
#include "metrics/promfiles/head_visitor_test_util.h"
#include "metrics/promfiles/snapshot.h"
#include "metrics/promfiles/wal_writer.h"

namespace sextant::promfiles {
namespace {

using model::Labels;
using model::SampleColumns;
using test::ImportedHead;

constexpr TimestampMs kMin = std::numeric_limits<TimestampMs>::min();
constexpr TimestampMs kMax = std::numeric_limits<TimestampMs>::max();

std::string SeriesRecord(WalRef ref, std::string_view name) {
  std::string record;
  std::vector<WalSeries> entries = {{.ref = ref, .labels = Labels::Of({{"__name__", name}})}};
  EncodeSeriesRecord(entries, record);
  return record;
}

// Values say from where a sample comes.
std::string SamplesRecord(WalRef ref, std::vector<TimestampMs> times_ms, double value) {
  std::vector<WalSample> entries;
  for (TimestampMs time_ms : times_ms) entries.push_back({.ref = ref, .time_ms = time_ms, .value = value});
  std::string record;
  EncodeSamplesRecord(RecordType::kSamples, entries, record);
  return record;
}

std::string TombstoneRecord(WalRef ref, TimestampMs min_ms, TimestampMs max_ms) {
  std::string record;
  std::vector<WalTombstone> entries = {{.ref = ref, .min_ms = min_ms, .max_ms = max_ms}};
  EncodeTombstonesRecord(entries, record);
  return record;
}

std::string MarkerRecord(WalRef ref, uint64_t file, uint64_t offset) {
  std::string record;
  std::vector<WalMmapMarker> entries = {{.ref = ref, .chunk_ref = file << 32 | offset}};
  EncodeMmapMarkersRecord(entries, record);
  return record;
}

EncodedChunk Chunk(std::vector<TimestampMs> times_ms, double value) {
  SampleColumns samples;
  for (TimestampMs time_ms : times_ms) samples.Add(time_ms, value);
  std::vector<EncodedChunk> chunks;
  EXPECT_TRUE(EncodeChunks(samples, {}, chunks));
  return chunks.at(0);
}

class HeadReplayTest : public testing::Test {
 protected:
  HeadReplayTest() {
    std::string pattern = testing::TempDir() + "sextant-replay-XXXXXX";
    dir_ = mkdtemp(pattern.data());
  }
  ~HeadReplayTest() override { std::filesystem::remove_all(dir_); }

  void WriteLog(const std::string& name, uint64_t first, const std::vector<std::string>& records) {
    auto writer = WalWriter::Create(fs_, core::JoinPath(dir_, name), first,
                                    {.compression = WalWriter::Compression::kNone});
    ASSERT_TRUE(writer) << writer.error().message();
    for (const std::string& record : records) ASSERT_TRUE((*writer)->Append(record));
    ASSERT_TRUE((*writer)->Finish());
  }

  void WriteFile(const std::string& name, const std::string& bytes) {
    std::string path = core::JoinPath(dir_, name);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }

  void Damage(const std::string& name, std::streamoff offset) {
    std::fstream file(core::JoinPath(dir_, name), std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(offset);
    char byte = static_cast<char>(file.get());
    file.seekp(offset);
    file.put(static_cast<char>(byte ^ 1));
  }

  // "time=value ..." of a series.
  std::string Imported(const std::string& name, const HeadImportOptions& options = {}) {
    ImportedHead head;
    auto report = ImportHead(fs_, dir_, options, head);
    EXPECT_TRUE(report) << report.error().message();
    if (!report) return "";
    report_ = *report;
    std::string text;
    const SampleColumns& samples = head.series[fmt::format("{{__name__=\"{}\"}}", name)].samples;
    for (size_t i = 0; i < samples.size(); ++i) {
      text += fmt::format("{}{}={}", i == 0 ? "" : " ", samples.times_ms[i], samples.values[i]);
    }
    return text;
  }

  core::PosixFileSystem fs_;
  std::string dir_;
  HeadImportReport report_;
};

TEST_F(HeadReplayTest, ACheckpointStandsForTheSegmentsUpToIt) {
  WriteLog("wal", 3, {SeriesRecord(1, "a"), SamplesRecord(1, {1, 2}, 3)});
  WriteLog("wal", 4, {SamplesRecord(1, {30}, 4)});
  WriteLog("wal/checkpoint.00000002", 0, {SeriesRecord(1, "b"), SamplesRecord(1, {5}, 2)});
  WriteLog("wal/checkpoint.00000003", 0, {SeriesRecord(1, "a"), SamplesRecord(1, {10, 20}, 5)});
  EXPECT_EQ(Imported("a"), "10=5 20=5 30=4");
  EXPECT_EQ(report_.series, 1u);
  EXPECT_TRUE(report_.warnings.empty());

  std::filesystem::remove(dir_ + "/wal/00000003");
  std::filesystem::rename(dir_ + "/wal/00000004", dir_ + "/wal/00000006");
  EXPECT_EQ(Imported("a"), "10=5 20=5 30=4");
  EXPECT_EQ(report_.warnings.size(), 1u);
}

TEST_F(HeadReplayTest, TheFirstSampleAtATimeCounts) {
  WriteLog("wal", 0,
           {SeriesRecord(1, "a"), SamplesRecord(1, {10, 20}, 1), SamplesRecord(1, {20, 15, 30}, 2)});
  EXPECT_EQ(Imported("a"), "10=1 20=1 30=2");
  EXPECT_EQ(Imported("a", {.min_valid_ms = 15}), "20=1 30=2");
}

TEST_F(HeadReplayTest, ASeriesThatCameAgainBeginsAnew) {
  WriteLog("wal", 0,
           {SeriesRecord(1, "a"), SamplesRecord(1, {100, 200}, 1), SeriesRecord(7, "a"),
            SamplesRecord(7, {300}, 7), SamplesRecord(1, {400}, 1), TombstoneRecord(7, 350, 450)});
  EXPECT_EQ(Imported("a"), "300=7");
  // Mapped chunks of both stay; of those that overlap the later.
  WriteFile("chunks_head/000001", test::HeadChunkFileHeader() +
                                      test::HeadChunkBytes(1, Chunk({10, 20}, 0.1)) +
                                      test::HeadChunkBytes(1, Chunk({30, 40}, 0.1)) +
                                      test::HeadChunkBytes(7, Chunk({35, 50}, 0.7)));
  EXPECT_EQ(Imported("a"), "10=0.1 20=0.1 35=0.7 50=0.7 300=7");
  EXPECT_EQ(report_.series, 1u);
}

TEST_F(HeadReplayTest, MappedChunksComeBeforeTheWal) {
  WriteLog("wal", 0,
           {SeriesRecord(1, "a"), SeriesRecord(2, "b"), SamplesRecord(1, {10, 20, 30, 40}, 1),
            SamplesRecord(2, {10, 20}, 2)});
  std::string file = test::HeadChunkFileHeader() + test::HeadChunkBytes(1, Chunk({10, 20}, 0.5)) +
                     test::HeadChunkBytes(9, Chunk({10, 20}, 0.5));
  size_t second = file.size();
  file += test::HeadChunkBytes(1, Chunk({30}, 0.5));
  WriteFile("chunks_head/000001", file + std::string(1000, '\0'));
  EXPECT_EQ(Imported("a"), "10=0.5 20=0.5 30=0.5 40=1");
  EXPECT_EQ(Imported("b"), "10=2 20=2");
  EXPECT_EQ(report_.warnings,
            std::vector<std::string>{"1 head chunks of series that are not there any more"});

  // From damage on the WAL tells; also what a later file holds.
  WriteFile("chunks_head/000002", test::HeadChunkFileHeader() + test::HeadChunkBytes(1, Chunk({40}, 0.5)));
  EXPECT_EQ(Imported("a"), "10=0.5 20=0.5 30=0.5 40=0.5");
  Damage("chunks_head/000001", static_cast<std::streamoff>(second) + 30);
  EXPECT_EQ(Imported("a"), "10=0.5 20=0.5 30=1 40=1");
  EXPECT_NE(report_.warnings.at(0).find(fmt::format("000001: offset {}: ", second)), std::string::npos);
  for (const std::string& torn : {std::string(), std::string(4, 0)}) {
    WriteFile("chunks_head/000001", torn);
    EXPECT_EQ(Imported("a"), "10=1 20=1 30=1 40=1");
  }
}

TEST_F(HeadReplayTest, ZerosBetweenChunksAreDamage) {
  WriteLog("wal", 0, {SeriesRecord(1, "a"), SamplesRecord(1, {10, 20, 30}, 1)});
  std::string first = test::HeadChunkFileHeader() + test::HeadChunkBytes(1, Chunk({10}, 8));
  std::string second = test::HeadChunkBytes(1, Chunk({20}, 8));
  std::string third = test::HeadChunkBytes(1, Chunk({30}, 8));
  WriteFile("chunks_head/000001", first + std::string(second.size(), '\0') + third);
  EXPECT_EQ(Imported("a"), "10=8 20=1 30=1");
  EXPECT_EQ(report_.warnings.size(), 1u);
  WriteFile("chunks_head/000001", first + std::string(500, '\0'));
  EXPECT_EQ(Imported("a"), "10=8 20=1 30=1");
  EXPECT_TRUE(report_.warnings.empty());
}

TEST_F(HeadReplayTest, ChunksOutOfSequenceAreLeftToTheWal) {
  WriteLog("wal", 0, {SeriesRecord(1, "a"), SamplesRecord(1, {10, 20, 30, 40}, 1)});
  WriteFile("chunks_head/000001",
            test::HeadChunkFileHeader() + test::HeadChunkBytes(1, Chunk({10, 20}, 0.5)) +
                test::HeadChunkBytes(1, Chunk({20, 30}, 0.5)) + test::HeadChunkBytes(1, Chunk({40}, 0.5)));
  EXPECT_EQ(Imported("a"), "10=0.5 20=0.5 30=1 40=1");
}

TEST_F(HeadReplayTest, OutOfOrderSamplesAreMerged) {
  WriteLog("wal", 0, {SeriesRecord(1, "a"), SamplesRecord(1, {100, 200}, 1)});
  std::string file = test::HeadChunkFileHeader();
  uint64_t offset = file.size();
  WriteFile("chunks_head/000001", file + test::HeadChunkBytes(1, Chunk({50, 60}, 0.5), true));
  WriteLog("wbl", 0,
           {SamplesRecord(1, {60, 50}, 2), MarkerRecord(1, 1, offset), SamplesRecord(1, {150, 55, 100}, 3),
            MarkerRecord(1, 1, offset + 100), SamplesRecord(5, {1}, 1)});
  EXPECT_EQ(Imported("a"), "50=0.5 55=3 60=0.5 100=1 150=3 200=1");
  EXPECT_EQ(report_.out_of_order_samples, 4u);
  EXPECT_EQ(report_.unknown_refs, 1u);
  // The chunk is lost: its samples are still in the log.
  WriteFile("chunks_head/000001", file);
  EXPECT_EQ(Imported("a", {.min_valid_ms = 90}), "50=2 55=3 60=2 100=1 150=3 200=1");
}

TEST_F(HeadReplayTest, ADroppedSeriesMayComeAgain) {
  WriteLog("wal", 0,
           {SeriesRecord(1, "a"), SamplesRecord(1, {100}, 1), TombstoneRecord(1, kMin, kMax),
            SamplesRecord(1, {200}, 1), SeriesRecord(2, "a"), SamplesRecord(2, {300}, 2)});
  EXPECT_EQ(Imported("a"), "300=2");
  EXPECT_EQ(report_.unknown_refs, 1u);
}

TEST_F(HeadReplayTest, DamageLosesOnlyWhatItHit) {
  std::vector<std::string> records = {SeriesRecord(1, "a")};
  for (TimestampMs i = 1; i <= 3000; ++i) records.push_back(SamplesRecord(1, {i}, 1));
  WriteLog("wal", 0, records);
  WriteLog("wal", 1,
           {SamplesRecord(1, {5000}, 1), std::string("\x02garbage"), std::string("cfrom the future")});
  std::filesystem::resize_file(dir_ + "/wal/00000001", 60);
  Imported("a");
  EXPECT_EQ(report_.samples, 3001u);
  EXPECT_EQ(report_.damages, 1u);  // the record that says nothing; the torn end is none
  EXPECT_EQ(report_.warnings.size(), 2u);

  Damage("wal/00000000", 40000);
  Imported("a");
  EXPECT_EQ(report_.damages, 2u);
  EXPECT_LT(report_.samples, 3001u);
  EXPECT_GT(report_.samples, 2000u);
  EXPECT_NE(report_.warnings.at(0).find("00000000, offset "), std::string::npos);
}

TEST_F(HeadReplayTest, ASnapshotIsTakenWhenTheWalGoesOn) {
  std::string series("\x01", 1);
  PutBigEndian(series, uint64_t{1});
  PutUvarint(series, 1);
  PutPrefixed(series, "__name__");
  PutPrefixed(series, "a");
  PutBigEndian(series, int64_t{0});
  EncodedChunk chunk = Chunk({10, 20}, 9);
  PutUvarint(series, 1);
  PutBigEndian(series, chunk.min_time_ms);
  PutBigEndian(series, chunk.max_time_ms);
  series.push_back(1);
  PutPrefixed(series, chunk.bytes);
  series.append(64, '\0');
  WriteLog("wal", 0, {SeriesRecord(1, "a"), SamplesRecord(1, {10, 20}, 1)});
  WriteLog("wal", 1, {SamplesRecord(1, {30}, 2)});
  WriteLog("chunk_snapshot.000000.0000032768", 0, {series});
  WriteLog("chunk_snapshot.000000.0000000100", 0, {});
  EXPECT_EQ(Imported("a"), "10=9 20=9 30=2");

  // Its chunk was mapped after it was taken.
  WriteFile("chunks_head/000001",
            test::HeadChunkFileHeader() + test::HeadChunkBytes(1, Chunk({10, 20, 30}, 8)));
  EXPECT_EQ(Imported("a"), "10=8 20=8 30=8");
  std::filesystem::remove_all(dir_ + "/chunks_head");

  Damage("chunk_snapshot.000000.0000032768/00000000", 30);
  EXPECT_EQ(Imported("a"), "10=1 20=1 30=2");
  EXPECT_EQ(report_.warnings.size(), 1u);
  std::filesystem::remove_all(dir_ + "/chunk_snapshot.000000.0000032768");
  WriteLog("chunk_snapshot.000007.0000000000", 0, {series});
  EXPECT_EQ(Imported("a"), "10=1 20=1 30=2");
  EXPECT_EQ(report_.warnings.size(), 1u);
}

TEST_F(HeadReplayTest, ASnapshotIsLeftOutWhenChunksItCountsOnAreMissing) {
  // The series' open chunk in memory was empty: all of it had just been mapped.
  std::string series("\x01", 1);
  PutBigEndian(series, uint64_t{1});
  PutUvarint(series, 1);
  PutPrefixed(series, "__name__");
  PutPrefixed(series, "a");
  PutBigEndian(series, int64_t{0});
  PutUvarint(series, 0);
  WriteLog("wal", 0, {SeriesRecord(1, "a"), SamplesRecord(1, {10, 20, 30}, 1)});
  WriteLog("wal", 1, {SamplesRecord(1, {40}, 2)});
  WriteLog("chunk_snapshot.000001.0000000000", 0, {series});
  std::string first = test::HeadChunkFileHeader() + test::HeadChunkBytes(1, Chunk({10}, 8));
  WriteFile("chunks_head/000001", first);
  WriteFile("chunks_head/000002", test::HeadChunkFileHeader() + test::HeadChunkBytes(1, Chunk({20, 30}, 8)));
  EXPECT_EQ(Imported("a"), "10=8 20=8 30=8 40=2");
  EXPECT_TRUE(report_.warnings.empty());

  Damage("chunks_head/000002", 40);
  EXPECT_EQ(Imported("a"), "10=8 20=1 30=1 40=2");
  EXPECT_EQ(report_.warnings.size(), 2u);

  std::filesystem::rename(dir_ + "/chunks_head/000002", dir_ + "/chunks_head/000003");
  EXPECT_EQ(Imported("a"), "10=8 20=1 30=1 40=2");
  EXPECT_EQ(report_.warnings.size(), 2u);

  WriteFile("chunks_head/000001", first + test::HeadChunkBytes(1, Chunk({10}, 7)));
  EXPECT_EQ(Imported("a"), "10=8 20=1 30=1 40=2");
}

TEST_F(HeadReplayTest, SegmentsOnBothSidesOfAGapAreRead) {
  WriteLog("wal", 0, {SeriesRecord(1, "a"), SamplesRecord(1, {10}, 1)});
  WriteLog("wal", 1, {SamplesRecord(1, {20}, 1)});
  WriteLog("wal", 2, {SamplesRecord(1, {30}, 1)});
  WriteLog("wbl", 4, {SamplesRecord(1, {5}, 2)});
  WriteLog("wbl", 6, {SamplesRecord(1, {6}, 2)});
  std::filesystem::remove(dir_ + "/wal/00000001");
  EXPECT_EQ(Imported("a"), "5=2 6=2 10=1 30=1");
  EXPECT_EQ(report_.damages, 2u);
  ASSERT_EQ(report_.warnings.size(), 2u);
  EXPECT_EQ(report_.warnings[0], dir_ + "/wal/00000002: 1 segments before it are missing");

  // Also where the gap lies behind a checkpoint whose own segments were still there.
  WriteLog("wal/checkpoint.00000000", 0, {SeriesRecord(1, "a"), SamplesRecord(1, {11}, 3)});
  EXPECT_EQ(Imported("a"), "5=2 6=2 11=3 30=1");
  EXPECT_EQ(report_.warnings.at(0), dir_ + "/wal: the segments after checkpoint 0 up to 1 are missing");
}

TEST_F(HeadReplayTest, ProgressIsToldAndCancels) {
  for (uint64_t i = 0; i < 3; ++i)
    WriteLog("wal", 5 + i, {SeriesRecord(i + 1, "a"), SamplesRecord(i + 1, {1}, 1)});
  WriteLog("wbl", 0, {SamplesRecord(3, {0}, 1)});
  std::vector<std::string> told;
  HeadImportOptions options;
  options.progress = [&](const HeadImportProgress& progress) {
    told.push_back(fmt::format("{}/{} {}-{} {}", progress.segments_done, progress.segments,
                               progress.first_segment, progress.last_segment, progress.current_segment));
    return told.size() != 6;
  };
  Imported("a", options);
  EXPECT_EQ(told, (std::vector<std::string>{"1/4 5-7 5", "2/4 5-7 6", "3/4 5-7 7", "4/4 5-7 7"}));
  ImportedHead head;
  auto report = ImportHead(fs_, dir_, options, head);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), core::Code::kCancelled);
}

TEST_F(HeadReplayTest, OnlyTheNewestExemplarsAreKept) {
  std::vector<WalExemplar> exemplars;
  for (TimestampMs i : {1, 2, 2, 3, 1, 4})
    exemplars.push_back({.ref = 1, .exemplar = {.labels = {}, .value = 1, .time_ms = i}});
  std::string record;
  EncodeExemplarsRecord(exemplars, record);
  WriteLog("wal", 0, {SeriesRecord(1, "a"), SamplesRecord(1, {1}, 1), record});
  ImportedHead head;
  ASSERT_TRUE(ImportHead(fs_, dir_, {.max_exemplars = 2}, head));
  ASSERT_EQ(head.series.begin()->second.exemplars.size(), 2u);
  EXPECT_EQ(head.series.begin()->second.exemplars[0].time_ms, 3);
  Imported("a");
  EXPECT_EQ(report_.exemplars, 4u);
}

TEST_F(HeadReplayTest, NothingIsFine) {
  EXPECT_FALSE(HasHead(fs_, dir_));
  EXPECT_EQ(Imported("a"), "");
  ImportedHead head;
  EXPECT_FALSE(ImportHead(fs_, dir_ + "/none", {}, head));
}

}  // namespace
}  // namespace sextant::promfiles
