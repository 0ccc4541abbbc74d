// The query engine over series in memory: what it costs when the store costs (nearly) nothing. The main figure is the
// dashboard query `sum by (job) (rate(requests_total[5m]))` over 10,000 series and 240 steps.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "metrics/promql/engine.h"
#include "model/storage.h"

namespace sextant::promql {
namespace {

constexpr DurationMs kScrapeMs = 15'000;
constexpr size_t kSamples = 280;  // 70 minutes
constexpr size_t kSeries = 10'000;

// Counters whose samples are shared: only labels and one of a few columns per series.
class MemoryStore final : public model::Queryable, public model::Querier, public model::SeriesSet {
 public:
  MemoryStore() {
    for (size_t i = 0; i < kSeries; ++i) {
      labels_.push_back(model::Labels::Of({{"__name__", "requests_total"},
                                           {"instance", fmt::format("host-{}", i / 20)},
                                           {"job", fmt::format("job-{}", i % 10)},
                                           {"handler", fmt::format("/api/{}", i % 20)}}));
    }
    for (size_t i = 0; i < kSamples; ++i) times_.push_back(static_cast<TimestampMs>(i) * kScrapeMs);
    for (size_t c = 0; c < 16; ++c) {
      std::vector<double> values;
      for (size_t i = 0; i < kSamples; ++i) values.push_back(static_cast<double>(i * (c + 1)) * 1.25);
      columns_.push_back(std::move(values));
    }
  }

  core::Result<std::unique_ptr<model::Querier>> NewQuerier(TimestampMs, TimestampMs) const override {
    return std::make_unique<Forward>(*this);
  }
  core::Result<std::unique_ptr<model::SeriesSet>> Select(const std::vector<model::Matcher>&,
                                                         const model::SelectHints&) const override {
    return std::make_unique<ForwardSet>(*this);
  }
  core::Result<std::vector<std::string>> LabelValues(std::string_view, const std::vector<model::Matcher>&,
                                                     size_t) const override {
    return std::vector<std::string>();
  }
  core::Result<std::vector<std::string>> LabelNames(const std::vector<model::Matcher>&, size_t) const override {
    return std::vector<std::string>();
  }
  size_t size() const override { return labels_.size(); }
  const model::Labels& labels(size_t index) const override { return labels_[index]; }
  core::Status Read(size_t index, TimestampMs start_ms, TimestampMs end_ms, model::SampleColumns& out) const override {
    auto begin = std::lower_bound(times_.begin(), times_.end(), start_ms) - times_.begin();
    auto end = std::upper_bound(times_.begin(), times_.end(), end_ms) - times_.begin();
    const std::vector<double>& values = columns_[index % columns_.size()];
    out.times_ms.assign(times_.begin() + begin, times_.begin() + end);
    out.values.assign(values.begin() + begin, values.begin() + end);
    out.histograms.clear();
    return {};
  }

 private:
  class Forward final : public model::Querier {
   public:
    explicit Forward(const MemoryStore& store) : store_(store) {}
    core::Result<std::unique_ptr<model::SeriesSet>> Select(const std::vector<model::Matcher>& matchers,
                                                           const model::SelectHints& hints) const override {
      return store_.Select(matchers, hints);
    }
    core::Result<std::vector<std::string>> LabelValues(std::string_view name, const std::vector<model::Matcher>& matchers,
                                                       size_t limit) const override {
      return store_.LabelValues(name, matchers, limit);
    }
    core::Result<std::vector<std::string>> LabelNames(const std::vector<model::Matcher>& matchers,
                                                      size_t limit) const override {
      return store_.LabelNames(matchers, limit);
    }

   private:
    const MemoryStore& store_;
  };

  class ForwardSet final : public model::SeriesSet {
   public:
    explicit ForwardSet(const MemoryStore& store) : store_(store) {}
    size_t size() const override { return store_.size(); }
    const model::Labels& labels(size_t index) const override { return store_.labels(index); }
    core::Status Read(size_t index, TimestampMs start_ms, TimestampMs end_ms, model::SampleColumns& out) const override {
      return store_.Read(index, start_ms, end_ms, out);
    }

   private:
    const MemoryStore& store_;
  };

  std::vector<model::Labels> labels_;
  std::vector<TimestampMs> times_;
  std::vector<std::vector<double>> columns_;
};

void RunRange(benchmark::State& state, const char* query) {
  static const MemoryStore store;
  core::SystemClock clock;
  Engine engine(EngineOptions(), clock, nullptr);
  constexpr TimestampMs kStart = 10 * 60'000;
  constexpr size_t kSteps = 240;
  int64_t peak_bytes = 0;
  for (auto _ : state) {
    QueryOutcome outcome = engine.Range(store, query, kStart, kStart + (kSteps - 1) * kScrapeMs, kScrapeMs);
    if (!outcome) {
      state.SkipWithError(outcome.error().message.c_str());
      return;
    }
    peak_bytes = outcome->stats.peak_bytes;
    benchmark::DoNotOptimize(outcome->value);
  }
  state.counters["time/series/step"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(kSeries * kSteps),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["peak_MB"] = static_cast<double>(peak_bytes) / 1e6;
}

BENCHMARK_CAPTURE(RunRange, selector, "requests_total")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunRange, rate, "rate(requests_total[5m])")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunRange, sum_by_rate, "sum by (job) (rate(requests_total[5m]))")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunRange, sum, "sum(requests_total)")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunRange, avg_over_time, "sum(avg_over_time(requests_total[5m]))")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunRange, max_over_time, "max(max_over_time(requests_total[5m]))")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunRange, ratio, "requests_total / requests_total")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunRange, filter, "requests_total > 100")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunRange, topk, "topk(5, rate(requests_total[5m]))")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunRange, subquery, "max_over_time(sum by (job) (rate(requests_total[1m]))[10m:30s])")
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sextant::promql
