// node_network_receive_*_total and node_network_transmit_*_total: link statistics over rtnetlink, as
// node_exporter reads them by default, or from /proc/net/dev. Over netlink the numbers are those of our own
// network namespace.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <bit>
#include <cerrno>

#include "agents/node/collectors.h"
#include "agents/node/host_tables.h"
#include "agents/node/link_statistics.h"
#include "agents/node/netlink.h"

namespace sextant::node {
namespace {

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

class NetdevCollector final : public Collector {
 public:
  NetdevCollector(const NodeOptions& options, std::shared_ptr<Netlink> route)
      : devices_(options.netdev_devices),
        uses_netlink_(options.netdev_netlink),
        with_addresses_(options.netdev_addresses),
        with_details_(options.netdev_details),
        with_aliases_(options.netdev_aliases),
        netlink_(std::move(route)) {}

  std::string_view name() const override { return "netdev"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    SEXTANT_TRY(uses_netlink_ ? CollectNetlink(paths, sink) : CollectProc(paths, sink));
    if (with_addresses_) SEXTANT_TRY(CollectAddresses(sink));
    return {};
  }

 private:
  void Add(std::string_view name, std::string_view help, std::string_view device, std::string_view alias,
           double value, MetricSink& sink) const {
    if (with_aliases_) {
      sink.GetFamily(name, help, MetricType::kCounter, {"device", "ifalias"}).Add({device, alias}, value);
    } else {
      sink.GetFamily(name, help, MetricType::kCounter, {"device"}).Add({device}, value);
    }
  }

  std::string AliasOf(const HostPaths& paths, std::string_view device) const {
    if (!with_aliases_ || !IsPathComponent(device)) return "";
    return ReadAttribute(paths.Sys(fmt::format("class/net/{}/ifalias", device))).value_or("");
  }

  void AddDevice(const HostPaths& paths, std::string_view device, std::span<const double> values,
                 MetricSink& sink) const {
    if (devices_.IsIgnored(device)) return;
    const std::string alias = AliasOf(paths, device);
    for (size_t i = 0; i < values.size(); ++i) {
      Add(kStatistics[i].name, kStatistics[i].help, device, alias, values[i], sink);
    }
  }

  // The file has all but nohandler, in the order of kStatistics.
  core::Status CollectProc(const HostPaths& paths, MetricSink& sink) const {
    const std::string path = paths.Proc("net/dev");
    SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
    return ForEachNetDev(text, [&](std::string_view device,
                                   const NetDevColumns& columns) { AddDevice(paths, device, columns, sink); })
        .map_error(core::AddContext("{}", path));
  }

  core::Status CollectNetlink(const HostPaths& paths, MetricSink& sink) {
    const ifinfomsg request{};
    return netlink_
        ->Dump(RTM_GETLINK, BytesOf(request),
               [&](uint16_t type, std::string_view body) {
                 if (type == RTM_NEWLINK) ReadLink(paths, body, sink);
               })
        .map_error(core::AddContext("listing network devices"));
  }

  void ReadLink(const HostPaths& paths, std::string_view body, MetricSink& sink) const {
    NetlinkAttributes attributes(BehindNetlinkStruct(body, sizeof(ifinfomsg)));
    std::string_view device;
    std::string_view stats;
    uint16_t type = 0;
    std::string_view value;
    while (attributes.Next(type, value)) {
      if (type == IFLA_IFNAME) device = NetlinkText(value);
      if (type == IFLA_STATS64) stats = value;
    }
    if (device.empty() || stats.empty()) return;
    const auto counters = NetlinkStruct<rtnl_link_stats64>(stats);
    if (with_details_) {
      AddDetails(paths, device, counters, sink);
    } else {
      AddLink(paths, device, counters, sink);
    }
  }

  void AddDetails(const HostPaths& paths, std::string_view device, const rtnl_link_stats64& counters,
                  MetricSink& sink) const {
    if (devices_.IsIgnored(device)) return;
    const std::string alias = AliasOf(paths, device);
    for (const LinkStatistic& statistic : kLinkStatistics) {
      Add(fmt::format("node_network_{}_total", statistic.name),
          fmt::format("The kernel's counter {} of a network device.", statistic.name), device, alias,
          static_cast<double>(counters.*statistic.counter), sink);
    }
  }

  core::Status CollectAddresses(MetricSink& sink) const {
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0) return core::FailErrno(errno, "listing addresses");
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(first, ::freeifaddrs);
    auto& addresses = sink.GetFamily("node_network_address_info", "An address of a network device; always 1.",
                                     MetricType::kGauge, {"address", "device", "netmask", "scope"});
    for (const ifaddrs* entry = list.get(); entry != nullptr; entry = entry->ifa_next) {
      if (entry->ifa_addr == nullptr || entry->ifa_netmask == nullptr) continue;
      const int family = entry->ifa_addr->sa_family;
      if ((family != AF_INET && family != AF_INET6) || devices_.IsIgnored(entry->ifa_name)) continue;
      const std::string_view bytes = AddressBytes(entry->ifa_addr);
      char text[INET6_ADDRSTRLEN];
      if (::inet_ntop(family, bytes.data(), text, sizeof text) == nullptr) continue;
      int prefix = 0;
      for (char c : AddressBytes(entry->ifa_netmask, family)) {
        prefix += std::popcount(static_cast<unsigned char>(c));
      }
      addresses.Add({text, entry->ifa_name, std::to_string(prefix), Scope(bytes)}, 1);
    }
    return {};
  }

  static std::string_view AddressBytes(const sockaddr* address, int family = AF_UNSPEC) {
    if (family == AF_UNSPEC) family = address->sa_family;
    if (family == AF_INET) {
      return BytesOf(reinterpret_cast<const sockaddr_in*>(address)->sin_addr);
    }
    return BytesOf(reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
  }

  // Loopback counts as link-local, as in node_exporter.
  static std::string_view Scope(std::string_view bytes) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
    if (bytes.size() == 4) {
      const bool is_local = byte(0) == 127 || (byte(0) == 169 && byte(1) == 254);
      return is_local ? "link-local" : "global";
    }
    const bool is_loopback =
        bytes.substr(0, 15).find_first_not_of('\0') == std::string_view::npos && byte(15) == 1;
    const bool is_link_local = byte(0) == 0xfe && (byte(1) & 0xc0) == 0x80;
    return is_loopback || is_link_local ? "link-local" : "global";
  }

  // Sums several counters where /proc/net/dev does (net/core/net-procfs.c), which is what the names promise.
  void AddLink(const HostPaths& paths, std::string_view device, const rtnl_link_stats64& stats,
               MetricSink& sink) const {
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
    AddDevice(paths, device, values, sink);
  }

  const NameFilter devices_;
  const bool uses_netlink_;
  const bool with_addresses_;
  const bool with_details_;
  const bool with_aliases_;
  const std::shared_ptr<Netlink> netlink_;
};

}  // namespace

std::unique_ptr<Collector> MakeNetdevCollector(const NodeOptions& options, std::shared_ptr<Netlink> route) {
  return std::make_unique<NetdevCollector>(options, std::move(route));
}

}  // namespace sextant::node
