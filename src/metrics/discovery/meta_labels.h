// Labels that tell what was found: names made of other systems' words, and addresses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sextant::discovery {

inline constexpr std::string_view kAddressLabel = "__address__";

// Everything that may not be in a classic label name becomes an underscore.
std::string SanitizeLabelName(std::string_view name);

// "host:port", with brackets around an IPv6 address.
std::string JoinAddress(std::string_view host, int64_t port);

// The address of "10.0.0.1/24"; empty when it is not one.
std::string AddressOfCidr(std::string_view text);

}  // namespace sextant::discovery
