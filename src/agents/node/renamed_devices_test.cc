// Devices that get another name or come back under the same one, while files of them are kept open: real
// ones, in a network of their own, where the kernel lets us make one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <thread>

#include "agents/node/collectors.h"
#include "agents/node/netlink_recording.h"
#include "agents/node/open_files.h"
#include "agents/node/test_tree.h"

namespace sextant::node {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Bridges, of the network that the thread is in.
class Bridges {
 public:
  Bridges() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  ~Bridges() { ::close(fd_); }

  bool Make(const char* name, int mtu, short flags = 0) const {
    if (::ioctl(fd_, SIOCBRADDBR, name) != 0) return false;
    ifreq request = Request(name);
    request.ifr_mtu = mtu;
    if (::ioctl(fd_, SIOCSIFMTU, &request) != 0) return false;
    request = Request(name);
    request.ifr_flags = flags;
    return ::ioctl(fd_, SIOCSIFFLAGS, &request) == 0;
  }
  bool Remove(const char* name) const { return ::ioctl(fd_, SIOCBRDELBR, name) == 0; }
  bool Rename(const char* from, const char* to) const {
    ifreq request = Request(from);
    std::strncpy(request.ifr_newname, to, sizeof request.ifr_newname - 1);
    return ::ioctl(fd_, SIOCSIFNAME, &request) == 0;
  }

 private:
  static ifreq Request(const char* name) {
    ifreq request{};
    std::strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    return request;
  }
  const int fd_;
};

// Runs `act` on a thread whose network is its own, with a /sys that shows it. False when that is not allowed.
bool RunInNetworkOfItsOwn(const std::function<void(const Bridges&, const HostPaths&)>& act) {
  const TestTree tree;
  const std::string sys = (tree.path() / "sys").string();
  tree.Write("sys/.none", "");
  bool was_run = false;
  std::thread([&] {
    if (::unshare(CLONE_NEWNS | CLONE_NEWNET) != 0) return;
    if (::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    if (::mount("sysfs", sys.c_str(), "sysfs", 0, nullptr) != 0) return;
    const Bridges bridges;
    if (!bridges.Make("probe", 1'000) || !bridges.Remove("probe")) return;
    was_run = true;
    act(bridges, {.sysfs = sys});
    ::umount2(sys.c_str(), MNT_DETACH);
  }).join();
  return was_run;
}

std::string Collect(Collector& collector, const HostPaths& paths) {
  MetricSink sink;
  const core::Status status = collector.Collect(paths, sink);
  EXPECT_TRUE(status) << status.error().message();
  return sink.RenderText();
}

auto Tells(std::string_view device, int mtu, std::string_view flags) {
  return AllOf(HasSubstr(fmt::format("node_network_mtu_bytes{{device=\"{}\"}} {}\n", device, mtu)),
               HasSubstr(fmt::format("node_network_flags{{device=\"{}\"}} {}\n", device, flags)),
               HasSubstr(fmt::format("node_network_iface_id{{device=\"{}\"}} {}\n", device,
                                     ::if_nametoindex(std::string(device).c_str()))));
}

// Flags: 2 is broadcast, 128 that there is no ARP.
void FollowsDevices(Collector& collector, const Bridges& bridges, const HostPaths& paths) {
  ASSERT_TRUE(bridges.Make("one", 1'400));
  ASSERT_TRUE(bridges.Make("two", 1'300, IFF_NOARP));
  EXPECT_THAT(Collect(collector, paths), AllOf(Tells("one", 1'400, "2"), Tells("two", 1'300, "130")));
  ASSERT_TRUE(bridges.Rename("one", "old"));
  ASSERT_TRUE(bridges.Rename("two", "one"));
  EXPECT_THAT(Collect(collector, paths),
              AllOf(Tells("one", 1'300, "130"), Tells("old", 1'400, "2"), Not(HasSubstr("device=\"two\""))));
  ASSERT_TRUE(bridges.Remove("one"));
  EXPECT_THAT(Collect(collector, paths), AllOf(Tells("old", 1'400, "2"), Not(HasSubstr("device=\"one\""))));
  ASSERT_TRUE(bridges.Make("one", 1'200));
  EXPECT_THAT(Collect(collector, paths), Tells("one", 1'200, "2"));
  // Gone and back between two looks.
  ASSERT_TRUE(bridges.Remove("one"));
  ASSERT_TRUE(bridges.Make("one", 1'100, IFF_NOARP));
  EXPECT_THAT(Collect(collector, paths), Tells("one", 1'100, "130"));
}

TEST(RenamedDevices, AreFollowedOverNetlink) {
  const bool was_run = RunInNetworkOfItsOwn([](const Bridges& bridges, const HostPaths& paths) {
    const auto collector =
        MakeNetclassCollector(DefaultNodeOptions(), std::make_shared<NetlinkClient>(NETLINK_ROUTE));
    FollowsDevices(*collector, bridges, paths);
  });
  if (!was_run) GTEST_SKIP() << "no network of its own is allowed here";
}

// As in a container that has the host's /sys and its own network.
TEST(RenamedDevices, AreFollowedByFilesAlone) {
  const bool was_run = RunInNetworkOfItsOwn([](const Bridges& bridges, const HostPaths& paths) {
    const auto collector = MakeNetclassCollector(DefaultNodeOptions(), std::make_shared<NetlinkRecording>());
    FollowsDevices(*collector, bridges, paths);
  });
  if (!was_run) GTEST_SKIP() << "no network of its own is allowed here";
}

TEST(RenamedDevices, AreFollowedByWhatNetlinkDoesNotTell) {
  const bool was_run = RunInNetworkOfItsOwn([](const Bridges& bridges, const HostPaths& paths) {
    const auto collector =
        MakeNetclassNetlinkCollector(DefaultNodeOptions(), std::make_shared<NetlinkClient>(NETLINK_ROUTE),
                                     std::make_shared<NetlinkClient>(NETLINK_GENERIC));
    FollowsDevices(*collector, bridges, paths);
    EXPECT_THAT(Collect(*collector, paths),
                AllOf(HasSubstr("node_network_address_assign_type{device=\"one\"} 1\n"),
                      HasSubstr("node_network_device_id{device=\"one\"} 0\n")));
  });
  if (!was_run) GTEST_SKIP() << "no network of its own is allowed here";
}

// A file that was open when its device went tells nothing of it afterwards, and is there again with the
// device.
TEST(OpenFiles, OfADeviceThatWentAndCameBack) {
  const bool was_run = RunInNetworkOfItsOwn([](const Bridges& bridges, const HostPaths& paths) {
    const std::string path = paths.Sys("class/net/one/mtu");
    OpenFiles files;
    EXPECT_EQ(files.Number(path), std::nullopt);
    ASSERT_TRUE(bridges.Make("one", 1'400));
    for (int i = 0; i < 2; ++i) EXPECT_EQ(files.Number(path), 1'400);
    ASSERT_TRUE(bridges.Remove("one"));
    for (int i = 0; i < 2; ++i) EXPECT_EQ(files.Number(path), std::nullopt);
    EXPECT_EQ(files.Read(path).error().code(), core::Code::kNotFound);
    ASSERT_TRUE(bridges.Make("one", 1'300));
    for (int i = 0; i < 2; ++i) EXPECT_EQ(files.Number(path), 1'300);
    ASSERT_TRUE(bridges.Remove("one") && bridges.Make("one", 1'200));
    EXPECT_EQ(files.Number(path), 1'200);
  });
  if (!was_run) GTEST_SKIP() << "no network of its own is allowed here";
}

// Elsewhere a file may be replaced by another one at any time.
TEST(OpenFiles, OfOtherFileSystemsAreOpenedEachTime) {
  const TestTree tree;
  const std::string path = (tree.path() / "a").string();
  OpenFiles files;
  tree.Write("a", "1\n");
  EXPECT_EQ(files.Number(path), 1);
  tree.Write("b", "2\n");
  std::filesystem::rename(tree.path() / "b", tree.path() / "a");
  EXPECT_EQ(files.Number(path), 2);
  std::filesystem::remove(tree.path() / "a");
  EXPECT_EQ(files.Number(path), std::nullopt);
  tree.Write("a", "3\n");
  EXPECT_EQ(files.Number(path), 3);
}

}  // namespace
}  // namespace sextant::node
