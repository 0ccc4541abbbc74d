// `amtool config routes test --test-file`: cases in a YAML file, each of alerts that fire together, with the
// receivers that they should go to or the word that they are inhibited.
//
//   tests:
//     - name: critical suppresses warning
//       alerts:
//         - {labels: {alertname: A, severity: critical}, expected_receivers: [pager]}
//         - {labels: {alertname: A, severity: warning}, expected_inhibited: true}
#pragma once

#include <string>
#include <vector>

#include "alerting/config.h"
#include "core/result.h"

namespace sextant::app {

struct RouteCasesOutcome {
  std::vector<std::string> lines;  // "PASS name", or "FAIL name / what"
  bool has_passed = true;          // all of them
};

// Errors: the file cannot be read, or is not such a file.
core::Result<RouteCasesOutcome> RunRouteCases(const std::string& path, const alerting::Config& config);

}  // namespace sextant::app
