// What a scrape sends as Accept: the formats it takes, the best first.
#pragma once

#include <string>
#include <vector>

#include "config/prometheus_config.h"

namespace sextant::scrape {

std::string AcceptHeader(const std::vector<config::ScrapeProtocol>& protocols);

}  // namespace sextant::scrape
