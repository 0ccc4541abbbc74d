#include "pipeline/auth_gate.h"

#include <optional>

namespace sextant::pipeline {

namespace {

class AuthGate final : public net::AccessGate {
 public:
  explicit AuthGate(ServerAuthenticator& authenticator) : authenticator_(authenticator) {}

  // Authenticators may read files and compute long.
  net::AccessDecision Check(const net::HttpRequest&, const net::Route*) override {
    net::AccessDecision decision;
    decision.kind = net::AccessDecision::Kind::kMustVerify;
    return decision;
  }

  net::AccessDecision Verify(const net::HttpRequest& request, const net::Route*) override {
    net::AccessDecision decision;
    core::Status status =
        authenticator_.Authenticate([&](std::string_view name) -> std::optional<std::string_view> {
          std::string_view value = request.headers.Get(name);
          if (value.empty()) return std::nullopt;
          return value;
        });
    if (status) return decision;
    decision.kind = net::AccessDecision::Kind::kRefused;
    decision.answer = net::HttpResponse::Text(401, status.error().message() + "\n");
    return decision;
  }

 private:
  ServerAuthenticator& authenticator_;
};

}  // namespace

std::shared_ptr<net::AccessGate> MakeAuthGate(ServerAuthenticator& authenticator) {
  return std::make_shared<AuthGate>(authenticator);
}

}  // namespace sextant::pipeline
