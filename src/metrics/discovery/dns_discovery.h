// dns_sd: targets from SRV, A, AAAA, MX or NS records, looked up again and again.
#pragma once

#include <memory>
#include <string>

#include "config/discovery_config.h"
#include "metrics/discovery/discoverer.h"
#include "net/dns.h"

namespace sextant::discovery {

// `blocking` runs the lookups, which wait for name servers. `dns` says which (by default the system's).
std::unique_ptr<Discoverer> MakeDnsDiscoverer(const Services& services, core::Executor& blocking,
                                              const config::DnsDiscoveryConfig& config,
                                              const std::string& set, net::DnsOptions dns = {});

}  // namespace sextant::discovery
