// Sockets in words, as Go's errors have them. Internal to net.
#pragma once

#include <sys/socket.h>

#include <string>

namespace sextant::net {

// "127.0.0.1:9100", "[::1]:9100".
std::string FormatAddress(const sockaddr* address);
// Go's text for a system error: strerror's, in lower case.
std::string DescribeErrno(long number);

}  // namespace sextant::net
