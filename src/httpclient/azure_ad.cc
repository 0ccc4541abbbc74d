#include "httpclient/azure_ad.h"

#include <algorithm>
#include <optional>

#include "config/node.h"
#include "core/json_writer.h"
#include "httpclient/certificate.h"
#include "httpclient/jwt.h"
#include "httpclient/secret_file.h"
#include "httpclient/token.h"
#include "net/url.h"

namespace sextant::httpclient {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr core::DurationMs kMetadataMs = 30'000;
constexpr int64_t kAssertionLifeSeconds = 600;
constexpr const char* kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr std::string_view kDefaultScope = "/.default";

struct Cloud {
  std::string authority;
  std::string scope;
};

Cloud CloudOf(const config::AzureAdConfig& config) {
  Cloud cloud{"https://login.microsoftonline.com", "https://monitor.azure.com//.default"};
  if (config.cloud == "AzureChina") {
    cloud = {"https://login.chinacloudapi.cn", "https://monitor.azure.cn//.default"};
  } else if (config.cloud == "AzureGovernment") {
    cloud = {"https://login.microsoftonline.us", "https://monitor.azure.us//.default"};
  }
  if (!config.scope.empty()) cloud.scope = config.scope;
  return cloud;
}

// Managed identities are asked for a resource.
std::string ResourceOf(std::string_view scope) {
  if (scope.ends_with(kDefaultScope)) scope.remove_suffix(kDefaultScope.size());
  return std::string(scope);
}

class AzureSource final : public TokenSource {
 public:
  AzureSource(config::AzureAdConfig config, const core::Clock& clock, AzureEndpoints endpoints,
              Environment environment)
      : config_(std::move(config)),
        clock_(clock),
        cloud_(CloudOf(config_)),
        endpoints_(std::move(endpoints)),
        environment_(std::move(environment)) {
    if (!endpoints_.authority.empty()) cloud_.authority = endpoints_.authority;
  }

  void Fetch(const net::FetchRequest& cause, const Send& send, KeptToken::Store store) override {
    Result<net::FetchRequest> request = RequestFor(cause);
    if (!request) return store(tl::unexpected(Failed(request.error())));
    send(std::move(*request),
         [&clock = clock_, store = std::move(store)](const Result<net::FetchResponse>& answer) {
           store(GotOf(answer, clock.NowMs()).map_error(Failed));
         });
  }

 private:
  static core::Error Failed(const core::Error& error) {
    return error.WithContext("Failed to get access token");
  }

  static Result<KeptToken::Got> GotOf(const Result<net::FetchResponse>& answer, core::TimestampMs now_ms) {
    SEXTANT_ASSIGN(Token token, ReadTokenAnswer(answer));
    core::DurationMs life_ms = token.life_seconds * 1'000;
    if (life_ms == 0) {
      life_ms =
          std::min<int64_t>(token.expires_seconds, now_ms / 1'000 + 10LL * 365 * 86'400) * 1'000 - now_ms;
    }
    if (life_ms <= 0) {
      return Fail(Code::kUnavailable, "access token expiry is less than the current time");
    }
    return KeptToken::Got{std::move(token), life_ms / 2};
  }

  Result<net::FetchRequest> RequestFor(const net::FetchRequest& cause) const {
    if (config_.managed_identity) return ManagedRequest(cause, config_.managed_identity->client_id);
    if (config_.workload_identity) return WorkloadRequest(cause, *config_.workload_identity);
    if (config_.oauth) return SecretRequest(cause, *config_.oauth);
    if (config_.certificate) return CertificateRequest(cause, *config_.certificate);
    return SdkRequest(cause, config_.sdk ? config_.sdk->tenant_id : "");
  }

  Result<net::FetchRequest> ManagedRequest(const net::FetchRequest& cause,
                                           const std::string& client_id) const {
    const std::string endpoint = environment_("IDENTITY_ENDPOINT");
    for (const char* variable : {"IMDS_ENDPOINT", "IDENTITY_SERVER_THUMBPRINT", "MSI_ENDPOINT"}) {
      if (environment_(variable).empty()) continue;
      return Fail(
          Code::kUnimplemented,
          "managed identities of Azure Arc, Service Fabric and Cloud Shell ({}) are not supported yet",
          variable);
    }
    const std::string header = environment_("IDENTITY_HEADER");
    const bool is_app_service = !endpoint.empty() && !header.empty();
    net::QueryParams query;
    query.Add("api-version", is_app_service ? "2019-08-01" : "2018-02-01");
    query.Add("resource", ResourceOf(cloud_.scope));
    if (!client_id.empty()) query.Add("client_id", client_id);
    net::FetchRequest request;
    request.url = fmt::format(
        "{}?{}", is_app_service ? endpoint : endpoints_.metadata + "/metadata/identity/oauth2/token",
        query.Encode());
    request.timeout_ms = std::min(cause.timeout_ms, kMetadataMs);
    request.max_body_bytes = 1 << 20;
    request.follow_redirects = false;
    if (is_app_service) {
      request.headers.Set("X-IDENTITY-HEADER", header);
    } else {
      request.headers.Set("Metadata", "true");
    }
    return request;
  }

  net::FetchRequest ApplicationRequest(const net::FetchRequest& cause, const std::string& tenant_id,
                                       const std::string& client_id, net::QueryParams proof) const {
    proof.Add("grant_type", "client_credentials");
    proof.Add("client_id", client_id);
    proof.Add("scope", cloud_.scope);
    return FormRequest(cause, TokenUrl(tenant_id), proof);
  }

  std::string TokenUrl(const std::string& tenant_id) const {
    return fmt::format("{}/{}/oauth2/v2.0/token", cloud_.authority, tenant_id);
  }

  net::FetchRequest SecretRequest(const net::FetchRequest& cause,
                                  const config::AzureOAuthConfig& oauth) const {
    net::QueryParams proof;
    proof.Add("client_secret", oauth.client_secret.Reveal());
    return ApplicationRequest(cause, oauth.tenant_id, oauth.client_id, std::move(proof));
  }

  Result<net::FetchRequest> WorkloadRequest(const net::FetchRequest& cause,
                                            const config::AzureWorkloadIdentityConfig& identity) const {
    SEXTANT_ASSIGN(std::string token, ReadSecretFile(identity.token_file_path));
    net::QueryParams proof;
    proof.Add("client_assertion_type", kAssertionType);
    proof.Add("client_assertion", std::move(token));
    return ApplicationRequest(cause, identity.tenant_id, identity.client_id, std::move(proof));
  }

  Result<net::FetchRequest> CertificateRequest(const net::FetchRequest& cause,
                                               const config::AzureCertificateConfig& config) const {
    SEXTANT_ASSIGN(CertificateAndKey found,
                   LoadCertificateAndKey(config.certificate_path, config.certificate_key_path,
                                         config.certificate_password.Reveal()));
    core::JsonWriter header;
    header.BeginObject().Key("x5t#S256").String(EncodeBase64Url(found.sha256));
    if (config.send_certificate_chain) {
      header.Key("x5c").BeginArray();
      for (const std::string& certificate : found.chain_base64) header.String(certificate);
      header.EndArray();
    }
    header.EndObject();
    const int64_t now_seconds = clock_.NowMs() / 1'000;
    core::JsonWriter claims;
    claims.BeginObject().Key("aud").String(TokenUrl(config.tenant_id));
    claims.Key("exp").Int(now_seconds + kAssertionLifeSeconds).Key("iss").String(config.client_id);
    claims.Key("jti").String(RandomUuid()).Key("nbf").Int(now_seconds);
    claims.Key("sub").String(config.client_id).EndObject();
    SEXTANT_ASSIGN(std::string assertion,
                   SignJwt({"PS256", "", std::move(header).Take()}, std::move(claims).Take(), found.key_pem));
    net::QueryParams proof;
    proof.Add("client_assertion_type", kAssertionType);
    proof.Add("client_assertion", std::move(assertion));
    return ApplicationRequest(cause, config.tenant_id, config.client_id, std::move(proof));
  }

  // What DefaultAzureCredential finds first: an application, a workload, the machine.
  Result<net::FetchRequest> SdkRequest(const net::FetchRequest& cause,
                                       const std::string& wanted_tenant) const {
    const std::string client_id = environment_("AZURE_CLIENT_ID");
    const std::string own_tenant = environment_("AZURE_TENANT_ID");
    const std::string& tenant = wanted_tenant.empty() ? own_tenant : wanted_tenant;
    const std::string secret = environment_("AZURE_CLIENT_SECRET");
    const std::string certificate = environment_("AZURE_CLIENT_CERTIFICATE_PATH");
    if (!client_id.empty() && !tenant.empty()) {
      if (!secret.empty()) return SecretRequest(cause, {client_id, config::Secret(secret), tenant});
      if (!certificate.empty()) {
        const std::string chain = environment_("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN");
        return CertificateRequest(cause, {client_id, tenant, certificate, "",
                                          config::Secret(environment_("AZURE_CLIENT_CERTIFICATE_PASSWORD")),
                                          chain == "1" || chain == "true"});
      }
      if (std::string file = environment_("AZURE_FEDERATED_TOKEN_FILE"); !file.empty()) {
        return WorkloadRequest(cause, {client_id, tenant, std::move(file)});
      }
    }
    return ManagedRequest(cause, client_id);
  }

  const config::AzureAdConfig config_;
  const core::Clock& clock_;
  Cloud cloud_;
  const AzureEndpoints endpoints_;
  const Environment environment_;
};

}  // namespace

std::shared_ptr<net::RequestAuthorizer> MakeAzureAuthorizer(config::AzureAdConfig config,
                                                            const core::Clock& clock,
                                                            AzureEndpoints endpoints,
                                                            Environment environment) {
  return MakeTokenAuthorizer(
      std::make_shared<AzureSource>(std::move(config), clock, std::move(endpoints), std::move(environment)),
      clock);
}

}  // namespace sextant::httpclient
