#include "pipeline/settings/client_config.h"

#include <algorithm>

#include "config/text.h"
#include "net/body_compression.h"
#include "pipeline/fields.h"

namespace sextant::pipeline {

namespace {

using config::Node;
using core::Result;
using core::Status;

Result<HeaderMap> ReadHeaders(Node node) {
  HeaderMap headers;
  if (node.IsSequence()) {
    for (Node item : node.children()) {
      Node name = item.Find("name");
      Node value = item.Find("value");
      if (!name || !value) return item.Fail("a header needs name and value");
      SEXTANT_ASSIGN(std::string key, name.AsText());
      SEXTANT_ASSIGN(std::string text, value.AsText());
      headers[key] = config::Secret(text);
    }
    return headers;
  }
  if (!node.IsMapping()) return node.Fail("expected a mapping, got {}", node.Describe());
  for (Node child : node.children()) {
    std::string text;
    if (!child.IsNull()) {
      SEXTANT_ASSIGN(text, child.AsText());
    }
    headers[std::string(child.key())] = config::Secret(text);
  }
  return headers;
}

void WriteHeaders(const HeaderMap& headers, config::YamlWriter& out) {
  config::internal::GetCodec<HeaderMap>().Write(&headers, out);
}

Status CheckGrpcCompression(const std::string& name, Node node) {
  for (std::string_view known : {"gzip", "snappy", "zstd", "none", ""}) {
    if (name == known) return {};
  }
  return node.Fail("unsupported compression type {}", config::Quote(name));
}

bool IsCompressed(const std::string& coding) { return !coding.empty() && coding != "none"; }

Status FinishHttpClient(HttpClientConfig& config, Node node) {
  if (!IsCompressed(config.compression)) return {};
  auto level = static_cast<int>(std::clamp<int64_t>(config.compression_params.level, -100, 100));
  if (Status good = net::CheckBodyCompression(config.compression, level); !good) {
    Node place = node.Find("compression_params") ? node.Find("compression_params") : node.Find("compression");
    return (place ? place : node).Fail("{}", good.error().message());
  }
  return {};
}

Status CheckBalancer(const std::string& name, Node node) {
  if (name == "round_robin" || name == "pick_first" || name.empty()) return {};
  return node.Fail("invalid balancer_name: {}", name);
}

bool HasScheme(std::string_view endpoint, std::string_view scheme) {
  return endpoint.substr(0, scheme.size()) == scheme;
}

}  // namespace

config::CodecFor<HeaderMap> Headers() {
  return config::Custom<HeaderMap>(&ReadHeaders, &WriteHeaders,
                                   [](const HeaderMap& headers) { return headers.empty(); });
}

std::string GrpcClientConfig::Address() const {
  for (std::string_view scheme : {"http://", "https://", "dns:///", "dns://", "passthrough:///"}) {
    if (HasScheme(endpoint, scheme)) return endpoint.substr(scheme.size());
  }
  return endpoint;
}

bool GrpcClientConfig::UsesTls() const {
  if (HasScheme(endpoint, "https://")) return true;
  return !HasScheme(endpoint, "http://") && !tls.insecure;
}

const config::Struct& FieldsOf(const AuthConfig*) {
  static const config::Struct kFields = config::Struct::Of<AuthConfig>(
      {config::Member<&AuthConfig::authenticator>("authenticator").Required()});
  return kFields;
}

const config::Struct& FieldsOf(const KeepaliveClientConfig*) {
  using namespace config;
  using C = KeepaliveClientConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::time_ms>("time", GoDuration()),
      Member<&C::timeout_ms>("timeout", GoDuration()),
      Member<&C::permit_without_stream>("permit_without_stream"),
  });
  return kFields;
}

const config::Struct& FieldsOf(const GrpcClientConfig*) {
  using namespace config;
  using C = GrpcClientConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::endpoint>("endpoint"),
      Member<&C::compression>("compression").Check(&CheckGrpcCompression),
      Member<&C::tls>("tls"),
      Member<&C::keepalive>("keepalive", Section<KeepaliveClientConfig>()),
      NotYet("read_buffer_size", "buffers are the library's").Allowing({"0", "524288"}),
      NotYet("write_buffer_size", "buffers are the library's").Allowing({"0", "524288"}),
      NotYet("wait_for_ready", "a call that finds no connection is tried again by retry_on_failure")
          .Allowing({"false"}),
      Member<&C::headers>("headers", Headers()),
      Member<&C::balancer_name>("balancer_name").Check(&CheckBalancer),
      Member<&C::authority>("authority"),
      Member<&C::user_agent>("user_agent"),
      Member<&C::auth>("auth", Section<AuthConfig>()),
      NotYet("middlewares"),
  });
  return kFields;
}

const config::Struct& FieldsOf(const CompressionParams*) {
  static const config::Struct kFields =
      config::Struct::Of<CompressionParams>({config::Member<&CompressionParams::level>("level")});
  return kFields;
}

const config::Struct& FieldsOf(const CookiesConfig*) {
  static const config::Struct kFields =
      config::Struct::Of<CookiesConfig>({config::Member<&CookiesConfig::enabled>("enabled").AlwaysWritten()});
  return kFields;
}

const config::Struct& FieldsOf(const HttpClientConfig*) {
  using namespace config;
  using C = HttpClientConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::endpoint>("endpoint"),
          Member<&C::proxy_url>("proxy_url"),
          Member<&C::tls>("tls"),
          Member<&C::timeout_ms>("timeout", GoDuration()),
          Member<&C::headers>("headers", Headers()),
          Member<&C::compression>("compression"),
          Member<&C::compression_params>("compression_params"),
          Member<&C::auth>("auth", Section<AuthConfig>()),
          Member<&C::disable_keep_alives>("disable_keep_alives"),
          Member<&C::max_idle_conns>("max_idle_conns"),
          Member<&C::max_idle_conns_per_host>("max_idle_conns_per_host"),
          Member<&C::max_conns_per_host>("max_conns_per_host"),
          Member<&C::idle_conn_timeout_ms>("idle_conn_timeout", GoDuration()),
          NotYet("read_buffer_size", "buffers are the library's").Allowing({"0"}),
          NotYet("write_buffer_size", "buffers are the library's").Allowing({"0"}),
          NotYet("force_attempt_http2", "requests go by HTTP/1.1").Allowing({"true", "false"}),
          NotYet("http2_read_idle_timeout", "requests go by HTTP/1.1"),
          NotYet("http2_ping_timeout", "requests go by HTTP/1.1"),
          Member<&C::cookies>("cookies", Section<CookiesConfig>()),
          NotYet("middlewares"),
      },
      &FinishHttpClient);
  return kFields;
}

net::FetchRequest RequestOf(const HttpClientConfig& config) {
  net::FetchRequest request;
  request.timeout_ms = config.timeout_ms == 0 ? 3'600'000 : config.timeout_ms;
  request.tls = TlsOptionsOf(config.tls);
  request.proxy_url = config.proxy_url;
  request.proxy_from_environment = config.proxy_url.empty();
  for (const auto& [name, value] : config.headers) request.headers.Set(name, value.Reveal());
  return request;
}

std::unique_ptr<CookieJar> CookiesOf(const HttpClientConfig& config, std::string_view url,
                                     const core::Clock& clock) {
  if (!config.cookies || !config.cookies->enabled) return nullptr;
  return std::make_unique<CookieJar>(url, clock);
}

Status CompressBody(const HttpClientConfig& config, net::FetchRequest& request) {
  if (!IsCompressed(config.compression)) return {};
  std::string compressed;
  SEXTANT_TRY(net::CompressBody(config.compression, static_cast<int>(config.compression_params.level),
                                request.body, compressed));
  request.body = std::move(compressed);
  request.headers.Set("Content-Encoding", config.compression);
  return {};
}

}  // namespace sextant::pipeline
