// node_tcp_connection_states: TCP sockets by their state and the bytes in their queues, over the kernel's
// socket diagnosis (sock_diag(7)).
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <unistd.h>

#include "agents/node/collectors.h"
#include "agents/node/kernel_answers.h"
#include "agents/node/netlink.h"

namespace sextant::node {
namespace {

// By the kernel's number, from 1.
constexpr std::string_view kStates[TcpTotals::kStateCount] = {
    "",          "established", "syn_sent",   "syn_recv", "fin_wait1", "fin_wait2",
    "time_wait", "close",       "close_wait", "last_ack", "listen",    "closing"};

core::Status Count(Netlink& diagnosis, uint8_t family, TcpTotals& totals) {
  inet_diag_req_v2 request{};
  request.sdiag_family = family;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = ~0U;
  return diagnosis
      .Dump(SOCK_DIAG_BY_FAMILY, BytesOf(request),
            [&](uint16_t, std::string_view body) { totals.Count(body); })
      .map_error(core::AddContext("listing TCP sockets"));
}

core::Status CollectTcpstat(Netlink& diagnosis, const HostPaths& paths, MetricSink& sink) {
  TcpTotals totals;
  SEXTANT_TRY(Count(diagnosis, AF_INET, totals));
  if (::access(paths.Proc("net/tcp6").c_str(), F_OK) == 0) SEXTANT_TRY(Count(diagnosis, AF_INET6, totals));
  totals.AddTo(sink);
  return {};
}

}  // namespace

void TcpTotals::Count(std::string_view message) {
  if (message.size() < sizeof(inet_diag_msg)) return;
  const auto socket = NetlinkStruct<inet_diag_msg>(message);
  has_any_ = true;
  receive_bytes_ += socket.idiag_rqueue;
  transmit_bytes_ += socket.idiag_wqueue;
  if (socket.idiag_state < std::size(kStates)) ++sockets_[socket.idiag_state];
}

void TcpTotals::AddTo(MetricSink& sink) const {
  if (!has_any_) return;
  auto& states = sink.GetFamily("node_tcp_connection_states", "TCP sockets in a state, and bytes in queues.",
                                MetricType::kGauge, {"state"});
  for (size_t i = 1; i < std::size(kStates); ++i) {
    if (sockets_[i] > 0) states.Add({kStates[i]}, sockets_[i]);
  }
  states.Add({"rx_queued_bytes"}, receive_bytes_);
  states.Add({"tx_queued_bytes"}, transmit_bytes_);
}

std::unique_ptr<Collector> MakeTcpstatCollector(std::shared_ptr<Netlink> diagnosis) {
  return std::make_unique<StatelessCollector>(
      "tcpstat", [diagnosis = std::move(diagnosis)](const HostPaths& paths, MetricSink& sink) {
        return CollectTcpstat(*diagnosis, paths, sink);
      });
}

}  // namespace sextant::node
