#include "net/request_steps.h"

#include <algorithm>

#include "net/compression.h"

namespace sextant::net {

std::string ErrorText(int status, std::string_view message) {
  return fmt::format("{} {}: {}\n", status, StatusText(status), message);
}

HttpResponse ErrorResponse(int status, std::string_view message) {
  HttpResponse response = HttpResponse::Text(status, ErrorText(status, message));
  response.headers.Add("X-Content-Type-Options", "nosniff");
  return response;
}

namespace {

constexpr int kMaxPasswordChecks = 32;

bool Passes(const RouteOptions& options, std::string_view encoding) {
  return std::any_of(options.passed_encodings.begin(), options.passed_encodings.end(),
                     [&](const std::string& passed) { return EqualsIgnoreCase(passed, encoding); });
}

// Undoes the body's coding; an answer when it cannot.
std::optional<HttpResponse> DecodeBody(const RouteOptions& options, HttpRequest& request) {
  std::string_view name = request.headers.Get("Content-Encoding");
  if (name.empty() || request.body.empty() || Passes(options, name)) return std::nullopt;
  if (options.run_inline) return ErrorResponse(415, "this path takes no body with a Content-Encoding");
  std::optional<Encoding> encoding = ParseEncoding(name);
  if (!encoding) {
    return ErrorResponse(
        415, fmt::format("Content-Encoding \"{}\" is not supported here: use gzip, zstd or deflate", name));
  }
  if (*encoding == Encoding::kIdentity) return std::nullopt;
  std::string decoded;
  core::Status status = Decompress(*encoding, request.body, options.max_body_bytes, decoded);
  if (!status) {
    return ErrorResponse(status.error().code() == core::Code::kResourceExhausted ? 413 : 400,
                         status.error().message());
  }
  request.body = std::move(decoded);
  request.headers.Remove("Content-Encoding");
  return std::nullopt;
}

// Calls the route's handler; an exception is a defect, but not one to end the process for.
void CallHandler(ServerCore& core, const Route& route, HttpRequest request,
                 const std::shared_ptr<Exchange>& exchange) {
  ResponseWriter writer(exchange);
  if (auto refused = DecodeBody(route.options, request)) {
    core.CountRefusal("body_encoding");
    writer.Send(std::move(*refused));
    return;
  }
  try {
    if (route.kind == RouteKind::kStream) {
      route.stream_handler(std::move(request), std::move(writer));
    } else {
      writer.Send(route.handler(request));
    }
  } catch (const std::exception& exception) {
    core.logger.Error("request handler failed", {{"handler", route.pattern}, {"error", exception.what()}});
  }
}

std::optional<Admission> Refused(ServerCore& core, std::string_view reason, HttpResponse answer) {
  core.CountRefusal(reason);
  return Admission{.is_admitted = false, .answer = std::move(answer)};
}

// Runs a slow check on the executor, and hands what it returns on on the loop. An admission when it cannot.
std::optional<Admission> RunCheck(const std::shared_ptr<ServerCore>& core,
                                  const std::shared_ptr<ServerLoop>& loop, std::function<Admission()> check,
                                  std::function<void(Admission)> later) {
  if (core->password_checks.fetch_add(1) >= kMaxPasswordChecks) {
    core->password_checks.fetch_sub(1);
    return Refused(*core, "password_checks",
                   ErrorResponse(503, "too many passwords are being checked; try again later"));
  }
  core->AddHandler();
  core::Status submitted = core->executor.Submit(
      core::Priority::kQuery, [core, loop, check = std::move(check), later = std::move(later)]() mutable {
        auto checked = std::make_shared<Admission>(check());
        core->password_checks.fetch_sub(1);
        asio::post(loop->io.context,
                   [loop, later = std::move(later), checked] { later(std::move(*checked)); });
        core->RemoveHandler();
      });
  if (submitted) return std::nullopt;
  core->password_checks.fetch_sub(1);
  core->RemoveHandler();
  return Refused(*core, "executor_full", ErrorResponse(503, submitted.error().message()));
}

Admission OfPassword(ServerCore& core, bool is_accepted, std::string user) {
  if (is_accepted) return {.user = std::move(user)};
  HttpResponse response = HttpResponse::Text(401, "Unauthorized\n");
  response.headers.Add("WWW-Authenticate", "Basic");
  return *Refused(core, "unauthorized", std::move(response));
}

Admission OfDecision(ServerCore& core, AccessDecision decision) {
  if (decision.kind == AccessDecision::Kind::kAllowed)
    return {.user = std::move(decision.user), .role = std::move(decision.role)};
  return *Refused(core, decision.answer.status == 401 ? "unauthorized" : "access",
                  std::move(decision.answer));
}

void CallGrpcHandler(ServerCore& core, const Route& route, GrpcCall call, GrpcEncoding encoding,
                     const std::shared_ptr<Exchange>& exchange) {
  GrpcResponder responder(exchange);
  if (encoding != GrpcEncoding::kIdentity) {
    std::string plain;
    GrpcStatus undone = DecompressGrpc(encoding, *call.message, route.options.max_body_bytes, plain);
    if (!undone.is_ok()) {
      core.CountRefusal("body_encoding");
      responder.Fail(std::move(undone));
      return;
    }
    call.message = core.message_pool->Share(std::move(plain));
  }
  try {
    route.grpc_handler(std::move(call), std::move(responder));
  } catch (const std::exception& exception) {
    core.logger.Error("gRPC handler failed", {{"handler", route.pattern}, {"error", exception.what()}});
  }
}

}  // namespace

std::optional<Admission> Admit(const std::shared_ptr<ServerCore>& core,
                               const std::shared_ptr<ServerLoop>& loop, const HttpRequest& request,
                               const Route* route, std::function<void(Admission)> later) {
  SecurityState security = core->security();
  if (security.limiter != nullptr && !security.limiter->Allow(core->clock.MonotonicNs()))
    return Refused(*core, "rate_limit", HttpResponse::Text(429, "Too Many Requests\n"));
  if (security.auth != nullptr) {
    std::string authorization(request.headers.Get("Authorization"));
    std::string user;
    BasicAuth::Verdict verdict = security.auth->Check(authorization, user);
    if (verdict != BasicAuth::Verdict::kUnknown)
      return OfPassword(*core, verdict == BasicAuth::Verdict::kAccepted, std::move(user));
    return RunCheck(
        core, loop,
        [core, auth = security.auth, authorization = std::move(authorization)] {
          std::string name;
          bool is_accepted = auth->Verify(authorization, name);
          return OfPassword(*core, is_accepted, std::move(name));
        },
        std::move(later));
  }
  if (core->options.gate == nullptr) return Admission();
  AccessGate& gate = *core->options.gate;
  AccessDecision decision = gate.Check(request, route);
  if (decision.kind != AccessDecision::Kind::kMustVerify) return OfDecision(*core, std::move(decision));
  // The connection may end while the gate works, so that works on a copy.
  return RunCheck(
      core, loop, [core, &gate, request, route] { return OfDecision(*core, gate.Verify(request, route)); },
      std::move(later));
}

HttpResponse AnswerUnmatched(ServerCore& core, const RouteMatch& match, std::string_view method) {
  switch (match.status) {
    case 204: {
      HttpResponse response;
      response.status = 204;
      response.headers.Add("Allow", match.allow);
      return response;
    }
    case 302:
      return HttpResponse::Redirect(302, core.router().prefix() + "/");
    case 405: {
      HttpResponse response =
          ErrorResponse(405, fmt::format("{} does not answer {}, only {}", match.path, method, match.allow));
      response.headers.Add("Allow", match.allow);
      return response;
    }
    case 400:
      core.CountRefusal("malformed");
      return ErrorResponse(400, match.error);
    default:
      if (core.router().FindGrpc(match.path) != nullptr) {
        return ErrorResponse(415, fmt::format("{} takes gRPC calls: POST over HTTP/2 with the Content-Type "
                                              "application/grpc",
                                              match.path));
      }
      return ErrorResponse(404, fmt::format("nothing is at {}", match.path));
  }
}

void RunHandler(const std::shared_ptr<ServerCore>& core, const Route& route, HttpRequest request,
                const std::shared_ptr<Exchange>& exchange) {
  if (route.options.run_inline) {
    CallHandler(*core, route, std::move(request), exchange);
    return;
  }
  core->AddHandler();
  core::Status submitted = core->executor.Submit(
      route.options.priority, [core, &route, request = std::move(request), exchange]() mutable {
        CallHandler(*core, route, std::move(request), exchange);
        core->RemoveHandler();
      });
  if (submitted) return;
  core->RemoveHandler();
  core->CountRefusal("executor_full");
  HttpResponse response = ErrorResponse(503, submitted.error().message());
  response.headers.Add("Retry-After", "1");
  exchange->Send(std::move(response));
}

void RunGrpcHandler(const std::shared_ptr<ServerCore>& core, const Route& route, GrpcCall call,
                    GrpcEncoding encoding, const std::shared_ptr<Exchange>& exchange) {
  if (route.options.run_inline && encoding == GrpcEncoding::kIdentity) {
    CallGrpcHandler(*core, route, std::move(call), encoding, exchange);
    return;
  }
  core->AddHandler();
  core::Status submitted = core->executor.Submit(
      route.options.priority, [core, &route, call = std::move(call), encoding, exchange]() mutable {
        CallGrpcHandler(*core, route, std::move(call), encoding, exchange);
        core->RemoveHandler();
      });
  if (submitted) return;
  core->RemoveHandler();
  core->CountRefusal("executor_full");
  exchange->Reply({.status = {GrpcCode::kUnavailable, submitted.error().message()}});
}

}  // namespace sextant::net
