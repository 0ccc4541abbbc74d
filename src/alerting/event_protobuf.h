// The event recorder's events as protobuf messages, as Alertmanager 0.34 defines them
// (eventrecorderpb.Event).
#pragma once

#include <string>
#include <string_view>

namespace sextant::alerting {

// The message of an event that EventLine has written as JSON; fields that are not known are left out. Any
// thread.
std::string EventProtobuf(std::string_view line);

}  // namespace sextant::alerting
