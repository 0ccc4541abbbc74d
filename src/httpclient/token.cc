#include "httpclient/token.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "config/text.h"
#include "net/url.h"

namespace sextant::httpclient {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr size_t kMaxAnswerBytes = 1 << 20;
constexpr size_t kShownAnswerBytes = 1'024;
constexpr int64_t kMaxLifeSeconds = 10LL * 365 * 86'400;

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

void UseToken(const Token& token, net::FetchRequest& request) {
  if (!token.quota_project.empty()) request.headers.Set("X-Goog-User-Project", token.quota_project);
  if (token.type == "Bearer") {
    request.bearer_token = token.value;
  } else {
    request.headers.Set("Authorization", token.type + " " + token.value);
  }
}

class TokenAuthorizer final : public net::RequestAuthorizer {
 public:
  TokenAuthorizer(std::shared_ptr<TokenSource> source, const core::Clock& clock)
      : source_(std::move(source)), kept_(std::make_shared<KeptToken>(clock)) {}

  void Authorize(net::FetchRequest request, const Send& send, Done done) override {
    Result<bool> is_changed = source_->IsChanged();
    if (!is_changed) return done(tl::unexpected(is_changed.error()));
    if (*is_changed) kept_->Drop();
    if (std::optional<Token> token = kept_->Good()) {
      UseToken(*token, request);
      return done(std::move(request));
    }
    // The request itself is needed later; what it is fetched for needs no body.
    net::FetchRequest cause;
    cause.timeout_ms = request.timeout_ms;
    cause.headers = request.headers;
    kept_->Wait(
        [&](KeptToken::Store store) {
          // The source lives as long as it is at work.
          source_->Fetch(cause, send,
                         [source = source_, store = std::move(store)](Result<KeptToken::Got> got) {
                           store(std::move(got));
                         });
        },
        [request = std::move(request), done = std::move(done)](const Result<Token>& token) mutable {
          if (!token) return done(tl::unexpected(token.error()));
          UseToken(*token, request);
          done(std::move(request));
        });
  }

 private:
  const std::shared_ptr<TokenSource> source_;
  const std::shared_ptr<KeptToken> kept_;
};

}  // namespace

Result<Token> ReadTokenAnswer(const Result<net::FetchResponse>& answer) {
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
  token.expires_seconds = std::max<int64_t>(SecondsIn(fields->Get("expires_on")), 0);
  return token;
}

net::FetchRequest FormRequest(const net::FetchRequest& cause, const std::string& url,
                              const net::QueryParams& form) {
  net::FetchRequest request;
  request.method = "POST";
  request.url = url;
  request.timeout_ms = cause.timeout_ms;
  request.max_body_bytes = kMaxAnswerBytes;
  request.headers.Set("Content-Type", "application/x-www-form-urlencoded");
  if (cause.headers.Has("User-Agent")) {
    request.headers.Set("User-Agent", std::string(cause.headers.Get("User-Agent")));
  }
  request.body = form.Encode();
  return request;
}

std::shared_ptr<net::RequestAuthorizer> MakeTokenAuthorizer(std::shared_ptr<TokenSource> source,
                                                            const core::Clock& clock) {
  return std::make_shared<TokenAuthorizer>(std::move(source), clock);
}

}  // namespace sextant::httpclient
