// The alert history as JSON, for /api/v2/history and /api/v2/history/statistics; docs/alert-history.md says
// what each field means. Any thread may call.
#pragma once

#include <string>

#include "alerting/alertmanager.h"
#include "core/result.h"
#include "net/url.h"

namespace sextant::api {

// Events whose labels satisfy `filter`, newest first. Parameters: `start`, `end`, `kind` (repeated), `limit`
// (100 unless given, at most 10,000), `before` (an event's id). kInvalidArgument names the wrong one.
core::Result<std::string> HistoryJson(const alerting::Alertmanager& alertmanager,
                                      const net::QueryParams& params, const alerting::Matchers& filter);

// Counts over the events whose labels satisfy `filter`. Parameters: `start`, `end`, `limit` of each list.
core::Result<std::string> HistoryStatisticsJson(const alerting::Alertmanager& alertmanager,
                                                const net::QueryParams& params,
                                                const alerting::Matchers& filter);

}  // namespace sextant::api
