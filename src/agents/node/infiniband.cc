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
    {"counters/VL15_dropped", "node_infiniband_vl15_dropped_total",
     "Packets of the management lane discarded for want of resources."},
    {"counters/excessive_buffer_overrun_errors", "node_infiniband_excessive_buffer_overrun_errors_total",
     "Times that buffers overran for longer than is tolerated."},
    {"counters/link_downed", "node_infiniband_link_downed_total",
     "Times that the link could not recover from an error and went down."},
    {"counters/link_error_recovery", "node_infiniband_link_error_recovery_total",
     "Times that the link recovered from an error."},
    {"counters/local_link_integrity_errors", "node_infiniband_local_link_integrity_errors_total",
     "Times that there were more physical errors than are tolerated."},
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
    {"counters/port_rcv_remote_physical_errors", "node_infiniband_port_receive_remote_physical_errors_total",
     "Packets received that another port had marked as bad."},
    {"counters/port_rcv_switch_relay_errors", "node_infiniband_port_receive_switch_relay_errors_total",
     "Packets that the switch could not pass on."},
    {"counters/port_xmit_packets", "node_infiniband_port_packets_transmitted_total",
     "Packets sent on all lanes, with those in error."},
    {"counters/port_xmit_wait", "node_infiniband_port_transmit_wait_total",
     "Ticks in which there was data to send, but none was sent."},
    {"counters/symbol_error", "node_infiniband_symbol_error_total", "Small errors on the lanes of the link."},
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
    // Those of mlx5 and irdma.
    {"hw_counters/duplicate_request", "node_infiniband_duplicate_requests_packets_total",
     "Packets received of requests that had been carried out before."},
    {"hw_counters/implied_nak_seq_err", "node_infiniband_implied_nak_seq_errors_total",
     "Times that an answer had a later number than the expected one."},
    {"hw_counters/local_ack_timeout_err", "node_infiniband_local_ack_timeout_errors_total",
     "Times that the sender waited in vain for an acknowledgement and could still try again."},
    {"hw_counters/np_cnp_sent", "node_infiniband_np_cnp_packets_sent_total",
     "Notifications of congestion sent."},
    {"hw_counters/np_ecn_marked_roce_packets", "node_infiniband_np_ecn_marked_roce_packets_received_total",
     "RoCE packets received that were marked for congestion."},
    {"hw_counters/out_of_buffer", "node_infiniband_out_of_buffer_drops_total",
     "Packets dropped because no receive request was waiting."},
    {"hw_counters/out_of_sequence", "node_infiniband_out_of_sequence_packets_received_total",
     "Packets received out of sequence."},
    {"hw_counters/packet_seq_err", "node_infiniband_packet_sequence_errors_total",
     "Negative acknowledgements of the sequence received, with retries left."},
    {"hw_counters/req_cqe_error", "node_infiniband_req_cqes_errors_total",
     "Completions with errors on the requesting side."},
    {"hw_counters/req_cqe_flush_error", "node_infiniband_req_cqes_flush_errors_total",
     "Completions flushed with errors on the requesting side."},
    {"hw_counters/req_remote_access_errors", "node_infiniband_req_remote_access_errors_total",
     "Errors of remote access seen by the requesting side."},
    {"hw_counters/req_remote_invalid_request", "node_infiniband_req_remote_invalid_request_errors_total",
     "Invalid requests seen by the requesting side."},
    {"hw_counters/resp_cqe_error", "node_infiniband_resp_cqes_errors_total",
     "Completions with errors on the responding side."},
    {"hw_counters/resp_cqe_flush_error", "node_infiniband_resp_cqes_flush_errors_total",
     "Completions flushed with errors on the responding side."},
    {"hw_counters/resp_local_length_error", "node_infiniband_resp_local_length_errors_total",
     "Errors of length seen by the responding side."},
    {"hw_counters/resp_remote_access_errors", "node_infiniband_resp_remote_access_errors_total",
     "Errors of remote access seen by the responding side."},
    {"hw_counters/rnr_nak_retry_err", "node_infiniband_rnr_nak_retry_packets_received_total",
     "Answers that the receiver was not ready, with retries left."},
    {"hw_counters/roce_adp_retrans", "node_infiniband_roce_adp_retransmits_total",
     "Adaptive retransmissions of RoCE."},
    {"hw_counters/roce_adp_retrans_to", "node_infiniband_roce_adp_retransmits_timeout_total",
     "Timeouts of RoCE due to adaptive retransmission."},
    {"hw_counters/roce_slow_restart", "node_infiniband_roce_slow_restart_used_total",
     "Times that RoCE restarted slowly."},
    {"hw_counters/roce_slow_restart_cnps", "node_infiniband_roce_slow_restart_cnps_total",
     "Notifications of congestion due to slow restarts of RoCE."},
    {"hw_counters/roce_slow_restart_trans", "node_infiniband_roce_slow_restart_total",
     "Times that RoCE went over to a slow restart."},
    {"hw_counters/rp_cnp_handled", "node_infiniband_rp_cnp_packets_handled_total",
     "Notifications of congestion that slowed sending down."},
    {"hw_counters/rp_cnp_ignored", "node_infiniband_rp_cnp_ignored_packets_received_total",
     "Notifications of congestion received and ignored."},
    {"hw_counters/rx_atomic_requests", "node_infiniband_rx_atomic_requests_total",
     "Atomic requests received."},
    {"hw_counters/rx_dct_connect", "node_infiniband_rx_dct_connect_requests_total",
     "Requests to connect received."},
    {"hw_counters/rx_icrc_encapsulated", "node_infiniband_rx_icrc_encapsulated_errors_total",
     "RoCE packets received with a wrong checksum."},
    {"hw_counters/rx_read_requests", "node_infiniband_rx_read_requests_total", "Read requests received."},
    {"hw_counters/rx_write_requests", "node_infiniband_rx_write_requests_total", "Write requests received."},
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
  if (const auto lifespan_ms = folder.Number("hw_counters/lifespan")) {
    add("node_infiniband_lifespan_seconds",
        "For how long the hardware's counters may stay the same, in whole seconds.", MetricType::kGauge,
        static_cast<double>(*lifespan_ms / 1'000));
  }
  for (const Counter& counter : kCounters) {
    const auto value = folder.Number(counter.file);  // "N/A (no PMA)" is no number
    if (value) {
      add(counter.name, counter.help, MetricType::kCounter, static_cast<double>(*value) * counter.factor);
    }
  }
}

core::Status CollectInfiniband(const NameFilter& filter, const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("class/infiniband");
  SEXTANT_ASSIGN(const std::vector<std::string> devices, ListDirectory(base));
  for (const std::string& device : devices) {
    // Before anything is read: with some firmware, reading is what is to be avoided.
    if (filter.IsIgnored(device)) continue;
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

std::unique_ptr<Collector> MakeInfinibandCollector(const NodeOptions& options) {
  return std::make_unique<StatelessCollector>(
      "infiniband", [filter = options.infiniband_devices](const HostPaths& paths, MetricSink& sink) {
        return CollectInfiniband(filter, paths, sink);
      });
}

}  // namespace sextant::node
