#include "config/http_client_config.h"

#include <algorithm>
#include <tuple>

#include "config/free_form.h"
#include "config/paths.h"
#include "config/text.h"
#include "config/url_text.h"

namespace sextant::config {

namespace {

int CountOf(std::initializer_list<bool> conditions) {
  int count = 0;
  for (bool condition : conditions) count += condition ? 1 : 0;
  return count;
}

void MakeRelative(Node node, std::string& path) { path = JoinDirectory(DirectoryOf(node.file()), path); }

std::string TrimSpace(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(kSpace) - first + 1));
}

bool IsBasic(std::string_view type) {
  constexpr std::string_view kBasic = "basic";
  if (type.size() != kBasic.size()) return false;
  for (size_t i = 0; i < type.size(); ++i) {
    if ((type[i] | 0x20) != kBasic[i]) return false;
  }
  return true;
}

core::Status FinishBasicAuth(BasicAuthConfig& auth, Node node) {
  if (!auth.username.empty() && !auth.username_file.empty()) {
    return node.Fail("at most one of basic_auth username, username_file & username_ref must be configured");
  }
  if (!auth.password.empty() && !auth.password_file.empty()) {
    return node.Fail("at most one of basic_auth password, password_file & password_ref must be configured");
  }
  MakeRelative(node, auth.username_file);
  MakeRelative(node, auth.password_file);
  return {};
}

core::Status FinishAuthorization(AuthorizationConfig& authorization, Node node) {
  if (!authorization.credentials.empty() && !authorization.credentials_file.empty()) {
    return node.Fail("at most one of authorization credentials & credentials_file must be configured");
  }
  authorization.type = TrimSpace(authorization.type);
  if (authorization.type.empty()) authorization.type = "Bearer";
  if (IsBasic(authorization.type)) {
    return node.Fail("authorization type cannot be set to \"basic\", use \"basic_auth\" instead");
  }
  MakeRelative(node, authorization.credentials_file);
  return {};
}

core::Status CheckTlsVersion(const std::string& version, Node node) {
  for (std::string_view known : {"TLS10", "TLS11", "TLS12", "TLS13"}) {
    if (version == known) return {};
  }
  return node.Fail("unknown TLS version: {}; it is TLS10, TLS11, TLS12 or TLS13", version);
}

core::Status FinishTls(TlsConfig& tls, Node node) {
  for (auto [text, file, name] : {std::tuple{!tls.ca.empty(), !tls.ca_file.empty(), "ca"},
                                  std::tuple{!tls.cert.empty(), !tls.cert_file.empty(), "cert"},
                                  std::tuple{!tls.key.empty(), !tls.key_file.empty(), "key"}}) {
    if (text && file) return node.Fail("at most one of {0}, {0}_file & {0}_ref must be configured", name);
  }
  if (!tls.min_version.empty() && !tls.max_version.empty() && tls.max_version < tls.min_version) {
    return node.Fail(
        "tls_config.max_version must be greater than or equal to tls_config.min_version if both are "
        "specified");
  }
  bool has_cert = !(tls.cert + tls.cert_file).empty();
  bool has_key = !tls.key.empty() || !tls.key_file.empty();
  if (has_cert && !has_key) {
    return node.Fail(
        "exactly one of key or key_file must be configured when a client certificate is configured");
  }
  if (has_key && !has_cert) {
    return node.Fail("exactly one of cert or cert_file must be configured when a client key is configured");
  }
  MakeRelative(node, tls.ca_file);
  MakeRelative(node, tls.cert_file);
  MakeRelative(node, tls.key_file);
  return {};
}

// The older fields become an authorization.
void TurnBearerTokenIntoAuthorization(HttpClientConfig& http, Node node) {
  if (!http.bearer_token.empty()) {
    http.authorization =
        AuthorizationConfig{.credentials = std::move(http.bearer_token), .credentials_file = ""};
    http.bearer_token = Secret();
  }
  if (!http.bearer_token_file.empty()) {
    MakeRelative(node, http.bearer_token_file);
    http.authorization =
        AuthorizationConfig{.credentials = Secret(), .credentials_file = std::move(http.bearer_token_file)};
    http.bearer_token_file.clear();
  }
}

core::Status FinishProxy(ProxyConfig& proxy, Node node) {
  if (!proxy.connect_header.empty() && !proxy.from_environment && proxy.url.empty()) {
    return node.Fail(
        "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured");
  }
  if (proxy.from_environment && !proxy.url.empty())
    return node.Fail("if proxy_from_environment is configured, proxy_url must not be configured");
  if (proxy.from_environment && !proxy.no_proxy.empty())
    return node.Fail("if proxy_from_environment is configured, no_proxy must not be configured");
  if (proxy.url.empty() && !proxy.no_proxy.empty())
    return node.Fail("if no_proxy is configured, proxy_url must also be configured");
  return {};
}

// Our client speaks HTTP/1.1 alone: a server may not choose "h2", which is left out of what it is offered.
core::Status CheckNextProtos(const std::vector<std::string>& protocols, Node node) {
  constexpr size_t kMaxBytes = 255;  // RFC 7301
  for (const std::string& protocol : protocols) {
    if (protocol.empty() || protocol.size() > kMaxBytes) {
      return node.Fail("the protocol {} must have 1 to {} bytes", Quote(protocol), kMaxBytes);
    }
  }
  bool is_h2_alone = !protocols.empty() &&
                     std::ranges::all_of(protocols, [](const std::string& one) { return one == "h2"; });
  if (is_h2_alone) {
    return node.FailAtKey(core::Code::kUnimplemented, "HTTP/2 alone is not supported yet; add http/1.1");
  }
  return {};
}

core::Status CheckGrantType(const std::string& grant_type, Node node) {
  if (grant_type.empty() || grant_type == "client_credentials" || grant_type == kJwtBearerGrant) return {};
  return node.FailAtKey(core::Code::kUnimplemented,
                        fmt::format("the grant type {} is not supported yet", Quote(grant_type)));
}

core::Status CheckAssertion(const OAuth2Config& oauth2, Node node) {
  if (!oauth2.client_certificate_key.empty() && !oauth2.client_certificate_key_file.empty()) {
    return node.Fail(
        "at most one of oauth2 client_certificate_key, client_certificate_key_file & "
        "client_certificate_key_ref must be configured using grant-type={}",
        kJwtBearerGrant);
  }
  for (std::string_view known : {"", "RS256", "RS384", "RS512"}) {
    if (oauth2.signature_algorithm == known) return {};
  }
  return node.Find("signature_algorithm").Fail("valid signature algorithms are RS256, RS384 and RS512");
}

core::Status FinishOAuth2(OAuth2Config& oauth2, Node node) {
  if (oauth2.client_id.empty()) return node.Fail("oauth2 client_id must be configured");
  if (oauth2.token_url.empty()) return node.Fail("oauth2 token_url must be configured");
  if (oauth2.grant_type == kJwtBearerGrant) {
    SEXTANT_TRY(CheckAssertion(oauth2, node));
  } else if (!oauth2.client_secret.empty() && !oauth2.client_secret_file.empty()) {
    return node.Fail(
        "at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured "
        "using grant-type=client_credentials");
  }
  MakeRelative(node, oauth2.client_secret_file);
  MakeRelative(node, oauth2.client_certificate_key_file);
  return {};
}

// What STS takes: letters, digits, '_' and a few signs.
bool IsSessionName(std::string_view name) {
  return name.size() >= 2 && name.size() <= 64 && std::ranges::all_of(name, [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("_+=,.@-").find(static_cast<char>(c)) != std::string_view::npos;
         });
}

core::Status CheckTags(const std::map<std::string, std::string>& tags, Node node) {
  constexpr size_t kMaxKeyBytes = 128;
  constexpr size_t kMaxValueBytes = 256;
  for (const auto& [key, value] : tags) {
    if (key.empty()) return node.Fail("tag key must not be empty");
    if (key.size() > kMaxKeyBytes) {
      return node.Fail("tag key {} exceeds maximum length of {}", Quote(key), kMaxKeyBytes);
    }
    if (value.size() > kMaxValueBytes) {
      return node.Fail("tag value for key {} exceeds maximum length of {}", Quote(key), kMaxValueBytes);
    }
  }
  return {};
}

core::Status FinishSigV4(SigV4Config& sigv4, Node node) {
  if (sigv4.access_key.empty() != sigv4.secret_key.empty()) {
    return node.Fail(
        "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 "
        "config");
  }
  if (sigv4.role_arn.empty()) {
    if (!sigv4.external_id.empty()) return node.Fail("external_id can only be used with role_arn");
    if (!sigv4.session_name.empty()) return node.Fail("session_name can only be used with role_arn");
    if (!sigv4.tags.empty()) return node.Fail("tags can only be used with role_arn");
  }
  if (!sigv4.session_name.empty() && !IsSessionName(sigv4.session_name)) {
    return node.Find("session_name")
        .Fail("session_name must match ^[\\w+=,.@-]{{2,64}}$ (2-64 alphanumeric and +=,.@- characters)");
  }
  return {};
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  return lower;
}

// Headers that other fields set, or the protocol itself.
core::Status FinishHeaders(HttpClientConfig& http, Node node) {
  constexpr std::string_view kReserved[] = {
      "authorization",
      "host",
      "content-encoding",
      "content-length",
      "content-type",
      "user-agent",
      "connection",
      "keep-alive",
      "proxy-authenticate",
      "www-authenticate",
      "accept-encoding",
      "accept",
      "proxy-authorization",
      "x-amz-date",
      "x-amz-security-token",
      "x-amz-content-sha256",
      "x-prometheus-remote-write-version",
      "x-prometheus-remote-read-version",
      "x-prometheus-scrape-timeout-seconds",
  };
  for (auto& [name, header] : http.http_headers) {
    std::string lower = Lower(name);
    for (std::string_view reserved : kReserved) {
      if (lower == reserved)
        return node.Find("http_headers")
            .Find(name)
            .FailAtKey(core::Code::kInvalidArgument,
                       fmt::format("setting header {} is not allowed", Quote(name)));
    }
    for (std::string& file : header.files) MakeRelative(node, file);
  }
  return {};
}

core::Status FinishHttp(HttpClientConfig& http, Node node) {
  bool has_token = !http.bearer_token.empty();
  bool has_token_file = !http.bearer_token_file.empty();
  if (has_token && has_token_file) {
    return node.Fail("at most one of bearer_token & bearer_token_file must be configured");
  }
  if ((http.basic_auth || http.oauth2) && (has_token || has_token_file)) {
    return node.Fail(
        "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured");
  }
  if (http.authorization && (has_token || has_token_file)) {
    return node.Fail("authorization is not compatible with bearer_token & bearer_token_file");
  }
  if (CountOf({http.basic_auth.has_value(), http.authorization.has_value(), http.oauth2.has_value()}) > 1) {
    return node.Fail("at most one of basic_auth, oauth2 & authorization must be configured");
  }
  TurnBearerTokenIntoAuthorization(http, node);
  return FinishHeaders(http, node);
}

}  // namespace

const Struct& FieldsOf(const BasicAuthConfig*) {
  static const Struct kFields = Struct::Of<BasicAuthConfig>(
      {
          Member<&BasicAuthConfig::username>("username"),
          Member<&BasicAuthConfig::username_file>("username_file"),
          NotYet("username_ref"),
          Member<&BasicAuthConfig::password>("password"),
          Member<&BasicAuthConfig::password_file>("password_file"),
          NotYet("password_ref"),
      },
      FinishBasicAuth);
  return kFields;
}

const Struct& FieldsOf(const AuthorizationConfig*) {
  static const Struct kFields = Struct::Of<AuthorizationConfig>(
      {
          Member<&AuthorizationConfig::type>("type"),
          Member<&AuthorizationConfig::credentials>("credentials"),
          Member<&AuthorizationConfig::credentials_file>("credentials_file"),
          NotYet("credentials_ref"),
      },
      FinishAuthorization);
  return kFields;
}

const Struct& FieldsOf(const TlsConfig*) {
  static const Struct kFields = Struct::Of<TlsConfig>(
      {
          Member<&TlsConfig::ca>("ca"),
          Member<&TlsConfig::cert>("cert"),
          Member<&TlsConfig::key>("key"),
          Member<&TlsConfig::ca_file>("ca_file"),
          Member<&TlsConfig::cert_file>("cert_file"),
          Member<&TlsConfig::key_file>("key_file"),
          NotYet("ca_ref"),
          NotYet("cert_ref"),
          NotYet("key_ref"),
          Member<&TlsConfig::server_name>("server_name"),
          Member<&TlsConfig::insecure_skip_verify>("insecure_skip_verify"),
          Member<&TlsConfig::min_version>("min_version").Check<std::string>(CheckTlsVersion),
          Member<&TlsConfig::max_version>("max_version").Check<std::string>(CheckTlsVersion),
          Member<&TlsConfig::next_protos>("next_protos").Check<std::vector<std::string>>(CheckNextProtos),
      },
      FinishTls);
  return kFields;
}

const Struct& FieldsOf(const ProxyConfig*) {
  static const Struct kFields = Struct::Of<ProxyConfig>(
      {
          Member<&ProxyConfig::url>("proxy_url", UrlText()),
          Member<&ProxyConfig::no_proxy>("no_proxy"),
          Member<&ProxyConfig::from_environment>("proxy_from_environment"),
          Member<&ProxyConfig::connect_header>("proxy_connect_header"),
      },
      FinishProxy);
  return kFields;
}

const Struct& FieldsOf(const OAuth2Config*) {
  static const Struct kFields = Struct::Of<OAuth2Config>(
      {
          Member<&OAuth2Config::client_id>("client_id").AlwaysWritten(),
          Member<&OAuth2Config::client_secret>("client_secret"),
          Member<&OAuth2Config::client_secret_file>("client_secret_file"),
          NotYet("client_secret_ref"),
          Member<&OAuth2Config::client_certificate_key_id>("client_certificate_key_id"),
          Member<&OAuth2Config::client_certificate_key>("client_certificate_key"),
          Member<&OAuth2Config::client_certificate_key_file>("client_certificate_key_file"),
          NotYet("client_certificate_key_ref"),
          Member<&OAuth2Config::signature_algorithm>("signature_algorithm"),
          Member<&OAuth2Config::iss>("iss"),
          Member<&OAuth2Config::audience>("audience"),
          Member<&OAuth2Config::claims_json>("claims", JsonObject()),
          Member<&OAuth2Config::grant_type>("grant_type").Check<std::string>(CheckGrantType),
          Member<&OAuth2Config::scopes>("scopes"),
          Member<&OAuth2Config::token_url>("token_url").AlwaysWritten(),
          Member<&OAuth2Config::endpoint_params>("endpoint_params"),
          Member<&OAuth2Config::tls>("tls_config"),
          Inline<&OAuth2Config::proxy>(),
      },
      FinishOAuth2);
  return kFields;
}

const Struct& FieldsOf(const SigV4Config*) {
  static const Struct kFields = Struct::Of<SigV4Config>(
      {
          Member<&SigV4Config::region>("region"),
          Member<&SigV4Config::access_key>("access_key"),
          Member<&SigV4Config::secret_key>("secret_key"),
          Member<&SigV4Config::profile>("profile"),
          Member<&SigV4Config::role_arn>("role_arn"),
          Member<&SigV4Config::external_id>("external_id"),
          Member<&SigV4Config::session_name>("session_name"),
          Member<&SigV4Config::tags>("tags").Check<std::map<std::string, std::string>>(CheckTags),
          Member<&SigV4Config::use_fips_sts_endpoint>("use_fips_sts_endpoint"),
          Member<&SigV4Config::service_name>("service_name"),
      },
      FinishSigV4);
  return kFields;
}

const Struct& FieldsOf(const HttpHeaderConfig*) {
  static const Struct kFields = Struct::Of<HttpHeaderConfig>({
      Member<&HttpHeaderConfig::values>("values"),
      Member<&HttpHeaderConfig::secrets>("secrets"),
      Member<&HttpHeaderConfig::files>("files"),
  });
  return kFields;
}

const Struct& FieldsOf(const HttpClientConfig*) {
  static const Struct kFields = Struct::Of<HttpClientConfig>(
      {
          Member<&HttpClientConfig::basic_auth>("basic_auth"),
          Member<&HttpClientConfig::authorization>("authorization"),
          Member<&HttpClientConfig::oauth2>("oauth2"),
          Member<&HttpClientConfig::bearer_token>("bearer_token"),
          Member<&HttpClientConfig::bearer_token_file>("bearer_token_file"),
          Member<&HttpClientConfig::tls>("tls_config"),
          Member<&HttpClientConfig::follow_redirects>("follow_redirects").AlwaysWritten(),
          // It allows HTTP/2 where a server offers it; our client does not take the offer.
          NotYet("enable_http2").Allowing({"true", "false"}),
          Inline<&HttpClientConfig::proxy>(),
          Member<&HttpClientConfig::http_headers>("http_headers"),
      },
      FinishHttp);
  return kFields;
}

namespace {

std::string SecretsOf(const TlsConfig& tls, const ProxyConfig& proxy) {
  std::string text = "\n" + tls.key.Reveal();
  for (const auto& [name, values] : proxy.connect_header) {
    for (const Secret& value : values) text += "\n" + value.Reveal();
  }
  return text;
}

}  // namespace

std::string RevealSecrets(const std::optional<SigV4Config>& sigv4) {
  return sigv4 ? "\n" + sigv4->secret_key.Reveal() : "";
}

std::string RevealSecrets(const HttpClientConfig& http) {
  std::string text = http.proxy.url + SecretsOf(http.tls, http.proxy);
  if (http.oauth2) {
    text += "\n" + http.oauth2->client_secret.Reveal() + "\n" + http.oauth2->client_certificate_key.Reveal() +
            SecretsOf(http.oauth2->tls, http.oauth2->proxy);
  }
  if (http.basic_auth) text += "\n" + http.basic_auth->password.Reveal();
  if (http.authorization) text += "\n" + http.authorization->credentials.Reveal();
  for (const auto& [name, header] : http.http_headers) {
    for (const Secret& secret : header.secrets) text += "\n" + secret.Reveal();
  }
  return text;
}

}  // namespace sextant::config
