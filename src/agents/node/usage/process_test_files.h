// For tests: files of /proc/PID in a TestTree.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "agents/node/test_tree.h"

namespace sextant::node {

struct TestProcess {
  int pid = 1;
  std::string_view name = "sleep";
  int ticks = 0;  // of CPU
  int start = 1;
  int pages = 1;
  unsigned flags = 0x400000;
};

inline void WriteProcess(const TestTree& tree, const TestProcess& process) {
  tree.Write(fmt::format("proc/{}/stat", process.pid),
             fmt::format("{} ({}) S 1 1 1 0 -1 {} 10 0 0 0 {} 1 0 0 20 0 3 0 {} 1000000 {} 0 0\n",
                         process.pid, process.name, process.flags, process.ticks > 0 ? process.ticks - 1 : 0,
                         process.start, process.pages));
}

inline void WriteProcessIo(const TestTree& tree, int pid, int read, int written) {
  tree.Write(fmt::format("proc/{}/io", pid),
             fmt::format("rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: {}\nwrite_bytes: {}\n"
                         "cancelled_write_bytes: 0\n",
                         read, written));
}

}  // namespace sextant::node
