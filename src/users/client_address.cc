#include "users/client_address.h"

#include <algorithm>
#include <string_view>

namespace sextant::users {

namespace {

std::string_view WithoutPort(std::string_view address_and_port) {
  std::string_view address = address_and_port.substr(0, address_and_port.rfind(':'));
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  return address;
}

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

bool IsTrusted(std::string_view address, const Settings& settings) {
  auto contains = [&](const Network& network) { return network.Contains(address); };
  return std::ranges::any_of(settings.trusted_proxies, contains) ||
         (settings.has_proxy && std::ranges::any_of(settings.proxy_whitelist, contains));
}

// An address as proxies write it, also "[::1]:4000" and "10.0.0.1:4000"; "" for what is none.
std::string_view ReadForwarded(std::string_view text) {
  constexpr int kAddressBits = 128;
  for (std::string_view address : {text, WithoutPort(text)}) {
    if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
    auto network = Network::Parse(address);
    if (network && network->prefix_bits == kAddressBits && address.find('/') == std::string_view::npos)
      return address;
  }
  return {};
}

}  // namespace

std::string ClientAddress(const net::HttpRequest& request, const Settings& settings) {
  std::string_view client = WithoutPort(request.remote_address);
  std::string_view forwarded = request.headers.Get("X-Forwarded-For");
  while (IsTrusted(client, settings) && !forwarded.empty()) {
    size_t comma = forwarded.rfind(',');
    std::string_view before =
        ReadForwarded(Trim(forwarded.substr(comma == std::string_view::npos ? 0 : comma + 1)));
    if (before.empty()) break;  // what cannot be read hides what stands before it
    client = before;
    forwarded = comma == std::string_view::npos ? std::string_view() : forwarded.substr(0, comma);
  }
  return std::string(client);
}

}  // namespace sextant::users
