// node_supervisord_*: the processes that supervisord watches, which it tells over XML-RPC.
#include "agents/node/collectors.h"
#include "agents/node/plain_http.h"
#include "agents/node/xml_rpc.h"

namespace sextant::node {
namespace {

constexpr core::DurationMs kTimeoutMs = 1'500;  // less than what gives a collector up
constexpr std::string_view kCall =
    "<?xml version=\"1.0\"?><methodCall><methodName>supervisor.getAllProcessInfo</methodName><params/>"
    "</methodCall>";

// supervisord.org/subprocess.html, "Process States".
enum State : int64_t { kStarting = 10, kRunning = 20, kStopping = 40 };

bool IsUp(int64_t state) { return state == kStarting || state == kRunning || state == kStopping; }

core::Result<int64_t> Number(const XmlRpcStruct& process, std::string_view member) {
  const auto found = process.find(member);
  if (found == process.end()) return 0;
  return ParseSigned(TrimSpace(found->second)).map_error(core::AddContext("{}", member));
}

std::string Text(const XmlRpcStruct& process, std::string_view member) {
  const auto found = process.find(member);
  return found == process.end() ? std::string() : found->second;
}

core::Status AddProcess(const XmlRpcStruct& process, MetricSink& sink) {
  const std::string group = Text(process, "group");
  const std::string name = Text(process, "name");
  SEXTANT_ASSIGN(const int64_t state, Number(process, "state"));
  SEXTANT_ASSIGN(const int64_t exit_status, Number(process, "exitstatus"));
  SEXTANT_ASSIGN(const int64_t start_s, Number(process, "start"));
  const auto add = [&](std::string_view metric, std::string_view help, MetricType type, int64_t value) {
    sink.GetFamily(metric, help, type, {"group", "name"}).Add({group, name}, static_cast<double>(value));
  };
  add("node_supervisord_state", "A process' state, as supervisord numbers them.", MetricType::kGauge, state);
  add("node_supervisord_exit_status", "What a process ended with last.", MetricType::kGauge, exit_status);
  add("node_supervisord_up", "Whether a process starts, runs or stops.", MetricType::kGauge,
      IsUp(state) ? 1 : 0);
  if (IsUp(state)) {
    add("node_supervisord_start_time_seconds", "When a process was started.", MetricType::kCounter, start_s);
  }
  return {};
}

core::Status CollectSupervisord(const std::string& url, MetricSink& sink) {
  SEXTANT_ASSIGN(const std::string answer,
                 PostXml(url, kCall, kTimeoutMs).map_error(core::AddContext("supervisord")));
  SEXTANT_ASSIGN(const std::vector<XmlRpcStruct> processes,
                 ParseXmlRpcStructs(answer).map_error(core::AddContext("supervisord")));
  for (const XmlRpcStruct& process : processes) {
    SEXTANT_TRY(AddProcess(process, sink).map_error(core::AddContext("supervisord")));
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeSupervisordCollector(const NodeOptions& options) {
  return std::make_unique<StatelessCollector>(
      "supervisord", [url = options.supervisord_url](const HostPaths&, MetricSink& sink) {
        return CollectSupervisord(url, sink);
      });
}

}  // namespace sextant::node
