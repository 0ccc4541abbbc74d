#include "pipeline/exporters/debug_exporter.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "pipeline/component_harness.h"
#include "pipeline/exporters/message_sampler.h"

namespace sextant::pipeline {

namespace {

class DebugExporterTest : public testing::Test {
 protected:
  std::unique_ptr<Exporter> Make(const std::string& yaml, Signal signal, core::Logger logger) {
    auto config = environment_.Read(type_, yaml);
    EXPECT_TRUE(config) << config.error().message();
    auto made = type_.make_exporter(environment_.Settings(type_, std::move(logger)), *config, signal);
    EXPECT_TRUE(made) << made.error().message();
    return std::move(*made);
  }

  static Telemetry OneSpan() {
    otlp::TracesData data;
    otlp::Span& span = data.resources.emplace_back().scopes.emplace_back().spans.emplace_back();
    span.name = "a";
    return Telemetry(std::move(data));
  }

  const ComponentType type_ = DebugExporterType();
  ComponentHarness environment_;
  TestDirectory directory_;
};

TEST_F(DebugExporterTest, WritesCountsAndTextWhereItIsTold) {
  std::string path = directory_ / "out";
  auto exporter = Make("verbosity: normal\nuse_internal_logger: false\noutput_paths: [" + path + "]",
                       Signal::kTraces, core::Logger::Discard());
  KeptOutcome outcome;
  exporter->Consume(OneSpan(), outcome.done());
  EXPECT_TRUE(outcome.Wait());
  EXPECT_EQ(ReadTestFile(path),
            "Traces\t{\"resource spans\": 1, \"spans\": 1}\n"
            "ResourceTraces #0\nScopeTraces #0\na  \n\n");
}

TEST_F(DebugExporterTest, WritesToTheLogByDefault) {
  std::string log;
  core::Logger logger(environment_.clock(), {.writer = [&](std::string_view line) { log += line; }});
  auto exporter = Make("", Signal::kTraces, logger);
  KeptOutcome outcome;
  exporter->Consume(OneSpan(), outcome.done());
  EXPECT_TRUE(outcome.Wait());
  EXPECT_NE(log.find("msg=Traces"), std::string::npos) << log;
  EXPECT_NE(log.find("resource_spans=1 spans=1"), std::string::npos) << log;
  EXPECT_EQ(std::ranges::count(log, '\n'), 1);
}

TEST_F(DebugExporterTest, RefusesBadSettings) {
  EXPECT_EQ(environment_.ErrorOf(type_, "verbosity: none"),
            "c.yml:1:12: verbosity: verbosity level \"None\" is not supported");
  EXPECT_EQ(environment_.ErrorOf(type_, "verbosity: loud"),
            "c.yml:1:12: verbosity: unknown metrics level \"loud\"");
  EXPECT_NE(environment_.ErrorOf(type_, "use_internal_logger: false\noutput_paths: []")
                .find("output_paths must not be empty when use_internal_logger is false"),
            std::string::npos);
  EXPECT_NE(environment_.ErrorOf(type_, "verBosity: detailed").find("verBosity"), std::string::npos);
  EXPECT_NE(environment_.ErrorOf(type_, "output: {}").find("output is not supported yet"), std::string::npos);
  EXPECT_NE(environment_.ErrorOf(type_, "sending_queue: {queue_size: 0}").find("must be positive"),
            std::string::npos);
}

TEST_F(DebugExporterTest, SaysWhichFileItCannotOpen) {
  auto config = environment_.Read(type_, "use_internal_logger: false\noutput_paths: [/nowhere/at/all]");
  ASSERT_TRUE(config);
  auto made = type_.make_exporter(environment_.Settings(type_), *config, Signal::kLogs);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message(),
            "couldn't open sink \"/nowhere/at/all\": open /nowhere/at/all: No such file or directory");
}

TEST_F(DebugExporterTest, ReadsTheSettingsOfTheOriginalsTests) {
  std::string folder = OtelConformancePath("core-collector/exporter/debugexporter/testdata/");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no conformance data";
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    std::string name = file.path().filename().string();
    bool is_bad = name == "config_output_paths_empty.yaml" || name == "config_verbosity_typo.yaml";
    EXPECT_EQ(!environment_.ErrorOf(type_, ReadTestFile(file.path().string())).empty(), is_bad) << name;
  }
}

TEST(MessageSamplerTest, PassesTheFirstInEachSecondAndSomeOfTheRest) {
  core::ManualClock clock(1'000);
  MessageSampler sampler(clock, 2, 3);
  auto passed = [&](int messages) {
    std::string pattern;
    for (int i = 0; i < messages; ++i) pattern += sampler.Passes("m") ? '1' : '0';
    return pattern;
  };
  EXPECT_EQ(passed(9), "110010010");
  clock.Advance(1'000);
  EXPECT_EQ(passed(3), "110");
  MessageSampler first_only(clock, 1, 0);
  EXPECT_TRUE(first_only.Passes("m"));
  EXPECT_FALSE(first_only.Passes("m"));
}

}  // namespace

}  // namespace sextant::pipeline
