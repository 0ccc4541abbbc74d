#include "httpclient/oauth2.h"

#include <fmt/ranges.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <optional>
#include <vector>

#include "config/text.h"
#include "httpclient/secret_file.h"
#include "httpclient/settings.h"

namespace sextant::httpclient {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr size_t kMaxAnswerBytes = 1 << 20;
constexpr size_t kShownAnswerBytes = 1'024;
// A token is not used any more so long before it expires.
constexpr int64_t kExpiryMarginSeconds = 10;
constexpr int64_t kMaxLifeSeconds = 10LL * 365 * 86'400;

struct Token {
  std::string type;  // "Bearer"
  std::string value;
  int64_t life_seconds = 0;  // 0: for ever
};

// The spelling that servers expect of the types that have one.
std::string TypeName(std::string_view type) {
  if (type.empty() || net::EqualsIgnoreCase(type, "bearer")) return "Bearer";
  if (net::EqualsIgnoreCase(type, "mac")) return "MAC";
  if (net::EqualsIgnoreCase(type, "basic")) return "Basic";
  return std::string(type);
}

int64_t SecondsIn(std::string_view text) {
  int64_t seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return seconds;
}

// What an answer says, as text by name; the life of a token may be a number or a text.
class AnswerFields {
 public:
  static Result<AnswerFields> Parse(const net::FetchResponse& answer) {
    std::string_view type = answer.headers.Get("Content-Type");
    type = type.substr(0, type.find(';'));
    AnswerFields fields;
    if (type == "application/x-www-form-urlencoded" || type == "text/plain") {
      auto form = net::ParseQuery(answer.body);
      if (!form) return Fail(Code::kUnavailable, "oauth2: cannot parse response: {}", form.error().message());
      for (const auto& [name, value] : form->pairs()) fields.Add(name, value);
      return fields;
    }
    simdjson::dom::parser parser;
    simdjson::dom::object object;
    if (parser.parse(simdjson::padded_string(answer.body)).get(object) != simdjson::SUCCESS) {
      return Fail(Code::kUnavailable, "oauth2: cannot parse json: the answer is not a JSON object");
    }
    for (auto [name, value] : object) {
      std::string_view text;
      double number = 0;
      if (value.get(text) == simdjson::SUCCESS) {
        fields.Add(name, text);
      } else if (value.get(number) == simdjson::SUCCESS) {
        fields.Add(name, fmt::format("{:.0f}", std::clamp(number, -1.0, 1e15)));
      }
    }
    return fields;
  }

  std::string_view Get(std::string_view name) const {
    auto it = std::ranges::find_if(fields_, [&](const auto& field) { return field.first == name; });
    return it == fields_.end() ? "" : std::string_view(it->second);
  }

 private:
  void Add(std::string_view name, std::string_view value) { fields_.emplace_back(name, value); }

  std::vector<std::pair<std::string, std::string>> fields_;
};

Result<Token> ReadToken(const Result<net::FetchResponse>& answer) {
  if (!answer) return tl::unexpected(answer.error());
  bool is_good = answer->status / 100 == 2;
  Result<AnswerFields> fields = AnswerFields::Parse(*answer);
  if (!is_good || (fields && !fields->Get("error").empty())) {
    if (fields && !fields->Get("error").empty()) {
      std::string text = fmt::format("oauth2: {}", config::Quote(fields->Get("error")));
      for (const char* more : {"error_description", "error_uri"}) {
        if (!fields->Get(more).empty()) text += " " + config::Quote(fields->Get(more));
      }
      return Fail(Code::kPermissionDenied, "{}", text);
    }
    return Fail(Code::kPermissionDenied, "oauth2: cannot fetch token: {} {}\nResponse: {}", answer->status,
                net::StatusText(answer->status), answer->body.substr(0, kShownAnswerBytes));
  }
  if (!fields) return tl::unexpected(fields.error());
  if (fields->Get("access_token").empty()) {
    return Fail(Code::kPermissionDenied, "oauth2: server response missing access_token");
  }
  Token token;
  token.type = TypeName(fields->Get("token_type"));
  token.value = fields->Get("access_token");
  token.life_seconds = std::clamp<int64_t>(SecondsIn(fields->Get("expires_in")), 0, kMaxLifeSeconds);
  return token;
}

void UseToken(const Token& token, net::FetchRequest& request) {
  if (token.type == "Bearer") {
    request.bearer_token = token.value;
  } else {
    request.headers.Set("Authorization", token.type + " " + token.value);
  }
}

class OAuth2Authorizer final : public net::RequestAuthorizer,
                               public std::enable_shared_from_this<OAuth2Authorizer> {
 public:
  OAuth2Authorizer(config::OAuth2Config config, const core::Clock& clock)
      : config_(std::move(config)), clock_(clock), secret_(config_.client_secret.Reveal()) {}

  void Authorize(net::FetchRequest request, const Send& send, Done done) override {
    std::optional<std::string> file_secret;
    if (!config_.client_secret_file.empty()) {
      auto read = ReadSecretFile(config_.client_secret_file);
      if (!read) {
        return done(tl::unexpected(read.error().WithContext("unable to read oauth2 client secret")));
      }
      file_secret = std::move(*read);
    }
    net::FetchRequest own;
    {
      std::unique_lock lock(mutex_);
      if (file_secret && *file_secret != secret_) {
        secret_ = std::move(*file_secret);
        token_.reset();
      }
      if (token_ && clock_.MonotonicNs() < good_until_ns_) {
        UseToken(*token_, request);
        lock.unlock();
        return done(std::move(request));
      }
      own = TokenRequest(request, secret_in_body_);
      waiting_.push_back({std::move(request), std::move(done)});
      if (is_fetching_) return;
      is_fetching_ = true;
    }
    Fetch(std::move(own), send);
  }

 private:
  struct Waiting {
    net::FetchRequest request;
    Done done;
  };

  // With the lock.
  net::FetchRequest TokenRequest(const net::FetchRequest& cause, bool secret_in_body) const {
    net::FetchRequest request;
    request.method = "POST";
    request.url = config_.token_url;
    request.timeout_ms = cause.timeout_ms;
    request.max_body_bytes = kMaxAnswerBytes;
    request.headers.Set("Content-Type", "application/x-www-form-urlencoded");
    if (cause.headers.Has("User-Agent")) {
      request.headers.Set("User-Agent", std::string(cause.headers.Get("User-Agent")));
    }
    net::QueryParams form;
    form.Add("grant_type", "client_credentials");
    if (!config_.scopes.empty()) form.Add("scope", fmt::format("{}", fmt::join(config_.scopes, " ")));
    for (const auto& [name, value] : config_.endpoint_params) form.Add(name, value);
    if (secret_in_body) {
      form.Add("client_id", config_.client_id);
      if (!secret_.empty()) form.Add("client_secret", secret_);
    } else {
      request.basic_user = net::QueryEscape(config_.client_id);
      request.basic_password = net::QueryEscape(secret_);
    }
    request.body = form.Encode();
    request.tls = TlsOptions(config_.tls);
    ApplyProxy(config_.proxy, request);
    return request;
  }

  void Fetch(net::FetchRequest own, const Send& send) {
    send(std::move(own), [self = shared_from_this(), send](const Result<net::FetchResponse>& answer) {
      self->Take(answer, send);
    });
  }

  void Take(const Result<net::FetchResponse>& answer, const Send& send) {
    Result<Token> token = ReadToken(answer);
    std::vector<Waiting> waiting;
    {
      std::unique_lock lock(mutex_);
      // A server that does not take the secret as basic authentication may take it in the body.
      if (!token && answer && !secret_in_body_ && !tried_body_ && !waiting_.empty()) {
        tried_body_ = true;
        net::FetchRequest own = TokenRequest(waiting_.front().request, true);
        lock.unlock();
        return Fetch(std::move(own), send);
      }
      if (token) {
        secret_in_body_ = secret_in_body_ || tried_body_;
        token_ = *token;
        int64_t life_seconds =
            token->life_seconds == 0 ? kMaxLifeSeconds : token->life_seconds - kExpiryMarginSeconds;
        good_until_ns_ = clock_.MonotonicNs() + life_seconds * 1'000'000'000;
      }
      tried_body_ = false;
      is_fetching_ = false;
      waiting.swap(waiting_);
    }
    for (Waiting& one : waiting) {
      if (!token) {
        one.done(tl::unexpected(token.error()));
        continue;
      }
      UseToken(*token, one.request);
      one.done(std::move(one.request));
    }
  }

  const config::OAuth2Config config_;
  const core::Clock& clock_;

  std::mutex mutex_;  // guards what follows
  std::string secret_;
  std::optional<Token> token_;
  int64_t good_until_ns_ = 0;
  bool is_fetching_ = false;
  bool secret_in_body_ = false;  // found out: the server wants it so
  bool tried_body_ = false;      // by the fetch under way
  std::vector<Waiting> waiting_;
};

}  // namespace

std::shared_ptr<net::RequestAuthorizer> MakeOAuth2Authorizer(config::OAuth2Config config,
                                                             const core::Clock& clock) {
  return std::make_shared<OAuth2Authorizer>(std::move(config), clock);
}

}  // namespace sextant::httpclient
