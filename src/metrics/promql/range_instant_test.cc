// A range query is, at each of its steps, the instant query of that time: random expressions over floats and
// native histograms, with every function, modifier and kind of matching. Every case has a seed, which is
// printed when it fails; SEXTANT_REFERENCE_CASES raises the number of cases.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>

#include "metrics/promql/engine.h"
#include "metrics/promql/promqltest_storage.h"

namespace sextant::promql {
namespace {

constexpr TimestampMs kSecond = 1'000;

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  size_t Below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  bool Chance(int percent) { return Below(100) < static_cast<size_t>(percent); }
  std::string Pick(std::initializer_list<const char*> choices) {
    return *(choices.begin() + Below(choices.size()));
  }

  void Fill(PromqltestStorage& storage) {
    for (const char* name : {"c_total", "g", "exp", "custom", "mixed"}) {
      for (const char* job : {"x", "y"}) {
        for (const char* instance : {"1", "2"}) {
          if (Chance(15)) continue;
          storage.Add(model::Labels::Of({{"__name__", name}, {"job", job}, {"instance", instance}}),
                      Samples(name));
        }
      }
    }
    for (const char* bound : {"0.5", "1", "+Inf"}) {
      storage.Add(model::Labels::Of({{"__name__", "classic_bucket"}, {"job", "x"}, {"le", bound}}),
                  Samples("c_total"));
    }
  }

  std::string Vector(int depth) {
    if (depth <= 0) return Selector();
    std::string inner = Vector(depth - 1);
    switch (Below(12)) {
      case 0:
        return fmt::format("{}({}{}{})", RangeFunction(), Name(), Range(), Modifiers());
      case 1:
        return fmt::format("{}(({})[{}:{}])", RangeFunction(), inner, Pick({"45s", "2m"}),
                           Pick({"", "7s", "20s"}));
      case 2:
        return fmt::format("{}({}{} {}{})", Pick({"rate", "increase", "delta"}), Name(), Range(),
                           Pick({"anchored", "smoothed"}), Modifiers());
      case 3:
        return fmt::format("{} {} ({})",
                           Pick({"sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"}),
                           Grouping(), inner);
      case 4:
        // Which ones limitk takes depends on the order of its input, which a range query need not keep.
        if (Chance(20)) return fmt::format("limitk {} (1, {})", Grouping(), Selector());
        return fmt::format("{} {} ({}, {})", Pick({"topk", "bottomk", "quantile"}), Grouping(),
                           Pick({"1", "2", "0.5"}), inner);
      case 5:
        return fmt::format("({} {} {})", inner, Pick({"+", "-", "*", "/", ">", "<=", "== bool", "%", "^"}),
                           Pick({"2", "0.5", "-1", "time()"}));
      case 6:
        return fmt::format("({} {} {})", inner, Matching(), Vector(depth - 1));
      case 7:
        return fmt::format("({} {} {})", inner, Pick({"and", "or", "unless", "and on (job)", "or on (job)"}),
                           Vector(depth - 1));
      case 8:
        return fmt::format("{}({})",
                           Pick({"histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev",
                                 "histogram_quantile", "histogram_fraction"}),
                           inner);
      case 9:
        return fmt::format("{}({})", Pick({"abs", "-", "sgn", "absent", "timestamp", "sqrt", "exp"}), inner);
      case 10:
        return fmt::format("label_replace({}, \"job\", \"$1\", \"instance\", \"(.*)\")", inner);
      default:
        return fmt::format("clamp({}, -5, {})", inner, Pick({"5", "scalar(g)", "50"}));
    }
  }

 private:
  std::vector<PromqltestStorage::Sample> Samples(std::string_view name) {
    std::vector<PromqltestStorage::Sample> samples;
    TimestampMs time = static_cast<TimestampMs>(Below(15'000));
    double value = 0;
    double scale = 1;
    for (int i = 0; i < 40; ++i) {
      time += 15 * kSecond + (Chance(10) ? static_cast<TimestampMs>(Below(120)) * kSecond : 0);
      value = name == "g" ? static_cast<double>(Below(200)) / 4 - 20 : value + static_cast<double>(Below(20));
      scale += static_cast<double>(Below(3));
      if (Chance(4)) value = 0, scale = 1;
      bool is_histogram = name == "exp" || name == "custom" || (name == "mixed" && Chance(50));
      PromqltestStorage::Sample sample{.time_ms = time, .value = value};
      if (Chance(2)) {
        sample.value = model::StaleNan();
      } else if (is_histogram) {
        sample.histogram = Histogram(name == "custom" || (name == "mixed" && Chance(10)), scale);
      }
      samples.push_back(std::move(sample));
    }
    return samples;
  }

  HistogramPtr Histogram(bool is_custom, double scale) {
    auto histogram = std::make_shared<model::FloatHistogram>();
    histogram->schema = is_custom ? model::kCustomBucketsSchema : static_cast<int32_t>(Below(2));
    if (is_custom)
      histogram->custom_bounds = Chance(90) ? std::vector<double>{1, 2, 5} : std::vector<double>{1, 5};
    histogram->positive_spans = {{0, 3}};
    histogram->positive_buckets = {scale, scale * 2, scale};
    histogram->count = scale * 4;
    if (!is_custom && Chance(50)) {
      histogram->zero_threshold = 0.001;
      histogram->zero_count = scale;
      histogram->count += scale;
    }
    histogram->sum = scale * 7;
    if (Chance(5)) histogram->counter_reset_hint = model::CounterResetHint::kGauge;
    return histogram;
  }

  std::string Name() {
    return Pick({"c_total", "g", "exp", "custom", "mixed", "classic_bucket", "exp{job=\"x\"}",
                 "{job=\"y\",__name__=~\"exp|g\"}"});
  }
  std::string Selector() { return Name() + (Chance(10) ? " smoothed" : "") + Modifiers(); }
  std::string Range() { return Pick({"[20s]", "[1m]", "[5m]"}); }
  std::string Modifiers() {
    return Chance(60) ? "" : Pick({" offset 40s", " offset -25s", " @ 300", " @ 200 offset 1m"});
  }
  std::string Grouping() { return Pick({"", "by (job)", "without (instance)", "by (job, instance)"}); }
  std::string Matching() {
    return Pick({"+", "-", "*", "/", ">", "== bool"}) +
           Pick({"", " on (job, instance)", " ignoring (le)", " on (job) group_left ()",
                 " on (job) group_right ()", " fill (0)",
                 " on (job, instance) fill_left (1) fill_right (2)"});
  }
  std::string RangeFunction() {
    return Pick({"rate",
                 "increase",
                 "delta",
                 "irate",
                 "idelta",
                 "sum_over_time",
                 "avg_over_time",
                 "max_over_time",
                 "min_over_time",
                 "count_over_time",
                 "last_over_time",
                 "first_over_time",
                 "present_over_time",
                 "changes",
                 "resets",
                 "stddev_over_time",
                 "deriv",
                 "mad_over_time",
                 "ts_of_max_over_time",
                 "absent_over_time"});
  }

  std::mt19937_64 random_;
};

// The values at one time, histograms as text.
using Answer = std::map<model::Labels, std::string>;

std::string Text(double value, const HistogramPtr& histogram) {
  auto number = [](double v) { return fmt::format("{:.9g}", v == 0 ? 0 : v); };
  if (!histogram) return number(value);
  std::string text =
      fmt::format("schema {} count {} sum {} zero {}:", histogram->schema, number(histogram->count),
                  number(histogram->sum), number(histogram->zero_count));
  int64_t index = 0;
  size_t next = 0;
  for (const model::BucketSpan& span : histogram->positive_spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length; ++i, ++index, ++next) {
      double count = histogram->positive_buckets[next];
      if (count != 0) text += fmt::format(" {}={}", index, number(count));
    }
  }
  return text;
}

class RangeInstantTest : public testing::Test {
 protected:
  static EngineOptions Options() {
    EngineOptions options;
    options.parser = ParserOptions::Everything();
    return options;
  }

  void RunCase(uint64_t seed) {
    Generator generator(seed);
    PromqltestStorage storage;
    generator.Fill(storage);
    std::string query = generator.Vector(1 + static_cast<int>(generator.Below(3)));
    if (size_t at = query.find("histogram_quantile("); at != query.npos) query.insert(at + 19, "0.9, ");
    if (size_t at = query.find("histogram_fraction("); at != query.npos) query.insert(at + 19, "0.5, 3, ");
    if (!ParseExpr(query, ParserOptions::Everything())) return;
    TimestampMs start = static_cast<TimestampMs>(generator.Below(500)) * kSecond;
    DurationMs step = generator.Chance(50) ? 15 * kSecond : 37 * kSecond;
    TimestampMs end = start + step * static_cast<DurationMs>(generator.Below(10));
    SCOPED_TRACE(fmt::format("seed {}: {} from {} to {} step {}", seed, query, start, end, step));

    QueryOutcome range = engine_.Range(storage, query, start, end, step);
    std::map<TimestampMs, Answer> got;
    if (range) {
      for (const MatrixSeries& series : std::get<MatrixResult>(range->value)) {
        for (const FloatPoint& point : series.floats)
          got[point.time_ms][series.labels] = Text(point.value, nullptr);
        for (const HistogramPoint& point : series.histograms) {
          EXPECT_FALSE(got[point.time_ms].contains(series.labels));
          got[point.time_ms][series.labels] = Text(0, point.histogram);
        }
      }
    }
    bool any_fails = false;
    for (TimestampMs t = start; t <= end; t += step) {
      QueryOutcome instant = engine_.Instant(storage, query, t);
      any_fails = any_fails || !instant;
      if (!instant || !range) continue;
      Answer expected;
      for (const VectorSample& sample : std::get<VectorResult>(instant->value)) {
        expected[sample.labels] = Text(sample.value, sample.histogram);
      }
      EXPECT_EQ(got[t], expected) << "at " << t;
      answers_ += expected.empty() ? 0 : 1;
    }
    EXPECT_EQ(any_fails, !range) << (range ? "" : range.error().message);
  }

  core::SystemClock clock_;
  Engine engine_{Options(), clock_, nullptr};
  int answers_ = 0;
};

TEST_F(RangeInstantTest, AgreeOnRandomExpressions) {
  const char* configured = std::getenv("SEXTANT_REFERENCE_CASES");
  uint64_t cases = configured != nullptr ? std::strtoull(configured, nullptr, 10) : 1'500;
  for (uint64_t seed = 1; seed <= cases && !HasFailure(); ++seed) RunCase(seed);
  fmt::print("{} cases: {} answers\n", cases, answers_);
  EXPECT_GT(answers_, static_cast<int>(cases));
}

}  // namespace
}  // namespace sextant::promql
