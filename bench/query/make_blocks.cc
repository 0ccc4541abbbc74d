// Data for the benchmark of queries, the same for all servers: blocks of Prometheus' form and of Sextant's
// own, and lines for victoria-metrics' /api/v1/import. What it makes depends on its arguments alone.
//
//   make_blocks DIR END_S SCALE
//
// writes DIR/prometheus (blocks), DIR/sextant/blocks (the same, dense) and DIR/import.jsonl (without native
// histograms, which the importer does not know). Samples end before END_S, a multiple of two hours, and reach
// back 7 days. SCALE is the size of the load in percent; the README names what 100 means.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/file.h"
#include "metrics/promfiles/ulid.h"
#include "metrics/tsdb/block_files.h"
#include "metrics/tsdb/dense_block.h"
#include "metrics/tsdb/prometheus_block.h"
#include "model/labels.h"

namespace {

using namespace sextant;
using core::DurationMs;
using core::TimestampMs;

constexpr DurationMs kHour = 3'600'000;
constexpr DurationMs kDay = 24 * kHour;

void Check(const core::Status& status) {
  if (status) return;
  fmt::print(stderr, "make_blocks: {}\n", status.error().message());
  std::exit(1);
}

template <typename T>
T Take(core::Result<T> result) {
  if (!result) Check(tl::unexpected(result.error()));
  return std::move(*result);
}

uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// A number below `limit` that belongs to a sample of a series.
uint64_t Draw(uint64_t seed, uint64_t sample, uint64_t limit) { return Mix(seed ^ Mix(sample)) % limit; }

enum class Shape {
  kConstant,         // `amount`
  kSeconds,          // a counter of seconds, growing by up to `amount` hundredths
  kBytes,            // a counter of bytes, growing by up to `amount`; every tenth time not at all
  kGauge,            // a random walk in steps of 4096 below `amount` pages
  kLoad,             // two decimals
  kBucket,           // `amount` of the classic buckets of the histogram that `seed` names
  kNativeHistogram,  // exponential buckets
};

struct Series {
  model::Labels labels;
  Shape shape = Shape::kConstant;
  uint64_t seed = 0;
  double amount = 0;
  TimestampMs first_ms = 0;
  DurationMs step_ms = 0;
  bool restarts = false;  // the counter begins anew after two thirds
};

constexpr int kNativeBuckets = 24;

class Values {
 public:
  explicit Values(const Series& series) : series_(series) {}

  void Append(uint64_t i, TimestampMs time_ms, model::SampleColumns& out) {
    if (series_.shape == Shape::kNativeHistogram) {
      out.AddHistogram(time_ms, Histogram(i));
    } else {
      out.Add(time_ms, Float(i));
    }
  }

 private:
  double Float(uint64_t i) {
    const auto amount = static_cast<uint64_t>(series_.amount);
    if (series_.restarts && i == 1280) value_ = 0;
    switch (series_.shape) {
      case Shape::kConstant:
        return series_.amount;
      case Shape::kSeconds:
        value_ += static_cast<double>(Draw(series_.seed, i, amount + 1));
        return value_ / 100;
      case Shape::kBytes:
        if (Draw(series_.seed, i * 2 + 1, 10) != 0)
          value_ += static_cast<double>(Draw(series_.seed, i * 2, amount + 1));
        return value_;
      case Shape::kGauge:
        if (i == 0) value_ = static_cast<double>(amount / 2);
        value_ =
            std::clamp(value_ + static_cast<double>(Draw(series_.seed, i, 65)) - 32, 1.0, series_.amount);
        return value_ * 4096;
      case Shape::kLoad:
        return static_cast<double>(Draw(series_.seed, i, amount * 100)) / 100;
      default:
        break;
    }
    for (uint64_t bucket = 0; bucket < amount; ++bucket)
      value_ += static_cast<double>(BucketIncrease(i, bucket));
    return value_;
  }

  // The middle buckets are hit most.
  uint64_t BucketIncrease(uint64_t i, uint64_t bucket) const {
    uint64_t distance = bucket > 5 ? bucket - 5 : 5 - bucket;
    return Draw(series_.seed * 31 + bucket, i, 1 + (uint64_t{64} >> distance));
  }

  std::shared_ptr<const model::FloatHistogram> Histogram(uint64_t i) {
    if (!histogram_) {
      histogram_ = std::make_unique<model::FloatHistogram>();
      histogram_->is_integer = true;
      histogram_->schema = 3;
      histogram_->zero_threshold = 0x1p-128;
      histogram_->positive_spans = {{-30, kNativeBuckets / 2}, {2, kNativeBuckets / 2}};
      histogram_->positive_buckets.resize(kNativeBuckets);
    }
    for (uint64_t bucket = 0; bucket < kNativeBuckets; ++bucket) {
      uint64_t increase = Draw(series_.seed * 37 + bucket, i, 4);
      histogram_->positive_buckets[bucket] += static_cast<double>(increase);
      histogram_->count += static_cast<double>(increase);
      histogram_->sum += static_cast<double>(increase) * std::exp2(static_cast<double>(bucket) / 8 - 4);
    }
    return std::make_shared<model::FloatHistogram>(*histogram_);
  }

  const Series& series_;
  double value_ = 0;
  std::unique_ptr<model::FloatHistogram> histogram_;
};

// All series of the load.
class Load {
 public:
  Load(TimestampMs end_ms, uint64_t percent) : end_ms_(end_ms), percent_(percent) {}

  std::vector<Series> Make() {
    AddNodes();
    AddPods();
    AddRequests();
    AddHistograms();
    AddDevices();
    std::sort(series_.begin(), series_.end(),
              [](const Series& a, const Series& b) { return a.labels < b.labels; });
    return std::move(series_);
  }

 private:
  using Label = std::pair<std::string, std::string>;

  uint64_t Scaled(uint64_t count) const { return std::max<uint64_t>(1, count * percent_ / 100); }

  // What is added from now on: labels that all have, how far back they reach, and how often there is a
  // sample.
  void Begin(std::vector<Label> common, DurationMs reach_ms, DurationMs step_ms) {
    common_ = std::move(common);
    reach_ms_ = reach_ms;
    step_ms_ = step_ms;
  }

  Series& Add(std::string_view name, const std::vector<Label>& labels, Shape shape, double amount) {
    model::LabelsBuilder builder;
    builder.Set(model::kMetricName, name);
    for (const Label& label : common_) builder.Set(label.first, label.second);
    for (const Label& label : labels) builder.Set(label.first, label.second);
    Series series;
    series.labels = builder.Build();
    series.shape = shape;
    series.amount = amount;
    series.seed = series.labels.Hash();
    series.step_ms = step_ms_;
    // Every target has its own moment within the interval.
    std::string_view target = series.labels.Get("instance");
    uint64_t hash = 0;
    for (char c : target) hash = Mix(hash + static_cast<uint8_t>(c));
    series.first_ms = end_ms_ - reach_ms_ + static_cast<DurationMs>(hash % static_cast<uint64_t>(step_ms_));
    series_.push_back(std::move(series));
    return series_.back();
  }

  // node_exporters; one in ten has the whole week.
  void AddNodes() {
    for (uint64_t node = 0; node < Scaled(50); ++node) {
      std::string instance = fmt::format("10.0.0.{}:9100", node);
      Begin({{"job", "node-exporter"}, {"cluster", "prod"}, {"instance", instance}},
            node % 10 == 0 ? 7 * kDay : 8 * kHour, 15'000);
      for (int cpu = 0; cpu < 8; ++cpu) {
        for (const char* mode : {"idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"}) {
          Add("node_cpu_seconds_total", {{"cpu", std::to_string(cpu)}, {"mode", mode}}, Shape::kSeconds,
              mode == std::string_view("idle") ? 1500 : 300);
        }
      }
      for (const char* device : {"eth0", "eth1", "lo", "veth01a2", "veth33b7", "lxc9f00"}) {
        Add("node_network_receive_bytes_total", {{"device", device}}, Shape::kBytes, 1e7);
        Add("node_network_transmit_bytes_total", {{"device", device}}, Shape::kBytes, 1e7);
      }
      for (const char* device : {"nvme0n1", "nvme1n1", "sda", "loop0"}) {
        Add("node_disk_read_bytes_total", {{"device", device}}, Shape::kBytes, 1e8);
        Add("node_disk_written_bytes_total", {{"device", device}}, Shape::kBytes, 1e8);
        Add("node_disk_io_time_seconds_total", {{"device", device}}, Shape::kSeconds, 700);
      }
      for (const char* mount : {"/", "/boot", "/var", "/home", "/tmp", "/data", "/srv", "/opt"}) {
        std::vector<Label> labels = {{"mountpoint", mount}, {"fstype", "ext4"}, {"device", "/dev/nvme0n1p1"}};
        Add("node_filesystem_size_bytes", labels, Shape::kConstant, 5e11);
        Add("node_filesystem_avail_bytes", labels, Shape::kGauge, 1e8);
      }
      Add("node_memory_MemTotal_bytes", {}, Shape::kConstant, 68719476736);
      for (const char* part : {"MemFree", "MemAvailable", "Buffers", "Cached"}) {
        Add(fmt::format("node_memory_{}_bytes", part), {}, Shape::kGauge, 4e6);
      }
      for (const char* load : {"node_load1", "node_load5", "node_load15"}) Add(load, {}, Shape::kLoad, 8);
      Add("node_uname_info", {{"nodename", fmt::format("node-{}", node)}, {"release", "6.1.0"}},
          Shape::kConstant, 1);
    }
  }

  // cAdvisor and kube-state-metrics.
  void AddPods() {
    for (uint64_t pod = 0; pod < Scaled(1000); ++pod) {
      uint64_t app = pod / 4;
      std::string name = fmt::format("app-{}-{:08x}-{:05x}", app, Mix(app) & UINT32_MAX, Mix(pod) & 0xfffff);
      std::string space = fmt::format("team-{:02}", app % 25);
      std::string node = fmt::format("node-{}", pod % 50);
      Begin({{"job", "kubelet"},
             {"metrics_path", "/metrics/cadvisor"},
             {"cluster", "prod"},
             {"instance", node},
             {"namespace", space},
             {"pod", name}},
            8 * kHour, 15'000);
      Add("container_network_receive_bytes_total", {{"interface", "eth0"}}, Shape::kBytes, 1e6);
      Add("container_network_transmit_bytes_total", {{"interface", "eth0"}}, Shape::kBytes, 1e6);
      for (const char* container : {"main", "proxy"}) {
        std::vector<Label> labels = {{"container", container},
                                     {"image", fmt::format("registry.local/{}/{}:1.2", space, container)},
                                     {"id", fmt::format("/kubepods/pod{:016x}/{}", Mix(pod), container)}};
        Add("container_cpu_usage_seconds_total", labels, Shape::kSeconds, 800).restarts = pod % 20 == 0;
        Add("container_cpu_cfs_throttled_seconds_total", labels, Shape::kSeconds, 20);
        Add("container_memory_working_set_bytes", labels, Shape::kGauge, 1e5);
        Add("container_memory_rss", labels, Shape::kGauge, 1e5);
        labels.push_back({"device", "/dev/nvme0n1"});
        Add("container_fs_reads_bytes_total", labels, Shape::kBytes, 1e5);
        Add("container_fs_writes_bytes_total", labels, Shape::kBytes, 1e5);
      }
      Begin({{"job", "kube-state-metrics"},
             {"cluster", "prod"},
             {"instance", "10.1.0.1:8080"},
             {"namespace", space},
             {"pod", name}},
            8 * kHour, 30'000);
      Add("kube_pod_info", {{"node", node}, {"uid", fmt::format("{:016x}", Mix(pod))}}, Shape::kConstant, 1);
      Add("kube_pod_owner", {{"owner_kind", "ReplicaSet"}, {"owner_name", fmt::format("app-{}", app)}},
          Shape::kConstant, 1);
      for (const char* phase : {"Pending", "Running", "Succeeded", "Failed", "Unknown"}) {
        bool holds = phase == std::string_view(pod % 40 == 0 ? "Pending" : "Running");
        Add("kube_pod_status_phase", {{"phase", phase}}, Shape::kConstant, holds ? 1 : 0);
      }
      for (const char* container : {"main", "proxy"}) {
        for (const char* kind : {"requests", "limits"}) {
          std::string metric = fmt::format("kube_pod_container_resource_{}", kind);
          Add(metric, {{"container", container}, {"resource", "cpu"}, {"unit", "core"}}, Shape::kConstant,
              0.5);
          Add(metric, {{"container", container}, {"resource", "memory"}, {"unit", "byte"}}, Shape::kConstant,
              268435456);
        }
        Add("kube_pod_container_status_restarts_total", {{"container", container}}, Shape::kConstant,
            static_cast<double>(pod % 3));
      }
    }
  }

  // Many series of one metric, for an hour.
  void AddRequests() {
    for (uint64_t instance = 0; instance < Scaled(300); ++instance) {
      Begin({{"job", "api"}, {"instance", fmt::format("api-{:03}.prod:8080", instance)}}, kHour, 60'000);
      for (int path = 0; path < 100; ++path) {
        for (int code = 0; code < 10; ++code) {
          Add("http_requests_total",
              {{"path", fmt::format("/api/v1/resource-{}/items", path)},
               {"code", std::to_string(200 + code * 30)},
               {"method", path % 3 == 0 ? "POST" : "GET"}},
              Shape::kBytes, 500);
        }
      }
    }
  }

  void AddHistograms() {
    constexpr const char* kBounds[] = {"0.005", "0.01", "0.025", "0.05", "0.1", "0.25",
                                       "0.5",   "1",    "2.5",   "5",    "10",  "+Inf"};
    for (uint64_t instance = 0; instance < Scaled(20); ++instance) {
      Begin({{"job", "web"}, {"instance", fmt::format("web-{:02}.prod:8080", instance)}}, 8 * kHour, 15'000);
      for (int handler = 0; handler < 20; ++handler) {
        std::string text = fmt::format("/handler-{}", handler);
        for (size_t i = 0; i < std::size(kBounds); ++i) {
          Add("request_duration_seconds_bucket", {{"handler", text}, {"le", kBounds[i]}}, Shape::kBucket,
              static_cast<double>(i + 1))
              .seed = instance * 100 + static_cast<uint64_t>(handler);
        }
        if (handler < 10) {
          Add("rpc_duration_seconds", {{"handler", text}}, Shape::kNativeHistogram, 0).seed =
              instance * 100 + static_cast<uint64_t>(handler);
        }
      }
    }
  }

  // A label with very many values.
  void AddDevices() {
    Begin({{"job", "devices"}, {"instance", "gateway:9000"}}, 2 * 60'000, 60'000);
    for (uint64_t device = 0; device < Scaled(1'000'000); ++device) {
      Add("device_info",
          {{"serial", fmt::format("SN-{:012x}", Mix(device) & 0xffffffffffff)},
           {"site", fmt::format("site-{:03}", device % 200)},
           {"model", fmt::format("model-{}", device % 50)}},
          Shape::kConstant, 1);
    }
  }

  const TimestampMs end_ms_;
  const uint64_t percent_;
  std::vector<Label> common_;
  DurationMs reach_ms_ = 0;
  DurationMs step_ms_ = 0;
  std::vector<Series> series_;
};

// A range of time and the blocks of both forms for it.
struct Output {
  TimestampMs start_ms = 0;
  TimestampMs end_ms = 0;
  std::unique_ptr<tsdb::BlockWriter> prometheus;
  std::unique_ptr<tsdb::BlockWriter> dense;
};

std::vector<Output> StartBlocks(core::FileSystem& fs, const std::string& dir, TimestampMs end_ms) {
  std::string prometheus = core::JoinPath(dir, "prometheus");
  std::string dense = core::JoinPath(dir, "sextant/blocks");
  Check(fs.MakeDirectories(prometheus));
  Check(fs.MakeDirectories(dense));
  // Four blocks of two hours, as a head leaves them, and before them eight of twenty.
  std::vector<Output> outputs;
  TimestampMs start_ms = end_ms - 7 * kDay;
  for (int i = 0; i < 12; ++i) {
    TimestampMs stop_ms = start_ms + (i < 8 ? 20 : 2) * kHour;
    Output output{start_ms, stop_ms, nullptr, nullptr};
    tsdb::PrometheusBlockOptions options;
    options.ulid = promfiles::Ulid::Make(stop_ms, static_cast<uint64_t>(i) + 1, 1);
    options.start_ms = start_ms;
    options.end_ms = stop_ms;
    output.prometheus = Take(
        tsdb::PrometheusBlockWriter::Start(fs, core::JoinPath(prometheus, options.ulid.ToString()), options));
    std::string name = tsdb::DenseBlockName(start_ms, stop_ms, static_cast<uint64_t>(i) + 1);
    output.dense = Take(tsdb::DenseBlockWriter::Start(fs, core::JoinPath(dense, name), start_ms, stop_ms));
    outputs.push_back(std::move(output));
    start_ms = stop_ms;
  }
  return outputs;
}

void AppendQuoted(std::string_view text, std::string& out) {
  out += '"';
  out += text;  // nothing in the load needs escapes
  out += '"';
}

// A line for /api/v1/import.
void WriteLine(const model::Labels& labels, const model::SampleColumns& samples, FILE* file) {
  std::string line = "{\"metric\":{";
  for (model::LabelView label : labels) {
    if (line.back() != '{') line += ',';
    AppendQuoted(label.name, line);
    line += ':';
    AppendQuoted(label.value, line);
  }
  line += "},\"values\":[";
  for (double value : samples.values) fmt::format_to(std::back_inserter(line), "{},", value);
  line.back() = ']';
  line += ",\"timestamps\":[";
  for (TimestampMs time_ms : samples.times_ms) fmt::format_to(std::back_inserter(line), "{},", time_ms);
  line.back() = ']';
  line += "}\n";
  std::fwrite(line.data(), 1, line.size(), file);
}

int Run(const std::string& dir, TimestampMs end_ms, uint64_t percent) {
  std::unique_ptr<core::FileSystem> owned = std::make_unique<core::PosixFileSystem>();
  core::FileSystem& fs = *owned;
  std::vector<Output> outputs = StartBlocks(fs, dir, end_ms);
  FILE* import = std::fopen(core::JoinPath(dir, "import.jsonl").c_str(), "w");
  if (import == nullptr) Check(core::Fail(core::Code::kInternal, "{}/import.jsonl cannot be written", dir));
  uint64_t samples_written = 0;
  std::vector<Series> load = Load(end_ms, percent).Make();
  model::SampleColumns samples;
  // A week at 15 s in one line is more than the importer takes.
  constexpr size_t kMostInLine = 20'000;
  model::SampleColumns line;
  for (const Series& series : load) {
    Values values(series);
    uint64_t i = 0;
    TimestampMs time_ms = series.first_ms;
    for (Output& output : outputs) {
      samples.clear();
      for (; time_ms < output.end_ms; time_ms += series.step_ms) values.Append(i++, time_ms, samples);
      if (samples.size() == 0) continue;
      samples_written += samples.size();
      Check(output.prometheus->Add(series.labels, samples));
      Check(output.dense->Add(series.labels, samples));
      if (series.shape == Shape::kNativeHistogram) continue;
      for (size_t k = 0; k < samples.size(); ++k) line.Add(samples.times_ms[k], samples.values[k]);
      if (line.size() < kMostInLine) continue;
      WriteLine(series.labels, line, import);
      line.clear();
    }
    if (line.size() > 0) WriteLine(series.labels, line, import);
    line.clear();
  }
  std::fclose(import);
  for (Output& output : outputs) {
    Take(output.prometheus->Finish());
    Take(output.dense->Finish());
  }
  fmt::print("{} series, {} samples\n", load.size(), samples_written);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: make_blocks DIR END_S SCALE\n");
    return 2;
  }
  return Run(argv[1], std::strtoll(argv[2], nullptr, 10) * 1000, std::strtoull(argv[3], nullptr, 10));
}
