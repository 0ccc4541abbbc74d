#include "agents/node/ntp_answer.h"

#include <algorithm>

namespace sextant::node {
namespace {

constexpr NtpNs kSecondNs = 1'000'000'000;
constexpr int64_t kEpochOffsetS = 2'208'988'800;  // from 1900 to 1970
constexpr int kServerMode = 4;
constexpr int kClientMode = 3;
constexpr int kUnsynchronized = 3;
constexpr int kStratumLimit = 16;
constexpr NtpNs kMaxPollNs = (int64_t{1} << 17) * kSecondNs;
constexpr NtpNs kMaxDispersionNs = 16 * kSecondNs;

uint64_t BigEndian(std::string_view bytes, size_t at, size_t length) {
  uint64_t value = 0;
  for (size_t i = 0; i < length; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// 32 bits of seconds and 32 of their fraction, of the era that began in 1900.
NtpNs Timestamp(std::string_view bytes, size_t at) {
  const auto seconds = static_cast<int64_t>(BigEndian(bytes, at, 4));
  const auto fraction = static_cast<int64_t>(BigEndian(bytes, at + 4, 4));
  return (seconds - kEpochOffsetS) * kSecondNs + ((fraction * kSecondNs) >> 32);
}

// 16 bits of seconds and 16 of their fraction.
NtpNs ShortTime(std::string_view bytes, size_t at) {
  return (static_cast<int64_t>(BigEndian(bytes, at, 4)) * kSecondNs) >> 16;
}

}  // namespace

NtpNs NtpAnswer::RoundTripNs() const {
  return std::max<NtpNs>(0, (returned_ns - sent_ns) - (transmitted_ns - received_ns));
}

NtpNs NtpAnswer::OffsetNs() const { return (received_ns - sent_ns) / 2 + (transmitted_ns - returned_ns) / 2; }

NtpNs NtpAnswer::RootDistanceNs() const { return (RoundTripNs() + root_delay_ns) / 2 + root_dispersion_ns; }

NtpNs NtpAnswer::LeastErrorNs() const {
  return std::max<NtpNs>({0, sent_ns - received_ns, transmitted_ns - returned_ns});
}

bool NtpAnswer::IsSane() const {
  if (leap == kUnsynchronized || stratum < 1 || stratum >= kStratumLimit) return false;
  if (transmitted_ns - reference_ns > kMaxPollNs || transmitted_ns < reference_ns) return false;
  return root_delay_ns / 2 + root_dispersion_ns <= kMaxDispersionNs;
}

std::string NtpRequest(int version, uint64_t nonce) {
  std::string packet(kNtpPacketBytes, '\0');
  packet[0] = static_cast<char>(version << 3 | kClientMode);
  // Where our clock would stand; a number that nobody can guess does as well, and tells nothing.
  for (size_t i = 0; i < 8; ++i) packet[40 + i] = static_cast<char>(nonce >> (56 - 8 * i) & 0xff);
  return packet;
}

core::Result<NtpAnswer> ParseNtpAnswer(std::string_view bytes, uint64_t nonce, NtpNs sent_ns,
                                       NtpNs returned_ns) {
  if (bytes.size() < kNtpPacketBytes) {
    return core::Fail(core::Code::kInvalidArgument, "an answer of {} bytes, not {}", bytes.size(),
                      kNtpPacketBytes);
  }
  const int first = static_cast<unsigned char>(bytes[0]);
  if ((first & 7) != kServerMode)
    return core::Fail(core::Code::kInvalidArgument, "the answer is not a server's");
  if (BigEndian(bytes, 24, 8) != nonce) {
    return core::Fail(core::Code::kInvalidArgument, "the answer is to another request");
  }
  if (BigEndian(bytes, 40, 8) == 0)
    return core::Fail(core::Code::kInvalidArgument, "the answer tells no time");
  NtpAnswer answer;
  answer.leap = first >> 6;
  answer.stratum = static_cast<unsigned char>(bytes[1]);
  answer.root_delay_ns = ShortTime(bytes, 4);
  answer.root_dispersion_ns = ShortTime(bytes, 8);
  answer.reference_ns = Timestamp(bytes, 16);
  answer.received_ns = Timestamp(bytes, 32);
  answer.transmitted_ns = Timestamp(bytes, 40);
  answer.sent_ns = sent_ns;
  answer.returned_ns = returned_ns;
  return answer;
}

}  // namespace sextant::node
