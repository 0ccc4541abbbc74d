// A notification as Alertmanager's own JSON, which webhooks and incident.io take.
#pragma once

#include <string>

#include "alerting/receivers/draft.h"

namespace sextant::alerting {

inline constexpr size_t kMaxMessageBytes = 32 << 20;

// The draft's data with the protocol's version, the group's key and how many alerts were left out.
// kResourceExhausted above kMaxMessageBytes.
core::Result<std::string> AlertJson(const Draft& draft, const char* version);

}  // namespace sextant::alerting
