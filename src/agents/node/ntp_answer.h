// Answers of NTP servers (RFC 5905, figure 8) and what can be told from them. Stateless; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace sextant::node {

// Nanoseconds since the Unix epoch, or between two moments.
using NtpNs = int64_t;

struct NtpAnswer {
  int leap = 0;  // 0: no leap second, 1: one is added, 2: one is left out, 3: not synchronized
  int stratum = 0;
  NtpNs root_delay_ns = 0;
  NtpNs root_dispersion_ns = 0;
  NtpNs reference_ns = 0;
  NtpNs received_ns = 0;     // by the server
  NtpNs transmitted_ns = 0;  // by the server
  NtpNs sent_ns = 0;         // by us
  NtpNs returned_ns = 0;     // to us

  NtpNs RoundTripNs() const;
  // How far the server's clock is ahead of ours.
  NtpNs OffsetNs() const;
  // The most that the clock may be off by all that lies between it and the reference clock.
  NtpNs RootDistanceNs() const;
  // The least that the clocks differ by: one event cannot be before its cause.
  NtpNs LeastErrorNs() const;
  // Whether a client may trust the server: it is synchronized, fresh and near enough to a reference clock.
  bool IsSane() const;
};

inline constexpr size_t kNtpPacketBytes = 48;

// A client's request; `nonce` comes back in the answer.
std::string NtpRequest(int version, uint64_t nonce);

// Takes an answer apart. kInvalidArgument: too short, not a server's, or not to the request with the nonce.
core::Result<NtpAnswer> ParseNtpAnswer(std::string_view bytes, uint64_t nonce, NtpNs sent_ns,
                                       NtpNs returned_ns);

}  // namespace sextant::node
