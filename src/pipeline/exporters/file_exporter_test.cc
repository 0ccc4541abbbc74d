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
  std::string path_ = directory_ / "out.json";
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
  EXPECT_NE(error("path: a\nencoding: text_encoding").find("encoding is not supported yet"),
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

// Files by an attribute of resources.
class GroupedFileExporterTest : public FileExporterTest {
 protected:
  void StartGrouped(const std::string& more = "") {
    path_ = directory_ / "by-*/out.json";
    Start("group_by: {enabled: true, resource_attribute: tenant, max_open_files: 1}\n" + more);
  }
  // A span for each tenant; "" for a resource without one.
  Outcome SendOf(const std::vector<std::string>& tenants) {
    otlp::TracesData data;
    for (const std::string& tenant : tenants) {
      otlp::ResourceSpans& resource = data.resources.emplace_back();
      if (!tenant.empty()) {
        otlp::KeyValue item{"tenant", otlp::AnyValue::Text(data.memory.Copy(tenant))};
        resource.resource.attributes = data.memory.CopyList(std::span<const otlp::KeyValue>(&item, 1));
      }
      resource.scopes.emplace_back().spans.emplace_back().name = data.memory.Copy("of " + tenant);
    }
    KeptOutcome outcome;
    exporter_->Consume(Telemetry(std::move(data)), outcome.done());
    return outcome.Wait();
  }
  double Dropped() {
    const std::string text = harness_.registry.RenderText();
    const std::string series = "\nsextant_otelcol_file_dropped_items_total{exporter=\"file\"} ";
    size_t at = text.find(series);
    return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size()));
  }
};

TEST_F(GroupedFileExporterTest, WritesAFileForEachValue) {
  StartGrouped();
  EXPECT_TRUE(SendOf({"a", "b", "a"}));
  // Only one file is open: each of these is closed for the other, and goes on where it was.
  EXPECT_TRUE(SendOf({"b"}));
  EXPECT_TRUE(SendOf({"a"}));
  exporter_->Shutdown();
  std::string a = ReadTestFile(directory_ / "by-a/out.json");
  std::string b = ReadTestFile(directory_ / "by-b/out.json");
  EXPECT_EQ(std::ranges::count(a, '\n'), 2);
  EXPECT_EQ(std::ranges::count(b, '\n'), 2);
  EXPECT_EQ(NameOf(otlp::DecodeTracesJson(b.substr(0, b.find('\n')))), "of b");
  EXPECT_EQ(Dropped(), 0);
}

TEST_F(GroupedFileExporterTest, CountsWhatBelongsToNoFile) {
  StartGrouped();
  EXPECT_TRUE(SendOf({"", "/../../../escape", std::string("zero\0byte", 9), "good"}));
  EXPECT_EQ(Dropped(), 3);
  EXPECT_NE(ReadTestFile(directory_ / "by-good/out.json"), "");
}

TEST_F(GroupedFileExporterTest, MakesDirectoriesWithTheirPermissions) {
  StartGrouped("directory_permissions: '0700'");
  EXPECT_TRUE(SendOf({"a"}));
  EXPECT_EQ(std::filesystem::status(directory_ / "by-a").permissions(), std::filesystem::perms::owner_all);
}

TEST_F(FileExporterTest, RefusesBadGroupsAndPermissions) {
  auto error = [&](const std::string& more) {
    return harness_.ErrorOf(type_, "path: " + path_ + "\n" + more);
  };
  EXPECT_NE(error("group_by: {enabled: true}").find("exactly one *"), std::string::npos);
  EXPECT_NE(harness_.ErrorOf(type_, "{path: '*/x', group_by: {enabled: true}}").find("must not start with *"),
            std::string::npos);
  EXPECT_NE(error("directory_permissions: '0999'").find("valid octal"), std::string::npos);
  EXPECT_NE(error("compression: zstd\ncompression_params: {level: 99}").find("unsupported parameters"),
            std::string::npos);
  EXPECT_NE(error("compression_params: {level: 3}").find("without compression"), std::string::npos);
  EXPECT_EQ(error("compression: zstd\ncompression_params: {level: 11}"), "");
}

}  // namespace

}  // namespace sextant::pipeline
