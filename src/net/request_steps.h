// What becomes of a request, whatever version of HTTP it came by: who may ask, what answers where no route
// does, and how handlers are called. Internal to net.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/grpc_wire.h"
#include "net/http_connection.h"

namespace sextant::net {

// "400 Bad Request: <message>" as text.
std::string ErrorText(int status, std::string_view message);
HttpResponse ErrorResponse(int status, std::string_view message);

// Whether a request may go on, and in whose name; otherwise its answer.
struct Admission {
  bool is_admitted = true;
  std::string user = {};
  std::string role = {};
  HttpResponse answer = {};
};

// Asks the rate limit, then the passwords or the access gate. The request has its header, path, address and
// TLS state. Answers at once where that is quick; otherwise nothing, and `later` is called on the loop once
// the executor has checked. What is refused is counted. On the loop's thread.
std::optional<Admission> Admit(const std::shared_ptr<ServerCore>& core,
                               const std::shared_ptr<ServerLoop>& loop, const HttpRequest& request,
                               const Route* route, std::function<void(Admission)> later);

// The answer where no route matches.
HttpResponse AnswerUnmatched(ServerCore& core, const RouteMatch& match, std::string_view method);

// Calls the route's handler, inline or on the executor; answers 503 when that is full.
void RunHandler(const std::shared_ptr<ServerCore>& core, const Route& route, HttpRequest request,
                const std::shared_ptr<Exchange>& exchange);

// The same for a gRPC call, whose message may be compressed.
void RunGrpcHandler(const std::shared_ptr<ServerCore>& core, const Route& route, GrpcCall call,
                    GrpcEncoding encoding, const std::shared_ptr<Exchange>& exchange);

}  // namespace sextant::net
