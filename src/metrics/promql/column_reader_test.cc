// Queries that several threads share give the answers of one thread, to the last bit, and stop like those.
#include "metrics/promql/column_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <string>
#include <thread>

#include "core/executor.h"
#include "core/parallel.h"
#include "metrics/promql/engine.h"
#include "metrics/promql/test_storage.h"

namespace sextant::promql {
namespace {

using model::Labels;
using testing::HasSubstr;

constexpr TimestampMs kStep = 15'000;

// All of a result, with the bits of its numbers.
std::string Dump(const QueryOutcome& outcome) {
  if (!outcome) return std::string(QueryErrorTypeText(outcome.error().type)) + ": " + outcome.error().message;
  std::string text;
  auto add = [&](TimestampMs time_ms, double value) {
    text += fmt::format(" {}:{:x}", time_ms, std::bit_cast<uint64_t>(value));
  };
  if (const auto* matrix = std::get_if<MatrixResult>(&outcome->value)) {
    for (const MatrixSeries& series : *matrix) {
      text += '\n' + series.labels.ToString();
      for (const FloatPoint& point : series.floats) add(point.time_ms, point.value);
    }
  } else if (const auto* vector = std::get_if<VectorResult>(&outcome->value)) {
    for (const VectorSample& sample : *vector) {
      text += '\n' + sample.labels.ToString();
      add(sample.time_ms, sample.value);
    }
  }
  for (const std::string& warning : outcome->warnings) text += '\n' + warning;
  for (const std::string& info : outcome->infos) text += '\n' + info;
  text += fmt::format("\nsamples {}", outcome->stats.total_samples);
  for (int64_t samples : outcome->stats.samples_per_step) text += fmt::format(" {}", samples);
  return text;
}

class SharedQueryTest : public testing::Test {
 protected:
  SharedQueryTest() {
    uint64_t random = 1;
    auto next = [&] { return random = random * 6364136223846793005u + 1442695040888963407u; };
    for (int i = 0; i < kSeries; ++i) {
      std::string number = std::to_string(i);
      Labels labels = Labels::Of({{"__name__", "requests_total"},
                                  {"pod", number},
                                  {"zone", std::to_string(i % 7)},
                                  {"le", std::to_string(i % 5)}});
      double value = 0;
      for (int k = 0; k < 240; ++k) {
        value += std::ldexp(static_cast<double>(next() >> 40), static_cast<int>(next() % 40) - 40);
        if (next() % 100 == 0) value = 0;
        if (next() % 20 == 0) continue;
        storage_.Add(labels, k * kStep, value);
      }
      storage_.Add(Labels::Of({{"__name__", "info"}, {"pod", number}, {"node", std::to_string(i % 3)}}), 0,
                   1);
      // Each name is noted once, in the order of the series.
      storage_.Add(Labels::Of({{"__name__", "gauge" + std::to_string(i % 11)}, {"pod", number}}), 0, i);
      storage_.Add(Labels::Of({{"__name__", "gauge" + std::to_string(i % 11)}, {"pod", number}}), 60'000, i);
    }
  }

  Engine MakeEngine(core::Parallel* parallel) const {
    EngineOptions options = options_;
    options.parallel = parallel;
    return Engine(options, clock_, nullptr);
  }

  static constexpr int kSeries = 2'000;
  EngineOptions options_;
  core::SystemClock clock_;
  core::Executor executor_{{.threads = 5}};
  core::ExecutorParallel parallel_{executor_, core::Priority::kQuery, 4};
  TestStorage storage_;
};

TEST_F(SharedQueryTest, AnswersAsOneThreadDoes) {
  Engine alone = MakeEngine(nullptr);
  Engine shared = MakeEngine(&parallel_);
  QueryOptions options;
  options.per_step_stats = true;
  for (const char* query : {"requests_total",
                            "sum by (zone) (rate(requests_total[2m]))",
                            "avg(rate(requests_total[5m]))",
                            "stddev by (zone) (requests_total)",
                            "max without (pod) (-requests_total)",
                            "count(requests_total > 0.5)",
                            "topk(3, rate(requests_total[5m]))",
                            "quantile by (zone) (0.9, requests_total)",
                            "sum by (node) (rate(requests_total[5m]) * on (pod) group_left (node) info)",
                            "requests_total and on (pod) info{node=\"1\"}",
                            "requests_total unless on (pod) info{node=\"1\"}",
                            "requests_total or info",
                            "histogram_quantile(0.9, rate(requests_total[5m]))",
                            "sum by (zone) (max_over_time(rate(requests_total[2m])[5m:30s]))",
                            "rate({__name__=~\"gauge.*\"}[5m])",
                            "sum(clamp_max(requests_total, 0.5))",
                            "absent(requests_total)",
                            "1 / requests_total",
                            "sum by (zone) (timestamp(requests_total))",
                            "requests_total + requests_total"}) {
    SCOPED_TRACE(query);
    EXPECT_EQ(Dump(alone.Range(storage_, query, 0, 240 * kStep, kStep, options)),
              Dump(shared.Range(storage_, query, 0, 240 * kStep, kStep, options)));
    EXPECT_EQ(Dump(alone.Instant(storage_, query, 200'000, options)),
              Dump(shared.Instant(storage_, query, 200'000, options)));
  }
}

TEST_F(SharedQueryTest, StopsAtLimitsAndFreesWhatItHeld) {
  core::Registry registry;
  core::MemoryBudget budget(64 << 20, registry);
  core::MemoryShare& share = budget.AddShare("queries", 0.1);
  options_.memory = &share;
  Engine engine = MakeEngine(&parallel_);
  EXPECT_THAT(Dump(engine.Range(storage_, "requests_total", 0, 240 * kStep, 1'000)),
              HasSubstr("memory for queries is used up"));
  EXPECT_EQ(share.used_bytes(), 0u);
  EXPECT_THAT(Dump(engine.Range(storage_, "sum(requests_total)", 0, 240 * kStep, kStep)), HasSubstr("{}"));
  EXPECT_EQ(share.used_bytes(), 0u);
  options_.memory = nullptr;
  options_.max_samples = 1'000;
  EXPECT_THAT(Dump(MakeEngine(&parallel_).Range(storage_, "requests_total", 0, 240 * kStep, kStep)),
              HasSubstr("too many samples"));
}

// A store whose reads say when they have begun, and then wait until the query is cancelled.
class SlowStorage final : public model::Queryable {
 public:
  SlowStorage(const std::atomic<bool>& cancelled, std::atomic<int>& reads)
      : cancelled_(cancelled), reads_(reads) {}

  core::Result<std::unique_ptr<model::Querier>> NewQuerier(TimestampMs, TimestampMs) const override {
    return std::make_unique<Querier>(*this);
  }

 private:
  class Set final : public model::SeriesSet {
   public:
    explicit Set(const SlowStorage& storage) : storage_(storage) {}
    size_t size() const override { return 100'000; }
    const Labels& labels(size_t) const override { return labels_; }
    core::Status Read(size_t, TimestampMs, TimestampMs end_ms, model::SampleColumns& out) const override {
      ++storage_.reads_;
      while (!storage_.cancelled_.load()) std::this_thread::yield();
      out.clear();
      out.Add(end_ms, 1);
      return {};
    }

   private:
    const SlowStorage& storage_;
    const Labels labels_ = Labels::Of({{"__name__", "x"}});
  };

  class Querier final : public model::Querier {
   public:
    explicit Querier(const SlowStorage& storage) : storage_(storage) {}
    core::Result<std::unique_ptr<model::SeriesSet>> Select(const std::vector<model::Matcher>&,
                                                           const model::SelectHints&) const override {
      return std::make_unique<Set>(storage_);
    }
    core::Result<std::vector<std::string>> LabelValues(std::string_view, const std::vector<model::Matcher>&,
                                                       const model::SelectHints&) const override {
      return std::vector<std::string>();
    }
    core::Result<std::vector<std::string>> LabelNames(const std::vector<model::Matcher>&,
                                                      const model::SelectHints&) const override {
      return std::vector<std::string>();
    }

   private:
    const SlowStorage& storage_;
  };

  const std::atomic<bool>& cancelled_;
  std::atomic<int>& reads_;
};

TEST_F(SharedQueryTest, AllThreadsStopWhenItsClientGoes) {
  std::atomic<bool> cancelled = false;
  std::atomic<int> reads = 0;
  SlowStorage storage(cancelled, reads);
  Engine engine = MakeEngine(&parallel_);
  QueryOptions options;
  options.cancelled = &cancelled;
  std::jthread client([&] {
    while (reads.load() < 2) std::this_thread::yield();  // more than one thread is at work
    cancelled = true;
  });
  EXPECT_EQ(Dump(engine.Range(storage, "sum(x)", 0, 1'000 * kStep, kStep, options)),
            "canceled: query was canceled in expression evaluation");
  // Each thread ends soon after the series that it had begun; far from all are read.
  EXPECT_LT(reads.load(), 2'000);
}

}  // namespace
}  // namespace sextant::promql
