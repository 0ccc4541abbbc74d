#include "metrics/exposition/negotiation.h"

#include <gtest/gtest.h>

namespace sextant::exposition {
namespace {

std::string Answer(std::string_view accept, bool has_protobuf = true) {
  return ContentTypeOf(Negotiate(accept, has_protobuf));
}

constexpr std::string_view kText = "text/plain; version=0.0.4; charset=utf-8; escaping=";
constexpr std::string_view kProtobuf =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=";

std::string With(std::string_view type, std::string_view escaping) {
  return std::string(type) + std::string(escaping);
}

TEST(NegotiationTest, WhoSaysNothingGetsTextWithUnderscores) {
  for (const char* accept :
       {"", "*/*", "text/html", ",;=", "application/json;q=x", "text/plain; version=9"}) {
    EXPECT_EQ(Answer(accept), With(kText, "underscores")) << accept;
  }
}

TEST(NegotiationTest, EscapingIsWhatTheClientAsksFor) {
  for (const char* escaping : {"allow-utf-8", "underscores", "dots", "values"}) {
    EXPECT_EQ(Answer(With("text/plain;version=0.0.4;escaping=", escaping)), With(kText, escaping));
    EXPECT_EQ(Answer(With("text/plain ; escaping = ", escaping)), With(kText, escaping));
  }
  EXPECT_EQ(Answer("text/plain;escaping=stars"), With(kText, "underscores"));
  // What a better choice says holds until another one says something else.
  EXPECT_EQ(Answer("application/openmetrics-text;version=1.0.0;escaping=dots;q=0.6,text/plain;q=0.3"),
            With(kText, "dots"));
  EXPECT_EQ(Answer("text/plain;q=0.3;escaping=values,application/openmetrics-text;escaping=dots;q=0.6"),
            With(kText, "values"));
  EXPECT_EQ(Answer("text/plain,application/openmetrics-text;escaping=dots"), With(kText, "underscores"));
}

TEST(NegotiationTest, ProtobufIsGivenToWhoPrefersIt) {
  std::string protobuf =
      "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
  EXPECT_EQ(Answer(protobuf + ";escaping=values;q=0.6,text/plain;q=0.5"), With(kProtobuf, "values"));
  EXPECT_EQ(Answer(protobuf + ";q=0.4,text/plain;q=0.5"), With(kText, "underscores"));
  EXPECT_EQ(Answer(protobuf, false), With(kText, "underscores"));
  EXPECT_EQ(Answer("application/vnd.google.protobuf;proto=other;encoding=delimited"),
            With(kText, "underscores"));
}

}  // namespace
}  // namespace sextant::exposition
