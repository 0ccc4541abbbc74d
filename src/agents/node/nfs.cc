// node_nfs_*: what the NFS client sends, /proc/net/rpc/nfs.
#include "agents/node/collectors.h"
#include "agents/node/nfs_procedures.h"

namespace sextant::node {
namespace {

constexpr std::string_view kNfs4Procedures[] = {"Null",
                                                "Read",
                                                "Write",
                                                "Commit",
                                                "Open",
                                                "OpenConfirm",
                                                "OpenNoattr",
                                                "OpenDowngrade",
                                                "Close",
                                                "Setattr",
                                                "FsInfo",
                                                "Renew",
                                                "SetClientID",
                                                "SetClientIDConfirm",
                                                "Lock",
                                                "Lockt",
                                                "Locku",
                                                "Access",
                                                "Getattr",
                                                "Lookup",
                                                "LookupRoot",
                                                "Remove",
                                                "Rename",
                                                "Link",
                                                "Symlink",
                                                "Create",
                                                "Pathconf",
                                                "StatFs",
                                                "ReadLink",
                                                "ReadDir",
                                                "ServerCaps",
                                                "DelegReturn",
                                                "GetACL",
                                                "SetACL",
                                                "FsLocations",
                                                "ReleaseLockowner",
                                                "Secinfo",
                                                "FsidPresent",
                                                "ExchangeID",
                                                "CreateSession",
                                                "DestroySession",
                                                "Sequence",
                                                "GetLeaseTime",
                                                "ReclaimComplete",
                                                "GetDeviceInfo",
                                                "LayoutGet",
                                                "LayoutCommit",
                                                "LayoutReturn",
                                                "SecinfoNoName",
                                                "TestStateID",
                                                "FreeStateID",
                                                "GetDeviceList",
                                                "BindConnToSession",
                                                "DestroyClientID",
                                                "Seek",
                                                "Allocate",
                                                "DeAllocate",
                                                "LayoutStats",
                                                "Clone"};

core::Status AddLine(const std::vector<std::string_view>& fields, MetricSink& sink) {
  const std::string_view key = fields[0];
  const auto number = [&](size_t i) -> core::Result<double> {
    if (i >= fields.size()) return core::Fail(core::Code::kInvalidArgument, "{}: too few numbers", key);
    return ParseFloat(fields[i]);
  };
  if (key == "net") {
    auto& packets = sink.GetFamily("node_nfs_packets_total", "Packets of the NFS client by protocol.",
                                   MetricType::kCounter, {"protocol"});
    SEXTANT_ASSIGN(const double udp, number(2));
    SEXTANT_ASSIGN(const double tcp, number(3));
    SEXTANT_ASSIGN(const double connections, number(4));
    packets.Add({"udp"}, udp);
    packets.Add({"tcp"}, tcp);
    sink.Counter("node_nfs_connections_total", "TCP connections of the NFS client.", connections);
  } else if (key == "rpc") {
    SEXTANT_ASSIGN(const double calls, number(1));
    SEXTANT_ASSIGN(const double retransmissions, number(2));
    SEXTANT_ASSIGN(const double refreshes, number(3));
    sink.Counter("node_nfs_rpcs_total", "Calls of the NFS client.", calls);
    sink.Counter("node_nfs_rpc_retransmissions_total", "Calls that were sent again.", retransmissions);
    sink.Counter("node_nfs_rpc_authentication_refreshes_total", "Refreshes of authentication.", refreshes);
  } else if (key == "proc2" || key == "proc3" || key == "proc4") {
    auto& requests = sink.GetFamily("node_nfs_requests_total", "Requests of the NFS client by procedure.",
                                    MetricType::kCounter, {"method", "proto"});
    if (key == "proc2") return AddNfsProcedures(fields, kNfs2Procedures, "2", requests);
    if (key == "proc3") return AddNfsProcedures(fields, kNfs3Procedures, "3", requests);
    return AddNfsProcedures(fields, kNfs4Procedures, "4", requests);
  }
  return {};
}

core::Status CollectNfs(const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("net/rpc/nfs");
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  while (NextLine(rest, line)) {
    SplitFields(line, fields);
    if (!fields.empty()) SEXTANT_TRY(AddLine(fields, sink).map_error(core::AddContext("{}", path)));
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeNfsCollector() {
  return std::make_unique<StatelessCollector>("nfs", CollectNfs);
}

}  // namespace sextant::node
