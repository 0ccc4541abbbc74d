// node_nfsd_*: what the NFS server answers, /proc/net/rpc/nfsd.
#include "agents/node/collectors.h"
#include "agents/node/nfs_procedures.h"

namespace sextant::node {
namespace {

// Without those that only probe the server.
constexpr std::string_view kNfs4Operations[] = {"",
                                                "",
                                                "",
                                                "Access",
                                                "Close",
                                                "Commit",
                                                "Create",
                                                "DelegPurge",
                                                "DelegReturn",
                                                "GetAttr",
                                                "GetFH",
                                                "Link",
                                                "Lock",
                                                "Lockt",
                                                "Locku",
                                                "Lookup",
                                                "LookupRoot",
                                                "Nverify",
                                                "Open",
                                                "OpenAttr",
                                                "OpenConfirm",
                                                "OpenDgrd",
                                                "PutFH",
                                                "",
                                                "",
                                                "Read",
                                                "ReadDir",
                                                "ReadLink",
                                                "Remove",
                                                "Rename",
                                                "Renew",
                                                "RestoreFH",
                                                "SaveFH",
                                                "SecInfo",
                                                "SetAttr",
                                                "SetClientID",
                                                "SetClientIDConfirm",
                                                "Verify",
                                                "Write",
                                                "RelLockOwner"};

struct Number {
  std::string_view key;
  size_t column;
  std::string_view name;
  std::string_view help;
  MetricType type = MetricType::kCounter;
};

constexpr Number kNumbers[] = {
    {"rc", 1, "node_nfsd_reply_cache_hits_total", "Hits of the reply cache: the client had lost our answer."},
    {"rc", 2, "node_nfsd_reply_cache_misses_total", "Requests that the reply cache had to remember."},
    {"rc", 3, "node_nfsd_reply_cache_nocache_total", "Requests that need no reply cache."},
    {"fh", 1, "node_nfsd_file_handles_stale_total", "File handles that were no longer valid."},
    {"io", 1, "node_nfsd_disk_bytes_read_total", "Bytes read from disk for clients."},
    {"io", 2, "node_nfsd_disk_bytes_written_total", "Bytes written to disk for clients."},
    {"th", 1, "node_nfsd_server_threads", "Threads of the server.", MetricType::kGauge},
    {"ra", 1, "node_nfsd_read_ahead_cache_size_blocks", "Size of the read-ahead cache in blocks.",
     MetricType::kGauge},
    {"ra", 12, "node_nfsd_read_ahead_cache_not_found_total", "Misses of the read-ahead cache."},
    {"net", 4, "node_nfsd_connections_total", "TCP connections to the server."},
    {"rpc", 1, "node_nfsd_server_rpcs_total", "Calls to the server."},
};

struct Labelled {
  std::string_view key;
  size_t column;
  std::string_view name;
  std::string_view help;
  std::string_view label;
  std::string_view value;
};

constexpr std::string_view kPackets = "Packets of the NFS server by protocol.";
constexpr std::string_view kErrors = "Calls that the NFS server refused, by reason.";
constexpr Labelled kLabelled[] = {
    {"net", 2, "node_nfsd_packets_total", kPackets, "proto", "udp"},
    {"net", 3, "node_nfsd_packets_total", kPackets, "proto", "tcp"},
    {"rpc", 3, "node_nfsd_rpc_errors_total", kErrors, "error", "fmt"},
    {"rpc", 4, "node_nfsd_rpc_errors_total", kErrors, "error", "auth"},
    {"rpc", 5, "node_nfsd_rpc_errors_total", kErrors, "error", "cInt"},
};

core::Status AddLine(const std::vector<std::string_view>& fields, MetricSink& sink) {
  const std::string_view key = fields[0];
  const auto requests = [&]() -> MetricFamily& {
    return sink.GetFamily("node_nfsd_requests_total", "Requests to the NFS server by procedure.",
                          MetricType::kCounter, {"method", "proto"});
  };
  if (key == "proc2") {
    return AddNfsProcedures(fields, kNfs2Procedures, "2", requests(), "Null");
  }
  if (key == "proc3") return AddNfsProcedures(fields, kNfs3Procedures, "3", requests(), "Null");
  if (key == "proc4ops") return AddNfsProcedures(fields, kNfs4Operations, "4", requests());
  if (key == "wdeleg_getattr" && fields.size() >= 2) {
    SEXTANT_ASSIGN(const double count, ParseFloat(fields[1]));
    requests().Add({"WdelegGetattr", "4"}, count);
    return {};
  }
  for (const Number& number : kNumbers) {
    if (number.key != key || number.column >= fields.size()) continue;
    SEXTANT_ASSIGN(const double value, ParseFloat(fields[number.column]));
    sink.GetFamily(number.name, number.help, number.type).Add(value);
  }
  for (const Labelled& number : kLabelled) {
    if (number.key != key || number.column >= fields.size()) continue;
    SEXTANT_ASSIGN(const double value, ParseFloat(fields[number.column]));
    sink.GetFamily(number.name, number.help, MetricType::kCounter, {number.label}).Add({number.value}, value);
  }
  return {};
}

core::Status CollectNfsd(const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("net/rpc/nfsd");
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

std::unique_ptr<Collector> MakeNfsdCollector() {
  return std::make_unique<StatelessCollector>("nfsd", CollectNfsd);
}

}  // namespace sextant::node
