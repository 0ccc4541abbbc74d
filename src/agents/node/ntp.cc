// node_ntp_*: what the host's NTP server says, and whether it may be trusted.
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <memory>
#include <mutex>
#include <random>

#include "agents/node/collectors.h"
#include "agents/node/ntp_answer.h"

namespace sextant::node {
namespace {

constexpr core::DurationMs kTimeoutMs = 1'000;
constexpr NtpNs kSecondNs = 1'000'000'000;
constexpr NtpNs kDayNs = 86'400 * kSecondNs;

double Seconds(NtpNs ns) { return static_cast<double>(ns) / 1e9; }

// The clock whose error is asked for, finer than a millisecond.
NtpNs NowNs() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * kSecondNs + now.tv_nsec;
}

struct Fd {
  explicit Fd(int number) : fd(number) {}
  ~Fd() {
    if (fd >= 0) ::close(fd);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  const int fd;
};

core::Status Prepare(int fd, int family, int hops) {
  const timeval timeout{.tv_sec = kTimeoutMs / 1'000, .tv_usec = kTimeoutMs % 1'000 * 1'000};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  const int result = family == AF_INET6
                         ? ::setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops)
                         : ::setsockopt(fd, IPPROTO_IP, IP_TTL, &hops, sizeof hops);
  if (result != 0) return core::FailErrno(errno, "limiting the hops of a request");
  return {};
}

core::Result<NtpAnswer> AskServer(const NtpOptions& options, uint64_t nonce) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(options.server_port);
  if (const int failed = ::getaddrinfo(options.server.c_str(), port.c_str(), &hints, &list); failed != 0) {
    return core::Fail(core::Code::kUnavailable, "{}: {}", options.server, ::gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
  const Fd socket(::socket(list->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket.fd < 0) return core::FailErrno(errno, "opening a socket");
  SEXTANT_TRY(Prepare(socket.fd, list->ai_family, options.ip_ttl));
  if (::connect(socket.fd, list->ai_addr, list->ai_addrlen) != 0)
    return core::FailErrno(errno, options.server);
  const std::string request = NtpRequest(options.protocol_version, nonce);
  const NtpNs sent_ns = NowNs();
  if (::send(socket.fd, request.data(), request.size(), 0) < 0) return core::FailErrno(errno, options.server);
  char buffer[512];
  const ssize_t got = ::recv(socket.fd, buffer, sizeof buffer, 0);
  const NtpNs returned_ns = NowNs();
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    return core::Fail(core::Code::kDeadlineExceeded, "{}: no answer within {} ms", options.server,
                      kTimeoutMs);
  }
  if (got < 0) return core::FailErrno(errno, options.server);
  return ParseNtpAnswer({buffer, static_cast<size_t>(got)}, nonce, sent_ns, returned_ns)
      .map_error(core::AddContext("{}", options.server));
}

class NtpCollector final : public Collector {
 public:
  explicit NtpCollector(const NodeOptions& options)
      : options_(options.ntp), random_(std::random_device()()) {}

  std::string_view name() const override { return "ntp"; }

  core::Status Collect(const HostPaths&, MetricSink& sink) override {
    SEXTANT_ASSIGN(const NtpAnswer answer,
                   AskServer(options_, Nonce()).map_error(core::AddContext("asking the NTP server")));
    sink.Gauge("node_ntp_stratum", "Servers between this one and a reference clock.", answer.stratum);
    sink.Gauge("node_ntp_leap", "The leap second that is announced: 0 none, 1 added, 2 left out, 3 unknown.",
               answer.leap);
    sink.Gauge("node_ntp_rtt_seconds", "How long the request was under way.", Seconds(answer.RoundTripNs()));
    sink.Gauge("node_ntp_offset_seconds", "How far the server is ahead of this clock.",
               Seconds(answer.OffsetNs()));
    sink.Gauge("node_ntp_reference_timestamp_seconds", "When the server last set its clock.",
               answer.reference_ns > 0 ? Seconds(answer.reference_ns) : 0);
    sink.Gauge("node_ntp_root_delay_seconds", "The way to the reference clock and back.",
               Seconds(answer.root_delay_ns));
    sink.Gauge("node_ntp_root_dispersion_seconds", "How far the reference clock may be off.",
               Seconds(answer.root_dispersion_ns));
    const bool is_sane = answer.IsSane() && answer.RootDistanceNs() <= options_.max_distance_ms * 1'000'000 &&
                         answer.LeastErrorNs() <= ToleranceNs(answer);
    sink.Gauge("node_ntp_sanity", "Whether the server may be trusted (0 or 1).", is_sane ? 1 : 0);
    return {};
  }

 private:
  uint64_t Nonce() {
    const std::lock_guard lock(mutex_);
    return random_();
  }

  // Around the midnight at which a leap second falls, servers may spread it. They announce it until then
  // only.
  NtpNs ToleranceNs(const NtpAnswer& answer) {
    const std::lock_guard lock(mutex_);
    if (answer.leap == 1 || answer.leap == 2) {
      leap_midnight_ns_ = answer.transmitted_ns - answer.transmitted_ns % kDayNs + kDayNs;
    }
    const NtpNs from_midnight_ns = answer.transmitted_ns - leap_midnight_ns_;
    const bool is_near = leap_midnight_ns_ != 0 && from_midnight_ns > -kDayNs && from_midnight_ns < kDayNs;
    return options_.offset_tolerance_ms * 1'000'000 + (is_near ? kSecondNs : 0);
  }

  const NtpOptions options_;
  std::mutex mutex_;
  std::mt19937_64 random_;      // guarded by mutex_
  NtpNs leap_midnight_ns_ = 0;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<Collector> MakeNtpCollector(const NodeOptions& options) {
  return std::make_unique<NtpCollector>(options);
}

}  // namespace sextant::node
