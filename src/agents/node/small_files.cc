// Collectors of one small file each: entropy, filefd, loadavg, pressure, schedstat, sockstat, softnet,
// vmstat.
#include <unistd.h>

#include <mutex>

#include "agents/node/host_tables.h"
#include "agents/node/open_files.h"

namespace sextant::node {
namespace {

core::Result<double> ReadFloat(OpenFiles& files, const std::string& path) {
  SEXTANT_ASSIGN(const std::string text, files.Read(path));
  return ParseFloat(TrimSpace(text)).map_error(core::AddContext("{}", path));
}

core::Status CollectEntropy(OpenFiles& files, const HostPaths& paths, MetricSink& sink) {
  SEXTANT_ASSIGN(const double available, ReadFloat(files, paths.Proc("sys/kernel/random/entropy_avail")));
  SEXTANT_ASSIGN(const double pool_size, ReadFloat(files, paths.Proc("sys/kernel/random/poolsize")));
  sink.Gauge("node_entropy_available_bits", "Bits of available entropy.", available);
  sink.Gauge("node_entropy_pool_size_bits", "Bits of entropy pool.", pool_size);
  return {};
}

core::Status CollectFilefd(OpenFiles& files, const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("sys/fs/file-nr");
  SEXTANT_ASSIGN(const std::string text, files.Read(path));
  std::vector<std::string_view> fields;
  SplitFields(TrimSpace(text), fields);
  if (fields.size() < 3)
    return core::Fail(core::Code::kInvalidArgument, "{}: {} fields", path, fields.size());
  SEXTANT_ASSIGN(const double allocated, ParseFloat(fields[0]).map_error(core::AddContext("{}", path)));
  SEXTANT_ASSIGN(const double maximum, ParseFloat(fields[2]).map_error(core::AddContext("{}", path)));
  sink.Gauge("node_filefd_allocated", "File descriptor statistics: allocated.", allocated);
  sink.Gauge("node_filefd_maximum", "File descriptor statistics: maximum.", maximum);
  return {};
}

core::Status CollectLoadavg(OpenFiles& files, const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("loadavg");
  SEXTANT_ASSIGN(const std::string text, files.Read(path));
  SEXTANT_ASSIGN(const auto loads, ParseLoadAverages(text).map_error(core::AddContext("{}", path)));
  sink.Gauge("node_load1", "1m load average.", loads[0]);
  sink.Gauge("node_load5", "5m load average.", loads[1]);
  sink.Gauge("node_load15", "15m load average.", loads[2]);
  return {};
}

struct PressureLine {
  std::string_view resource;
  std::string_view kind;  // the line's first word
  std::string_view name;
  std::string_view help;
};

constexpr PressureLine kPressureLines[] = {
    {"cpu", "some", "node_pressure_cpu_waiting_seconds_total",
     "Total time in seconds that processes have waited for CPU time"},
    {"io", "some", "node_pressure_io_waiting_seconds_total",
     "Total time in seconds that processes have waited due to IO congestion"},
    {"io", "full", "node_pressure_io_stalled_seconds_total",
     "Total time in seconds no process could make progress due to IO congestion"},
    {"memory", "some", "node_pressure_memory_waiting_seconds_total",
     "Total time in seconds that processes have waited for memory"},
    {"memory", "full", "node_pressure_memory_stalled_seconds_total",
     "Total time in seconds no process could make progress due to memory congestion"},
    {"irq", "full", "node_pressure_irq_stalled_seconds_total",
     "Total time in seconds no process could make progress due to IRQ congestion"},
};

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=14036781"; the total is in microseconds.
core::Status CollectPressureLine(std::string_view resource, std::string_view line, MetricSink& sink) {
  const std::string_view kind = NextField(line);
  for (const PressureLine& known : kPressureLines) {
    if (known.resource != resource || known.kind != kind) continue;
    std::string_view total;
    for (std::string_view field = NextField(line); !field.empty(); field = NextField(line)) {
      if (field.starts_with("total=")) total = field.substr(6);
    }
    SEXTANT_ASSIGN(const double microseconds, ParseFloat(total));
    sink.Counter(known.name, known.help, microseconds / 1'000.0 / 1'000.0);
  }
  return {};
}

core::Status CollectPressure(OpenFiles& files, const HostPaths& paths, MetricSink& sink) {
  for (const std::string_view resource : {"cpu", "io", "memory", "irq"}) {
    const std::string path = paths.Proc("pressure/" + std::string(resource));
    const auto text = files.Read(path);
    if (!text && resource == "irq") continue;  // since Linux 6.1, and only with interrupt time accounting
    if (!text) {
      // A kernel with PSI switched off has the files and answers EOPNOTSUPP.
      return core::Fail(core::Code::kNotFound,
                        "no pressure information (Linux 4.20 with CONFIG_PSI, not psi=0): {}",
                        text.error().message());
    }
    std::string_view rest = *text;
    std::string_view line;
    while (NextLine(rest, line)) {
      SEXTANT_TRY(CollectPressureLine(resource, line, sink).map_error(core::AddContext("{}", path)));
    }
  }
  return {};
}

core::Status CollectSchedstat(OpenFiles& files, const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("schedstat");
  SEXTANT_ASSIGN(const std::string text, files.Read(path));
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  while (NextLine(rest, line)) {
    if (!line.starts_with("cpu")) continue;
    SplitFields(line, fields);
    if (fields.size() < 10)
      return core::Fail(core::Code::kInvalidArgument, "{}: a line with {} fields", path, fields.size());
    const std::string_view cpu = fields[0].substr(3);
    double values[3] = {};
    for (size_t i = 0; i < 3; ++i) {
      SEXTANT_ASSIGN(values[i], ParseFloat(fields[7 + i]).map_error(core::AddContext("{}", path)));
    }
    sink.GetFamily("node_schedstat_running_seconds_total", "Number of seconds CPU spent running a process.",
                   MetricType::kCounter, {"cpu"})
        .Add({cpu}, values[0] / 1e9);
    sink.GetFamily("node_schedstat_waiting_seconds_total",
                   "Number of seconds spent by processing waiting for this CPU.", MetricType::kCounter,
                   {"cpu"})
        .Add({cpu}, values[1] / 1e9);
    sink.GetFamily("node_schedstat_timeslices_total", "Number of timeslices executed by CPU.",
                   MetricType::kCounter, {"cpu"})
        .Add({cpu}, values[2]);
  }
  return {};
}

// "TCP: inuse 4 orphan 0 tw 4 alloc 17 mem 1": pairs of name and value per protocol, in /proc/net/sockstat
// and sockstat6. Metrics' names are made once for each pair.
class SockstatCollector final : public Collector {
 public:
  std::string_view name() const override { return "sockstat"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    SEXTANT_TRY(CollectFile(paths.Proc("net/sockstat"), v4_, sink));
    const auto status = CollectFile(paths.Proc("net/sockstat6"), v6_, sink);
    if (!status && status.error().code() == core::Code::kNotFound) return {};  // IPv6 is switched off
    return status;
  }

 private:
  struct Pair {
    std::string protocol;
    std::string key;
    std::string metric;
    std::string help;
  };

  core::Status CollectFile(const std::string& path, std::vector<Pair>& pairs, MetricSink& sink) {
    SEXTANT_ASSIGN(const std::string text, files_.Read(path));
    static const double page_bytes = static_cast<double>(::sysconf(_SC_PAGESIZE));
    const std::lock_guard lock(mutex_);
    std::string_view rest = text;
    std::string_view line;
    size_t i = 0;
    while (NextLine(rest, line)) {
      std::string_view protocol = NextField(line);
      if (protocol.empty()) continue;
      if (!protocol.ends_with(':'))
        return core::Fail(core::Code::kInvalidArgument, "{}: no protocol in {}", path, protocol);
      protocol.remove_suffix(1);
      for (std::string_view key = NextField(line); !key.empty(); key = NextField(line)) {
        SEXTANT_ASSIGN(const double value,
                       ParseFloat(NextField(line)).map_error(core::AddContext("{}: {}", path, protocol)));
        const Pair& pair = KnownPair(pairs, i++, protocol, key);
        sink.Gauge(pair.metric, pair.help, value);
        if (key != "mem" || protocol == "sockets") continue;
        const Pair& bytes = KnownPair(pairs, i++, protocol, "mem_bytes");
        sink.Gauge(bytes.metric, bytes.help, value * page_bytes);
      }
    }
    return {};
  }

  // Pairs keep their places from one reading to the next.
  static const Pair& KnownPair(std::vector<Pair>& pairs, size_t i, std::string_view protocol,
                               std::string_view key) {
    if (i >= pairs.size()) pairs.resize(i + 1);
    Pair& pair = pairs[i];
    if (pair.key == key && pair.protocol == protocol) return pair;
    pair = {std::string(protocol), std::string(key), fmt::format("node_sockstat_{}_{}", protocol, key),
            protocol == "sockets" ? "Number of IPv4 sockets in use."
                                  : fmt::format("Number of {} sockets in state {}.", protocol, key)};
    return pair;
  }

  OpenFiles files_;
  std::mutex mutex_;
  std::vector<Pair> v4_;  // guarded by mutex_
  std::vector<Pair> v6_;  // guarded by mutex_
};

struct SoftnetColumn {
  size_t index;
  std::string_view name;
  std::string_view help;
  MetricType type;
};

constexpr SoftnetColumn kSoftnetColumns[] = {
    {0, "node_softnet_processed_total", "Number of processed packets", MetricType::kCounter},
    {1, "node_softnet_dropped_total", "Number of dropped packets", MetricType::kCounter},
    {2, "node_softnet_times_squeezed_total", "Number of times processing packets ran out of quota",
     MetricType::kCounter},
    {8, "node_softnet_cpu_collision_total",
     "Number of collision occur while obtaining device lock while transmitting", MetricType::kCounter},
    {9, "node_softnet_received_rps_total", "Number of times cpu woken up received_rps", MetricType::kCounter},
    {10, "node_softnet_flow_limit_count_total", "Number of times flow limit has been reached",
     MetricType::kCounter},
    {11, "node_softnet_backlog_len", "Softnet backlog status", MetricType::kGauge},
};
constexpr size_t kSoftnetCpuColumn = 12;  // since Linux 5.10; before, the line number has to do

core::Status CollectSoftnet(OpenFiles& files, const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("net/softnet_stat");
  SEXTANT_ASSIGN(const std::string text, files.Read(path));
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  for (uint64_t line_index = 0; NextLine(rest, line); ++line_index) {
    SplitFields(line, fields);
    if (fields.size() < 9)
      return core::Fail(core::Code::kInvalidArgument, "{}: a line with {} fields", path, fields.size());
    uint64_t cpu_number = line_index;
    if (fields.size() > kSoftnetCpuColumn) {
      SEXTANT_ASSIGN(cpu_number,
                     ParseUnsigned(fields[kSoftnetCpuColumn], 16).map_error(core::AddContext("{}", path)));
    }
    const std::string cpu = std::to_string(cpu_number);
    for (const SoftnetColumn& column : kSoftnetColumns) {
      uint64_t value = 0;  // of columns that this kernel does not have
      if (column.index < fields.size()) {
        SEXTANT_ASSIGN(value,
                       ParseUnsigned(fields[column.index], 16).map_error(core::AddContext("{}", path)));
      }
      sink.GetFamily(column.name, column.help, column.type, {"cpu"}).Add({cpu}, static_cast<double>(value));
    }
  }
  return {};
}

// /proc/vmstat: "key value" lines. Which are wanted, and as which metrics, is found out once for each key.
class VmstatCollector final : public Collector {
 public:
  explicit VmstatCollector(const NodeOptions& options) : fields_(options.vmstat_fields) {}

  std::string_view name() const override { return "vmstat"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    const std::string path = paths.Proc("vmstat");
    SEXTANT_ASSIGN(const std::string text, files_.Read(path));
    const std::lock_guard lock(mutex_);
    std::string_view rest = text;
    std::string_view line;
    for (size_t i = 0; NextLine(rest, line); ++i) {
      const std::string_view key = NextField(line);
      const Line& known = KnownLine(i, key);
      if (known.metric.empty()) continue;
      SEXTANT_ASSIGN(const double value,
                     ParseFloat(NextField(line)).map_error(core::AddContext("{}: {}", path, key)));
      sink.GetFamily(known.metric, known.help, MetricType::kUntyped).Add(value);
    }
    return {};
  }

 private:
  struct Line {
    std::string key;
    std::string metric;  // empty: not wanted
    std::string help;
  };

  // Lines keep their places from one reading to the next.
  const Line& KnownLine(size_t i, std::string_view key) {
    if (i >= lines_.size()) lines_.resize(i + 1);
    Line& line = lines_[i];
    if (line.key == key) return line;
    line = {std::string(key), "", ""};
    if (!key.empty() && fields_.Matches(key)) {
      line.metric = fmt::format("node_vmstat_{}", key);
      line.help = fmt::format("/proc/vmstat information field {}.", key);
    }
    return line;
  }

  const Pattern fields_;
  OpenFiles files_;
  std::mutex mutex_;
  std::vector<Line> lines_;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<Collector> MakeEntropyCollector() {
  return std::make_unique<FileCollector>("entropy", CollectEntropy);
}
std::unique_ptr<Collector> MakeFilefdCollector() {
  return std::make_unique<FileCollector>("filefd", CollectFilefd);
}
std::unique_ptr<Collector> MakeLoadavgCollector() {
  return std::make_unique<FileCollector>("loadavg", CollectLoadavg);
}
std::unique_ptr<Collector> MakePressureCollector() {
  return std::make_unique<FileCollector>("pressure", CollectPressure);
}
std::unique_ptr<Collector> MakeSchedstatCollector() {
  return std::make_unique<FileCollector>("schedstat", CollectSchedstat);
}
std::unique_ptr<Collector> MakeSockstatCollector() { return std::make_unique<SockstatCollector>(); }
std::unique_ptr<Collector> MakeSoftnetCollector() {
  return std::make_unique<FileCollector>("softnet", CollectSoftnet);
}
std::unique_ptr<Collector> MakeVmstatCollector(const NodeOptions& options) {
  return std::make_unique<VmstatCollector>(options);
}

}  // namespace sextant::node
