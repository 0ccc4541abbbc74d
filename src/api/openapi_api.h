// /api/v1/openapi.yaml: the description of Prometheus' HTTP API. Paths, parameters and schemas are those that
// Prometheus 3.14 describes; the explanations are our own, and there are no examples.
//
// The source, openapi.yaml beside this file, is for OpenAPI 3.2; that for 3.1 is made of it by leaving out
// what 3.1 does not have.
#pragma once

#include <string>
#include <string_view>

#include "net/router.h"

namespace sextant::api {

// What is put in place of the source's own.
struct OpenApiInfo {
  std::string version = "0.0.1-undefined";
  std::string server_url = "/api/v1";
};

std::string OpenApi32(std::string_view source, const OpenApiInfo& info);
std::string OpenApi31(std::string_view source, const OpenApiInfo& info);

void AddOpenApiRoutes(net::Router& router, std::string_view source, const OpenApiInfo& info);

}  // namespace sextant::api
