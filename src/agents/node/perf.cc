// node_perf_*: performance events of each CPU, over all processes, counted by the kernel from the first
// collection on. Which a machine can count depends on its processor and on kernel.perf_event_paranoid; those
// that it cannot are left out.
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <optional>

#include "agents/node/collectors.h"
#include "agents/node/perf_events.h"

namespace sextant::node {
namespace {

// An event that is counted on one CPU.
class Counter {
 public:
  static core::Result<Counter> Open(uint32_t type, uint64_t config, int cpu) {
    perf_event_attr attributes{};
    attributes.size = sizeof attributes;
    attributes.type = type;
    attributes.config = config;
    attributes.exclude_hv = 1;
    constexpr int kAllProcesses = -1;
    constexpr int kNoGroup = -1;
    const long fd = ::syscall(SYS_perf_event_open, &attributes, kAllProcesses, cpu, kNoGroup,
                              static_cast<unsigned long>(PERF_FLAG_FD_CLOEXEC));
    if (fd < 0) return core::FailErrno(errno, "opening a performance event");
    return Counter(static_cast<int>(fd));
  }
  ~Counter() {
    if (fd_ >= 0) ::close(fd_);
  }
  Counter(Counter&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Counter& operator=(Counter&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  core::Result<uint64_t> Read() const {
    uint64_t value = 0;
    if (::read(fd_, &value, sizeof value) != sizeof value)
      return core::FailErrno(errno, "reading a performance event");
    return value;
  }

 private:
  explicit Counter(int fd) : fd_(fd) {}

  int fd_;
};

struct Counted {
  std::string metric;
  std::string help;
  std::string cpu;
  Counter counter;
};

class PerfCollector final : public Collector {
 public:
  explicit PerfCollector(const NodeOptions& options) : options_(options.perf), paths_(options.paths) {}

  std::string_view name() const override { return "perf"; }

  core::Status Collect(const HostPaths&, MetricSink& sink) override {
    SEXTANT_ASSIGN(const std::shared_ptr<const std::vector<Counted>> all, OpenOnce());
    for (const Counted& counted : *all) {
      const auto value = counted.counter.Read();
      if (!value) continue;  // its CPU has gone
      sink.GetFamily(counted.metric, counted.help, MetricType::kCounter, {"cpu"})
          .Add({counted.cpu}, static_cast<double>(*value));
    }
    return {};
  }

 private:
  core::Result<std::shared_ptr<const std::vector<Counted>>> OpenOnce() {
    {
      const std::lock_guard lock(mutex_);
      if (counted_) return counted_;
    }
    SEXTANT_ASSIGN(std::vector<Counted> opened, Open());
    const std::lock_guard lock(mutex_);
    if (!counted_) counted_ = std::make_shared<const std::vector<Counted>>(std::move(opened));
    return counted_;
  }

  core::Result<std::vector<Counted>> Open() const {
    std::vector<int> cpus = options_.cpus;
    for (long cpu = 0; options_.cpus.empty() && cpu < ::sysconf(_SC_NPROCESSORS_CONF); ++cpu) {
      cpus.push_back(static_cast<int>(cpu));
    }
    std::vector<Counted> counted;
    std::optional<core::Error> why;
    const auto open = [&](uint32_t type, uint64_t config, std::string metric, std::string help, int cpu) {
      auto counter = Counter::Open(type, config, cpu);
      if (!counter) {
        why = std::move(counter).error();
        return;
      }
      counted.push_back({std::move(metric), std::move(help), std::to_string(cpu), *std::move(counter)});
    };
    for (const std::string& tracepoint : options_.tracepoints) {
      SEXTANT_ASSIGN(const uint64_t id, TracepointId(tracepoint));
      std::string metric = "node_perf_" + tracepoint;
      std::ranges::replace(metric, ':', '_');
      for (const int cpu : cpus) {
        open(PERF_TYPE_TRACEPOINT, id, metric, "Hits of the tracepoint " + tracepoint + ".", cpu);
      }
    }
    for (const PerfEvent& event : PerfEvents()) {
      if (!options_.Wants(event.group, event.name)) continue;
      for (const int cpu : cpus) {
        open(event.type, event.config, "node_perf_" + std::string(event.metric),
             "The performance event " + std::string(event.name) + ".", cpu);
      }
    }
    if (counted.empty() && why) return tl::unexpected(*std::move(why));
    return counted;
  }

  // By the number that the kernel gives it in tracefs, which is at one of two places.
  core::Result<uint64_t> TracepointId(std::string tracepoint) const {
    std::ranges::replace(tracepoint, ':', '/');
    for (const char* folder : {"kernel/tracing", "kernel/debug/tracing"}) {
      const auto id = ReadNumber(paths_.Sys(folder) + "/events/" + tracepoint + "/id");
      if (id && *id >= 0) return static_cast<uint64_t>(*id);
    }
    return core::Fail(core::Code::kNotFound,
                      "tracepoint {}: the kernel does not have it, or tracefs is not mounted", tracepoint);
  }

  const PerfOptions options_;
  const HostPaths paths_;
  std::mutex mutex_;
  std::shared_ptr<const std::vector<Counted>> counted_;  // guarded by mutex_; null: not yet opened
};

}  // namespace

bool PerfOptions::Wants(PerfGroup group, std::string_view event) const {
  const auto& [is_on, only] = groups[static_cast<size_t>(group)];
  return is_on && (only.empty() || only.contains(event));
}

std::unique_ptr<Collector> MakePerfCollector(const NodeOptions& options) {
  return std::make_unique<PerfCollector>(options);
}

}  // namespace sextant::node
