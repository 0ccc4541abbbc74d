// Unit tests of rules, in the format of `promtool test rules`: series are given, rules are evaluated over
// them, and alerts and expressions are compared with what is expected of them.
//
// Format: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/result.h"
#include "metrics/promql/engine.h"

namespace sextant::rules {

struct UnitTestOptions {
  // Which groups of tests are run, by their name; all when it is not set.
  std::function<bool(const std::string& group)> runs;
  promql::EngineOptions engine;
  bool ignores_unknown_fields = false;  // of rule files
  bool shows_differences = false;       // failures of alerts show what differs (alert_diff.h)
  // Gets lines, without their ends, of what is done, and all data at the end of each group; may be empty.
  std::function<void(const std::string& line)> debug;
};

// How one group of tests (an entry of `tests`) went.
struct UnitTestGroup {
  std::string name;
  std::vector<std::string> failures;  // in promtool's words; none: it passed
};

// Runs a file with the rule files that it names. An error is one of the test file or of its rule files
// themselves; then nothing was run.
core::Result<std::vector<UnitTestGroup>> RunUnitTests(const std::string& path,
                                                      const UnitTestOptions& options);

}  // namespace sextant::rules
