#include "net/listen_address.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "net/url.h"

namespace sextant::net {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using core::Code;
using core::Fail;

}  // namespace

core::Result<ListenAddress> ResolveListen(const std::string& text, asio::io_context& context) {
  SEXTANT_ASSIGN(HostPort parsed, ParseHostPort(text));
  ListenAddress found;
  found.port = parsed.port;
  if (parsed.host.empty()) {
    found.address = asio::ip::address_v6::any();
    found.is_wildcard = true;
    return found;
  }
  error_code error;
  found.address = asio::ip::make_address(parsed.host, error);
  if (!error) return found;
  tcp::resolver resolver(context);
  auto entries = resolver.resolve(parsed.host, std::to_string(parsed.port), tcp::resolver::passive, error);
  if (error || entries.empty()) {
    return Fail(Code::kInvalidArgument, "listen on {}: no address for \"{}\"", text, parsed.host);
  }
  auto v4 = std::find_if(entries.begin(), entries.end(),
                         [](const auto& entry) { return entry.endpoint().address().is_v4(); });
  found.address = (v4 == entries.end() ? entries.begin() : v4)->endpoint().address();
  return found;
}

core::Status DescribeBindError(const std::string& text, const error_code& error) {
  if (error == asio::error::address_in_use) {
    return Fail(
        Code::kUnavailable,
        "listen on {}: address already in use; stop the program that uses it or choose another address",
        text);
  }
  if (error == asio::error::access_denied) {
    return Fail(Code::kPermissionDenied,
                "listen on {}: permission denied; ports below 1024 need privileges, choose another", text);
  }
  return Fail(Code::kInvalidArgument, "listen on {}: {}", text, error.message());
}

}  // namespace sextant::net
