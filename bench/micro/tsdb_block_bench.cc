// Dense blocks: what a sample takes on disk, what encoding and decoding one cost, what the writer needs of
// memory. Loads: the bodies of a node_exporter that SEXTANT_LOAD_DIR names a folder of (one after the other,
// at 15 s steps, each target at another place in the sequence), and a made-up one with the mix of real
// targets: 60 % constants, 25 % counters, 10 % gauges with decimals, 5 % noise.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/file.h"
#include "metrics/exposition/parser.h"
#include "metrics/exposition/text_parser.h"
#include "metrics/tsdb/dense_block.h"

namespace {

using namespace sextant;

constexpr core::TimestampMs kStart = 1'700'000'000'000 / 7'200'000 * 7'200'000;
constexpr core::DurationMs kStepMs = 15'000;
constexpr core::DurationMs kHourMs = 3'600'000;

uint64_t StatusKib(const char* field) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(field))
      return std::strtoull(line.c_str() + std::string(field).size() + 1, nullptr, 10);
  }
  abort();
}

// Of this thread: what a sample costs, whatever else the machine does.
int64_t CpuNs() {
  timespec time{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) abort();
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  uint64_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

 private:
  uint64_t state_;
};

// Series of many targets; the samples of each are made when asked for.
class Load {
 public:
  virtual ~Load() = default;
  virtual size_t series_per_target() const = 0;
  virtual model::Labels LabelsOf(size_t series, const std::string& instance) const = 0;
  virtual void Values(size_t target, size_t series, size_t count, std::vector<double>& out) const = 0;
};

class Captured final : public Load {
 public:
  static std::unique_ptr<Captured> Read() {
    const char* directory = std::getenv("SEXTANT_LOAD_DIR");
    if (directory == nullptr) return nullptr;
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    auto load = std::make_unique<Captured>();
    std::map<std::string, std::vector<double>> values;
    for (size_t i = 0; i < paths.size(); ++i) {
      std::ifstream file(paths[i], std::ios::binary);
      std::string body{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      exposition::TextParser parser(body);
      for (auto kind = parser.Next(); kind != exposition::EntryKind::kEnd; kind = parser.Next()) {
        if (kind == exposition::EntryKind::kError) abort();
        if (kind != exposition::EntryKind::kSample) continue;
        auto& of_series = values[std::string(parser.entry().series)];
        of_series.resize(i, parser.entry().value);  // where it was not there yet
        of_series.push_back(parser.entry().value);
      }
    }
    for (auto& [text, of_series] : values) {
      of_series.resize(paths.size(), of_series.back());
      model::LabelsBuilder labels;
      if (!exposition::ParseSeries(text, exposition::MetricType::kUnknown, labels)) abort();
      load->series_.emplace_back(labels.Build(), std::move(of_series));
    }
    return load;
  }

  size_t series_per_target() const override { return series_.size(); }
  model::Labels LabelsOf(size_t series, const std::string& instance) const override {
    model::LabelsBuilder labels(series_[series].first);
    labels.Set("instance", instance);
    labels.Set("job", "node");
    return labels.Build();
  }
  void Values(size_t target, size_t series, size_t count, std::vector<double>& out) const override {
    const std::vector<double>& recorded = series_[series].second;
    out.resize(count);
    for (size_t i = 0; i < count; ++i) out[i] = recorded[(i + target * 37) % recorded.size()];
  }

 private:
  std::vector<std::pair<model::Labels, std::vector<double>>> series_;
};

class MadeUp final : public Load {
 public:
  size_t series_per_target() const override { return 2000; }
  model::Labels LabelsOf(size_t series, const std::string& instance) const override {
    return model::Labels::Of({{"__name__", "node_metric_number_" + std::to_string(series / 10) + "_total"},
                              {"device", "device" + std::to_string(series % 10)},
                              {"instance", instance},
                              {"job", "node"},
                              {"mode", series % 2 == 0 ? "read" : "write"},
                              {"region", "eu-central"}});
  }
  void Values(size_t target, size_t series, size_t count, std::vector<double>& out) const override {
    Random random(target * 2000 + series);
    size_t kind = series % 20;
    double value = static_cast<double>(random.Next() % 1000);
    out.resize(count);
    for (double& next : out) {
      if (kind >= 12 && kind < 17) {
        value += static_cast<double>(random.Next() % (uint64_t{1} << (2 * (kind - 11))));
      } else if (kind >= 17 && kind < 19) {
        value = std::round(value * 1000 + static_cast<double>(random.Next() % 2000) - 1000) / 1000;
      } else if (kind == 19) {
        value = static_cast<double>(random.Next()) / 1e19;
      }
      next = value;
    }
  }
};

struct Result {
  double bytes_per_sample = 0;
  double index_bytes_per_series = 0;
  double encode_ns = 0;
  double decode_ns = 0;
  double writer_mib = 0;
};

Result Measure(const Load& load, size_t targets, core::DurationMs range_ms) {
  core::PosixFileSystem fs;
  std::string root = "/tmp/sextant-bench-XXXXXX";
  if (mkdtemp(root.data()) == nullptr) abort();
  std::string dir = core::JoinPath(root, "block");
  struct Series {
    model::Labels labels;
    uint32_t target;
    uint32_t number;
  };
  std::vector<Series> all;
  for (uint32_t target = 0; target < targets; ++target) {
    std::string instance = fmt::format("10.0.{}.{}:9100", target / 250, target % 250);
    for (uint32_t i = 0; i < load.series_per_target(); ++i)
      all.push_back({load.LabelsOf(i, instance), target, i});
  }
  std::sort(all.begin(), all.end(), [](const Series& a, const Series& b) { return a.labels < b.labels; });
  size_t count = static_cast<size_t>(range_ms / kStepMs);
  std::vector<std::vector<core::TimestampMs>> times(targets);
  for (size_t target = 0; target < targets; ++target) {
    Random random(target + 1);
    core::TimestampMs offset_ms = static_cast<core::TimestampMs>(random.Next() % (kStepMs - 10));
    for (size_t i = 0; i < count; ++i) {
      times[target].push_back(kStart + offset_ms + static_cast<core::TimestampMs>(i) * kStepMs +
                              static_cast<core::TimestampMs>(random.Next() % 3));
    }
  }
  model::SampleColumns samples;
  auto fill = [&](const Series& series) {
    samples.clear();
    samples.times_ms = times[series.target];
    load.Values(series.target, series.number, count, samples.values);
  };
  fill(all[0]);
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
  uint64_t resident_kib = StatusKib("VmRSS:");
  auto writer = tsdb::DenseBlockWriter::Start(fs, dir, kStart, kStart + range_ms);
  if (!writer) abort();
  int64_t encode_ns = 0;
  for (const Series& series : all) {
    fill(series);
    int64_t begin_ns = CpuNs();
    if (!(*writer)->Add(series.labels, samples)) abort();
    encode_ns += CpuNs() - begin_ns;
  }
  int64_t begin_ns = CpuNs();
  if (!(*writer)->Finish()) abort();
  encode_ns += CpuNs() - begin_ns;
  Result result;
  result.writer_mib = static_cast<double>(StatusKib("VmHWM:") - resident_kib) / 1024;
  auto block = tsdb::DenseBlock::Open(fs, dir).value();
  double total = static_cast<double>(block->facts().samples);
  result.bytes_per_sample = static_cast<double>(block->size_bytes()) / total;
  result.index_bytes_per_series = static_cast<double>(fs.Stat(core::JoinPath(dir, "index"))->size_bytes) /
                                  static_cast<double>(all.size());
  result.encode_ns = static_cast<double>(encode_ns) / total;
  begin_ns = CpuNs();
  for (uint32_t series = 0; series < all.size(); ++series) {
    samples.clear();
    if (!block->Read(series, kStart, kStart + range_ms, samples) || samples.size() != count) abort();
  }
  result.decode_ns = static_cast<double>(CpuNs() - begin_ns) / total;
  if (!core::RemoveAll(fs, root)) abort();
  return result;
}

void Report(benchmark::State& state, const Load& load, size_t targets, core::DurationMs range_ms) {
  for (auto _ : state) {
    Result result = Measure(load, targets, range_ms);
    state.counters["bytes_per_sample"] = result.bytes_per_sample;
    state.counters["index_bytes_per_series"] = result.index_bytes_per_series;
    state.counters["encode_ns"] = result.encode_ns;
    state.counters["decode_ns"] = result.decode_ns;
    state.counters["writer_mib"] = result.writer_mib;
  }
}

void BM_CapturedBlock(benchmark::State& state) {
  auto load = Captured::Read();
  if (load == nullptr) return state.SkipWithError("SEXTANT_LOAD_DIR is not set");
  Report(state, *load, static_cast<size_t>(state.range(0)), state.range(1) * kHourMs);
}
BENCHMARK(BM_CapturedBlock)->Args({20, 2})->Args({10, 24})->Unit(benchmark::kSecond)->Iterations(1);

void BM_MadeUpBlock(benchmark::State& state) {
  Report(state, MadeUp(), static_cast<size_t>(state.range(0)), state.range(1) * kHourMs);
}
BENCHMARK(BM_MadeUpBlock)->Args({5, 2})->Args({3, 24})->Unit(benchmark::kSecond)->Iterations(1);

// A million series of a few samples: what the writer needs of memory.
void BM_MillionSeries(benchmark::State& state) { Report(state, MadeUp(), 500, 10 * kStepMs); }
BENCHMARK(BM_MillionSeries)->Unit(benchmark::kSecond)->Iterations(1);

// Selecting series of 100,000, with their labels: one, those of one metric, those of a prefix, one of a few.
void BM_BlockSelect(benchmark::State& state) {
  core::PosixFileSystem fs;
  std::string root = "/tmp/sextant-bench-XXXXXX";
  if (mkdtemp(root.data()) == nullptr) abort();
  std::string dir = core::JoinPath(root, "block");
  MadeUp load;
  std::vector<model::Labels> all;
  for (int target = 0; target < 50; ++target) {
    for (size_t i = 0; i < load.series_per_target(); ++i)
      all.push_back(load.LabelsOf(i, fmt::format("10.0.0.{}:9100", target)));
  }
  std::sort(all.begin(), all.end());
  auto writer = tsdb::DenseBlockWriter::Start(fs, dir, kStart, kStart + kHourMs);
  model::SampleColumns samples;
  samples.Add(kStart, 1);
  for (const model::Labels& labels : all) {
    if (!(*writer)->Add(labels, samples)) abort();
  }
  if (!(*writer)->Finish()) abort();
  auto block = tsdb::DenseBlock::Open(fs, dir).value();
  auto matcher = [](model::MatchType type, std::string_view name, std::string_view value) {
    return model::Matcher::Make(type, name, value).value();
  };
  const std::vector<std::vector<model::Matcher>> selections = {
      {model::Matcher::Equal("__name__", "node_metric_number_7_total"),
       model::Matcher::Equal("instance", "10.0.0.5:9100"), model::Matcher::Equal("device", "device3")},
      {model::Matcher::Equal("__name__", "node_metric_number_7_total")},
      {model::Matcher::Equal("instance", "10.0.0.5:9100"),
       matcher(model::MatchType::kRegexp, "__name__", "node_metric_number_1.*")},
      {model::Matcher::Equal("device", "device3"),
       matcher(model::MatchType::kRegexp, "instance", "10.0.0.(5|6|7):9100"),
       matcher(model::MatchType::kRegexp, "__name__", ".*_7_total")}};
  std::vector<tsdb::FoundInBlock> found;
  for (auto _ : state) {
    found.clear();
    if (!block->Select(selections[static_cast<size_t>(state.range(0))], found)) abort();
  }
  state.counters["series"] = static_cast<double>(found.size());
  if (!core::RemoveAll(fs, root)) abort();
}
BENCHMARK(BM_BlockSelect)->DenseRange(0, 3)->Unit(benchmark::kMicrosecond);

}  // namespace
