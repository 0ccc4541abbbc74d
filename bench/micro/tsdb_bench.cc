// The metrics store: what a sample costs to append, in the journal and in memory, how fast a restart reads,
// what a lookup takes. The load has the mix of real targets: 60 % constants, 25 % counters, 10 % gauges with
// decimals, 5 % noise.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/metrics.h"
#include "metrics/tsdb/chunk.h"
#include "metrics/tsdb/db.h"

namespace {

using namespace sextant;

constexpr core::TimestampMs kStart = 1'700'000'000'000;
constexpr core::DurationMs kIntervalMs = 5'000;

uint64_t ResidentBytes() {
  FILE* file = fopen("/proc/self/statm", "r");
  unsigned long total = 0;
  unsigned long resident = 0;
  if (file == nullptr || fscanf(file, "%lu %lu", &total, &resident) != 2) abort();
  fclose(file);
  return resident * 4096;
}

class Random {
 public:
  uint64_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

 private:
  uint64_t state_ = 88172645463325252;
};

// A store in a directory that goes away, fed by `targets` targets of `series` series each.
class Load {
 public:
  Load(size_t targets, size_t series) : series_(series), refs_(targets * series), values_(targets * series) {
    std::string pattern = "/tmp/sextant-bench-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) abort();
    options_.dir = pattern;
    options_.run_maintenance_thread = false;
    options_.max_future_ms = 0;
    for (size_t i = 0; i < values_.size(); ++i) values_[i] = static_cast<double>(random_.Next() % 1000);
  }
  ~Load() {
    db_.reset();
    if (!core::RemoveAll(fs_, options_.dir)) abort();
  }

  tsdb::DbOptions& options() { return options_; }
  tsdb::Db& db() { return *db_; }
  size_t samples_per_round() const { return refs_.size(); }
  core::FileSystem& fs() { return fs_; }

  void Open() {
    db_.reset();
    registry_ = std::make_unique<core::Registry>();
    auto db = tsdb::Db::Open(fs_, clock_, core::Logger::Discard(), *registry_, options_);
    if (!db) abort();
    db_ = std::move(*db);
  }

  void Close() { db_.reset(); }

  // Leaves the directory as a killed process would.
  void Crash() {
    std::string kept = options_.dir + ".kept";
    if (std::system(("cp -a " + options_.dir + " " + kept).c_str()) != 0) abort();
    db_.reset();
    if (!core::RemoveAll(fs_, options_.dir) || !fs_.Rename(kept, options_.dir)) abort();
  }

  // One scrape of every target.
  void Round() {
    core::TimestampMs time_ms = kStart + kIntervalMs * round_++;
    clock_.Set(time_ms);
    for (size_t begin = 0; begin < refs_.size(); begin += series_) {
      auto appender = db_->NewAppender();
      for (size_t i = begin; i < begin + series_; ++i) {
        if (refs_[i] == 0) {
          refs_[i] = appender->Append(0, LabelsOf(i), time_ms, values_[i]).ref;
        } else {
          Step(i);
          appender->Append(refs_[i], {}, time_ms, values_[i]);
        }
      }
      if (!appender->Commit()) abort();
    }
  }

  uint64_t DirectoryBytes(std::string_view part) {
    uint64_t size = 0;
    std::vector<core::FileInfo> files = fs_.List(core::JoinPath(options_.dir, part)).value();
    for (const core::FileInfo& file : files) size += file.size_bytes;
    return size;
  }

  uint64_t CheckpointBytes() {
    uint64_t size = 0;
    std::vector<core::FileInfo> files = fs_.List(core::JoinPath(options_.dir, "journal")).value();
    for (const core::FileInfo& file : files) {
      if (file.name.starts_with("checkpoint")) size += file.size_bytes;
    }
    return size;
  }

 private:
  void Step(size_t i) {
    size_t kind = i % 20;
    if (kind < 12) return;
    if (kind < 17) {
      values_[i] += static_cast<double>(random_.Next() % (1u << (2 * (kind - 11))));
    } else if (kind < 19) {
      values_[i] += (static_cast<double>(random_.Next() % 2000) - 1000) / 1000;
    } else {
      values_[i] = static_cast<double>(random_.Next()) / 1e19;
    }
  }

  model::Labels LabelsOf(size_t i) const {
    std::string metric = "node_metric_number_" + std::to_string(i % series_ / 10) + "_total";
    std::string instance = "10.0.0." + std::to_string(i / series_) + ":9100";
    std::string device = "device" + std::to_string(i % 10);
    return model::Labels::Of({{"__name__", metric},
                              {"device", device},
                              {"instance", instance},
                              {"job", "node"},
                              {"mode", i % 2 == 0 ? "read" : "write"},
                              {"region", "eu-central"}});
  }

  const size_t series_;
  core::PosixFileSystem fs_;
  core::ManualClock clock_{kStart};
  tsdb::DbOptions options_;
  std::unique_ptr<core::Registry> registry_;
  std::unique_ptr<tsdb::Db> db_;
  std::vector<model::SeriesRef> refs_;
  std::vector<double> values_;
  Random random_;
  int64_t round_ = 0;
};

void BM_Append(benchmark::State& state) {
  Load load(static_cast<size_t>(state.range(0)), 2000);
  load.Open();
  load.Round();
  for (auto _ : state) load.Round();
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(load.samples_per_round()));
}
BENCHMARK(BM_Append)->Arg(1)->Arg(100)->Unit(benchmark::kMillisecond);

void BM_CreateSeries(benchmark::State& state) {
  for (auto _ : state) {
    Load load(20, 2000);
    load.Open();
    load.Round();
    state.SetItemsProcessed(state.items_processed() + static_cast<int64_t>(load.samples_per_round()));
  }
}
BENCHMARK(BM_CreateSeries)->Unit(benchmark::kMillisecond)->Iterations(1);

// Memory and disk after rounds of scrapes of 200 k series, as counters.
void BM_Footprint(benchmark::State& state) {
  malloc_trim(0);
  uint64_t before = ResidentBytes();
  for (auto _ : state) {
    Load load(100, 2000);
    load.options().journal_checkpoint_bytes = uint64_t{1} << 40;
    uint64_t own = ResidentBytes();
    load.Open();
    for (int i = 0; i < 3; ++i) load.Round();
    uint64_t journal_before = load.DirectoryBytes("journal");
    constexpr int kRounds = 200;
    for (int i = 0; i < kRounds; ++i) load.Round();
    double samples = static_cast<double>(load.samples_per_round()) * kRounds;
    state.counters["journal_bytes_per_sample"] =
        static_cast<double>(load.DirectoryBytes("journal") - journal_before) / samples;
    state.counters["head_chunk_bytes_per_sample"] =
        static_cast<double>(load.DirectoryBytes("head_chunks")) / samples;
    state.counters["resident_bytes_per_series"] =
        static_cast<double>(ResidentBytes() - own) / static_cast<double>(load.samples_per_round());
    state.counters["counted_bytes_per_series"] =
        static_cast<double>(load.db().GetStats()->head_bytes) / static_cast<double>(load.samples_per_round());
    load.Crash();
    core::SystemClock clock;
    int64_t started_ns = clock.MonotonicNs();
    load.Open();
    state.counters["replayed_samples_per_s"] =
        samples / (static_cast<double>(clock.MonotonicNs() - started_ns) / 1e9);
    started_ns = clock.MonotonicNs();
    if (!load.db().Close()) abort();
    state.counters["close_s"] = static_cast<double>(clock.MonotonicNs() - started_ns) / 1e9;
    started_ns = clock.MonotonicNs();
    load.Open();
    state.counters["reopen_s"] = static_cast<double>(clock.MonotonicNs() - started_ns) / 1e9;
  }
  benchmark::DoNotOptimize(before);
}
BENCHMARK(BM_Footprint)->Unit(benchmark::kSecond)->Iterations(1);

double ProcessCpuSeconds() {
  timespec used;
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) abort();
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

// Opens the store, asks the series of one target for their newest samples, and then all series: time and CPU
// until each is done.
void OpenAndAsk(Load& load, benchmark::State& state, const std::string& what) {
  core::SystemClock clock;
  const int64_t started_ns = clock.MonotonicNs();
  const double cpu_s = ProcessCpuSeconds();
  auto put_seconds = [&](const char* until) {
    state.counters[until + what + "_s"] = static_cast<double>(clock.MonotonicNs() - started_ns) / 1e9;
  };
  auto ask = [&](const char* name, const char* value, size_t series) {
    auto querier = load.db().NewQuerier(kStart, kStart + 3'600'000).value();
    auto set = querier->Select({model::Matcher::Equal(name, value)}, {}).value();
    model::SampleColumns newest;
    for (size_t i = 0; i < set->size(); ++i) {
      if (!set->ReadNewest(i, kStart, kStart + 3'600'000, newest) || newest.size() == 0) abort();
    }
    if (set->size() != series) abort();
  };
  load.Open();
  put_seconds("open_");
  ask("instance", "10.0.0.7:9100", 2000);
  put_seconds("target_");
  ask("job", "node", load.samples_per_round());
  put_seconds("all_");
  state.counters["cpu_" + what + "_s"] = ProcessCpuSeconds() - cpu_s;
}

// Restart of a store that was closed: its checkpoint alone. And of one that was killed with so many samples
// in the journal that the next checkpoint was due.
void BM_Restart(benchmark::State& state) {
  for (auto _ : state) {
    Load load(static_cast<size_t>(state.range(0)) / 2000, 2000);
    load.Open();
    for (int i = 0; i < 12; ++i) load.Round();
    core::SystemClock clock;
    int64_t started_ns = clock.MonotonicNs();
    if (!load.db().Close()) abort();
    state.counters["close_s"] = static_cast<double>(clock.MonotonicNs() - started_ns) / 1e9;
    load.Close();
    OpenAndAsk(load, state, "closed");
    const double checkpoint_bytes = static_cast<double>(load.CheckpointBytes());
    const double samples = static_cast<double>(load.samples_per_round());
    constexpr double kCheckpointBytesPerSample = 8;  // as maintenance has it
    const int rounds = static_cast<int>(checkpoint_bytes / kCheckpointBytesPerSample / samples) + 1;
    for (int i = 0; i < rounds; ++i) load.Round();
    load.Crash();
    state.counters["checkpoint_bytes_per_series"] = checkpoint_bytes / samples;
    OpenAndAsk(load, state, "killed");
    state.counters["replayed_samples"] = samples * rounds;
  }
}
BENCHMARK(BM_Restart)
    ->Arg(1'000'000)
    ->Arg(5'000'000)
    ->Arg(10'000'000)
    ->Unit(benchmark::kSecond)
    ->Iterations(1);

// Three and a half hours of 20 k series: cutting a block.
void BM_CutBlock(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    Load load(10, 2000);
    load.Open();
    for (int i = 0; i < 3 * 720 + 360; ++i) load.Round();
    state.ResumeTiming();
    if (!load.db().Maintain()) abort();
    state.PauseTiming();
    tsdb::Stats stats = load.db().GetStats().value();
    state.counters["blocks"] = static_cast<double>(stats.blocks);
    state.counters["block_bytes_per_sample"] =
        static_cast<double>(stats.blocks_bytes) / (static_cast<double>(stats.blocks) * 1440 * 20'000);
    state.ResumeTiming();
  }
}
BENCHMARK(BM_CutBlock)->Unit(benchmark::kSecond)->Iterations(1);

void BM_Select(benchmark::State& state) {
  Load load(100, 2000);
  load.Open();
  for (int i = 0; i < 60; ++i) load.Round();
  std::vector<std::vector<model::Matcher>> selections = {
      {model::Matcher::Equal("__name__", "node_metric_number_7_total"),
       model::Matcher::Equal("instance", "10.0.0.5:9100")},
      {model::Matcher::Equal("__name__", "node_metric_number_7_total")},
      {model::Matcher::Equal("job", "node"),
       model::Matcher::Make(model::MatchType::kRegexp, "__name__", "node_metric_number_1.*").value()}};
  const auto& matchers = selections[static_cast<size_t>(state.range(0))];
  size_t series = 0;
  size_t samples = 0;
  for (auto _ : state) {
    auto querier = load.db().NewQuerier(kStart, kStart + 3'600'000).value();
    auto set = querier->Select(matchers, {}).value();
    model::SampleColumns columns;
    series = set->size();
    samples = 0;
    for (size_t i = 0; i < series; ++i) {
      if (!set->Read(i, kStart, kStart + 3'600'000, columns)) abort();
      samples += columns.size();
    }
  }
  state.counters["series"] = static_cast<double>(series);
  state.counters["samples"] = static_cast<double>(samples);
}
BENCHMARK(BM_Select)->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMicrosecond);

void BM_DecodeChunk(benchmark::State& state) {
  std::string bytes;
  tsdb::ChunkTail tail;
  Random random;
  double value = 0;
  for (int i = 0; i < 1000; ++i) {
    value += static_cast<double>(random.Next() % 1000);
    char added[tsdb::kMaxSampleBytes];
    uint64_t bits = std::bit_cast<uint64_t>(value);
    size_t size = tsdb::EncodeSample(tail, kStart + i * kIntervalMs, bits, added);
    bytes.append(added, size);
    tsdb::CommitSample(tail, kStart + i * kIntervalMs, bits, size, bytes.data());
  }
  model::SampleColumns columns;
  for (auto _ : state) {
    columns.clear();
    if (!tsdb::DecodeChunk(bytes, tail.count, 0, INT64_MAX, columns)) abort();
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(BM_DecodeChunk);

}  // namespace
