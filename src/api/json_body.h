// The JSON object that a request of Grafana's API brings, read field by field.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/http_message.h"
#include "users/role.h"

namespace sextant::api {

// Errors are kInvalidArgument and name the field. Belongs to one thread.
class JsonBody {
 public:
  static core::Result<JsonBody> Of(const net::HttpRequest& request);

  bool Has(std::string_view name) const;
  // "" when it is absent.
  core::Result<std::string> Text(std::string_view name) const;
  // 0 when it is absent.
  core::Result<int64_t> Number(std::string_view name) const;
  core::Result<bool> Boolean(std::string_view name, bool otherwise) const;
  core::Result<users::Role> ReadRole(std::string_view name, users::Role otherwise) const;

 private:
  std::unique_ptr<simdjson::dom::parser> parser_;
  simdjson::dom::object object_;
};

// The number that stands in the route's parameter.
core::Result<int64_t> NumberOf(const net::HttpRequest& request, std::string_view parameter);

}  // namespace sextant::api
