#include "metrics/discovery/meta_labels.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>

namespace sextant::discovery {

std::string SanitizeLabelName(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!is_fine) c = '_';
  }
  return out;
}

std::string JoinAddress(std::string_view host, int64_t port) {
  bool is_v6 = host.find(':') != std::string_view::npos;
  return is_v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::string AddressOfCidr(std::string_view text) {
  size_t slash = text.find('/');
  if (slash == std::string_view::npos) return "";
  std::string address(text.substr(0, slash));
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  bool is_v6 = address.find(':') != std::string::npos;
  if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address.c_str(), bytes.data()) != 1) return "";
  std::string_view prefix = text.substr(slash + 1);
  int bits = -1;
  auto [end, error] = std::from_chars(prefix.data(), prefix.data() + prefix.size(), bits);
  bool is_number = error == std::errc() && end == prefix.data() + prefix.size();
  return is_number && bits >= 0 && bits <= (is_v6 ? 128 : 32) ? address : "";
}

}  // namespace sextant::discovery
