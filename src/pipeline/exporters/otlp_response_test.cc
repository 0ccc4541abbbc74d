#include "pipeline/exporters/otlp_response.h"

#include <gtest/gtest.h>

#include "wire/encode.h"

namespace sextant::pipeline {
namespace {

TEST(OtlpResponseTest, CodesOfGrpcSayWhetherToTryAgain) {
  struct Case {
    net::GrpcCode code;
    bool may_retry;
  };
  // The protocol's table.
  constexpr Case kCases[] = {
      {net::GrpcCode::kCancelled, true},
      {net::GrpcCode::kUnknown, false},
      {net::GrpcCode::kInvalidArgument, false},
      {net::GrpcCode::kDeadlineExceeded, true},
      {net::GrpcCode::kNotFound, false},
      {net::GrpcCode::kAlreadyExists, false},
      {net::GrpcCode::kPermissionDenied, false},
      {net::GrpcCode::kUnauthenticated, false},
      {net::GrpcCode::kResourceExhausted, false},
      {net::GrpcCode::kFailedPrecondition, false},
      {net::GrpcCode::kAborted, true},
      {net::GrpcCode::kOutOfRange, true},
      {net::GrpcCode::kUnimplemented, false},
      {net::GrpcCode::kInternal, false},
      {net::GrpcCode::kUnavailable, true},
      {net::GrpcCode::kDataLoss, true},
  };
  for (const Case& one : kCases) {
    net::GrpcResult result;
    result.status = {.code = one.code, .message = "why"};
    Outcome outcome = OutcomeOf(result);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().is_permanent, !one.may_retry) << static_cast<int>(one.code);
  }
  net::GrpcResult throttled;
  throttled.status = {.code = net::GrpcCode::kResourceExhausted, .message = "slow down"};
  throttled.retry_delay_ms = 1'500;
  Outcome outcome = OutcomeOf(throttled);
  ASSERT_FALSE(outcome);
  EXPECT_FALSE(outcome.error().is_permanent);
  EXPECT_EQ(outcome.error().retry_after_ms, 1'500);
  EXPECT_EQ(outcome.error().message, "rpc error: code = ResourceExhausted desc = slow down");
  EXPECT_TRUE(OutcomeOf(net::GrpcResult()));
}

TEST(OtlpResponseTest, StatusesOfHttpSayWhetherToTryAgain) {
  for (int status : {400, 401, 403, 404, 413, 429, 500, 501, 502, 503, 504}) {
    net::FetchResponse response;
    response.status = status;
    Outcome outcome = OutcomeOf(response, "http://x/v1/traces", 0);
    ASSERT_FALSE(outcome);
    bool may_retry = status == 429 || status == 502 || status == 503 || status == 504;
    EXPECT_EQ(outcome.error().is_permanent, !may_retry) << status;
  }
  net::FetchResponse response;
  response.status = 503;
  response.headers.Set("Retry-After", "7");
  response.headers.Set("Content-Type", "application/x-protobuf");
  wire::PutUintField(response.body, 1, 14);
  wire::PutBytesField(response.body, 2, "full");
  Outcome outcome = OutcomeOf(response, "http://x/v1/traces", 0);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().retry_after_ms, 7'000);
  EXPECT_EQ(outcome.error().message,
            "error exporting items, request to http://x/v1/traces responded with HTTP Status Code 503, "
            "Message=full");
}

TEST(OtlpResponseTest, PartialSuccessesAreSeen) {
  std::string message;
  {
    wire::Submessage partial(message, 1);
    wire::PutUintField(message, 1, 3);
    wire::PutBytesField(message, 2, "three too old");
  }
  auto partial = ReadPartialSuccess(message);
  ASSERT_TRUE(partial);
  EXPECT_EQ(partial->rejected, 3);
  EXPECT_EQ(partial->message, "three too old");
  EXPECT_FALSE(ReadPartialSuccess(""));
  EXPECT_FALSE(ReadPartialSuccess("\xff\xff"));
  partial = ReadPartialSuccessJson(R"({"partialSuccess":{"rejectedSpans":"4","errorMessage":"no"}})");
  ASSERT_TRUE(partial);
  EXPECT_EQ(partial->rejected, 4);
  EXPECT_FALSE(ReadPartialSuccessJson(R"({"partialSuccess":{}})"));
  EXPECT_FALSE(ReadPartialSuccessJson("<html>"));
}

}  // namespace
}  // namespace sextant::pipeline
