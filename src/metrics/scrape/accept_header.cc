#include "metrics/scrape/accept_header.h"

#include <fmt/core.h>

namespace sextant::scrape {

namespace {

std::string_view MediaType(config::ScrapeProtocol protocol) {
  switch (protocol) {
    case config::ScrapeProtocol::kNone:
      return "*/*";
    case config::ScrapeProtocol::kPrometheusProto:
      return "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    case config::ScrapeProtocol::kPrometheusText004:
      return "text/plain;version=0.0.4";
    case config::ScrapeProtocol::kPrometheusText100:
      return "text/plain;version=1.0.0";
    case config::ScrapeProtocol::kOpenMetricsText001:
      return "application/openmetrics-text;version=0.0.1";
    case config::ScrapeProtocol::kOpenMetricsText100:
      return "application/openmetrics-text;version=1.0.0";
  }
  return "*/*";
}

// Older formats, and protobuf, say nothing of escaping in what Prometheus sends.
bool NamesEscaping(config::ScrapeProtocol protocol) {
  return protocol == config::ScrapeProtocol::kPrometheusText100 ||
         protocol == config::ScrapeProtocol::kOpenMetricsText100;
}

}  // namespace

std::string AcceptHeader(const std::vector<config::ScrapeProtocol>& protocols, core::Escaping escaping) {
  // Five protocols there are; anything else comes last.
  int weight = 6;
  std::string header;
  for (config::ScrapeProtocol protocol : protocols) {
    header += MediaType(protocol);
    if (NamesEscaping(protocol)) header += fmt::format(";escaping={}", core::EscapingName(escaping));
    header += fmt::format(";q=0.{},", weight--);
  }
  return header + fmt::format("*/*;q=0.{}", weight);
}

}  // namespace sextant::scrape
