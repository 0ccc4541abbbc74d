#include "config/tracing_config.h"

#include <algorithm>

#include "config/text.h"

namespace sextant::config {

namespace {

using core::Status;

constexpr std::string_view kGzip = "gzip";

core::Result<TracingProtocol> ReadProtocol(Node node) {
  SEXTANT_ASSIGN(const std::string text, node.AsText());
  if (text == "grpc") return TracingProtocol::kGrpc;
  if (text == "http") return TracingProtocol::kHttp;
  return node.Fail("expected tracing client type to be to be http or grpc, but got {}", text);
}

void WriteProtocol(const TracingProtocol& protocol, YamlWriter& out) {
  out.Text(protocol == TracingProtocol::kGrpc ? "grpc" : "http");
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool IsReserved(std::string_view lower_name) {
  constexpr std::string_view kReserved[] = {"host",
                                            "content-encoding",
                                            "content-length",
                                            "content-type",
                                            "user-agent",
                                            "connection",
                                            "keep-alive",
                                            "proxy-authenticate",
                                            "proxy-authorization",
                                            "www-authenticate",
                                            "accept-encoding",
                                            "x-prometheus-remote-write-version",
                                            "x-prometheus-remote-read-version",
                                            "x-amz-date",
                                            "x-amz-security-token",
                                            "x-amz-content-sha256"};
  return std::ranges::find(kReserved, lower_name) != std::end(kReserved);
}

// A line break would begin another header.
Status CheckSendable(std::string_view name, std::string_view value, Node node) {
  constexpr std::string_view kBreaks("\r\n\0", 3);
  if (name.empty() || name.find_first_of(kBreaks) != std::string_view::npos ||
      value.find_first_of(kBreaks) != std::string_view::npos)
    return node.Fail("the header {} cannot be sent", Quote(name));
  return {};
}

Status FinishClient(TracingClientConfig& client, Node node) {
  if (client.endpoint.empty()) return node.Fail("tracing endpoint must be set");
  if (!client.compression.empty() && client.compression != kGzip) {
    return node.Find("compression")
        .Fail("invalid compression type {} provided, valid options: {}", client.compression, kGzip);
  }
  if (HostAndPort(client).find_first_of("/?#@ \t\r\n") != std::string_view::npos)
    return node.Find("endpoint").Fail("must be a host and a port, as in \"localhost:4318\"");
  return {};
}

Status FinishTracing(TracingConfig& tracing, Node node) {
  for (const auto& [name, value] : tracing.headers) {
    const Node at = node.Find("headers").Find(name);
    const std::string lower = Lower(name);
    if (lower == "authorization")
      return at.Fail("custom authorization header configuration is not yet supported");
    if (IsReserved(lower)) return at.Fail("{} is a reserved header. It must not be changed", name);
    SEXTANT_TRY(CheckSendable(name, value, at));
  }
  return {};
}

Status FinishAlertmanagerTracing(AlertmanagerTracingConfig& tracing, Node node) {
  for (const auto& [name, header] : tracing.headers) {
    const Node at = node.Find("headers").Find(name);
    if (header.values.empty() && header.secrets.empty() && !header.files.empty())
      return at.Fail("header files are not supported for tracing configuration");
  }
  for (const auto& [name, value] : ToTracingConfig(tracing).headers)
    SEXTANT_TRY(CheckSendable(name, value, node.Find("headers").Find(name)));
  return {};
}

}  // namespace

std::string_view HostAndPort(const TracingClientConfig& client) {
  std::string_view endpoint = client.endpoint;
  for (std::string_view scheme : {"https://", "http://"}) {
    if (endpoint.starts_with(scheme)) return endpoint.substr(scheme.size());
  }
  return endpoint;
}

TracingConfig ToTracingConfig(const AlertmanagerTracingConfig& config) {
  TracingConfig tracing{config.client, {}};
  for (const auto& [name, header] : config.headers) {
    if (!header.values.empty()) {
      tracing.headers[name] = header.values.front();
    } else if (!header.secrets.empty()) {
      tracing.headers[name] = header.secrets.front().Reveal();
    }
  }
  return tracing;
}

const Struct& FieldsOf(const TracingClientConfig*) {
  static const Struct kFields = Struct::Of<TracingClientConfig>(
      {
          Member<&TracingClientConfig::protocol>("client_type",
                                                 Custom<TracingProtocol>(ReadProtocol, WriteProtocol)),
          Member<&TracingClientConfig::endpoint>("endpoint"),
          Member<&TracingClientConfig::sampling_fraction>("sampling_fraction"),
          Member<&TracingClientConfig::insecure>("insecure"),
          Member<&TracingClientConfig::tls>("tls_config"),
          Member<&TracingClientConfig::compression>("compression"),
          Member<&TracingClientConfig::timeout_ms>("timeout", Duration()),
      },
      FinishClient);
  return kFields;
}

const Struct& FieldsOf(const TracingConfig*) {
  static const Struct kFields = Struct::Of<TracingConfig>(
      {
          Inline<&TracingConfig::client>(),
          Member<&TracingConfig::headers>("headers"),
      },
      FinishTracing);
  return kFields;
}

const Struct& FieldsOf(const AlertmanagerTracingConfig*) {
  static const Struct kFields = Struct::Of<AlertmanagerTracingConfig>(
      {
          Inline<&AlertmanagerTracingConfig::client>(),
          Member<&AlertmanagerTracingConfig::headers>("headers"),
      },
      FinishAlertmanagerTracing);
  return kFields;
}

}  // namespace sextant::config
