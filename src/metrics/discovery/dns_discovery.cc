#include "metrics/discovery/dns_discovery.h"

#include <algorithm>

#include "metrics/discovery/refresh_discoverer.h"

namespace sextant::discovery {

namespace {

using core::Result;

net::DnsType TypeOf(std::string type) {
  std::ranges::transform(type, type.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
  if (type == "A") return net::DnsType::kA;
  if (type == "AAAA") return net::DnsType::kAaaa;
  if (type == "MX") return net::DnsType::kMx;
  if (type == "NS") return net::DnsType::kNs;
  return net::DnsType::kSrv;
}

// Looks up the names of one configuration. A name that fails keeps what it had.
class Lookups {
 public:
  Lookups(const Services& services, const config::DnsDiscoveryConfig& config, const std::string& set,
          net::DnsOptions dns)
      : config_(config),
        dns_(std::move(dns)),
        logger_(services.logger.With("discovery", "dns").With("config", set)),
        lookups_(
            services.registry.AddCounter("prometheus_sd_dns_lookups_total", "The number of DNS-SD lookups.")),
        failures_(services.registry.AddCounter("prometheus_sd_dns_lookup_failures_total",
                                               "The number of DNS-SD lookup failures.")) {}

  std::vector<TargetGroup> Run() {
    std::vector<TargetGroup> groups;
    for (const std::string& name : config_.names) {
      lookups_.Increment();
      Result<std::vector<net::DnsRecord>> records = net::LookupDns(name, TypeOf(config_.type), dns_);
      if (!records) {
        failures_.Increment();
        logger_.Error("error refreshing DNS targets", {{"name", name}, {"error", records.error()}});
        continue;
      }
      TargetGroup group;
      group.source = name;
      for (const net::DnsRecord& record : *records) group.targets.push_back(Target(name, record));
      groups.push_back(std::move(group));
    }
    return groups;
  }

 private:
  model::Labels Target(const std::string& name, const net::DnsRecord& record) const {
    std::string host = record.target;
    model::LabelsBuilder labels;
    labels.Set("__meta_dns_name", name);
    auto port = static_cast<uint16_t>(config_.port);
    switch (record.type) {
      case net::DnsType::kSrv:
        labels.Set("__meta_dns_srv_record_target", record.target);
        labels.Set("__meta_dns_srv_record_port", std::to_string(record.port));
        port = record.port;
        break;
      case net::DnsType::kMx:
        labels.Set("__meta_dns_mx_record_target", record.target);
        break;
      case net::DnsType::kNs:
        labels.Set("__meta_dns_ns_record_target", record.target);
        break;
      case net::DnsType::kA:
      case net::DnsType::kAaaa:
        break;
    }
    while (host.ends_with('.')) host.pop_back();
    bool is_v6 = host.find(':') != std::string::npos;
    labels.Set("__address__", is_v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port));
    return labels.Build();
  }

  const config::DnsDiscoveryConfig config_;
  const net::DnsOptions dns_;
  const core::Logger logger_;
  core::Counter& lookups_;
  core::Counter& failures_;
};

}  // namespace

std::unique_ptr<Discoverer> MakeDnsDiscoverer(const Services& services, core::Executor& blocking,
                                              const config::DnsDiscoveryConfig& config,
                                              const std::string& set, net::DnsOptions dns) {
  auto lookups = std::make_shared<Lookups>(services, config, set, std::move(dns));
  return std::make_unique<RefreshDiscoverer>(
      services, RefreshOptions{"dns", set, config.refresh_interval_ms, &blocking},
      [lookups](const RefreshDiscoverer::Done& done) { done(lookups->Run()); });
}

}  // namespace sextant::discovery
