// The column engine against the plain reference evaluator, on random expressions over random data. Every case
// has a seed, which is printed when it fails; SEXTANT_REFERENCE_CASES raises the number of cases.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <limits>
#include <map>
#include <random>

#include "core/executor.h"
#include "core/parallel.h"
#include "metrics/promql/engine.h"
#include "metrics/promql/reference_evaluator.h"
#include "metrics/promql/test_storage.h"

namespace sextant::promql {
namespace {

constexpr DurationMs kSecond = 1'000;

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  size_t Below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  bool Chance(int percent) { return Below(100) < static_cast<size_t>(percent); }
  std::string Pick(std::initializer_list<const char*> choices) {
    return *(choices.begin() + Below(choices.size()));
  }

  // Counters and gauges with gaps, resets, stale markers and odd values.
  void Fill(TestStorage& storage) {
    for (const char* name : {"c_total", "g", "h"}) {
      for (const char* job : {"x", "y"}) {
        for (const char* instance : {"1", "2", "3"}) {
          if (Chance(20)) continue;
          FillSeries(storage, model::Labels::Of({{"__name__", name}, {"job", job}, {"instance", instance}}));
        }
      }
    }
    FillSeries(storage, model::Labels::Of({{"__name__", "meta"}, {"job", "x"}, {"zone", "east"}}));
    FillSeries(storage, model::Labels::Of({{"__name__", "meta"}, {"job", "y"}, {"zone", "west"}}));
  }

  std::string Vector(int depth) {
    if (depth <= 0) return Selector();
    switch (Below(9)) {
      case 0:
        return Selector();
      case 1: {
        if (Chance(70)) return fmt::format("{}({}{})", RangeFunction(), Selector(false), Range());
        bool is_smoothed = Chance(50);
        std::string function = is_smoothed ? Pick({"rate", "increase", "delta"})
                                           : Pick({"rate", "increase", "delta", "changes", "resets"});
        return fmt::format("{}({}{} {}{})", function, Selector(false), Pick({"[20s]", "[1m]", "[3m]"}),
                           is_smoothed ? "smoothed" : "anchored", Modifiers());
      }
      case 2:
        return fmt::format("{}(({})[{}:{}])", RangeFunction(), Vector(depth - 1), Pick({"45s", "90s", "4m"}),
                           Pick({"", "7s", "15s"}));
      case 3:
        return Aggregation(depth);
      case 4:
        return fmt::format("({} {} {})", Vector(depth - 1), VectorOperator(), Scalar(depth - 1));
      case 5:
        return fmt::format("({} {} {})", Scalar(depth - 1), VectorOperator(), Vector(depth - 1));
      case 6:
        if (Chance(30)) return fmt::format("({} {} {})", Vector(depth - 1), Filling(), Vector(depth - 1));
        return fmt::format("({} {} {})", Vector(depth - 1), Matching(), Vector(depth - 1));
      case 7:
        return fmt::format("{}({})", Pick({"abs", "ceil", "floor", "sgn", "-", "absent"}), Vector(depth - 1));
      default:
        return fmt::format("({} {} {})", Vector(depth - 1),
                           Pick({"and", "or", "unless", "and on (job)", "or on (job, instance)",
                                 "unless ignoring (instance)"}),
                           Vector(depth - 1));
    }
  }

 private:
  void FillSeries(TestStorage& storage, const model::Labels& labels) {
    bool is_counter = labels.metric_name() == "c_total";
    double value = 0;
    TimestampMs time = static_cast<TimestampMs>(Below(15'000));
    DurationMs interval = Chance(50) ? 15 * kSecond : 5 * kSecond;
    for (int i = 0; i < 60; ++i) {
      time += interval + (Chance(30) ? static_cast<DurationMs>(Below(2'000)) : 0);
      if (Chance(5)) time += static_cast<DurationMs>(Below(200)) * kSecond;
      value = is_counter ? value + static_cast<double>(Below(20)) / 4
                         : static_cast<double>(Below(1'000)) / 8 - 40;
      if (is_counter && Chance(4)) value = 0;
      if (Chance(2)) {
        storage.Add(labels, time, model::StaleNan());
      } else if (!is_counter && Chance(1)) {
        storage.Add(labels, time, Chance(50) ? std::numeric_limits<double>::infinity() : std::nan(""));
      } else {
        storage.Add(labels, time, value);
      }
    }
  }

  std::string Modifiers() {
    switch (Below(8)) {
      case 0:
        return " offset 40s";
      case 1:
        return " offset -25s";
      case 2:
        return " @ 300";
      case 3:
        return " @ start()";
      case 4:
        return " @ end() offset 1m";
      default:
        return "";
    }
  }
  std::string Selector(bool has_modifiers = true) {
    std::string labels =
        Pick({"", "", "{job=\"x\"}", "{instance!=\"2\"}", "{instance=~\"1|3\"}", "{job=\"none\"}"});
    std::string smoothed = has_modifiers && Chance(10) ? " smoothed" : "";
    return Pick({"c_total", "g", "h"}) + labels + smoothed + (has_modifiers ? Modifiers() : "");
  }
  std::string Filling() {
    return Pick({"+", "-", "*", "/"}) +
           Pick({" on (job, instance)", " ignoring (zone)", "", " on (job) group_left ()"}) +
           Pick({" fill (0)", " fill_left (2)", " fill_right (-1)", " fill_left (1) fill_right (3)"});
  }
  std::string Range() { return Pick({"[20s]", "[1m]", "[3m]", "[9m]"}) + Modifiers(); }
  std::string RangeFunction() {
    return Pick({"rate", "increase", "delta", "irate", "idelta", "sum_over_time", "avg_over_time",
                 "max_over_time", "min_over_time", "count_over_time", "last_over_time", "present_over_time",
                 "changes", "resets"});
  }
  std::string Aggregation(int depth) {
    std::string grouping =
        Pick({"", "by (job)", "by (instance)", "without (instance)", "by (job, instance)", "by (none)"});
    switch (Below(4)) {
      case 0:
        return fmt::format("quantile {} ({}, {})", grouping, Pick({"0.5", "0.9", "0", "1"}),
                           Vector(depth - 1));
      default:
        return fmt::format("{} {} ({})", Pick({"sum", "avg", "min", "max", "count", "group"}), grouping,
                           Vector(depth - 1));
    }
  }
  std::string VectorOperator() {
    return Pick({"+", "-", "*", "/", "%", "==", "!=", ">", "<", ">=", "<=", "> bool", "== bool"});
  }
  std::string Matching() {
    std::string op = VectorOperator();
    return op + Pick({"", " on (job, instance)", " ignoring (zone)", " on (job) group_left ()",
                      " on (job) group_right ()", " on (job) group_left (zone)", " on (instance)",
                      " ignoring (instance) group_left ()"});
  }
  std::string Scalar(int depth) {
    switch (Below(5)) {
      case 0:
        return "time()";
      case 1:
        return fmt::format("scalar({})", Vector(std::min(depth, 1)));
      case 2:
        return fmt::format("({} * 2)", Pick({"3", "0.5", "time()"}));
      default:
        return Pick({"1", "0", "2.5", "-7", "100"});
    }
  }

  std::mt19937_64 random_;
};

using Answer = std::map<model::Labels, std::map<TimestampMs, double>>;

bool IsClose(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (std::isinf(a) || std::isinf(b)) return a == b;
  return std::fabs(a - b) <= 1e-9 * std::max(1.0, std::max(std::fabs(a), std::fabs(b)));
}

// What differs, or nothing.
std::string Difference(const Answer& expected, const Answer& got) {
  for (const auto& [labels, points] : expected) {
    auto series = got.find(labels);
    if (series == got.end()) return fmt::format("series {} is missing", labels.ToString());
    for (const auto& [time, value] : points) {
      auto point = series->second.find(time);
      if (point == series->second.end())
        return fmt::format("{} at {}: {} is missing", labels.ToString(), time, value);
      if (!IsClose(value, point->second)) {
        return fmt::format("{} at {}: expected {}, got {}", labels.ToString(), time, value, point->second);
      }
    }
    if (points.size() != series->second.size())
      return fmt::format("{} has too many points", labels.ToString());
  }
  return expected.size() == got.size() ? "" : "there are too many series";
}

class ReferenceTest : public testing::Test {
 protected:
  void RunCase(uint64_t seed) {
    Generator generator(seed);
    TestStorage storage;
    generator.Fill(storage);
    std::string query = generator.Vector(1 + static_cast<int>(generator.Below(3)));
    TimestampMs start = static_cast<TimestampMs>(generator.Below(600)) * kSecond;
    DurationMs step = generator.Chance(50) ? 15 * kSecond : 47 * kSecond;
    TimestampMs end = start + step * static_cast<DurationMs>(generator.Below(12));
    SCOPED_TRACE(fmt::format("seed {}: {} from {} to {} step {}", seed, query, start, end, step));

    ParseResult<ExprPtr> expr = ParseExpr(query, ParserOptions::Everything());
    ASSERT_TRUE(expr) << expr.error().Message();
    reference::Evaluator evaluator(storage, 5 * 60 * kSecond, 60 * kSecond, start, end);
    Answer expected;
    std::string failure;
    try {
      for (TimestampMs t = start; t <= end; t += step) {
        for (const reference::Element& element : evaluator.EvalVector(**expr, t))
          expected[element.labels][t] = element.value;
      }
    } catch (const reference::QueryFailure& error) {
      failure = error.what();
    }
    QueryOutcome outcome = engine_.Range(storage, query, start, end, step);
    if (!failure.empty()) {
      EXPECT_FALSE(outcome) << "expected: " << failure;
      ++failures_;
      return;
    }
    ASSERT_TRUE(outcome) << outcome.error().message;
    Answer got;
    for (const MatrixSeries& series : std::get<MatrixResult>(outcome->value)) {
      for (const FloatPoint& point : series.floats) got[series.labels][point.time_ms] = point.value;
    }
    EXPECT_EQ(Difference(expected, got), "");
    if (!expected.empty()) ++answers_;
    ExpectTheSameOfSeveralThreads(storage, query, start, end, step, *outcome);
  }

  // Bit by bit.
  void ExpectTheSameOfSeveralThreads(const TestStorage& storage, const std::string& query, TimestampMs start,
                                     TimestampMs end, DurationMs step, const QueryResult& alone) {
    QueryOutcome shared = shared_engine_.Range(storage, query, start, end, step);
    ASSERT_TRUE(shared) << shared.error().message;
    const auto& a = std::get<MatrixResult>(alone.value);
    const auto& b = std::get<MatrixResult>(shared->value);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      ASSERT_EQ(a[i].labels, b[i].labels);
      ASSERT_EQ(a[i].floats.size(), b[i].floats.size());
      for (size_t k = 0; k < a[i].floats.size(); ++k) {
        EXPECT_EQ(a[i].floats[k].time_ms, b[i].floats[k].time_ms);
        EXPECT_EQ(std::bit_cast<uint64_t>(a[i].floats[k].value),
                  std::bit_cast<uint64_t>(b[i].floats[k].value));
      }
    }
    EXPECT_EQ(alone.warnings, shared->warnings);
    EXPECT_EQ(alone.infos, shared->infos);
    EXPECT_EQ(alone.stats.total_samples, shared->stats.total_samples);
  }

  core::SystemClock clock_;
  static EngineOptions Options() {
    EngineOptions options;
    options.parser = ParserOptions::Everything();
    return options;
  }

  static EngineOptions SharedOptions(core::Parallel& parallel) {
    EngineOptions options = Options();
    options.parallel = &parallel;
    options.least_shared_work = 0;
    return options;
  }

  core::Executor executor_{{.threads = 3}};
  core::ExecutorParallel parallel_{executor_, core::Priority::kQuery, 2};
  Engine engine_{Options(), clock_, nullptr};
  Engine shared_engine_{SharedOptions(parallel_), clock_, nullptr};
  int answers_ = 0;
  int failures_ = 0;
};

TEST_F(ReferenceTest, AgreesOnRandomExpressions) {
  const char* configured = std::getenv("SEXTANT_REFERENCE_CASES");
  uint64_t cases = configured != nullptr ? std::strtoull(configured, nullptr, 10) : 5'000;
  for (uint64_t seed = 1; seed <= cases && !HasFailure(); ++seed) RunCase(seed);
  fmt::print("{} cases: {} with an answer, {} refused\n", cases, answers_, failures_);
  EXPECT_GT(answers_, static_cast<int>(cases / 3));
}

}  // namespace
}  // namespace sextant::promql
