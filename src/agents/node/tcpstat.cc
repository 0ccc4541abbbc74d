// node_tcp_connection_states: TCP sockets by their state and the bytes in their queues, over the kernel's
// socket diagnosis (sock_diag(7)).
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>

#include "agents/node/collectors.h"
#include "agents/node/netlink.h"

namespace sextant::node {
namespace {

// By the kernel's number, from 1.
constexpr std::string_view kStates[] = {"",           "established", "syn_sent",  "syn_recv",
                                        "fin_wait1",  "fin_wait2",   "time_wait", "close",
                                        "close_wait", "last_ack",    "listen",    "closing"};

struct Totals {
  std::array<double, std::size(kStates)> sockets{};
  double receive_bytes = 0;
  double transmit_bytes = 0;
  bool has_any = false;
};

core::Status Count(uint8_t family, Totals& totals) {
  inet_diag_req_v2 request{};
  request.sdiag_family = family;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = ~0U;
  return DumpNetlink(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, BytesOf(request),
                     [&](uint16_t, std::string_view body) {
                       if (body.size() < sizeof(inet_diag_msg)) return;
                       const auto socket = NetlinkStruct<inet_diag_msg>(body);
                       totals.has_any = true;
                       totals.receive_bytes += socket.idiag_rqueue;
                       totals.transmit_bytes += socket.idiag_wqueue;
                       if (socket.idiag_state < std::size(kStates)) ++totals.sockets[socket.idiag_state];
                     })
      .map_error(core::AddContext("listing TCP sockets"));
}

core::Status CollectTcpstat(const HostPaths& paths, MetricSink& sink) {
  Totals totals;
  SEXTANT_TRY(Count(AF_INET, totals));
  if (::access(paths.Proc("net/tcp6").c_str(), F_OK) == 0) SEXTANT_TRY(Count(AF_INET6, totals));
  if (!totals.has_any) return {};
  auto& states = sink.GetFamily("node_tcp_connection_states", "TCP sockets in a state, and bytes in queues.",
                                MetricType::kGauge, {"state"});
  for (size_t i = 1; i < std::size(kStates); ++i) {
    if (totals.sockets[i] > 0) states.Add({kStates[i]}, totals.sockets[i]);
  }
  states.Add({"rx_queued_bytes"}, totals.receive_bytes);
  states.Add({"tx_queued_bytes"}, totals.transmit_bytes);
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeTcpstatCollector() {
  return std::make_unique<StatelessCollector>("tcpstat", CollectTcpstat);
}

}  // namespace sextant::node
