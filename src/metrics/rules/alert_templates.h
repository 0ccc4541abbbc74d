// Expands the label and annotation templates of alerting rules. Stateless; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "metrics/promql/query_result.h"
#include "metrics/rules/alert_states.h"
#include "metrics/rules/rule_context.h"
#include "metrics/rules/rule_file.h"

namespace sextant::rules {

// Makes alerts of an expression's result: the sample's labels without the metric name, the rule's expanded
// labels, `alertname`, and the expanded annotations. A template that fails, or whose text is longer than
// RuleOptions::max_text_bytes, becomes "<error expanding template: …>" and is logged. Queries in templates
// see `time_ms`.
std::vector<AlertInstance> MakeAlerts(const RuleConfig& rule, const promql::VectorResult& samples,
                                      core::TimestampMs time_ms, const RuleContext& context,
                                      const RuleOptions& options, const core::Logger& logger);

// The page that shows an expression: `/graph?g0.expr=…&g0.tab=1` below the external URL.
std::string GeneratorUrl(const std::string& external_url, std::string_view query);

}  // namespace sextant::rules
