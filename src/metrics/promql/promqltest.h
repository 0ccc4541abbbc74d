// Runs promqltest scripts: Prometheus' language for testing PromQL engines (`load`, `clear`, `eval instant`, `eval range`,
// with expectations about values, order, warnings, infos and failures). The grammar is that of promql/promqltest/README.md
// of Prometheus 3.14.
//
// As upstream does, an instant `eval` stands for up to twelve queries: itself, itself with every selector pinned by @ and
// evaluated at other times, and each of these as the middle step of a range query.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "metrics/promql/engine.h"

namespace sextant::promql {

struct PromqltestFailure {
  int line = 0;  // of the eval command, from 1
  std::string expr;
  std::string message;  // which query differs, and how
};

struct PromqltestReport {
  int passed = 0;
  int total = 0;  // eval commands
  std::vector<PromqltestFailure> failures;
};

// The engine options that upstream's own scripts are written for.
EngineOptions PromqltestEngineOptions();

// Runs a script from an empty store, all of it, whatever fails. The result is an error (kInvalidArgument, with the line)
// only when the script itself is malformed. Not tied to a thread; takes as long as its queries.
core::Result<PromqltestReport> RunPromqltest(std::string_view script, const Engine& engine);

}  // namespace sextant::promql
