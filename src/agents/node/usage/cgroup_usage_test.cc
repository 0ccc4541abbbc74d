#include "agents/node/usage/cgroup_usage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agents/node/test_tree.h"
#include "agents/node/usage/container_names.h"

namespace sextant::node {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
constexpr std::string_view kPod = "8a7b6c5d-1234-4321-aaaa-0123456789ab";

TEST(CgroupNames, KnowsUnitsContainersAndMachines) {
  struct Case {
    std::string path;
    std::string kind;
    std::string name;
    std::string id = {};
    std::string pod = {};
  };
  const std::string id = "0123456789ab";
  const std::string burst =
      "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod8a7b6c5d_1234_4321_aaaa_"
      "0123456789ab.slice";
  const Case cases[] = {
      {"/system.slice/ssh.service", "service", "ssh.service"},
      {"/init.scope", "scope", "init.scope"},
      {"/user.slice/user-1000.slice/session-3.scope", "scope", "user-1000.slice/session-3.scope"},
      {"/user.slice/user-7.slice/user@7.service/app.slice/x.service", "service", "user-7.slice/x.service"},
      {"/system.slice/docker-" + kId + ".scope", "container", id, id},
      {"/docker/" + kId, "container", id, id},
      {burst + "/cri-containerd-" + kId + ".scope", "container", id, id, std::string(kPod)},
      {burst + "/crio-" + kId + ".scope", "container", id, id, std::string(kPod)},
      {burst + "/crio-conmon-" + kId + ".scope", "scope", "crio-conmon", id, std::string(kPod)},
      {"/kubepods/besteffort/pod" + std::string(kPod) + "/" + kId, "container", id, id, std::string(kPod)},
      {"/kubepods-pod8a.slice:cri-containerd:" + kId, "container", id, id},
      {"/machine.slice/libpod-" + kId + ".scope", "container", id, id},
      {"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", "machine", "qemu-1-vm"},
      {"/lxc.payload.web", "container", "web"},
      {"/lxc/db", "container", "db"},
      {"/mine/deep", "cgroup", "/mine/deep"},
      {"/x" + kId, "cgroup", "/x" + kId},
      {"/.service", "cgroup", "/.service"},
      {"/a\\x2", "cgroup", "/a\\x2"},
  };
  for (const Case& expected : cases) {
    const CgroupIdentity identity = IdentifyCgroup(expected.path);
    EXPECT_EQ(identity.kind, expected.kind) << expected.path;
    EXPECT_EQ(identity.name, expected.name) << expected.path;
    EXPECT_EQ(identity.id, expected.id) << expected.path;
    EXPECT_EQ(identity.pod, expected.pod) << expected.path;
  }
  EXPECT_TRUE(IsCgroupWhole("/system.slice/a.service"));
  EXPECT_FALSE(IsCgroupWhole("/user.slice/user-7.slice/user@7.service"));
  EXPECT_FALSE(IsCgroupWhole("/system.slice"));
}

TEST(ContainerNames, AreReadFromTheRuntimesFiles) {
  EXPECT_EQ(NameInDockerConfig(R"({"ID":"x","Name":"/web","State":{}})"), "web");
  EXPECT_EQ(NameInDockerConfig(R"({"Name":"/k8s_app_pod-1_space_uid_0"})"), "space/pod-1/app");
  EXPECT_EQ(NameInDockerConfig(R"({"Name":7})"), "");
  EXPECT_EQ(NameInDockerConfig("{"), "");
  EXPECT_EQ(NameInContainerdConfig(R"({"annotations":{"io.kubernetes.cri.container-name":"app",
      "io.kubernetes.cri.sandbox-name":"pod-1","io.kubernetes.cri.sandbox-namespace":"space"}})"),
            "space/pod-1/app");
  EXPECT_EQ(NameInContainerdConfig(R"({"annotations":{"nerdctl/name":"mine"}})"), "mine");
  EXPECT_EQ(NameInContainerdConfig("[]"), "");
  EXPECT_EQ(NameInStorageList(R"([{"id":"a","names":["one"]},{"id":"b","names":[]},{"id":"c"}])", "a"),
            "one");
  EXPECT_EQ(NameInStorageList(R"([{"id":"a"},{"id":"b","names":[]}])", "b"), "");
  EXPECT_EQ(NameInStorageList("{}", "b"), "");
  EXPECT_EQ(NameOfKubeletLog("pod-1_space_app-" + kId + ".log", kId), "space/pod-1/app");
  EXPECT_EQ(NameOfKubeletLog("app-" + kId + ".log", kId), "");
}

struct Watched {
  Watched()
      : usage({.sysfs = (tree.path() / "sys").string(), .rootfs = tree.path().string()}, clock,
              {.top_count = 2}) {}

  // cgroup v2 files of a group.
  void Write(const std::string& path, double cpu_seconds, int memory, int read = 0) const {
    tree.Write("sys/fs/cgroup" + path + "/cpu.stat",
               "usage_usec " + std::to_string(static_cast<long>(cpu_seconds * 1e6)) + "\nuser_usec 1\n");
    tree.Write("sys/fs/cgroup" + path + "/io.stat",
               "8:0 rbytes=" + std::to_string(read) + " wbytes=5 rios=1 wios=1 dbytes=0 dios=0\n8:16 \n");
    if (!path.empty()) tree.Write("sys/fs/cgroup" + path + "/memory.current", std::to_string(memory) + "\n");
    if (!path.empty()) tree.Write("sys/fs/cgroup" + path + "/pids.current", "4\n");
  }
  std::string Expose() {
    clock.Advance(10'000);
    const core::Status looked = usage.Look();
    EXPECT_TRUE(looked) << looked.error().message();
    MetricSink sink;
    usage.Expose(sink);
    EXPECT_TRUE(sink.TakeStatus());
    return sink.RenderText();
  }

  TestTree tree;
  core::ManualClock clock{1'700'000'000'000};
  CgroupUsage usage;
};

std::string Cpu(const std::string& labels, const std::string& value) {
  return "sextant_cgroup_cpu_seconds_total{" + labels + "} " + value + "\n";
}

TEST(CgroupUsage, CountsUnifiedGroups) {
  Watched watched;
  const std::string web = "/system.slice/web.service";
  const std::string container = "/system.slice/docker-" + kId + ".scope";
  watched.tree.Write("sys/fs/cgroup/cgroup.controllers", "cpu io memory\n");
  watched.tree.Write("var/lib/docker/containers/" + kId + "/config.v2.json", R"({"Name":"/shop"})");
  watched.Write("", 100, 0);
  watched.Write(web, 10, 7'000);
  watched.Write(web + "/inner", 9, 1);  // its own business
  watched.Write(container, 20, 9'000, 100);
  const std::string docker = "id=\"0123456789ab\",kind=\"container\",name=\"shop\",pod=\"\"";
  const std::string service = "id=\"\",kind=\"service\",name=\"web.service\",pod=\"\"";
  const std::string other = "id=\"\",kind=\"other\",name=\"(other)\",pod=\"\"";
  EXPECT_THAT(watched.Expose(),
              AllOf(HasSubstr(Cpu(docker, "0")), HasSubstr(Cpu(service, "0")), HasSubstr(Cpu(other, "0")),
                    HasSubstr("sextant_cgroup_memory_bytes{" + docker + "} 9000\n"),
                    HasSubstr("sextant_cgroup_threads{" + service + "} 4\n"), Not(HasSubstr("inner"))));
  watched.Write("", 110, 0);
  watched.Write(web, 13, 7'000);
  watched.Write(container, 25, 9'000, 400);
  EXPECT_THAT(watched.Expose(),
              AllOf(HasSubstr(Cpu(docker, "5")), HasSubstr(Cpu(service, "3")), HasSubstr(Cpu(other, "2")),
                    HasSubstr("sextant_cgroup_read_bytes_total{" + docker + "} 300\n")));
  // A service that starts anew counts from 0; one that has gone keeps what it had.
  watched.Write("", 112, 0);
  watched.Write(web, 1, 7'000);
  std::filesystem::remove_all(watched.tree.path() / ("sys/fs/cgroup" + container));
  const std::string text = watched.Expose();
  EXPECT_THAT(text,
              AllOf(HasSubstr(Cpu(docker, "5")), HasSubstr(Cpu(service, "4")), HasSubstr(Cpu(other, "3"))));
  const CgroupUsage::Picture picture = watched.usage.Greatest(5);
  EXPECT_EQ(picture.interval_seconds, 10);
  ASSERT_EQ(picture.top.size(), 1u);
  EXPECT_EQ(picture.top[0].identity.name, "web.service");
  EXPECT_NEAR(picture.top[0].now.cpu_cores, 0.1, 1e-9);
}

TEST(CgroupUsage, CountsControllersOfTheFirstVersion) {
  Watched watched;
  const auto write = [&](int web_ns, int whole_ns) {
    watched.tree.Write("sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", std::to_string(whole_ns) + "\n");
    watched.tree.Write("sys/fs/cgroup/cpu,cpuacct/web.service/cpuacct.usage", std::to_string(web_ns) + "\n");
  };
  watched.tree.Write("sys/fs/cgroup/memory/web.service/memory.usage_in_bytes", "4096\n");
  watched.tree.Write("sys/fs/cgroup/memory/only/memory.usage_in_bytes", "1\n");
  watched.tree.Write("sys/fs/cgroup/blkio/web.service/blkio.throttle.io_service_bytes",
                     "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n");
  write(1'000, 5'000);
  watched.Expose();
  write(1'500'001'000, 2'000'005'000);
  const std::string web = "id=\"\",kind=\"service\",name=\"web.service\",pod=\"\"";
  EXPECT_THAT(watched.Expose(),
              AllOf(HasSubstr(Cpu(web, "1.5")), HasSubstr("name=\"(other)\",pod=\"\"} 0.5\n"),
                    HasSubstr("sextant_cgroup_memory_bytes{" + web + "} 4096\n"),
                    HasSubstr("kind=\"cgroup\",name=\"/only\"")));
}

TEST(CgroupUsage, LooksAtSoManyAndSoDeep) {
  const TestTree tree;
  const HostPaths paths{.sysfs = (tree.path() / "sys").string()};
  EXPECT_FALSE(ReadCgroups(paths));
  tree.Write("sys/fs/cgroup/cgroup.controllers", "");
  for (int i = 0; i < 5; ++i) tree.Write("sys/fs/cgroup/g" + std::to_string(i) + "/memory.current", "1\n");
  std::string deep = "sys/fs/cgroup";
  for (int i = 0; i < 30; ++i) deep += "/d";
  tree.Write(deep + "/memory.current", "1\n");
  const auto snapshot = ReadCgroups(paths, 3);
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->groups.size(), 3u);
  EXPECT_EQ(snapshot->overlooked, 3u);
}

TEST(CgroupUsage, SaysWhichFileIsWrong) {
  const TestTree tree;
  const HostPaths paths{.sysfs = (tree.path() / "sys").string()};
  tree.Write("sys/fs/cgroup/cgroup.controllers", "");
  for (const auto& [file, content] :
       {std::pair{"cpu.stat", "nothing 1\n"}, std::pair{"cpu.stat", "usage_usec x\n"},
        std::pair{"io.stat", "8:0 rbytes=\xff\n"}}) {
    const TestTree one;
    one.Write("sys/fs/cgroup/cgroup.controllers", "");
    one.Write(std::string("sys/fs/cgroup/a.service/") + file, content);
    const auto read = ReadCgroups({.sysfs = (one.path() / "sys").string()});
    ASSERT_FALSE(read) << file;
    EXPECT_THAT(read.error().message(), HasSubstr("a.service"));
  }
}

}  // namespace
}  // namespace sextant::node
