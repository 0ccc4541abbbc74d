// Collectors that ask the kernel directly: time, timex, uname.
#include <cerrno>
#include <ctime>

#include "agents/node/kernel_answers.h"
#include "agents/node/open_files.h"

namespace sextant::node {
namespace {

void CollectClocksources(OpenFiles& files, const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("devices/system/clocksource");
  const auto names = ListDirectory(base);
  if (!names) return;
  for (const std::string& name : *names) {
    if (!name.starts_with("clocksource")) continue;
    const std::string_view device = std::string_view(name).substr(11);
    const auto available = files.Attribute(base + "/" + name + "/available_clocksource");
    const auto current = files.Attribute(base + "/" + name + "/current_clocksource");
    if (!available || !current) continue;
    auto& family = sink.GetFamily("node_time_clocksource_available_info",
                                  "Available clocksources read from '/sys/devices/system/clocksource'.",
                                  MetricType::kGauge, {"clocksource", "device"});
    std::string_view rest = *available;
    for (std::string_view source = NextField(rest); !source.empty(); source = NextField(rest)) {
      family.Add({source, device}, 1);
    }
    sink.GetFamily("node_time_clocksource_current_info",
                   "Current clocksource read from '/sys/devices/system/clocksource'.", MetricType::kGauge,
                   {"clocksource", "device"})
        .Add({*current, device}, 1);
  }
}

core::Status CollectTime(OpenFiles& files, const core::Clock& clock, const HostPaths& paths,
                         MetricSink& sink) {
  const core::TimestampMs now_ms = clock.NowMs();
  const std::time_t now_s = now_ms / 1'000;
  std::tm local{};
  ::localtime_r(&now_s, &local);
  sink.Gauge("node_time_seconds", "System time in seconds since epoch (1970).",
             static_cast<double>(now_ms) / 1'000.0);
  sink.GetFamily("node_time_zone_offset_seconds", "System time zone offset in seconds.", MetricType::kGauge,
                 {"time_zone"})
      .Add({local.tm_zone}, static_cast<double>(local.tm_gmtoff));
  CollectClocksources(files, paths, sink);
  return {};
}

core::Status CollectTimex(const HostPaths&, MetricSink& sink) {
  timex kernel{};
  const int state = ::adjtimex(&kernel);
  if (state < 0 && (errno == EPERM || errno == ENOSYS)) {
    return core::Fail(core::Code::kNotFound, "adjtimex is not allowed here");
  }
  if (state < 0) return core::FailErrno(errno, "adjtimex");
  AddTimex(kernel, state, sink);
  return {};
}

core::Status CollectUname(const HostPaths&, MetricSink& sink) {
  utsname names{};
  if (::uname(&names) != 0) return core::FailErrno(errno, "uname");
  AddUname(names, sink);
  return {};
}

}  // namespace

void AddTimex(const timex& kernel, int state, MetricSink& sink) {
  // The scale of frequencies: parts per million with a 16-bit fraction.
  constexpr double kPpm16Fraction = 1e6 * 65'536.0;
  constexpr double kMicroseconds = 1e6;
  const double divisor = (kernel.status & STA_NANO) != 0 ? 1e9 : kMicroseconds;
  const auto number = [](auto value) { return static_cast<double>(value); };

  sink.Gauge("node_timex_sync_status", "Is clock synchronized to a reliable server (1 = yes, 0 = no).",
             state == TIME_ERROR ? 0 : 1);
  sink.Gauge("node_timex_offset_seconds", "Time offset in between local system and reference clock.",
             number(kernel.offset) / divisor);
  sink.Gauge("node_timex_frequency_adjustment_ratio", "Local clock frequency adjustment.",
             1 + number(kernel.freq) / kPpm16Fraction);
  sink.Gauge("node_timex_maxerror_seconds", "Maximum error in seconds.",
             number(kernel.maxerror) / kMicroseconds);
  sink.Gauge("node_timex_estimated_error_seconds", "Estimated error in seconds.",
             number(kernel.esterror) / kMicroseconds);
  sink.Gauge("node_timex_status", "Value of the status array bits.", number(kernel.status));
  sink.Gauge("node_timex_loop_time_constant", "Phase-locked loop time constant.", number(kernel.constant));
  sink.Gauge("node_timex_tick_seconds", "Seconds between clock ticks.", number(kernel.tick) / kMicroseconds);
  sink.Gauge("node_timex_pps_frequency_hertz", "Pulse per second frequency.",
             number(kernel.ppsfreq) / kPpm16Fraction);
  sink.Gauge("node_timex_pps_jitter_seconds", "Pulse per second jitter.", number(kernel.jitter) / divisor);
  sink.Gauge("node_timex_pps_shift_seconds", "Pulse per second interval duration.", number(kernel.shift));
  sink.Gauge("node_timex_pps_stability_hertz",
             "Pulse per second stability, average of recent frequency changes.",
             number(kernel.stabil) / kPpm16Fraction);
  sink.Counter("node_timex_pps_jitter_total", "Pulse per second count of jitter limit exceeded events.",
               number(kernel.jitcnt));
  sink.Counter("node_timex_pps_calibration_total", "Pulse per second count of calibration intervals.",
               number(kernel.calcnt));
  sink.Counter("node_timex_pps_error_total", "Pulse per second count of calibration errors.",
               number(kernel.errcnt));
  sink.Counter("node_timex_pps_stability_exceeded_total",
               "Pulse per second count of stability limit exceeded events.", number(kernel.stbcnt));
  sink.Gauge("node_timex_tai_offset_seconds", "International Atomic Time (TAI) offset.", number(kernel.tai));
}

void AddUname(const utsname& names, MetricSink& sink) {
  sink.GetFamily("node_uname_info", "Labeled system information as provided by the uname system call.",
                 MetricType::kGauge, {"domainname", "machine", "nodename", "release", "sysname", "version"})
      .Add({names.domainname, names.machine, names.nodename, names.release, names.sysname, names.version}, 1);
}

std::unique_ptr<Collector> MakeTimeCollector(const core::Clock& clock) {
  return std::make_unique<FileCollector>(
      "time", [&clock](OpenFiles& files, const HostPaths& paths, MetricSink& sink) {
        return CollectTime(files, clock, paths, sink);
      });
}
std::unique_ptr<Collector> MakeTimexCollector() {
  return std::make_unique<StatelessCollector>("timex", CollectTimex);
}
std::unique_ptr<Collector> MakeUnameCollector() {
  return std::make_unique<StatelessCollector>("uname", CollectUname);
}

}  // namespace sextant::node
