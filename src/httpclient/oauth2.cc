#include "httpclient/oauth2.h"

#include <fmt/ranges.h>

#include <atomic>
#include <mutex>

#include "core/json_writer.h"
#include "httpclient/jwt.h"
#include "httpclient/secret_file.h"
#include "httpclient/settings.h"
#include "httpclient/token.h"
#include "net/url.h"

namespace sextant::httpclient {

namespace {

using core::Result;

// A token is not used any more so long before it expires.
constexpr core::DurationMs kExpiryMarginMs = 10'000;
constexpr core::DurationMs kUnlimitedMs = 10LL * 365 * 86'400'000;
constexpr int64_t kAssertionLifeSeconds = 600;

// With the secret that is sent, or the key that signs, which may stand in a file.
class OAuth2Source final : public TokenSource, public std::enable_shared_from_this<OAuth2Source> {
 public:
  OAuth2Source(config::OAuth2Config config, const core::Clock& clock)
      : config_(std::move(config)),
        clock_(clock),
        is_assertion_(config_.grant_type == config::kJwtBearerGrant),
        secret_(is_assertion_ ? config_.client_certificate_key.Reveal() : config_.client_secret.Reveal()) {}

  Result<bool> IsChanged() override {
    const std::string& file =
        is_assertion_ ? config_.client_certificate_key_file : config_.client_secret_file;
    if (file.empty()) return false;
    SEXTANT_ASSIGN(std::string secret,
                   ReadSecretFile(file).map_error(core::AddContext(
                       "unable to read oauth2 client {}", is_assertion_ ? "certificate key" : "secret")));
    std::lock_guard lock(mutex_);
    if (secret == secret_) return false;
    secret_ = std::move(secret);
    return true;
  }

  void Fetch(const net::FetchRequest& cause, const Send& send, KeptToken::Store store) override {
    if (is_assertion_) {
      Result<net::FetchRequest> request = AssertionRequest(cause);
      if (!request) return store(tl::unexpected(request.error()));
      return send(std::move(*request), [store = std::move(store)](const Result<net::FetchResponse>& answer) {
        store(GotOf(answer));
      });
    }
    bool in_body = secret_in_body_;
    send(SecretRequest(cause, in_body), [self = shared_from_this(), cause, send, in_body,
                                         store = std::move(store)](const Result<net::FetchResponse>& answer) {
      Result<KeptToken::Got> got = GotOf(answer);
      if (got || !answer || in_body) return store(std::move(got));
      // A server that does not take the secret as basic authentication may take it in the body.
      send(self->SecretRequest(cause, true), [self, store](const Result<net::FetchResponse>& second) {
        Result<KeptToken::Got> second_got = GotOf(second);
        if (second_got) self->secret_in_body_ = true;
        store(std::move(second_got));
      });
    });
  }

 private:
  static Result<KeptToken::Got> GotOf(const Result<net::FetchResponse>& answer) {
    SEXTANT_ASSIGN(Token token, ReadTokenAnswer(answer));
    core::DurationMs life_ms =
        token.life_seconds == 0 ? kUnlimitedMs : token.life_seconds * 1'000 - kExpiryMarginMs;
    return KeptToken::Got{std::move(token), life_ms};
  }

  std::string Secret() const {
    std::lock_guard lock(mutex_);
    return secret_;
  }

  net::FetchRequest Request(const net::FetchRequest& cause, const net::QueryParams& form) const {
    net::FetchRequest request = FormRequest(cause, config_.token_url, form);
    request.tls = TlsOptions(config_.tls);
    ApplyProxy(config_.proxy, request);
    return request;
  }

  net::FetchRequest SecretRequest(const net::FetchRequest& cause, bool in_body) const {
    net::QueryParams form;
    form.Add("grant_type", "client_credentials");
    if (!config_.scopes.empty()) form.Add("scope", fmt::format("{}", fmt::join(config_.scopes, " ")));
    for (const auto& [name, value] : config_.endpoint_params) form.Add(name, value);
    const std::string secret = Secret();
    if (in_body) {
      form.Add("client_id", config_.client_id);
      if (!secret.empty()) form.Add("client_secret", secret);
    }
    net::FetchRequest request = Request(cause, form);
    if (!in_body) {
      request.basic_user = net::QueryEscape(config_.client_id);
      request.basic_password = net::QueryEscape(secret);
    }
    return request;
  }

  Result<net::FetchRequest> AssertionRequest(const net::FetchRequest& cause) const {
    const int64_t now_seconds = clock_.NowMs() / 1'000;
    core::JsonWriter claims;
    claims.BeginObject();
    claims.Key("iss").String(config_.iss.empty() ? config_.client_id : config_.iss);
    claims.Key("sub").String(config_.client_id);
    claims.Key("jti").String(RandomUuid());
    claims.Key("aud").String(config_.audience.empty() ? config_.token_url : config_.audience);
    claims.Key("iat").Int(now_seconds);
    claims.Key("exp").Int(now_seconds + kAssertionLifeSeconds);
    if (!config_.scopes.empty())
      claims.Key("scope").String(fmt::format("{}", fmt::join(config_.scopes, " ")));
    claims.EndObject();
    JwtHeader header{config_.signature_algorithm.empty() ? "RS256" : config_.signature_algorithm,
                     config_.client_certificate_key_id};
    SEXTANT_ASSIGN(
        std::string assertion,
        SignJwt(header, MergeJsonObjects(std::move(claims).Take(), config_.claims_json), Secret()));
    net::QueryParams form;
    form.Add("grant_type", std::string(config::kJwtBearerGrant));
    form.Add("assertion", std::move(assertion));
    for (const auto& [name, value] : config_.endpoint_params) form.Add(name, value);
    return Request(cause, form);
  }

  const config::OAuth2Config config_;
  const core::Clock& clock_;
  const bool is_assertion_;
  std::atomic<bool> secret_in_body_ = false;  // found out: the server wants it so

  mutable std::mutex mutex_;  // guards what follows
  std::string secret_;
};

}  // namespace

std::shared_ptr<net::RequestAuthorizer> MakeOAuth2Authorizer(config::OAuth2Config config,
                                                             const core::Clock& clock) {
  return MakeTokenAuthorizer(std::make_shared<OAuth2Source>(std::move(config), clock), clock);
}

}  // namespace sextant::httpclient
