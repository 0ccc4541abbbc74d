// Where a server listens, from its text. Internal to net: includes Asio.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <string>

#include "core/result.h"

namespace sextant::net {

struct ListenAddress {
  boost::asio::ip::address address;
  uint16_t port = 0;
  bool is_wildcard = false;  // ":port": IPv6 and IPv4 together where the system has IPv6
};

// Names are resolved, IPv4 first as Go does; may block for that.
core::Result<ListenAddress> ResolveListen(const std::string& text, boost::asio::io_context& context);

// Why a socket could not be bound, and what to do.
core::Status DescribeBindError(const std::string& text, const boost::system::error_code& error);

}  // namespace sextant::net
