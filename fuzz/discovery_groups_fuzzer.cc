// Target groups as file_sd and http_sd have them, and the answers of name servers.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "metrics/discovery/group_text.h"
#include "net/dns.h"

// libfyaml 0.7 loses a few hundred bytes on some malformed documents; ours must still be none.
extern "C" const char* __lsan_default_suppressions() { return "leak:libfyaml\n"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)sextant::discovery::ParseGroupsJson(text, "f.json");
  (void)sextant::discovery::ParseGroupsYaml(text, "f.yml");
  for (auto type : {sextant::net::DnsType::kA, sextant::net::DnsType::kAaaa, sextant::net::DnsType::kSrv,
                    sextant::net::DnsType::kMx, sextant::net::DnsType::kNs}) {
    (void)sextant::net::ParseDnsAnswer(std::span<const uint8_t>(data, size), type);
  }
  return 0;
}
