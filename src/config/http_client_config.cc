#include "config/http_client_config.h"

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
  bool has_cert = !tls.cert_file.empty();
  bool has_key = !tls.key_file.empty();
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

core::Status CheckProxy(const HttpClientConfig& http, Node node) {
  if (http.proxy_from_environment && !http.proxy_url.empty())
    return node.Fail("if proxy_from_environment is configured, proxy_url must not be configured");
  if (http.proxy_from_environment && !http.no_proxy.empty())
    return node.Fail("if proxy_from_environment is configured, no_proxy must not be configured");
  if (http.proxy_url.empty() && !http.no_proxy.empty())
    return node.Fail("if no_proxy is configured, proxy_url must also be configured");
  if (!http.proxy_connect_headers.empty() && !http.proxy_from_environment && http.proxy_url.empty()) {
    return node.Fail(
        "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured");
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
  if (http.basic_auth && (has_token || has_token_file)) {
    return node.Fail(
        "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured");
  }
  if (http.authorization && (has_token || has_token_file)) {
    return node.Fail("authorization is not compatible with bearer_token & bearer_token_file");
  }
  if (CountOf({http.basic_auth.has_value(), http.authorization.has_value()}) > 1) {
    return node.Fail("at most one of basic_auth, oauth2 & authorization must be configured");
  }
  TurnBearerTokenIntoAuthorization(http, node);
  SEXTANT_TRY(CheckProxy(http, node));
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
          NotYet("ca", "use ca_file"),
          NotYet("cert", "use cert_file"),
          NotYet("key", "use key_file"),
          Member<&TlsConfig::ca_file>("ca_file"),
          Member<&TlsConfig::cert_file>("cert_file"),
          Member<&TlsConfig::key_file>("key_file"),
          NotYet("ca_ref"),
          NotYet("cert_ref"),
          NotYet("key_ref"),
          Member<&TlsConfig::server_name>("server_name"),
          Member<&TlsConfig::insecure_skip_verify>("insecure_skip_verify"),
          Member<&TlsConfig::min_version>("min_version").Check<std::string>(CheckTlsVersion),
          NotYet("max_version"),
      },
      FinishTls);
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
          NotYet("oauth2"),
          Member<&HttpClientConfig::bearer_token>("bearer_token"),
          Member<&HttpClientConfig::bearer_token_file>("bearer_token_file"),
          Member<&HttpClientConfig::tls>("tls_config"),
          Member<&HttpClientConfig::follow_redirects>("follow_redirects").AlwaysWritten(),
          // It allows HTTP/2 where a server offers it; our client does not take the offer.
          NotYet("enable_http2").Allowing({"true", "false"}),
          Member<&HttpClientConfig::proxy_url>("proxy_url", UrlText()),
          Member<&HttpClientConfig::no_proxy>("no_proxy"),
          Member<&HttpClientConfig::proxy_from_environment>("proxy_from_environment"),
          Member<&HttpClientConfig::proxy_connect_headers>("proxy_connect_header"),
          Member<&HttpClientConfig::http_headers>("http_headers"),
      },
      FinishHttp);
  return kFields;
}

std::string RevealSecrets(const HttpClientConfig& http) {
  std::string text = http.proxy_url;
  if (http.basic_auth) text += "\n" + http.basic_auth->password.Reveal();
  if (http.authorization) text += "\n" + http.authorization->credentials.Reveal();
  for (const auto& [name, secrets] : http.proxy_connect_headers) {
    for (const Secret& secret : secrets) text += "\n" + secret.Reveal();
  }
  for (const auto& [name, header] : http.http_headers) {
    for (const Secret& secret : header.secrets) text += "\n" + secret.Reveal();
  }
  return text;
}

}  // namespace sextant::config
