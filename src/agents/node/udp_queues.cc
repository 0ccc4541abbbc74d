// node_udp_queues: bytes that wait in the queues of all UDP sockets, /proc/net/udp and udp6.
#include "agents/node/open_files.h"

namespace sextant::node {
namespace {

// False when the file does not exist (no IPv6).
core::Result<bool> CollectFile(OpenFiles& files, const std::string& path, std::string_view ip,
                               MetricSink& sink) {
  const auto text = files.Read(path);
  if (!text && text.error().code() == core::Code::kNotFound) return false;
  SEXTANT_TRY(text);
  std::string_view rest = *text;
  std::string_view line;
  std::vector<std::string_view> fields;
  double transmit = 0;
  double receive = 0;
  NextLine(rest, line);
  while (NextLine(rest, line)) {
    SplitFields(line, fields);
    if (fields.empty()) continue;
    const size_t colon = fields.size() < 5 ? std::string_view::npos : fields[4].find(':');
    if (colon == std::string_view::npos) {
      return core::Fail(core::Code::kInvalidArgument, "{}: a line without queues", path);
    }
    SEXTANT_ASSIGN(const uint64_t tx,
                   ParseUnsigned(fields[4].substr(0, colon), 16).map_error(core::AddContext("{}", path)));
    SEXTANT_ASSIGN(const uint64_t rx,
                   ParseUnsigned(fields[4].substr(colon + 1), 16).map_error(core::AddContext("{}", path)));
    transmit += static_cast<double>(tx);
    receive += static_cast<double>(rx);
  }
  auto& queues = sink.GetFamily("node_udp_queues", "Bytes in the queues of UDP sockets.", MetricType::kGauge,
                                {"ip", "queue"});
  queues.Add({ip, "tx"}, transmit);
  queues.Add({ip, "rx"}, receive);
  return true;
}

core::Status CollectUdpQueues(OpenFiles& files, const HostPaths& paths, MetricSink& sink) {
  SEXTANT_ASSIGN(const bool has_v4, CollectFile(files, paths.Proc("net/udp"), "v4", sink));
  SEXTANT_ASSIGN(const bool has_v6, CollectFile(files, paths.Proc("net/udp6"), "v6", sink));
  if (!has_v4 && !has_v6) return core::Fail(core::Code::kNotFound, "{}: no UDP here", paths.procfs);
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeUdpQueuesCollector() {
  return std::make_unique<FileCollector>("udp_queues", CollectUdpQueues);
}

}  // namespace sextant::node
