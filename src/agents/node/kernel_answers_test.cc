#include "agents/node/kernel_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/inet_diag.h>

#include <cstring>

#include "agents/node/netlink.h"

namespace sextant::node {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string RenderTimex(const timex& kernel, int state) {
  MetricSink sink;
  AddTimex(kernel, state, sink);
  return sink.RenderText();
}

TEST(Timex, ScalesWhatTheKernelSays) {
  timex kernel{};
  kernel.offset = -2'500;
  kernel.freq = 65'536 * 20;
  kernel.maxerror = 16'000'000;
  kernel.esterror = 250;
  kernel.status = STA_PLL;
  kernel.constant = 7;
  kernel.tick = 10'000;
  kernel.tai = 37;
  kernel.jitcnt = 3;
  EXPECT_THAT(
      RenderTimex(kernel, TIME_OK),
      AllOf(HasSubstr("node_timex_sync_status 1\n"), HasSubstr("node_timex_offset_seconds -0.0025\n"),
            HasSubstr("node_timex_frequency_adjustment_ratio 1.00002\n"),
            HasSubstr("node_timex_maxerror_seconds 16\n"),
            HasSubstr("node_timex_estimated_error_seconds 0.00025\n"), HasSubstr("node_timex_status 1\n"),
            HasSubstr("node_timex_loop_time_constant 7\n"), HasSubstr("node_timex_tick_seconds 0.01\n"),
            HasSubstr("# TYPE node_timex_pps_jitter_total counter\nnode_timex_pps_jitter_total 3\n"),
            HasSubstr("node_timex_tai_offset_seconds 37\n")));
  // With nanoseconds the same number means less; and who has lost its server is not synchronized.
  kernel.status = STA_PLL | STA_NANO | STA_UNSYNC;
  EXPECT_THAT(RenderTimex(kernel, TIME_ERROR), AllOf(HasSubstr("node_timex_sync_status 0\n"),
                                                     HasSubstr("node_timex_offset_seconds -2.5e-06\n"),
                                                     HasSubstr("node_timex_maxerror_seconds 16\n")));
}

TEST(Uname, IsLabels) {
  utsname names{};
  std::strcpy(names.sysname, "Linux");
  std::strcpy(names.nodename, "host\"1\"");
  std::strcpy(names.release, "6.1.0");
  std::strcpy(names.version, "#1 SMP");
  std::strcpy(names.machine, "x86_64");
  std::strcpy(names.domainname, "(none)");
  MetricSink sink;
  AddUname(names, sink);
  EXPECT_THAT(
      sink.RenderText(),
      HasSubstr("node_uname_info{domainname=\"(none)\",machine=\"x86_64\",nodename=\"host\\\"1\\\"\",release="
                "\"6.1.0\",sysname=\"Linux\",version=\"#1 SMP\"} 1\n"));
}

inet_diag_msg Socket(uint8_t state, uint32_t received, uint32_t to_send) {
  inet_diag_msg socket{};
  socket.idiag_state = state;
  socket.idiag_rqueue = received;
  socket.idiag_wqueue = to_send;
  return socket;
}

TEST(TcpTotals, CountsSocketsAndBytes) {
  TcpTotals totals;
  totals.Count(BytesOf(Socket(1, 10, 1)));
  totals.Count(BytesOf(Socket(1, 5, 2)));
  totals.Count(BytesOf(Socket(10, 0, 128)));
  totals.Count(BytesOf(Socket(250, 1, 0)));  // a state of a kernel to come: only its bytes count
  totals.Count("short");
  MetricSink sink;
  totals.AddTo(sink);
  const std::string text = sink.RenderText();
  EXPECT_THAT(text, AllOf(HasSubstr("node_tcp_connection_states{state=\"established\"} 2\n"),
                          HasSubstr("node_tcp_connection_states{state=\"listen\"} 1\n"),
                          HasSubstr("node_tcp_connection_states{state=\"rx_queued_bytes\"} 16\n"),
                          HasSubstr("node_tcp_connection_states{state=\"tx_queued_bytes\"} 131\n"),
                          Not(HasSubstr("time_wait"))));
}

TEST(TcpTotals, NoSocketsAreNoMetrics) {
  MetricSink sink;
  TcpTotals().AddTo(sink);
  EXPECT_EQ(sink.RenderText(), "");
}

}  // namespace
}  // namespace sextant::node
