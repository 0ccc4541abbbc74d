// What OTLP servers answer: partial successes, and which failures may be tried again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/grpc_client.h"
#include "net/http_client.h"
#include "pipeline/consumer.h"

namespace sextant::pipeline {

struct PartialSuccess {
  int64_t rejected = 0;
  std::string message;
};

// Of an Export…ServiceResponse; nothing when all was taken, or when the answer is none.
std::optional<PartialSuccess> ReadPartialSuccess(std::string_view protobuf);
std::optional<PartialSuccess> ReadPartialSuccessJson(std::string_view json);

// What a call's end means for the batch.
Outcome OutcomeOf(const net::GrpcResult& result);
// The same over HTTP; `now_ms` for dates in Retry-After.
Outcome OutcomeOf(const net::FetchResponse& response, std::string_view url, core::TimestampMs now_ms);

}  // namespace sextant::pipeline
