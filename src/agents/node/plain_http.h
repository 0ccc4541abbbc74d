// One request to a daemon of this host, without TLS. Blocks up to the timeout; stateless; any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace sextant::node {

// POSTs `body` (text/xml) to "http://[user:password@]host[:port]/path" or, at the path /RPC2, to
// "unix:///path/of/socket", and gives the body of an answer with status 200. kInvalidArgument for another
// URL, kNotFound where nobody listens, kUnavailable for another status, kDeadlineExceeded, kResourceExhausted
// for a body of more than 8 MiB.
core::Result<std::string> PostXml(std::string_view url, std::string_view body, core::DurationMs timeout_ms);

// The body of a whole answer in HTTP/1.0; errors as above.
core::Result<std::string> BodyOfAnswer(std::string_view answer);

}  // namespace sextant::node
