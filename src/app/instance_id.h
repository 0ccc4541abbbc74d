// A name for one run of a program, by which others tell it from the next (service.instance.id).
#pragma once

#include <string>

namespace sextant::app {

// A random UUID (RFC 9562, version 4).
std::string NewInstanceId();

}  // namespace sextant::app
