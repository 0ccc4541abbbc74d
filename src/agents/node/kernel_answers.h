// What the kernel answers to system calls and to socket diagnosis, as metrics. Stateless or owned by one
// thread.
#pragma once

#include <sys/timex.h>
#include <sys/utsname.h>

#include <array>
#include <string_view>

#include "agents/node/metric_sink.h"

namespace sextant::node {

// node_timex_*: the answer of adjtimex(2) and its result.
void AddTimex(const timex& kernel, int state, MetricSink& sink);

// node_uname_info: the answer of uname(2).
void AddUname(const utsname& names, MetricSink& sink);

// node_tcp_connection_states: the messages of sock_diag(7), one per socket.
class TcpTotals {
 public:
  static constexpr size_t kStateCount = 12;

  // A message behind its netlink header; one that is too short counts as none.
  void Count(std::string_view message);
  void AddTo(MetricSink& sink) const;

 private:
  std::array<double, kStateCount> sockets_{};  // by the kernel's number of the state
  double receive_bytes_ = 0;
  double transmit_bytes_ = 0;
  bool has_any_ = false;
};

}  // namespace sextant::node
