#include "net/dns.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace sextant::net {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr size_t kMaxAnswerBytes = 65'535;
constexpr int kMaxTimeoutSeconds = 5;
constexpr int kMaxAttempts = 2;

ns_type WireType(DnsType type) {
  switch (type) {
    case DnsType::kA:
      return ns_t_a;
    case DnsType::kAaaa:
      return ns_t_aaaa;
    case DnsType::kSrv:
      return ns_t_srv;
    case DnsType::kMx:
      return ns_t_mx;
    case DnsType::kNs:
      return ns_t_ns;
  }
  return ns_t_a;
}

// The resolver's state, of one lookup.
class Resolver {
 public:
  static Result<std::unique_ptr<Resolver>> Make(const DnsOptions& options) {
    auto resolver = std::unique_ptr<Resolver>(new Resolver);
    if (res_ninit(&resolver->state_) != 0) {
      return Fail(Code::kUnavailable, "could not load resolv.conf");
    }
    resolver->is_open_ = true;
    resolver->state_.options |= RES_USE_EDNS0;
    resolver->state_.retrans = std::min(resolver->state_.retrans, kMaxTimeoutSeconds);
    resolver->state_.retry = std::min(resolver->state_.retry, kMaxAttempts);
    if (!options.server.empty()) SEXTANT_TRY(resolver->UseServer(options.server));
    return resolver;
  }
  ~Resolver() {
    if (is_open_) res_nclose(&state_);
  }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // The names to ask for, fully qualified, in this order.
  std::vector<std::string> Names(const std::string& name) const {
    if (name.ends_with('.')) return {name};
    auto dots = static_cast<unsigned>(std::ranges::count(name, '.'));
    bool is_long = dots >= state_.ndots;
    std::vector<std::string> names;
    if (is_long) names.push_back(name + ".");
    for (const char* const* suffix = state_.dnsrch; *suffix != nullptr; ++suffix)
      names.push_back(fmt::format("{}.{}.", name, *suffix));
    if (!is_long) names.push_back(name + ".");
    return names;
  }

  // The first server's answer that is one: that the name exists, or that it does not.
  Result<std::vector<unsigned char>> Ask(const std::string& name, DnsType type) {
    unsigned char query[NS_PACKETSZ * 2];
    int length = res_nmkquery(&state_, ns_o_query, name.c_str(), ns_c_in, WireType(type), nullptr, 0, nullptr,
                              query, sizeof query);
    if (length < 0) return Fail(Code::kInvalidArgument, "could not resolve {}: not a name", name);
    std::vector<unsigned char> answer(kMaxAnswerBytes);
    int received = res_nsend(&state_, query, length, answer.data(), static_cast<int>(answer.size()));
    if (received < NS_HFIXEDSZ) {
      return Fail(Code::kUnavailable, "could not resolve {}: no servers returned a viable answer", name);
    }
    answer.resize(std::min(static_cast<size_t>(received), kMaxAnswerBytes));
    return answer;
  }

 private:
  Resolver() = default;

  core::Status UseServer(const std::string& server) {
    size_t colon = server.rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    int port = colon == std::string::npos ? NS_DEFAULTPORT : std::atoi(server.c_str() + colon + 1);
    if (inet_pton(AF_INET, server.substr(0, colon).c_str(), &address.sin_addr) != 1 || port <= 0 ||
        port > 65'535) {
      return Fail(Code::kInvalidArgument, "\"{}\" is not the address of a name server", server);
    }
    address.sin_port = htons(static_cast<uint16_t>(port));
    state_.nscount = 1;
    state_.nsaddr_list[0] = address;
    state_.dnsrch[0] = nullptr;
    return {};
  }

  struct __res_state state_{};
  bool is_open_ = false;
};

int ResponseCode(std::span<const unsigned char> message) { return message[3] & 0x0f; }

std::string ExpandName(const ns_msg& message, const unsigned char* at) {
  char name[NS_MAXDNAME];
  if (ns_name_uncompress(ns_msg_base(message), ns_msg_end(message), at, name, sizeof name) < 0) return "";
  return std::string(name) + (std::string_view(name).ends_with('.') ? "" : ".");
}

Result<DnsRecord> ReadRecord(const ns_msg& message, const ns_rr& raw, DnsType type) {
  const unsigned char* data = ns_rr_rdata(raw);
  size_t size = ns_rr_rdlen(raw);
  DnsRecord record;
  record.type = type;
  char text[INET6_ADDRSTRLEN] = {};
  if (type == DnsType::kA && size == 4) {
    record.target = inet_ntop(AF_INET, data, text, sizeof text);
  } else if (type == DnsType::kAaaa && size == 16) {
    record.target = inet_ntop(AF_INET6, data, text, sizeof text);
  } else if (type == DnsType::kSrv && size > 6) {
    record.port = static_cast<uint16_t>(ns_get16(data + 4));
    record.target = ExpandName(message, data + 6);
  } else if (type == DnsType::kMx && size > 2) {
    record.target = ExpandName(message, data + 2);
  } else if (type == DnsType::kNs && size > 0) {
    record.target = ExpandName(message, data);
  }
  if (record.target.empty()) return Fail(Code::kCorruption, "a record of the answer is malformed");
  return record;
}

}  // namespace

Result<std::vector<DnsRecord>> ParseDnsAnswer(std::span<const unsigned char> bytes, DnsType type) {
  ns_msg message;
  if (bytes.size() > kMaxAnswerBytes ||
      ns_initparse(bytes.data(), static_cast<int>(bytes.size()), &message) != 0) {
    return Fail(Code::kCorruption, "the answer is malformed");
  }
  std::vector<DnsRecord> records;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr raw;
    if (ns_parserr(&message, ns_s_an, i, &raw) != 0)
      return Fail(Code::kCorruption, "the answer is malformed");
    if (ns_rr_type(raw) != WireType(type) || ns_rr_class(raw) != ns_c_in) continue;
    SEXTANT_ASSIGN(DnsRecord record, ReadRecord(message, raw, type));
    records.push_back(std::move(record));
  }
  return records;
}

Result<std::vector<DnsRecord>> LookupDns(const std::string& name, DnsType type, const DnsOptions& options) {
  SEXTANT_ASSIGN(std::unique_ptr<Resolver> resolver, Resolver::Make(options));
  bool has_only_answers = true;
  for (const std::string& full : resolver->Names(name)) {
    Result<std::vector<unsigned char>> answer = resolver->Ask(full, type);
    if (answer && ResponseCode(*answer) == ns_r_noerror) return ParseDnsAnswer(*answer, type);
    // Only when every answer was that the name does not exist, it does not.
    if (!answer || ResponseCode(*answer) != ns_r_nxdomain) has_only_answers = false;
  }
  if (has_only_answers) return std::vector<DnsRecord>();
  return Fail(Code::kUnavailable,
              "could not resolve \"{}\": all servers responded with errors to at least one search domain",
              name);
}

}  // namespace sextant::net
