#include "metrics/scrape/accept_header.h"

#include <gtest/gtest.h>

namespace sextant::scrape {
namespace {

using config::ScrapeProtocol;

TEST(AcceptHeaderTest, WeighsProtocolsByTheirOrder) {
  EXPECT_EQ(AcceptHeader({ScrapeProtocol::kOpenMetricsText100, ScrapeProtocol::kOpenMetricsText001,
                          ScrapeProtocol::kPrometheusText100, ScrapeProtocol::kPrometheusText004},
                         core::Escaping::kAllowUtf8),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            "application/openmetrics-text;version=0.0.1;q=0.5,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2");
  EXPECT_EQ(
      AcceptHeader({ScrapeProtocol::kPrometheusProto}, core::Escaping::kDots),
      "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
      "*/*;q=0.5");
}

TEST(AcceptHeaderTest, AsksForTheEscaping) {
  EXPECT_EQ(AcceptHeader({ScrapeProtocol::kOpenMetricsText100, ScrapeProtocol::kPrometheusText004},
                         core::Escaping::kValues),
            "application/openmetrics-text;version=1.0.0;escaping=values;q=0.6,text/plain;version=0.0.4;q=0.5,"
            "*/*;q=0.4");
}

}  // namespace
}  // namespace sextant::scrape
