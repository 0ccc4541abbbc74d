// node_network_receive_*_total and node_network_transmit_*_total: link statistics over rtnetlink, as
// node_exporter reads them by default, or from /proc/net/dev. Over netlink the numbers are those of our own
// network namespace.
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

constexpr size_t kDeviceLimit = 20'000;

struct Statistic {
  std::string_view name;
  std::string_view help;
};

// In the order of AddDevice's values.
constexpr Statistic kStatistics[] = {
    {"node_network_receive_bytes_total", "Network device statistic receive_bytes."},
    {"node_network_receive_packets_total", "Network device statistic receive_packets."},
    {"node_network_receive_errs_total", "Network device statistic receive_errs."},
    {"node_network_receive_drop_total", "Network device statistic receive_drop."},
    {"node_network_receive_fifo_total", "Network device statistic receive_fifo."},
    {"node_network_receive_frame_total", "Network device statistic receive_frame."},
    {"node_network_receive_compressed_total", "Network device statistic receive_compressed."},
    {"node_network_receive_multicast_total", "Network device statistic receive_multicast."},
    {"node_network_transmit_bytes_total", "Network device statistic transmit_bytes."},
    {"node_network_transmit_packets_total", "Network device statistic transmit_packets."},
    {"node_network_transmit_errs_total", "Network device statistic transmit_errs."},
    {"node_network_transmit_drop_total", "Network device statistic transmit_drop."},
    {"node_network_transmit_fifo_total", "Network device statistic transmit_fifo."},
    {"node_network_transmit_colls_total", "Network device statistic transmit_colls."},
    {"node_network_transmit_carrier_total", "Network device statistic transmit_carrier."},
    {"node_network_transmit_compressed_total", "Network device statistic transmit_compressed."},
    {"node_network_receive_nohandler_total", "Network device statistic receive_nohandler."},
};
constexpr size_t kProcNetDevColumns = 16;  // /proc/net/dev has all but nohandler, in this order

struct FdCloser {
  int fd;
  ~FdCloser() { ::close(fd); }
};

class NetdevCollector final : public Collector {
 public:
  explicit NetdevCollector(const NodeOptions& options)
      : devices_(options.netdev_devices), uses_netlink_(options.netdev_netlink) {}

  std::string_view name() const override { return "netdev"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    return uses_netlink_ ? CollectNetlink(sink) : CollectProc(paths, sink);
  }

 private:
  void AddDevice(std::string_view device, std::span<const double> values, MetricSink& sink) const {
    if (devices_.IsIgnored(device)) return;
    for (size_t i = 0; i < values.size(); ++i) {
      sink.GetFamily(kStatistics[i].name, kStatistics[i].help, MetricType::kCounter, {"device"})
          .Add({device}, values[i]);
    }
  }

  // Two lines of heading, then "  eth0: 1 2 3 ...".
  core::Status CollectProc(const HostPaths& paths, MetricSink& sink) const {
    const std::string path = paths.Proc("net/dev");
    SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
    std::string_view rest = text;
    std::string_view line;
    NextLine(rest, line);
    NextLine(rest, line);
    while (NextLine(rest, line)) {
      const size_t colon = line.rfind(':');  // an alias has a colon in its name
      if (colon == std::string_view::npos)
        return core::Fail(core::Code::kInvalidArgument, "{}: a line without device", path);
      const std::string_view device = TrimSpace(line.substr(0, colon));
      std::string_view fields = line.substr(colon + 1);
      double values[kProcNetDevColumns] = {};
      for (double& value : values) {
        SEXTANT_ASSIGN(value,
                       ParseFloat(NextField(fields)).map_error(core::AddContext("{}: {}", path, device)));
      }
      AddDevice(device, values, sink);
    }
    return {};
  }

  core::Status CollectNetlink(MetricSink& sink) const {
    const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) return core::FailErrno(errno, "opening a netlink socket");
    const FdCloser closer{fd};
    // The kernel answers at once; the timeout only guards against a lost answer.
    const timeval timeout{.tv_sec = 2, .tv_usec = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    struct {
      nlmsghdr header;
      ifinfomsg body;
    } request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = RTM_GETLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.body.ifi_family = AF_UNSPEC;
    if (::send(fd, &request, sizeof request, 0) < 0)
      return core::FailErrno(errno, "asking netlink for devices");

    std::vector<char> buffer(64 << 10);  // larger than any message that the kernel sends in a dump
    for (size_t messages = 0; messages < kDeviceLimit; ++messages) {
      const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return core::FailErrno(errno, "reading devices from netlink");
      SEXTANT_ASSIGN(const bool is_done, ReadMessages({buffer.data(), static_cast<size_t>(got)}, sink));
      if (is_done) return {};
    }
    return core::Fail(core::Code::kResourceExhausted, "more than {} netlink messages", kDeviceLimit);
  }

  // One datagram of messages; true when the dump is complete.
  core::Result<bool> ReadMessages(std::string_view bytes, MetricSink& sink) const {
    while (bytes.size() >= sizeof(nlmsghdr)) {
      nlmsghdr header;
      std::memcpy(&header, bytes.data(), sizeof header);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) break;
      const std::string_view body = bytes.substr(NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN);
      if (header.nlmsg_type == NLMSG_DONE) return true;
      if (header.nlmsg_type == NLMSG_ERROR) {
        nlmsgerr error{};
        std::memcpy(&error, body.data(), std::min(sizeof error, body.size()));
        return core::FailErrno(-error.error, "netlink refuses to list devices");
      }
      if (header.nlmsg_type == RTM_NEWLINK) ReadLink(body, sink);
      bytes.remove_prefix(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), bytes.size()));
    }
    return false;
  }

  void ReadLink(std::string_view body, MetricSink& sink) const {
    if (body.size() < NLMSG_ALIGN(sizeof(ifinfomsg))) return;
    body.remove_prefix(NLMSG_ALIGN(sizeof(ifinfomsg)));
    std::string_view device;
    rtnl_link_stats64 stats{};
    bool has_stats = false;
    while (body.size() >= sizeof(rtattr)) {
      rtattr attribute;
      std::memcpy(&attribute, body.data(), sizeof attribute);
      if (attribute.rta_len < sizeof attribute || attribute.rta_len > body.size()) break;
      const std::string_view value = body.substr(RTA_LENGTH(0), attribute.rta_len - RTA_LENGTH(0));
      if (attribute.rta_type == IFLA_IFNAME) device = value.substr(0, value.find('\0'));
      if (attribute.rta_type == IFLA_STATS64) {
        std::memcpy(&stats, value.data(), std::min(sizeof stats, value.size()));
        has_stats = true;
      }
      body.remove_prefix(std::min<size_t>(RTA_ALIGN(attribute.rta_len), body.size()));
    }
    if (!device.empty() && has_stats) AddLink(device, stats, sink);
  }

  // Sums several counters where /proc/net/dev does (net/core/net-procfs.c), which is what the names promise.
  void AddLink(std::string_view device, const rtnl_link_stats64& stats, MetricSink& sink) const {
    const auto number = [](auto value) { return static_cast<double>(value); };
    const double values[] = {
        number(stats.rx_bytes),
        number(stats.rx_packets),
        number(stats.rx_errors),
        number(stats.rx_dropped + stats.rx_missed_errors),
        number(stats.rx_fifo_errors),
        number(stats.rx_frame_errors + stats.rx_length_errors + stats.rx_over_errors + stats.rx_crc_errors),
        number(stats.rx_compressed),
        number(stats.multicast),
        number(stats.tx_bytes),
        number(stats.tx_packets),
        number(stats.tx_errors),
        number(stats.tx_dropped),
        number(stats.tx_fifo_errors),
        number(stats.collisions),
        number(stats.tx_carrier_errors + stats.tx_aborted_errors + stats.tx_heartbeat_errors +
               stats.tx_window_errors),
        number(stats.tx_compressed),
        number(stats.rx_nohandler),
    };
    AddDevice(device, values, sink);
  }

  const NameFilter devices_;
  const bool uses_netlink_;
};

}  // namespace

std::unique_ptr<Collector> MakeNetdevCollector(const NodeOptions& options) {
  return std::make_unique<NetdevCollector>(options);
}

}  // namespace sextant::node
