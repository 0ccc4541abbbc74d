#include "pipeline/exporters/otlp_response.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>

#include "net/retry_after.h"
#include "wire/decode.h"

namespace sextant::pipeline {

namespace {

using net::GrpcCode;

constexpr core::DurationMs kLongestWaitMs = 3'600'000;

bool MayRetry(const net::GrpcResult& result) {
  switch (result.status.code) {
    case GrpcCode::kCancelled:
    case GrpcCode::kDeadlineExceeded:
    case GrpcCode::kAborted:
    case GrpcCode::kOutOfRange:
    case GrpcCode::kUnavailable:
    case GrpcCode::kDataLoss:
      return true;
    case GrpcCode::kResourceExhausted:
      return result.retry_delay_ms.has_value();
    default:
      return false;
  }
}

bool MayRetry(int status) { return status == 429 || status == 502 || status == 503 || status == 504; }

// The message of a google.rpc.Status, in either encoding.
std::string StatusMessage(const net::FetchResponse& response) {
  std::string_view type = response.headers.Get("Content-Type");
  std::string message;
  if (type.starts_with("application/x-protobuf")) {
    core::Status read = wire::Guarded("google.rpc.Status", [&] {
      wire::pbf_reader reader = wire::ReaderOf(response.body);
      while (reader.next()) {
        if (reader.tag_and_type() == wire::Bytes(2)) {
          message = wire::View(reader);
        } else {
          reader.skip();
        }
      }
    });
    if (!read) message.clear();
  } else if (type.starts_with("application/json")) {
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    std::string_view text;
    if (parser.parse(response.body).get(root) == simdjson::SUCCESS &&
        root["message"].get(text) == simdjson::SUCCESS) {
      message = text;
    }
  }
  return message;
}

}  // namespace

std::optional<PartialSuccess> ReadPartialSuccess(std::string_view protobuf) {
  std::optional<PartialSuccess> partial;
  core::Status read = wire::Guarded("an OTLP response", [&] {
    wire::pbf_reader reader = wire::ReaderOf(protobuf);
    while (reader.next()) {
      if (reader.tag_and_type() != wire::Bytes(1)) {
        reader.skip();
        continue;
      }
      PartialSuccess found;
      wire::pbf_reader inner = wire::ReaderOf(wire::View(reader));
      while (inner.next()) {
        switch (inner.tag_and_type()) {
          case wire::Varint(1):
            found.rejected = inner.get_int64();
            break;
          case wire::Bytes(2):
            found.message = wire::View(inner);
            break;
          default:
            inner.skip();
        }
      }
      if (found.rejected != 0 || !found.message.empty()) partial = std::move(found);
    }
  });
  if (!read) return std::nullopt;
  return partial;
}

std::optional<PartialSuccess> ReadPartialSuccessJson(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::element found;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) return std::nullopt;
  if (root["partialSuccess"].get(found) != simdjson::SUCCESS || !found.is_object()) return std::nullopt;
  PartialSuccess partial;
  for (const char* name : {"rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"}) {
    simdjson::dom::element number;
    if (found[name].get(number) != simdjson::SUCCESS) continue;
    std::string_view text;
    if (number.get(text) == simdjson::SUCCESS) {
      std::from_chars(text.data(), text.data() + text.size(), partial.rejected);
    } else if (number.get(partial.rejected) != simdjson::SUCCESS) {
      partial.rejected = 0;
    }
  }
  std::string_view message;
  if (found["errorMessage"].get(message) == simdjson::SUCCESS) partial.message = message;
  if (partial.rejected == 0 && partial.message.empty()) return std::nullopt;
  return partial;
}

Outcome OutcomeOf(const net::GrpcResult& result) {
  if (result.status.is_ok()) return {};
  Refusal refusal;
  refusal.message = fmt::format("rpc error: code = {} desc = {}", net::GrpcCodeName(result.status.code),
                                result.status.message);
  refusal.code = result.status.code;
  refusal.is_permanent = !MayRetry(result);
  refusal.retry_after_ms = std::min(result.retry_delay_ms.value_or(0), kLongestWaitMs);
  return tl::unexpected(std::move(refusal));
}

Outcome OutcomeOf(const net::FetchResponse& response, std::string_view url, core::TimestampMs now_ms) {
  if (response.status >= 200 && response.status <= 299) return {};
  Refusal refusal;
  refusal.message = fmt::format("error exporting items, request to {} responded with HTTP Status Code {}",
                                url, response.status);
  std::string message = StatusMessage(response);
  if (!message.empty()) refusal.message += ", Message=" + message;
  refusal.is_permanent = !MayRetry(response.status);
  if (!refusal.is_permanent) {
    refusal.retry_after_ms = net::RetryAfterMs(response.headers.Get("Retry-After"), now_ms);
    refusal.code = response.status == 429 ? GrpcCode::kResourceExhausted : GrpcCode::kUnavailable;
  }
  return tl::unexpected(std::move(refusal));
}

}  // namespace sextant::pipeline
