#include "agents/node/usage/process_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "agents/node/as_nobody.h"
#include "agents/node/usage/process_test_files.h"
#include "agents/node/usage/top_groups.h"

namespace sextant::node {
namespace {

using ::testing::HasSubstr;

HostPaths PathsOf(const TestTree& tree) { return {.procfs = (tree.path() / "proc").string()}; }

ProcessSnapshot Read(const TestTree& tree, bool with_io = false, size_t limit = kProcessLimit) {
  ProcessSnapshot snapshot;
  const core::Status status = ReadProcesses(PathsOf(tree), with_io, snapshot, limit);
  EXPECT_TRUE(status) << status.error().message();
  return snapshot;
}

TEST(ProcessReader, ReadsWhatProcessesUse) {
  const TestTree tree;
  WriteProcess(tree, {.pid = 200, .name = "b", .ticks = 5});
  WriteProcess(tree, {.pid = 31, .name = "a ) (x", .ticks = 7, .start = 99, .pages = 4});
  WriteProcessIo(tree, 31, 4'096, 8'192);
  tree.Write("proc/uptime", "1 1\n");
  tree.Write("proc/12x/stat", "not a process");
  const ProcessSnapshot snapshot = Read(tree, /*with_io=*/true);
  ASSERT_EQ(snapshot.processes.size(), 2u);
  const ProcessSample& first = snapshot.processes[0];
  EXPECT_EQ(first.pid, 31);
  EXPECT_EQ(first.name(), "a ) (x");
  EXPECT_EQ(first.cpu_ticks, 7u);
  EXPECT_EQ(first.threads, 3u);
  EXPECT_EQ(first.start_ticks, 99u);
  EXPECT_EQ(first.resident_bytes, 4u * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(first.io, ProcessSample::Io::kRead);
  EXPECT_EQ(first.read_bytes, 4'096u);
  EXPECT_EQ(first.written_bytes, 8'192u);
  EXPECT_EQ(snapshot.processes[1].pid, 200);
  EXPECT_EQ(snapshot.processes[1].io, ProcessSample::Io::kNotRead);
}

TEST(ProcessReader, LeavesOutWhatEndsMeanwhile) {
  const TestTree tree;
  WriteProcess(tree, {.pid = 1});
  std::filesystem::create_directories(tree.path() / "proc/2");  // listed, and gone when it is read
  tree.Write("proc/3/stat", "");
  EXPECT_EQ(Read(tree).processes.size(), 1u);
}

TEST(ProcessReader, CountsWhatIsHiddenOrBeyondTheLimit) {
  const TestTree tree;
  for (int pid = 1; pid <= 5; ++pid) WriteProcess(tree, {.pid = pid});
  const ProcessSnapshot limited = Read(tree, false, 3);
  EXPECT_EQ(limited.processes.size(), 3u);
  EXPECT_EQ(limited.overlooked, 2u);
  ASSERT_EQ(::chmod(tree.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod((tree.path() / "proc/4/stat").c_str(), 0), 0);
  RunAsNobody([&] { EXPECT_EQ(Read(tree).unreadable, 1u); });
}

TEST(ProcessReader, KnowsWhoseReadsAndWritesAreHidden) {
  const TestTree tree;
  for (int pid = 1; pid <= 3; ++pid) {
    WriteProcess(tree, {.pid = pid, .ticks = 5});
    WriteProcessIo(tree, pid, 4'096, 8'192);
  }
  ASSERT_EQ(::chmod(tree.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod((tree.path() / "proc/2/io").c_str(), 0), 0);
  RunAsNobody([&] {
    const ProcessSnapshot snapshot = Read(tree, /*with_io=*/true);
    ASSERT_EQ(snapshot.processes.size(), 3u);
    EXPECT_EQ(snapshot.unreadable, 0u);
    EXPECT_EQ(snapshot.processes[0].io, ProcessSample::Io::kRead);
    EXPECT_EQ(snapshot.processes[1].io, ProcessSample::Io::kDenied);
    EXPECT_EQ(snapshot.processes[1].cpu_ticks, 5u);  // the rest of it is known
    EXPECT_EQ(snapshot.processes[1].read_bytes, 0u);
    EXPECT_EQ(snapshot.processes[2].io, ProcessSample::Io::kRead);
  });
}

// The kernel's own word: opening the file succeeds for anybody's process, and reading it may not.
TEST(ProcessReader, TakesTheKernelsNo) {
  RunAsNobody([] {
    ProcessSnapshot snapshot;
    ASSERT_TRUE(ReadProcesses({}, true, snapshot));
    const auto first = std::ranges::find(snapshot.processes, 1, &ProcessSample::pid);
    if (first == snapshot.processes.end()) return;  // hidden altogether
    EXPECT_NE(first->io, ProcessSample::Io::kNotRead);
  });
}

TEST(ProcessReader, SaysWhichFileIsWrong) {
  const TestTree tree;
  WriteProcess(tree, {.pid = 1});
  WriteProcessIo(tree, 1, 1, 1);
  ProcessSnapshot snapshot;
  for (const char* wrong :
       {"1 sleep S 1", "1 (sleep) S 1 1", "1 (a) S 1 1 1 0 -1 4 1 0 0 0 x 1 0 0 20 0 3 0 1 1 1"}) {
    tree.Write("proc/7/stat", wrong);
    const core::Status status = ReadProcesses(PathsOf(tree), false, snapshot);
    ASSERT_FALSE(status) << wrong;
    EXPECT_THAT(status.error().message(), HasSubstr("7/stat"));
  }
  WriteProcess(tree, {.pid = 7});
  tree.Write("proc/7/io", "read_bytes: 99999999999999999999999\nwrite_bytes: 1\n");
  const core::Status status = ReadProcesses(PathsOf(tree), true, snapshot);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message(), HasSubstr("read_bytes"));
  EXPECT_FALSE(ReadProcesses({.procfs = (tree.path() / "none").string()}, false, snapshot));
}

TEST(ProcessReader, KnowsKernelThreadsAndLongNames) {
  const TestTree tree;
  WriteProcess(tree, {.pid = 1, .name = "kworker/0:1H-kblockd", .flags = 0x4208060});
  WriteProcess(tree, {.pid = 2, .name = "a/b"});
  WriteProcess(tree, {.pid = 3, .name = "systemd-journal"});
  std::filesystem::create_symlink("/usr/lib/systemd/systemd-journald (deleted)", tree.path() / "proc/3/exe");
  WriteProcess(tree, {.pid = 4, .name = "my-long-script-"});
  std::filesystem::create_symlink("/usr/bin/python3.11", tree.path() / "proc/4/exe");
  WriteProcess(tree, {.pid = 5, .name = "memfd:sealed-91"});
  std::filesystem::create_symlink("/memfd:sealed-91173221a7ea (deleted)", tree.path() / "proc/5/exe");
  const ProcessSnapshot snapshot = Read(tree);
  ASSERT_EQ(snapshot.processes.size(), 5u);
  EXPECT_EQ(snapshot.processes[4].name(), "memfd:sealed-91");
  EXPECT_EQ(snapshot.processes[0].name(), "kworker");
  EXPECT_EQ(snapshot.processes[1].name(), "a/b");
  EXPECT_EQ(snapshot.processes[2].name(), "systemd-journald");
  EXPECT_EQ(snapshot.processes[3].name(), "my-long-script-");
}

TEST(ProcessReader, NamesMayBeAnything) {
  const std::string longest(1'000, 'x');
  ProcessSample sample;
  ASSERT_TRUE(ParseProcessStat("1 (" + longest + ") S 1 1 1 0 -1 4 1 0 0 0 5 1 0 0 20 0 3 0 1 1 1", sample));
  EXPECT_EQ(sample.name().size(), kProcessNameBytes);
  ASSERT_TRUE(ParseProcessStat("1 (a\nb\xff\x01) S 1 1 1 0 -1 4 1 0 0 0 5 1 0 0 20 0 3 0 1 1 1", sample));
  EXPECT_EQ(PrintableText(sample.name()), "a?b??");
  EXPECT_EQ(PrintableText("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  ASSERT_TRUE(ParseProcessStat("1 () S 1 1 1 0 -1 4 1 0 0 0 5 1 0 0 20 0 3 0 1 1 1", sample));
  EXPECT_EQ(sample.name(), "");
}

// The machine that the test runs on: at least this process is there.
TEST(ProcessReader, FindsItself) {
  ProcessSnapshot snapshot;
  ASSERT_TRUE(ReadProcesses({}, true, snapshot));
  const auto own = std::ranges::find(snapshot.processes, ::getpid(), &ProcessSample::pid);
  ASSERT_NE(own, snapshot.processes.end());
  EXPECT_EQ(own->name(), "node_test");
  EXPECT_GT(own->resident_bytes, 1'000'000u);
}

}  // namespace
}  // namespace sextant::node
