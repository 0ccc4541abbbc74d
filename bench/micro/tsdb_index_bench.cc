// The label index: what a series costs to add and to hold, and what lookups take. SEXTANT_INDEX_SERIES sets
// how many series there are (1,000,000 by default; 5,000,000 needs 3 GiB): 10 labels each, 1,000 metrics,
// targets of 1,000 series, one label with a value of its own for every tenth series.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "metrics/tsdb/label_index.h"

namespace {

using namespace sextant;
using model::Matcher;
using model::MatchType;

uint32_t SeriesCount() {
  const char* text = std::getenv("SEXTANT_INDEX_SERIES");
  return text == nullptr ? 1'000'000 : static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
}

uint64_t ResidentBytes() {
  FILE* file = fopen("/proc/self/statm", "r");
  unsigned long total = 0;
  unsigned long resident = 0;
  if (file == nullptr || fscanf(file, "%lu %lu", &total, &resident) != 2) abort();
  fclose(file);
  return resident * 4096;
}

model::Labels LabelsOf(uint32_t i) {
  uint32_t target = i / 1000;
  uint32_t metric = i % 1000;
  std::string unique = i % 10 == 0 ? "id-" + std::to_string(i) : "none";
  return model::Labels::Of(
      {{"__name__", "some_subsystem_metric_" + std::to_string(metric) + "_total"},
       {"cluster", "eu-" + std::to_string(target % 3)},
       {"code", std::to_string(200 + metric % 20)},
       {"container", "container-" + std::to_string(target % 50)},
       {"id", unique},
       {"instance", "10.0." + std::to_string(target / 256) + "." + std::to_string(target % 256)},
       {"job", "job-" + std::to_string(target % 20)},
       {"method", metric % 2 == 0 ? "GET" : "POST"},
       {"namespace", "team-" + std::to_string(target % 30)},
       {"node", "node-" + std::to_string(target % 200)}});
}

// One population for all lookups.
struct Population {
  tsdb::SeriesTable table{SeriesCount() + 2'000'000};
  tsdb::LabelIndex index{table};
  double bytes_per_series = 0;
  double slowest_add_ms = 0;

  Population() {
    malloc_trim(0);
    uint64_t before = ResidentBytes();
    for (uint32_t i = 0; i < SeriesCount(); ++i) {
      model::Labels labels = LabelsOf(i);
      auto started = std::chrono::steady_clock::now();
      index.Add(labels);
      std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - started;
      slowest_add_ms = std::max(slowest_add_ms, took.count());
    }
    bytes_per_series = static_cast<double>(ResidentBytes() - before) / SeriesCount();
  }
};

Population& Shared() {
  static Population population;
  return population;
}

// With the series' records of 64 bytes.
void BM_MemoryPerSeries(benchmark::State& state) {
  Population& population = Shared();
  for (auto _ : state) benchmark::DoNotOptimize(population.index.SizeBytes());
  state.counters["resident_bytes_per_series"] = population.bytes_per_series;
  state.counters["counted_bytes_per_series"] =
      static_cast<double>(population.index.SizeBytes() + population.table.SizeBytes()) / SeriesCount();
  state.counters["slowest_add_ms"] = population.slowest_add_ms;
}
BENCHMARK(BM_MemoryPerSeries)->Iterations(1);

void BM_AddSeries(benchmark::State& state) {
  Population& population = Shared();
  uint32_t next = SeriesCount();
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<model::Labels> labels;
    for (uint32_t i = 0; i < 1000; ++i) labels.push_back(LabelsOf(next + i));
    std::vector<uint32_t> added;
    state.ResumeTiming();
    for (const model::Labels& one : labels) added.push_back(population.index.Add(one));
    state.PauseTiming();
    population.index.Remove(added);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(BM_AddSeries)->Iterations(50)->Unit(benchmark::kMicrosecond);

void BM_FindSeries(benchmark::State& state) {
  Population& population = Shared();
  std::vector<model::Labels> labels;
  for (uint32_t i = 0; i < 1000; ++i)
    labels.push_back(LabelsOf(static_cast<uint32_t>(i * 7919ull % SeriesCount())));
  for (auto _ : state) {
    for (const model::Labels& one : labels) benchmark::DoNotOptimize(population.index.Find(one));
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(BM_FindSeries)->Unit(benchmark::kMicrosecond);

void BM_PostingsIntersection(benchmark::State& state) {
  uint32_t spread = static_cast<uint32_t>(state.range(0));
  tsdb::Postings left;
  tsdb::Postings right;
  for (uint32_t i = 0; i < 100'000; ++i) {
    left.Add(i * spread);
    right.Add(i * spread * 3 / 2);
  }
  uint64_t common = 0;
  for (auto _ : state) {
    tsdb::Bitmap out = left.ToBitmap();
    right.IntersectWith(out);
    common = out.cardinality();
  }
  state.counters["common"] = static_cast<double>(common);
}
BENCHMARK(BM_PostingsIntersection)->Arg(1)->Arg(50)->Unit(benchmark::kMicrosecond);

struct Lookup {
  const char* what;
  std::vector<Matcher> matchers;
};

const std::vector<Lookup>& Lookups() {
  auto make = [](MatchType type, std::string_view name, std::string_view value) {
    return Matcher::Make(type, name, value).value();
  };
  static const std::vector<Lookup> lookups = {
      {"one metric", {Matcher::Equal("__name__", "some_subsystem_metric_7_total")}},
      {"metric and instance",
       {Matcher::Equal("__name__", "some_subsystem_metric_7_total"), Matcher::Equal("instance", "10.0.1.7")}},
      {"metric and a list",
       {Matcher::Equal("__name__", "some_subsystem_metric_7_total"),
        make(MatchType::kRegexp, "instance", "10.0.1.(7|8|9)")}},
      {"metric and a regexp on many values",
       {Matcher::Equal("__name__", "some_subsystem_metric_70_total"),
        make(MatchType::kRegexp, "id", "id-.*7.")}},
      {"metrics by prefix", {make(MatchType::kRegexp, "__name__", "some_subsystem_metric_1.*")}},
      {"a regexp on many values", {make(MatchType::kRegexp, "id", "id-[0-9]*7[0-9]")}},
      {"metric, another code and no match",
       {Matcher::Equal("__name__", "some_subsystem_metric_7_total"),
        make(MatchType::kNotEqual, "code", "200"), make(MatchType::kNotRegexp, "instance", "10.0.2.*")}},
      {"all but one job", {make(MatchType::kNotEqual, "job", "job-3")}},
      {"any id", {make(MatchType::kNotEqual, "id", "")}},
  };
  return lookups;
}

void BM_Select(benchmark::State& state) {
  const Lookup& lookup = Lookups()[static_cast<size_t>(state.range(0))];
  Population& population = Shared();
  uint64_t found = 0;
  for (auto _ : state) found = population.index.Select(lookup.matchers).cardinality();
  state.SetLabel(lookup.what);
  state.counters["series"] = static_cast<double>(found);
}
BENCHMARK(BM_Select)->DenseRange(0, 8)->Unit(benchmark::kMicrosecond);

// The same when the values were not tested before: the removal of a series empties the cache.
void BM_SelectAnew(benchmark::State& state) {
  Population& population = Shared();
  Matcher matcher = Matcher::Make(MatchType::kRegexp, "id", "id-[0-9]*7[0-9]").value();
  for (auto _ : state) {
    state.PauseTiming();
    population.index.Remove({population.index.Add(LabelsOf(SeriesCount()))});
    state.ResumeTiming();
    benchmark::DoNotOptimize(population.index.Select({matcher}).cardinality());
  }
}
BENCHMARK(BM_SelectAnew)->Unit(benchmark::kMicrosecond);

// The longest that a writer waits while such a lookup goes on.
void BM_LongestSlice(benchmark::State& state) {
  Population& population = Shared();
  Matcher matcher = Matcher::Make(MatchType::kRegexp, "id", "id-[0-9]*7[0-9]").value();
  double longest_ms = 0;
  for (auto _ : state) {
    state.PauseTiming();
    population.index.Remove({population.index.Add(LabelsOf(SeriesCount()))});
    state.ResumeTiming();
    auto begun = std::chrono::steady_clock::now();
    auto measure = [&] {
      auto now = std::chrono::steady_clock::now();
      longest_ms = std::max(longest_ms, std::chrono::duration<double, std::milli>(now - begun).count());
      begun = now;
    };
    benchmark::DoNotOptimize(population.index.Select({matcher}, measure).cardinality());
    measure();
  }
  state.counters["longest_slice_ms"] = longest_ms;
}
BENCHMARK(BM_LongestSlice)->Unit(benchmark::kMillisecond)->Iterations(5);

void BM_LabelValues(benchmark::State& state) {
  Population& population = Shared();
  std::vector<Matcher> matchers;
  if (state.range(0) > 0) matchers.push_back(Matcher::Equal("__name__", "some_subsystem_metric_7_total"));
  const char* name = state.range(0) > 1 ? "id" : "instance";
  size_t found = 0;
  for (auto _ : state) {
    std::vector<std::string> values;
    population.index.LabelValues(name, matchers, values);
    found = values.size();
  }
  state.counters["values"] = static_cast<double>(found);
}
BENCHMARK(BM_LabelValues)->DenseRange(0, 2)->Unit(benchmark::kMicrosecond);

void BM_LabelNames(benchmark::State& state) {
  Population& population = Shared();
  for (auto _ : state) {
    std::vector<std::string> names;
    population.index.LabelNames({Matcher::Equal("job", "job-3")}, names);
    benchmark::DoNotOptimize(names);
  }
}
BENCHMARK(BM_LabelNames)->Unit(benchmark::kMicrosecond);

void BM_Cardinality(benchmark::State& state) {
  Population& population = Shared();
  for (auto _ : state) {
    tsdb::Cardinality costs;
    population.index.FillCardinality(20, tsdb::CardinalityOrder::kSeries, 0, costs);
    benchmark::DoNotOptimize(costs);
  }
}
BENCHMARK(BM_Cardinality)->Unit(benchmark::kMillisecond);

}  // namespace
