#include "httpclient/google_iam.h"

#include <simdjson.h>
#include <unistd.h>

#include <algorithm>

#include "config/http_client_config.h"
#include "config/node.h"
#include "config/text.h"
#include "core/json_writer.h"
#include "httpclient/jwt.h"
#include "httpclient/token.h"
#include "net/url.h"

namespace sextant::httpclient {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr const char* kScope = "https://www.googleapis.com/auth/monitoring.write";
constexpr const char* kTokenUrl = "https://oauth2.googleapis.com/token";
constexpr const char* kMetadataHost = "169.254.169.254";
constexpr size_t kMaxFileBytes = 1 << 20;
constexpr core::DurationMs kExpiryMarginMs = 10'000;
constexpr core::DurationMs kUnstatedLifeMs = 600'000;
constexpr core::DurationMs kMetadataMs = 10'000;
constexpr int64_t kAssertionLifeSeconds = 3'600;

class GoogleSource final : public TokenSource {
 public:
  GoogleSource(config::GoogleIamConfig config, const core::Clock& clock, Environment environment)
      : config_(std::move(config)), clock_(clock), environment_(std::move(environment)) {}

  void Fetch(const net::FetchRequest& cause, const Send& send, KeptToken::Store store) override {
    std::string quota_project = environment_("GOOGLE_CLOUD_QUOTA_PROJECT");
    Result<net::FetchRequest> request = RequestFor(cause, quota_project);
    if (!request) return store(tl::unexpected(request.error()));
    send(std::move(*request),
         [quota_project, store = std::move(store)](const Result<net::FetchResponse>& answer) {
           store(ReadTokenAnswer(answer)
                     .map([&](Token token) {
                       token.quota_project = quota_project;
                       core::DurationMs life_ms = token.life_seconds == 0
                                                      ? kUnstatedLifeMs
                                                      : token.life_seconds * 1'000 - kExpiryMarginMs;
                       return KeptToken::Got{std::move(token), life_ms};
                     })
                     .map_error(core::AddContext("getting a token of Google")));
         });
  }

 private:
  // Sets the project that a file names, unless there is one.
  Result<net::FetchRequest> RequestFor(const net::FetchRequest& cause, std::string& quota_project) const {
    std::string path = config_.credentials_file;
    if (path.empty()) path = environment_("GOOGLE_APPLICATION_CREDENTIALS");
    if (path.empty()) {
      path = GcloudFile();
      if (access(path.c_str(), R_OK) != 0) return MetadataRequest(cause);
    }
    SEXTANT_ASSIGN(std::string json,
                   config::ReadTextFile(path, kMaxFileBytes)
                       .map_error(core::AddContext("error reading Google credentials file")));
    SEXTANT_ASSIGN(GoogleCredentials credentials, ReadGoogleCredentials(json).map_error(core::AddContext(
                                                      "error parsing Google credentials file: {}", path)));
    if (quota_project.empty()) quota_project = credentials.quota_project;
    net::QueryParams form;
    if (credentials.type == "service_account") {
      SEXTANT_ASSIGN(
          std::string assertion,
          AssertionOf(credentials).map_error(core::AddContext("Google credentials file {}", path)));
      form.Add("grant_type", std::string(config::kJwtBearerGrant));
      form.Add("assertion", std::move(assertion));
    } else {
      form.Add("grant_type", "refresh_token");
      form.Add("client_id", credentials.client_id);
      form.Add("client_secret", credentials.client_secret);
      form.Add("refresh_token", credentials.refresh_token);
    }
    return FormRequest(cause, credentials.token_uri.empty() ? kTokenUrl : credentials.token_uri, form);
  }

  std::string GcloudFile() const {
    std::string folder = environment_("CLOUDSDK_CONFIG");
    if (folder.empty()) folder = environment_("HOME") + "/.config/gcloud";
    return folder + "/application_default_credentials.json";
  }

  net::FetchRequest MetadataRequest(const net::FetchRequest& cause) const {
    std::string host = environment_("GCE_METADATA_HOST");
    if (host.empty()) host = kMetadataHost;
    net::QueryParams query;
    query.Add("scopes", kScope);
    net::FetchRequest request;
    request.url = fmt::format("http://{}/computeMetadata/v1/instance/service-accounts/default/token?{}", host,
                              query.Encode());
    request.timeout_ms = std::min(cause.timeout_ms, kMetadataMs);
    request.max_body_bytes = 1 << 20;
    request.follow_redirects = false;
    request.headers.Set("Metadata-Flavor", "Google");
    return request;
  }

  Result<std::string> AssertionOf(const GoogleCredentials& credentials) const {
    const int64_t now_seconds = clock_.NowMs() / 1'000;
    core::JsonWriter claims;
    claims.BeginObject().Key("iss").String(credentials.client_email).Key("scope").String(kScope);
    claims.Key("aud").String(credentials.token_uri.empty() ? kTokenUrl : credentials.token_uri);
    claims.Key("exp").Int(now_seconds + kAssertionLifeSeconds).Key("iat").Int(now_seconds).EndObject();
    return SignJwt({"RS256", credentials.private_key_id}, std::move(claims).Take(), credentials.private_key);
  }

  const config::GoogleIamConfig config_;
  const core::Clock& clock_;
  const Environment environment_;
};

}  // namespace

Result<GoogleCredentials> ReadGoogleCredentials(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(simdjson::padded_string(json)).get(object) != simdjson::SUCCESS) {
    return Fail(Code::kInvalidArgument, "it is not a JSON object");
  }
  auto text = [&](std::string_view name) {
    std::string_view value;
    return object[name].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
  };
  GoogleCredentials credentials{text("type"),         text("token_uri"),     text("quota_project_id"),
                                text("client_email"), text("private_key"),   text("private_key_id"),
                                text("client_id"),    text("client_secret"), text("refresh_token")};
  if (credentials.type == "service_account" || credentials.type == "authorized_user") return credentials;
  if (credentials.type.empty()) return Fail(Code::kInvalidArgument, "missing 'type' field in credentials");
  return Fail(Code::kUnimplemented, "credentials of the type {} are not supported yet",
              config::Quote(credentials.type));
}

std::shared_ptr<net::RequestAuthorizer> MakeGoogleAuthorizer(config::GoogleIamConfig config,
                                                             const core::Clock& clock,
                                                             Environment environment) {
  return MakeTokenAuthorizer(std::make_shared<GoogleSource>(std::move(config), clock, std::move(environment)),
                             clock);
}

}  // namespace sextant::httpclient
