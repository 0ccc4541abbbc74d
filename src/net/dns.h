// Asks name servers for records, as the system's resolver is set up (/etc/resolv.conf: servers, search path,
// timeouts), over UDP and, for long answers, TCP.
//
// Blocks until an answer or the resolver's timeouts; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"

namespace sextant::net {

enum class DnsType { kA, kAaaa, kSrv, kMx, kNs };

struct DnsRecord {
  DnsType type = DnsType::kA;
  std::string target;  // an address, or a name with its final dot
  uint16_t port = 0;   // of SRV

  friend bool operator==(const DnsRecord&, const DnsRecord&) = default;
};

struct DnsOptions {
  // "127.0.0.1:5353" instead of the system's servers.
  std::string server = {};
};

// Records of a name, tried with the search path as its dots demand. A name that does not exist, or has no
// such records, has none; kUnavailable when no server would say.
core::Result<std::vector<DnsRecord>> LookupDns(const std::string& name, DnsType type,
                                               const DnsOptions& options = {});

// The records of the wanted type in a server's answer; others (a CNAME on the way) are skipped. kCorruption
// for bytes that are no answer.
core::Result<std::vector<DnsRecord>> ParseDnsAnswer(std::span<const unsigned char> message, DnsType type);

}  // namespace sextant::net
