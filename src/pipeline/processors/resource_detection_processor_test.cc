#include "pipeline/processors/resource_detection_processor.h"

#include <unistd.h>

#include "pipeline/component_harness.h"
#include "pipeline/processors/host_detectors.h"

namespace sextant::pipeline {
namespace {

using testing::HasSubstr;

TEST(HostDetectors, ResourceAttributesOfTheEnvironment) {
  auto found = ParseResourceAttributes(" a=1, b.c = x%20y%2Cz ,d=, a=2 ");
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(*found, (DetectedAttributes{{"a", DetectedValue::Text("2")},
                                        {"b.c", DetectedValue::Text("x y,z")},
                                        {"d", DetectedValue::Text("")}}));
  EXPECT_TRUE(ParseResourceAttributes("")->empty());
  EXPECT_EQ(ParseResourceAttributes("a").error().message(), "invalid resource format, invalid text: \"a\"");
  EXPECT_EQ(ParseResourceAttributes("a=%zz").error().message(),
            "invalid resource format in attribute: \"a=%zz\"");
}

TEST(HostDetectors, TheSystemsOwnName) {
  char name[256] = {};
  ASSERT_EQ(gethostname(name, sizeof name - 1), 0);
  auto found = DetectSystem({HostNameSource::kOs});
  ASSERT_TRUE(found) << found.error().message();
  ASSERT_GE(found->size(), 2u);
  EXPECT_EQ((*found)[0], std::pair(std::string("host.name"), DetectedValue::Text(name)));
  EXPECT_EQ((*found)[1], std::pair(std::string("os.type"), DetectedValue::Text("linux")));
  for (const auto& [attribute, value] : *found)
    EXPECT_TRUE(SystemAttributes().contains(attribute)) << attribute;
}

TEST(HostDetectors, TheFirstProcessorOfAList) {
  EXPECT_EQ(ParseCpuInfo("processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n"
                         "model name\t: Xeon: fast\nstepping\t: 7\ncache size\t: 36608 KB\n\n"
                         "processor\t: 1\nvendor_id\t: Other\n"),
            (DetectedAttributes{{"host.cpu.vendor.id", DetectedValue::Text("GenuineIntel")},
                                {"host.cpu.family", DetectedValue::Text("6")},
                                {"host.cpu.model.id", DetectedValue::Text("85")},
                                {"host.cpu.model.name", DetectedValue::Text("Xeon: fast")},
                                {"host.cpu.stepping", DetectedValue::Text("7")},
                                {"host.cpu.cache.l2.size", DetectedValue::Int(36608)}}));
  EXPECT_TRUE(ParseCpuInfo("cache size: much\nno colon").empty());
}

class ResourceDetectionTest : public ComponentTest {
 protected:
  void SetUp() override { setenv("OTEL_RESOURCE_ATTRIBUTES", "a=env,b=env", 1); }
  void TearDown() override { unsetenv("OTEL_RESOURCE_ATTRIBUTES"); }

  // What becomes of a resource.
  std::string Detect(const std::string& yaml) {
    auto processor = MakeProcessor(type_, yaml, Signal::kTraces);
    EXPECT_TRUE(processor->Start());
    otlp::TracesData data;
    AddSpans(data, {{"a", TextValue("own")}}).emplace_back();
    processor->Consume(Telemetry(std::move(data)), [](const Outcome&) {});
    processor->Shutdown();
    return AttributesLine(next_.batches().back().traces().resources[0].resource.attributes);
  }

  ComponentType type_ = ResourceDetectionProcessorType();
};

TEST_F(ResourceDetectionTest, AddsTheEnvironmentsAttributes) {
  EXPECT_EQ(Detect(""), "{a='env',b='env'}");
  EXPECT_EQ(Detect("override: false"), "{a='own',b='env'}");
  EXPECT_EQ(Detect("env: {allowlist: [b]}"), "{a='own',b='env'}");
}

TEST_F(ResourceDetectionTest, AddsTheSystems) {
  std::string line = Detect(
      "{detectors: [env, system], system: {hostname_sources: [os], resource_attributes: {host.arch: "
      "{enabled: true}, "
      "os.name: {enabled: false}, os.version: {enabled: false}}}}");
  EXPECT_THAT(line, HasSubstr("{a='env',b='env',host.name='"));
  EXPECT_THAT(line, HasSubstr(",os.type='linux',host.arch='"));
  EXPECT_THAT(line, testing::Not(HasSubstr("os.name")));
}

TEST_F(ResourceDetectionTest, WhatTheEnvironmentSaysMustBeReadable) {
  setenv("OTEL_RESOURCE_ATTRIBUTES", "nonsense", 1);
  auto processor = MakeProcessor(type_, "", Signal::kTraces);
  auto status = processor->Start();
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message(), HasSubstr("detector env: invalid resource format"));
}

TEST_F(ResourceDetectionTest, SaysWhatIsWrongWithItsSettings) {
  EXPECT_THAT(harness_.ErrorOf(type_, "detectors: [crystal_ball]"),
              HasSubstr("invalid detector key: crystal_ball"));
  EXPECT_THAT(harness_.ErrorOf(type_, "detectors: [env, eks]"),
              HasSubstr("the detector eks is not supported yet"));
  EXPECT_THAT(harness_.ErrorOf(type_, "aks: {}"), HasSubstr("aks is not supported yet"));
  EXPECT_THAT(harness_.ErrorOf(type_, "system: {hostname_sources: [guess]}"),
              HasSubstr("hostname_sources contains invalid value: \"guess\""));
}

}  // namespace
}  // namespace sextant::pipeline
