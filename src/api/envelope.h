// The JSON envelope of Prometheus' HTTP API v1: {"status":"success","data":…} or
// {"status":"error","errorType":…,"error":…}, with the HTTP status that belongs to each error type.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_writer.h"
#include "core/result.h"
#include "metrics/promql/engine.h"
#include "net/http_message.h"

namespace sextant::api {

enum class ErrorType { kBadData, kExecution, kCanceled, kTimeout, kInternal, kUnavailable, kNotFound };

// A failed request: what kind, and Prometheus' text.
struct ApiError {
  ErrorType type = ErrorType::kInternal;
  std::string message;

  static ApiError BadData(std::string message) { return {ErrorType::kBadData, std::move(message)}; }
  // `invalid parameter "name": message`.
  static ApiError InvalidParameter(std::string_view name, std::string_view message);
  // Of an error value, by its code.
  static ApiError From(const core::Error& error);
  // Of a failed query; parse errors name the parameter `query`.
  static ApiError From(const promql::QueryError& error);
};

template <typename T>
using ApiResult = tl::expected<T, ApiError>;

net::HttpResponse ErrorResponse(const ApiError& error);

// A success whose data `write` writes as one JSON value.
net::HttpResponse SuccessResponse(const std::function<void(core::JsonWriter&)>& write,
                                  const std::vector<std::string>& warnings = {},
                                  const std::vector<std::string>& infos = {});

// What follows the data in an envelope: warnings, infos and the closing brace.
void EndEnvelope(core::JsonWriter& json, const std::vector<std::string>& warnings,
                 const std::vector<std::string>& infos);

// The answer of a handler that may fail, with `write` as in SuccessResponse.
net::HttpResponse Respond(const ApiResult<std::function<void(core::JsonWriter&)>>& result);

}  // namespace sextant::api
