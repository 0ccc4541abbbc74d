// Events of the alert history as bytes; docs/formats/alert-history.md describes them. Values only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "alerting/history.h"
#include "core/result.h"

namespace sextant::alerting {

// In the order of their ids.
std::string EncodeHistory(const std::vector<const HistoryEvent*>& events);
// kCorruption for bytes that are none.
core::Result<std::vector<HistoryEvent>> DecodeHistory(std::string_view bytes);

}  // namespace sextant::alerting
