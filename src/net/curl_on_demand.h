// libcurl, loaded when the first request needs it: with the 25 libraries that Debian's brings along it takes
// 4 MiB and some milliseconds, which a process that scrapes in the clear, or a node exporter, never needs.
// The functions of <curl/curl.h> that this module uses are defined in curl_on_demand.cc and pass calls on;
// nothing links libcurl itself.
#pragma once

#include "core/result.h"

namespace sextant::net {

// Loads libcurl and prepares it for this process, once; without success no other of its functions may be
// called. Thread-safe. kUnavailable when the library is missing.
core::Status LoadCurl();

}  // namespace sextant::net
