#include "agents/node/usage/recent_host.h"

#include <algorithm>
#include <array>

namespace sextant::node {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kProcessCostDivisor = 800;
constexpr int64_t kLongestLookPauseNs = 15 * kSecondNs;
constexpr double kSectorBytes = 512;  // the unit of /proc/diskstats, whatever the device's own

constexpr auto kCpuModes =
    std::to_array<std::string_view>({"user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"});

// The number after a name in the manner of /proc/meminfo, in bytes.
double MeminfoBytes(std::string_view rest) {
  const auto kib = ParseFloat(NextField(rest));
  return kib ? *kib * 1024 : 0;
}

}  // namespace

RecentHost::RecentHost(const NodeOptions& options, const core::Clock& clock, ProcessUsage& processes)
    : paths_(options.paths),
      disk_filter_(options.diskstats_devices),
      network_filter_(options.netdev_devices),
      clock_(clock),
      process_usage_(processes) {}

void RecentHost::Sample() {
  const int64_t now_ns = clock_.MonotonicNs();
  const bool is_first = sampled_ns_ == 0;
  seconds_ = static_cast<double>(now_ns - sampled_ns_) / static_cast<double>(kSecondNs);
  if (!is_first && seconds_ <= 0) return;
  sampled_ns_ = now_ns;
  samples_.clear();
  now_.clear();
  SampleCpu();
  SampleMemory();
  SampleLoad();
  for (const char* resource : {"cpu", "io", "memory"}) SamplePressure(resource);
  SampleDisks();
  SampleNetwork();
  SampleProcesses();
  before_.swap(now_);
  if (!is_first) ring_.Add(clock_.NowMs(), samples_, processes_);
}

void RecentHost::Gauge(std::string_view metric, std::string_view label, std::string_view value,
                       double amount) {
  samples_.push_back(
      {{std::string(metric), std::string(label), std::string(value)}, static_cast<float>(amount)});
}

void RecentHost::Rate(std::string_view metric, std::string_view label, std::string_view value, double counter,
                      double scale) {
  RecentName name{std::string(metric), std::string(label), std::string(value)};
  const auto before = before_.find(name);
  if (before != before_.end() && counter >= before->second) {
    samples_.push_back({name, static_cast<float>((counter - before->second) * scale / seconds_)});
  }
  now_.emplace(std::move(name), counter);
}

// "cpu  10 2 3 …", the first line of /proc/stat, is of all CPUs together.
void RecentHost::SampleCpu() {
  const auto text = files_.Read(paths_.Proc("stat"));
  if (!text) return;
  std::string_view rest = *text;
  std::string_view line;
  if (!NextLine(rest, line) || NextField(line) != "cpu") return;
  std::vector<double> ticks;
  double total = 0;
  for (size_t i = 0; i < kCpuModes.size(); ++i) {
    ticks.push_back(ParseFloat(NextField(line)).value_or(0));
    const double before = i < cpu_before_.size() ? cpu_before_[i] : 0;
    total += std::max(0.0, ticks[i] - before);
  }
  if (!cpu_before_.empty() && total > 0) {
    for (size_t i = 0; i < kCpuModes.size(); ++i) {
      Gauge("cpu", "mode", kCpuModes[i], std::max(0.0, ticks[i] - cpu_before_[i]) / total);
    }
  }
  cpu_before_ = std::move(ticks);
}

void RecentHost::SampleMemory() {
  const auto text = files_.Read(paths_.Proc("meminfo"));
  if (!text) return;
  constexpr std::pair<std::string_view, std::string_view> kKinds[] = {
      {"MemTotal:", "total"}, {"MemAvailable:", "available"}, {"MemFree:", "free"}, {"Cached:", "cached"}};
  std::string_view rest = *text;
  std::string_view line;
  double swap_total = 0;
  double swap_free = 0;
  while (NextLine(rest, line)) {
    const std::string_view name = NextField(line);
    for (const auto& [field, kind] : kKinds) {
      if (name == field) Gauge("memory_bytes", "kind", kind, MeminfoBytes(line));
    }
    if (name == "SwapTotal:") swap_total = MeminfoBytes(line);
    if (name == "SwapFree:") swap_free = MeminfoBytes(line);
  }
  Gauge("memory_bytes", "kind", "swap_used", swap_total - swap_free);
}

void RecentHost::SampleLoad() {
  const auto text = files_.Read(paths_.Proc("loadavg"));
  if (!text) return;
  std::string_view rest = *text;
  for (const char* window : {"1m", "5m", "15m"}) {
    if (const auto load = ParseFloat(NextField(rest))) Gauge("load", "window", window, *load);
  }
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=123456", in microseconds; then "full".
void RecentHost::SamplePressure(const std::string& resource) {
  const auto text = files_.Read(paths_.Proc("pressure/" + resource));
  if (!text) return;
  std::string_view rest = *text;
  std::string_view line;
  while (NextLine(rest, line)) {
    const std::string kind(NextField(line));
    if (kind != "some" && (kind != "full" || resource == "cpu"))
      continue;  // the whole machine never waits for CPU
    const size_t at = line.find("total=");
    if (at == std::string_view::npos) continue;
    if (const auto us = ParseFloat(line.substr(at + 6)))
      Rate("pressure", "resource", resource + "_" + kind, *us, 1e-6);
  }
}

void RecentHost::SampleDisks() {
  const auto text = files_.Read(paths_.Proc("diskstats"));
  if (!text) return;
  std::string_view rest = *text;
  std::string_view line;
  std::vector<std::string_view> fields;
  size_t devices = 0;
  while (NextLine(rest, line) && devices < kRecentDevices) {
    SplitFields(line, fields);
    if (fields.size() < 13) continue;
    auto known = is_disk_.find(fields[2]);
    if (known == is_disk_.end()) {
      if (is_disk_.size() >= 1'000) is_disk_.clear();
      known = is_disk_.emplace(std::string(fields[2]), !disk_filter_.IsIgnored(fields[2])).first;
    }
    if (!known->second) continue;
    const auto read = ParseFloat(fields[5]);
    const auto written = ParseFloat(fields[9]);
    const auto busy_ms = ParseFloat(fields[12]);
    if (!read || !written || !busy_ms) continue;
    ++devices;
    Rate("disk_read_bytes", "device", fields[2], *read, kSectorBytes);
    Rate("disk_written_bytes", "device", fields[2], *written, kSectorBytes);
    Rate("disk_busy", "device", fields[2], *busy_ms, 1e-3);
  }
}

void RecentHost::SampleNetwork() {
  const auto text = files_.Read(paths_.Proc("net/dev"));
  if (!text) return;
  std::string_view rest = *text;
  std::string_view line;
  std::vector<std::string_view> fields;
  size_t devices = 0;
  while (NextLine(rest, line) && devices < kRecentDevices) {
    const size_t colon = line.rfind(':');
    if (colon == std::string_view::npos) continue;  // headlines
    const std::string_view device = TrimSpace(line.substr(0, colon));
    // A container's end of a pair would be counted twice.
    if (device == "lo" || device.starts_with("veth") || network_filter_.IsIgnored(device)) continue;
    SplitFields(line.substr(colon + 1), fields);
    if (fields.size() < 16) continue;
    const auto received = ParseFloat(fields[0]);
    const auto sent = ParseFloat(fields[8]);
    if (!received || !sent) continue;
    ++devices;
    Rate("network_received_bytes", "device", device, *received, 1);
    Rate("network_sent_bytes", "device", device, *sent, 1);
  }
}

void RecentHost::SampleProcesses() {
  const int64_t begin_ns = clock_.MonotonicNs();
  if (begin_ns < next_look_ns_) return;
  const bool has_looked = process_usage_.Look(/*with_io=*/false).has_value();
  const int64_t end_ns = clock_.MonotonicNs();
  const int64_t pause_ns = std::min((end_ns - begin_ns) * kProcessCostDivisor, kLongestLookPauseNs);
  // A little early, so that a rhythm of a second stays one.
  next_look_ns_ = begin_ns + std::max(pause_ns, kSecondNs) - kSecondNs / 10;
  processes_ = {};
  if (!has_looked) return;
  size_t i = 0;
  process_usage_.GreatestByCpu(kRecentProcesses, [&](const ProcessUsage::Share& share) {
    processes_[i].SetName(share.name);
    processes_[i++].cpu_cores = static_cast<float>(share.cpu_cores);
  });
}

}  // namespace sextant::node
