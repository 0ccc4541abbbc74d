#include "pipeline/exporters/file_exporter.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "net/compression.h"
#include "otlp/spans.h"
#include "pipeline/component_harness.h"
#include "pipeline/exporters/rotating_file.h"

namespace sextant::pipeline {

namespace {

class FileExporterTest : public testing::Test {
 protected:
  void Start(const std::string& more = "") {
    auto config = harness_.Read(type_, "path: " + path_ + "\n" + more);
    ASSERT_TRUE(config) << config.error().message();
    auto made = type_.make_exporter(harness_.Settings(type_), *config, Signal::kTraces);
    ASSERT_TRUE(made) << made.error().message();
    exporter_ = std::move(*made);
    core::Status started = exporter_->Start();
    ASSERT_TRUE(started) << started.error().message();
  }
  Outcome Send(const std::string& name) {
    otlp::TracesData data;
    otlp::Span& span = data.resources.emplace_back().scopes.emplace_back().spans.emplace_back();
    span.name = data.memory.Copy(name);
    KeptOutcome outcome;
    exporter_->Consume(Telemetry(std::move(data)), outcome.done());
    return outcome.Wait();
  }
  // The name of the one span of a request.
  static std::string NameOf(const core::Result<otlp::TracesData>& data) {
    EXPECT_TRUE(data);
    return data ? std::string(data->resources.at(0).scopes.at(0).spans.at(0).name) : "";
  }

  const ComponentType type_ = FileExporterType();
  ComponentHarness harness_;
  TestDirectory directory_;
  const std::string path_ = directory_ / "out.json";
  std::unique_ptr<Exporter> exporter_;
};

TEST_F(FileExporterTest, WritesALineForEachBatch) {
  Start();
  EXPECT_TRUE(Send("a"));
  EXPECT_TRUE(Send("b"));
  exporter_->Shutdown();
  std::string text = ReadTestFile(path_);
  size_t end = text.find('\n');
  EXPECT_EQ(NameOf(otlp::DecodeTracesJson(text.substr(0, end))), "a");
  EXPECT_EQ(NameOf(otlp::DecodeTracesJson(text.substr(end + 1))), "b");
}

TEST_F(FileExporterTest, BeginsAnewUnlessToldToAppend) {
  directory_.Write("out.json", "old\n");
  Start("append: true");
  EXPECT_TRUE(ReadTestFile(path_).starts_with("old\n"));
  Start();
  EXPECT_EQ(ReadTestFile(path_), "");
}

TEST_F(FileExporterTest, WritesMessagesWithTheirSizes) {
  Start("format: proto");
  EXPECT_TRUE(Send("a"));
  std::string bytes = ReadTestFile(path_);
  ASSERT_GT(bytes.size(), 4u);
  EXPECT_EQ(bytes.substr(0, 3), std::string(3, '\0'));
  EXPECT_EQ(static_cast<size_t>(bytes[3]), bytes.size() - 4);
  std::string message = bytes.substr(4);
  EXPECT_EQ(NameOf(otlp::DecodeTraces(message)), "a");
}

TEST_F(FileExporterTest, Compresses) {
  Start("compression: zstd");
  EXPECT_TRUE(Send("a"));
  std::string json;
  ASSERT_TRUE(net::Decompress(net::Encoding::kZstd, ReadTestFile(path_).substr(4), 1 << 20, json));
  EXPECT_EQ(NameOf(otlp::DecodeTracesJson(json)), "a");
}

TEST_F(FileExporterTest, MakesDirectories) {
  auto config = harness_.Read(type_, "path: " + (directory_ / "a/b/out") + "\ncreate_directory: true");
  auto made = type_.make_exporter(harness_.Settings(type_), *config, Signal::kTraces);
  EXPECT_TRUE((*made)->Start());
  auto without = harness_.Read(type_, "path: " + (directory_ / "c/out"));
  made = type_.make_exporter(harness_.Settings(type_), *without, Signal::kTraces);
  EXPECT_FALSE((*made)->Start());
}

TEST_F(FileExporterTest, RefusesBadSettings) {
  auto error = [&](const std::string& yaml) { return harness_.ErrorOf(type_, yaml); };
  EXPECT_NE(error("{}").find("path must be non-empty"), std::string::npos);
  EXPECT_NE(error("path: a\nappend: true\ncompression: zstd")
                .find("append and compression enabled at the same time is not supported"),
            std::string::npos);
  EXPECT_NE(error("path: a\nappend: true\nrotation:")
                .find("append and rotation enabled at the same time is not supported"),
            std::string::npos);
  EXPECT_NE(error("path: a\nformat: xml").find("format type is not supported"), std::string::npos);
  EXPECT_NE(error("path: a\ncompression: gzip").find("compression is not supported"), std::string::npos);
  EXPECT_NE(error("path: a\ngroup_by: {enabled: true}").find("group_by is not supported yet"),
            std::string::npos);
}

TEST_F(FileExporterTest, RotatesAndRemovesOldFiles) {
  core::PosixFileSystem fs;
  core::ManualClock clock(1'700'000'000'000);
  auto file = RotatingFile::Open(fs, clock, path_, true, {.max_bytes = 10, .max_backups = 2});
  ASSERT_TRUE(file);
  for (char c : std::string("abcd")) ASSERT_TRUE((*file)->Write(std::string(6, c)));
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    names.push_back(entry.path().filename().string() + " " + ReadTestFile(entry.path().string()));
  }
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"out-2023-11-14T22-13-20.001.json bbbbbb",
                                             "out-2023-11-14T22-13-20.002.json cccccc", "out.json dddddd"}));
  EXPECT_EQ((*file)->Write(std::string(11, 'e')).error().message(),
            "write length 11 exceeds maximum file size 10");
}

}  // namespace

}  // namespace sextant::pipeline
