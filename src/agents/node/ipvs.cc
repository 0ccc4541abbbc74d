// node_ipvs_*: the kernel's load balancer, /proc/net/ip_vs and /proc/net/ip_vs_stats.
#include <arpa/inet.h>

#include <map>

#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct Backend {
  std::map<std::string, std::string, std::less<>> labels;
  double active = 0;
  double inactive = 0;
  double weight = 0;
};

// "C0A80016:0CEA" or "[2620:0000:...:0001]:0050", hexadecimal.
core::Status ParseAddress(std::string_view text, std::string& address, std::string& port) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return core::Fail(core::Code::kInvalidArgument, "no address: {}", text.substr(0, 64));
  }
  SEXTANT_ASSIGN(const uint64_t port_number, ParseUnsigned(text.substr(colon + 1), 16));
  port = std::to_string(port_number);
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    in6_addr raw{};
    char out[INET6_ADDRSTRLEN];
    if (::inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &raw) != 1 ||
        ::inet_ntop(AF_INET6, &raw, out, sizeof out) == nullptr) {
      return core::Fail(core::Code::kInvalidArgument, "no address: {}", text.substr(0, 64));
    }
    address = out;
    return {};
  }
  SEXTANT_ASSIGN(const uint64_t ip, ParseUnsigned(host, 16));
  address = fmt::format("{}.{}.{}.{}", (ip >> 24) & 255, (ip >> 16) & 255, (ip >> 8) & 255, ip & 255);
  return {};
}

// "TCP  C0A80016:0CEA wlc" or "FWM  10001000 wlc" starts a service; "  -> C0A85216:0CEA Tunnel 100 248 2" is
// one of its backends.
core::Result<std::vector<Backend>> ReadBackends(const std::string& path) {
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  std::vector<Backend> backends;
  Backend service;
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  while (NextLine(rest, line)) {
    SplitFields(line, fields);
    if (fields.size() < 2 || fields[0] == "IP" || fields[0] == "Prot" || fields[1] == "RemoteAddress:Port") {
      continue;
    }
    if (fields[0] == "TCP" || fields[0] == "UDP" || fields[0] == "SCTP") {
      service.labels = {{"proto", std::string(fields[0])}, {"local_mark", ""}};
      SEXTANT_TRY(ParseAddress(fields[1], service.labels["local_address"], service.labels["local_port"])
                      .map_error(core::AddContext("{}", path)));
    } else if (fields[0] == "FWM") {
      service.labels = {{"proto", "FWM"},
                        {"local_mark", std::string(fields[1])},
                        {"local_address", ""},
                        {"local_port", "0"}};
    } else if (fields[0] == "->" && fields.size() >= 6 && !service.labels.empty()) {
      Backend backend = service;
      SEXTANT_TRY(ParseAddress(fields[1], backend.labels["remote_address"], backend.labels["remote_port"])
                      .map_error(core::AddContext("{}", path)));
      SEXTANT_ASSIGN(backend.weight, ParseFloat(fields[3]).map_error(core::AddContext("{}", path)));
      SEXTANT_ASSIGN(backend.active, ParseFloat(fields[4]).map_error(core::AddContext("{}", path)));
      SEXTANT_ASSIGN(backend.inactive, ParseFloat(fields[5]).map_error(core::AddContext("{}", path)));
      backends.push_back(std::move(backend));
    }
  }
  return backends;
}

// Two lines of heading, then the totals, hexadecimal.
core::Status CollectTotals(const std::string& path, MetricSink& sink) {
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  std::string_view rest = text;
  std::string_view line;
  for (int i = 0; i < 3; ++i) {
    if (!NextLine(rest, line)) return core::Fail(core::Code::kInvalidArgument, "{}: too short", path);
  }
  std::vector<std::string_view> fields;
  SplitFields(line, fields);
  static constexpr std::pair<std::string_view, std::string_view> kTotals[] = {
      {"node_ipvs_connections_total", "Connections made."},
      {"node_ipvs_incoming_packets_total", "Packets that came in."},
      {"node_ipvs_outgoing_packets_total", "Packets that went out."},
      {"node_ipvs_incoming_bytes_total", "Bytes that came in."},
      {"node_ipvs_outgoing_bytes_total", "Bytes that went out."},
  };
  if (fields.size() != std::size(kTotals)) {
    return core::Fail(core::Code::kInvalidArgument, "{}: {} totals", path, fields.size());
  }
  for (size_t i = 0; i < fields.size(); ++i) {
    SEXTANT_ASSIGN(const uint64_t value,
                   ParseUnsigned(fields[i], 16).map_error(core::AddContext("{}", path)));
    sink.Counter(kTotals[i].first, kTotals[i].second, static_cast<double>(value));
  }
  return {};
}

// Backends that differ only in labels that are not wanted count together.
core::Status CollectIpvs(const std::vector<std::string>& wanted, const HostPaths& paths, MetricSink& sink) {
  SEXTANT_TRY(CollectTotals(paths.Proc("net/ip_vs_stats"), sink));
  SEXTANT_ASSIGN(const std::vector<Backend> backends, ReadBackends(paths.Proc("net/ip_vs")));
  std::map<std::vector<std::string>, Backend> sums;
  for (const Backend& backend : backends) {
    std::vector<std::string> key;
    for (const std::string& label : wanted) key.push_back(backend.labels.find(label)->second);
    Backend& sum = sums[std::move(key)];
    sum.active += backend.active;
    sum.inactive += backend.inactive;
    sum.weight += backend.weight;
  }
  const auto add = [&](std::string_view name, std::string_view help, double Backend::* value) {
    MetricFamily& family = sink.GetOpenFamily(name, help, MetricType::kGauge);
    for (const auto& [key, sum] : sums) {
      std::vector<LabelPair> labels;
      for (size_t i = 0; i < wanted.size(); ++i) labels.emplace_back(wanted[i], key[i]);
      family.AddOpen(labels, name, sum.*value);
    }
  };
  add("node_ipvs_backend_connections_active", "Active connections to a backend.", &Backend::active);
  add("node_ipvs_backend_connections_inactive", "Inactive connections to a backend.", &Backend::inactive);
  add("node_ipvs_backend_weight", "Weight of a backend.", &Backend::weight);
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeIpvsCollector(const NodeOptions& options) {
  return std::make_unique<StatelessCollector>(
      "ipvs", [labels = options.ipvs_backend_labels](const HostPaths& paths, MetricSink& sink) {
        return CollectIpvs(labels, paths, sink);
      });
}

}  // namespace sextant::node
