#include "api/envelope.h"

namespace sextant::api {

namespace {

struct ErrorTypeInfo {
  std::string_view name;
  int status;
};

ErrorTypeInfo InfoOf(ErrorType type) {
  switch (type) {
    case ErrorType::kBadData:
      return {"bad_data", 400};
    case ErrorType::kExecution:
      return {"execution", 422};
    case ErrorType::kCanceled:
      return {"canceled", 499};
    case ErrorType::kTimeout:
      return {"timeout", 503};
    case ErrorType::kInternal:
      return {"internal", 500};
    case ErrorType::kUnavailable:
      return {"unavailable", 503};
    case ErrorType::kNotFound:
      return {"not_found", 404};
  }
  return {"internal", 500};
}

void WriteTexts(core::JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  json.Key(key).BeginArray();
  for (const std::string& text : texts) json.String(text);
  json.EndArray();
}

}  // namespace

ApiError ApiError::InvalidParameter(std::string_view name, std::string_view message) {
  return BadData(fmt::format("invalid parameter \"{}\": {}", name, message));
}

ApiError ApiError::From(const core::Error& error) {
  switch (error.code()) {
    case core::Code::kInvalidArgument:
    case core::Code::kUnimplemented:
      return {ErrorType::kBadData, error.message()};
    case core::Code::kNotFound:
      return {ErrorType::kNotFound, error.message()};
    case core::Code::kResourceExhausted:
      return {ErrorType::kExecution, error.message()};
    case core::Code::kCancelled:
      return {ErrorType::kCanceled, error.message()};
    case core::Code::kDeadlineExceeded:
      return {ErrorType::kTimeout, error.message()};
    case core::Code::kUnavailable:
      return {ErrorType::kUnavailable, error.message()};
    default:
      return {ErrorType::kInternal, error.message()};
  }
}

ApiError ApiError::From(const promql::QueryError& error) {
  switch (error.type) {
    case promql::QueryErrorType::kBadData:
      return InvalidParameter("query", error.message);
    case promql::QueryErrorType::kExecution:
      return {ErrorType::kExecution, error.message};
    case promql::QueryErrorType::kCanceled:
      return {ErrorType::kCanceled, error.message};
    case promql::QueryErrorType::kTimeout:
      return {ErrorType::kTimeout, error.message};
    case promql::QueryErrorType::kInternal:
      return {ErrorType::kInternal, error.message};
  }
  return {ErrorType::kInternal, error.message};
}

net::HttpResponse ErrorResponse(const ApiError& error) {
  ErrorTypeInfo info = InfoOf(error.type);
  core::JsonWriter json;
  json.BeginObject().Key("status").String("error").Key("errorType").String(info.name);
  json.Key("error").String(error.message).EndObject();
  return net::HttpResponse::Json(info.status, std::move(json).Take());
}

void EndEnvelope(core::JsonWriter& json, const std::vector<std::string>& warnings,
                 const std::vector<std::string>& infos) {
  WriteTexts(json, "warnings", warnings);
  WriteTexts(json, "infos", infos);
  json.EndObject();
}

net::HttpResponse SuccessResponse(const std::function<void(core::JsonWriter&)>& write,
                                  const std::vector<std::string>& warnings,
                                  const std::vector<std::string>& infos) {
  core::JsonWriter json;
  json.BeginObject().Key("status").String("success").Key("data");
  write(json);
  EndEnvelope(json, warnings, infos);
  return net::HttpResponse::Json(200, std::move(json).Take());
}

net::HttpResponse Respond(const ApiResult<std::function<void(core::JsonWriter&)>>& result) {
  return result ? SuccessResponse(*result) : ErrorResponse(result.error());
}

}  // namespace sextant::api
