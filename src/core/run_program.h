// Another program, run to its end for what it prints: one that gives credentials, for example. It gets no
// terminal and no input, a process group of its own, and may print 1 MiB to each of its outputs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace sextant::core {

struct Program {
  std::string command;  // a path, or a name that is looked up in PATH
  std::vector<std::string> arguments = {};
  std::vector<std::pair<std::string, std::string>> environment = {};  // added to ours
};

struct ProgramOutput {
  std::string out;
  std::string err;
};

// Runs it and waits, in the calling thread. kUnavailable when it says too much or ends with something else
// than 0 (with the beginning of what it said), kDeadlineExceeded when it takes longer than `timeout_ms` (it
// is killed then, with what it has started), kIo and the like when it cannot be started.
Result<ProgramOutput> RunProgram(const Program& program, DurationMs timeout_ms);

}  // namespace sextant::core
