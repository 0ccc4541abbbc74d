// node_fibrechannel_*: host adapters of Fibre Channel, /sys/class/fc_host.
#include "agents/node/attribute_metrics.h"
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

// Hexadecimal; a counter that an adapter does not have is all ones, which no int64 holds.
constexpr AttributeMetric kStatistics[] = {
    {"statistics/dumped_frames", "node_fibrechannel_dumped_frames_total", "Frames dumped.",
     MetricType::kCounter},
    {"statistics/error_frames", "node_fibrechannel_error_frames_total", "Frames with errors.",
     MetricType::kCounter},
    {"statistics/invalid_crc_count", "node_fibrechannel_invalid_crc_total", "Frames with a wrong checksum.",
     MetricType::kCounter},
    {"statistics/rx_frames", "node_fibrechannel_rx_frames_total", "Frames received.", MetricType::kCounter},
    {"statistics/rx_words", "node_fibrechannel_rx_words_total", "Words received.", MetricType::kCounter},
    {"statistics/tx_frames", "node_fibrechannel_tx_frames_total", "Frames sent.", MetricType::kCounter},
    {"statistics/tx_words", "node_fibrechannel_tx_words_total", "Words sent.", MetricType::kCounter},
    {"statistics/seconds_since_last_reset", "node_fibrechannel_seconds_since_last_reset_total",
     "Seconds since the port was reset.", MetricType::kCounter},
    {"statistics/invalid_tx_word_count", "node_fibrechannel_invalid_tx_words_total",
     "Invalid words that the port sent.", MetricType::kCounter},
    {"statistics/link_failure_count", "node_fibrechannel_link_failure_total", "Failures of the link.",
     MetricType::kCounter},
    {"statistics/loss_of_sync_count", "node_fibrechannel_loss_of_sync_total",
     "Times that synchronisation was lost.", MetricType::kCounter},
    {"statistics/loss_of_signal_count", "node_fibrechannel_loss_of_signal_total",
     "Times that the signal was lost.", MetricType::kCounter},
    {"statistics/nos_count", "node_fibrechannel_nos_total", "Not-operational sequences that the port saw.",
     MetricType::kCounter},
    {"statistics/fcp_packet_aborts", "node_fibrechannel_fcp_packet_aborts_total", "Aborted packets.",
     MetricType::kCounter},
};

core::Status CollectFibreChannel(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("class/fc_host");
  SEXTANT_ASSIGN(const std::vector<std::string> hosts, ListDirectory(base));
  for (const std::string& host : hosts) {
    const AttributeFolder folder(base + "/" + host);
    const auto text = [&](const char* file) { return folder.Text(file).value_or(""); };
    const auto hex = [&](const char* file) {
      const std::string value = text(file);
      return std::string(WithoutPrefix(value, "0x"));
    };
    sink.GetFamily("node_fibrechannel_info", "What an adapter says of itself; always 1.", MetricType::kGauge,
                   {"dev_loss_tmo", "fabric_name", "fc_host", "port_id", "port_name", "port_state",
                    "port_type", "speed", "supported_classes", "supported_speeds", "symbolic_name"})
        .Add({text("dev_loss_tmo"), hex("fabric_name"), host, hex("port_id"), hex("port_name"),
              text("port_state"), text("port_type"), text("speed"), text("supported_classes"),
              text("supported_speeds"), text("symbolic_name")},
             1);
    AddAttributes(folder, kStatistics, "fc_host", host, sink);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeFibrechannelCollector() {
  return std::make_unique<StatelessCollector>("fibrechannel", CollectFibreChannel);
}

}  // namespace sextant::node
