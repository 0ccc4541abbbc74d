// node_infiniband_*: adapters of InfiniBand and their ports, /sys/class/infiniband.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct Counter {
  const char* file;
  std::string_view name;
  std::string_view help;
  double factor = 1;
};

constexpr double kWordBytes = 4;  // data is counted in words of 32 bits

constexpr Counter kCounters[] = {
    {"counters/link_downed", "node_infiniband_link_downed_total",
     "Times that the link could not recover from an error and went down."},
    {"counters/link_error_recovery", "node_infiniband_link_error_recovery_total",
     "Times that the link recovered from an error."},
    {"counters/multicast_rcv_packets", "node_infiniband_multicast_packets_received_total",
     "Multicast packets received, with those in error."},
    {"counters/multicast_xmit_packets", "node_infiniband_multicast_packets_transmitted_total",
     "Multicast packets sent, with those in error."},
    {"counters/port_rcv_constraint_errors", "node_infiniband_port_constraint_errors_received_total",
     "Packets that the switch discarded on arrival."},
    {"counters/port_xmit_constraint_errors", "node_infiniband_port_constraint_errors_transmitted_total",
     "Packets that the switch did not send."},
    {"counters/port_rcv_data", "node_infiniband_port_data_received_bytes_total", "Bytes of data received.",
     kWordBytes},
    {"counters/port_xmit_data", "node_infiniband_port_data_transmitted_bytes_total", "Bytes of data sent.",
     kWordBytes},
    {"counters/port_rcv_discards", "node_infiniband_port_discards_received_total",
     "Packets discarded on arrival because the port was down or congested."},
    {"counters/port_xmit_discards", "node_infiniband_port_discards_transmitted_total",
     "Packets not sent because the port was down or congested."},
    {"counters/port_rcv_errors", "node_infiniband_port_errors_received_total",
     "Packets received with an error."},
    {"counters/port_rcv_packets", "node_infiniband_port_packets_received_total",
     "Packets received on all lanes, with those in error."},
    {"counters/port_xmit_packets", "node_infiniband_port_packets_transmitted_total",
     "Packets sent on all lanes, with those in error."},
    {"counters/port_xmit_wait", "node_infiniband_port_transmit_wait_total",
     "Ticks in which there was data to send, but none was sent."},
    {"counters/unicast_rcv_packets", "node_infiniband_unicast_packets_received_total",
     "Unicast packets received, with those in error."},
    {"counters/unicast_xmit_packets", "node_infiniband_unicast_packets_transmitted_total",
     "Unicast packets sent, with those in error."},
    {"counters_ext/port_multicast_rcv_packets", "node_infiniband_legacy_multicast_packets_received_total",
     "Multicast packets received, by the extended counters."},
    {"counters_ext/port_multicast_xmit_packets", "node_infiniband_legacy_multicast_packets_transmitted_total",
     "Multicast packets sent, by the extended counters."},
    {"counters_ext/port_rcv_data_64", "node_infiniband_legacy_data_received_bytes_total",
     "Bytes of data received, by the extended counters.", kWordBytes},
    {"counters_ext/port_rcv_packets_64", "node_infiniband_legacy_packets_received_total",
     "Packets received, by the extended counters."},
    {"counters_ext/port_unicast_rcv_packets", "node_infiniband_legacy_unicast_packets_received_total",
     "Unicast packets received, by the extended counters."},
    {"counters_ext/port_unicast_xmit_packets", "node_infiniband_legacy_unicast_packets_transmitted_total",
     "Unicast packets sent, by the extended counters."},
    {"counters_ext/port_xmit_data_64", "node_infiniband_legacy_data_transmitted_bytes_total",
     "Bytes of data sent, by the extended counters.", kWordBytes},
    {"counters_ext/port_xmit_packets_64", "node_infiniband_legacy_packets_transmitted_total",
     "Packets sent, by the extended counters."},
};

// The number in front of "4: ACTIVE" or "40 Gb/sec (4X QDR)".
std::optional<double> LeadingNumber(std::string_view text) {
  const auto value = ParseFloat(text.substr(0, text.find_first_of(": ")));
  if (!value) return std::nullopt;
  return *value;
}

void CollectPort(const std::string& path, std::string_view device, std::string_view port, MetricSink& sink) {
  const AttributeFolder folder(path);
  const auto add = [&](std::string_view name, std::string_view help, MetricType type, double value) {
    sink.GetFamily(name, help, type, {"device", "port"}).Add({device, port}, value);
  };
  if (const auto state = LeadingNumber(folder.Text("state").value_or(""))) {
    add("node_infiniband_state_id",
        "State of the port: 0 no change, 1 down, 2 init, 3 armed, 4 active, 5 active deferred.",
        MetricType::kGauge, *state);
  }
  if (const auto state = LeadingNumber(folder.Text("phys_state").value_or(""))) {
    add("node_infiniband_physical_state_id",
        "Physical state of the port: 0 no change, 1 sleep, 2 polling, 3 disabled, 4 training, 5 link up, "
        "6 recovery, 7 test.",
        MetricType::kGauge, *state);
  }
  if (const auto gigabits = LeadingNumber(folder.Text("rate").value_or(""))) {
    add("node_infiniband_rate_bytes_per_second", "Highest rate of the port.", MetricType::kGauge,
        *gigabits * 125'000'000);
  }
  for (const Counter& counter : kCounters) {
    const auto value = folder.Number(counter.file);  // "N/A (no PMA)" is no number
    if (value) {
      add(counter.name, counter.help, MetricType::kCounter, static_cast<double>(*value) * counter.factor);
    }
  }
}

core::Status CollectInfiniband(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("class/infiniband");
  SEXTANT_ASSIGN(const std::vector<std::string> devices, ListDirectory(base));
  for (const std::string& device : devices) {
    const AttributeFolder folder(base + "/" + device);
    if (!folder.exists()) continue;
    sink.GetFamily("node_infiniband_info", "An adapter of InfiniBand; always 1.", MetricType::kGauge,
                   {"board_id", "device", "firmware_version", "hca_type"})
        .Add({folder.Text("board_id").value_or(""), device, folder.Text("fw_ver").value_or(""),
              folder.Text("hca_type").value_or("")},
             1);
    const std::string ports = base + "/" + device + "/ports";
    for (const std::string& port : ListNumbered(ports, "")) {
      CollectPort(ports + "/" + port, device, port, sink);
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeInfinibandCollector() {
  return std::make_unique<StatelessCollector>("infiniband", CollectInfiniband);
}

}  // namespace sextant::node
