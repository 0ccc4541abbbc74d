#include "api/json_body.h"

#include <charconv>

namespace sextant::api {

using core::Code;
using core::Fail;
using core::Result;

Result<JsonBody> JsonBody::Of(const net::HttpRequest& request) {
  JsonBody body;
  body.parser_ = std::make_unique<simdjson::dom::parser>();
  if (auto error = body.parser_->parse(simdjson::padded_string(request.body)).get_object().get(body.object_))
    return Fail(Code::kInvalidArgument, "bad request data: {}", simdjson::error_message(error));
  return body;
}

bool JsonBody::Has(std::string_view name) const {
  simdjson::dom::element value;
  return !object_[name].get(value) && !value.is_null();
}

Result<std::string> JsonBody::Text(std::string_view name) const {
  simdjson::dom::element value;
  if (object_[name].get(value) || value.is_null()) return std::string();
  std::string_view text;
  if (value.get_string().get(text)) return Fail(Code::kInvalidArgument, "{} must be a text", name);
  return std::string(text);
}

Result<int64_t> JsonBody::Number(std::string_view name) const {
  simdjson::dom::element value;
  if (object_[name].get(value) || value.is_null()) return 0;
  int64_t number = 0;
  if (value.get_int64().get(number)) return Fail(Code::kInvalidArgument, "{} must be a whole number", name);
  return number;
}

Result<bool> JsonBody::Boolean(std::string_view name, bool otherwise) const {
  simdjson::dom::element value;
  if (object_[name].get(value) || value.is_null()) return otherwise;
  bool read = false;
  if (value.get_bool().get(read)) return Fail(Code::kInvalidArgument, "{} must be true or false", name);
  return read;
}

Result<users::Role> JsonBody::ReadRole(std::string_view name, users::Role otherwise) const {
  SEXTANT_ASSIGN(std::string text, Text(name));
  if (text.empty()) return otherwise;
  auto role = users::ParseRole(text);
  if (!role)
    return Fail(Code::kInvalidArgument, "{} must be Viewer, Editor or Admin, not \"{}\"", name, text);
  return *role;
}

Result<int64_t> NumberOf(const net::HttpRequest& request, std::string_view parameter) {
  std::string_view text = request.PathParam(parameter);
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    return Fail(Code::kInvalidArgument, "{} must be a number, not \"{}\"", parameter, text);
  return number;
}

}  // namespace sextant::api
