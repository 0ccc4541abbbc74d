// What a scrape sends as Accept: the formats it takes, the best first.
#pragma once

#include <string>
#include <vector>

#include "config/prometheus_config.h"
#include "core/metric_names.h"

namespace sextant::scrape {

// `escaping` is asked for in those formats that can say so.
std::string AcceptHeader(const std::vector<config::ScrapeProtocol>& protocols, core::Escaping escaping);

}  // namespace sextant::scrape
