// node_drbd_*: /proc/drbd, block devices mirrored over the network (DRBD up to 8.4).
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct Field {
  std::string_view key;
  std::string_view name;
  std::string_view help;
  MetricType type;
  double factor;
};

constexpr Field kFields[] = {
    {"ns", "node_drbd_network_sent_bytes_total", "Bytes sent to the other node.", MetricType::kCounter,
     1'024},
    {"nr", "node_drbd_network_received_bytes_total", "Bytes received from the other node.",
     MetricType::kCounter, 1},
    {"dw", "node_drbd_disk_written_bytes_total", "Bytes written to the local disk.", MetricType::kCounter,
     1'024},
    {"dr", "node_drbd_disk_read_bytes_total", "Bytes read from the local disk.", MetricType::kCounter, 1'024},
    {"al", "node_drbd_activitylog_writes_total", "Updates of the activity log.", MetricType::kCounter, 1},
    {"bm", "node_drbd_bitmap_writes_total", "Updates of the bitmap.", MetricType::kCounter, 1},
    {"lo", "node_drbd_local_pending", "Open requests to the local disk.", MetricType::kGauge, 1},
    {"pe", "node_drbd_remote_pending", "Requests to the other node without an answer.", MetricType::kGauge,
     1},
    {"ua", "node_drbd_remote_unacknowledged", "Requests of the other node without our answer.",
     MetricType::kGauge, 1},
    {"ap", "node_drbd_application_pending", "Requests to DRBD without an answer.", MetricType::kGauge, 1},
    {"ep", "node_drbd_epochs", "Epoch objects.", MetricType::kGauge, 1},
    {"oos", "node_drbd_out_of_sync_bytes", "Bytes known to be out of sync.", MetricType::kGauge, 1'024},
};

// "Primary/Secondary": the local node's part, then the other's.
void AddPair(std::string_view value, std::string_view good, std::string_view name, std::string_view help,
             std::string_view device, MetricSink& sink) {
  const size_t slash = value.find('/');
  auto& family = sink.GetFamily(name, help, MetricType::kGauge, {"device", "node"});
  family.Add({device, "local"}, value.substr(0, slash) == good ? 1 : 0);
  if (slash == std::string_view::npos) return;
  family.Add({device, "remote"}, value.substr(slash + 1) == good ? 1 : 0);
}

core::Status AddField(std::string_view key, std::string_view value, std::string_view device,
                      MetricSink& sink) {
  if (key == "ro") {
    AddPair(value, "Primary", "node_drbd_node_role_is_primary", "Whether a node is the primary one.", device,
            sink);
  } else if (key == "ds") {
    AddPair(value, "UpToDate", "node_drbd_disk_state_is_up_to_date", "Whether a node's disk is up to date.",
            device, sink);
  } else if (key == "cs") {
    sink.GetFamily("node_drbd_connected", "Whether the nodes are connected.", MetricType::kGauge, {"device"})
        .Add({device}, value == "Connected" ? 1 : 0);
  }
  for (const Field& field : kFields) {
    if (field.key != key) continue;
    SEXTANT_ASSIGN(const double number, ParseFloat(value));
    sink.GetFamily(field.name, field.help, field.type, {"device"}).Add({device}, number * field.factor);
  }
  return {};
}

// " 1: cs:Connected ro:Primary/Primary ..." starts a device, lines of more fields follow.
core::Status CollectDrbd(const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("drbd");
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  std::string device;
  std::string_view rest = text;
  std::string_view line;
  while (NextLine(rest, line)) {
    for (std::string_view word = NextField(line); !word.empty(); word = NextField(line)) {
      const size_t colon = word.find(':');
      if (colon == std::string_view::npos) continue;
      if (colon + 1 == word.size()) {
        if (ParseUnsigned(word.substr(0, colon))) device = fmt::format("drbd{}", word.substr(0, colon));
        continue;
      }
      if (device.empty()) continue;  // the heading with the version
      SEXTANT_TRY(AddField(word.substr(0, colon), word.substr(colon + 1), device, sink)
                      .map_error(core::AddContext("{}: {}", path, device)));
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeDrbdCollector() {
  return std::make_unique<StatelessCollector>("drbd", CollectDrbd);
}

}  // namespace sextant::node
