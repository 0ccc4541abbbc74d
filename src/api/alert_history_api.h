// The alert history as JSON, for /api/v2/history and what is below it; docs/alert-history.md says
// what each field means. Any thread may call.
#pragma once

#include <string>

#include "alerting/alertmanager.h"
#include "core/result.h"
#include "net/http_message.h"
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

// POST /api/v2/history/dry-run: what the configuration in the body would have told whom, beside the one in
// force. Parameters: `start`, `end`, `limit` of each list. kInvalidArgument for a configuration that would be
// refused, in the words of its refusal; kDeadlineExceeded when the play takes too long.
core::Result<std::string> HistoryDryRunJson(const alerting::Alertmanager& alertmanager,
                                            const net::HttpRequest& request);

}  // namespace sextant::api
