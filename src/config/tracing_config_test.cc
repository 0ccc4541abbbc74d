#include "config/tracing_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sextant::config {
namespace {

using testing::HasSubstr;

template <typename T>
core::Result<T> Read(std::string_view text) {
  SEXTANT_ASSIGN(Document document, Document::Parse(text, "a.yml"));
  return Decode<T>(document.root());
}

template <typename T>
std::string ErrorOf(std::string_view text) {
  const auto read = Read<T>(text);
  return read ? "no error" : read.error().message();
}

TEST(TracingConfigTest, AllFieldsOfPrometheus) {
  const auto tracing = Read<TracingConfig>(R"(
client_type: http
endpoint: localhost:4318
sampling_fraction: 0.5
insecure: true
headers: {X-Scope: one}
compression: gzip
timeout: 3s
tls_config: {server_name: collector}
)");
  ASSERT_TRUE(tracing) << tracing.error().message();
  EXPECT_EQ(tracing->client.protocol, TracingProtocol::kHttp);
  EXPECT_EQ(tracing->client.endpoint, "localhost:4318");
  EXPECT_EQ(tracing->client.sampling_fraction, 0.5);
  EXPECT_TRUE(tracing->client.insecure);
  EXPECT_EQ(tracing->client.timeout_ms, 3'000);
  EXPECT_EQ(tracing->client.tls.server_name, "collector");
  EXPECT_EQ(tracing->headers.at("X-Scope"), "one");
  EXPECT_THAT(WriteYaml(*tracing), HasSubstr("client_type: http\nendpoint: localhost:4318\n"));
}

// The Prometheus operator writes what its users give it.
TEST(TracingConfigTest, ASchemeInFrontOfTheEndpointIsPassedOver) {
  for (const char* endpoint : {"a:1", "http://a:1", "https://a:1"}) {
    const auto tracing = Read<TracingConfig>(std::string("endpoint: ") + endpoint);
    ASSERT_TRUE(tracing) << tracing.error().message();
    EXPECT_EQ(tracing->client.endpoint, endpoint);
    EXPECT_EQ(HostAndPort(tracing->client), "a:1");
  }
}

TEST(TracingConfigTest, WhatUpstreamRefuses) {
  const auto error = [](const std::string& fields) {
    return ErrorOf<TracingConfig>("{client_type: http, " + fields + "}");
  };
  EXPECT_THAT(error("sampling_fraction: 1"), HasSubstr("a.yml:1:1: tracing endpoint must be set"));
  EXPECT_THAT(error("endpoint: 'a:1', compression: foo"),
              HasSubstr("invalid compression type foo provided, valid options: gzip"));
  EXPECT_THAT(error("endpoint: 'a:1', headers: {authorization: foo}"),
              HasSubstr("custom authorization header configuration is not yet supported"));
  EXPECT_THAT(error("endpoint: 'a:1', headers: {x-prometheus-remote-write-version: foo}"),
              HasSubstr("x-prometheus-remote-write-version is a reserved header. It must not be changed"));
  EXPECT_THAT(error("endpoint: 'a:1', headers: {a: \"b\\r\\nc: d\"}"), HasSubstr("cannot be sent"));
  EXPECT_THAT(error("endpoint: 'http://a:1/b'"), HasSubstr("must be a host and a port"));
  EXPECT_THAT(error("endpoint: 'a:1', bogus: 1"), HasSubstr("bogus"));
  EXPECT_THAT(ErrorOf<TracingConfig>("{client_type: udp, endpoint: 'a:1'}"),
              HasSubstr("expected tracing client type to be to be http or grpc, but got udp"));
}

TEST(TracingConfigTest, HeadersAsAlertmanagerWritesThem) {
  const auto tracing = Read<AlertmanagerTracingConfig>(
      "{client_type: http, endpoint: 'a:1', headers: {A: {values: [one, two]}, B: {secrets: [hidden]}}}");
  ASSERT_TRUE(tracing) << tracing.error().message();
  const TracingConfig plain = ToTracingConfig(*tracing);
  EXPECT_EQ(plain.headers.at("A"), "one");
  EXPECT_EQ(plain.headers.at("B"), "hidden");
  EXPECT_THAT(WriteYaml(*tracing), testing::Not(HasSubstr("hidden")));
  EXPECT_THAT(
      ErrorOf<AlertmanagerTracingConfig>("{client_type: http, endpoint: 'a:1', headers: {A: {files: [f]}}}"),
      HasSubstr("header files are not supported for tracing configuration"));
}

}  // namespace
}  // namespace sextant::config
