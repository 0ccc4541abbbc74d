#include "agents/node/metric_sink.h"

#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>
#include <string>

namespace sextant::node {
namespace {

TEST(GoFloat, WritesAsGoDoes) {
  const std::pair<double, const char*> cases[] = {
      {0, "0"},
      {-0.0, "-0"},
      {1, "1"},
      {-125'000, "-125000"},
      {999'999, "999999"},
      {1e6, "1e+06"},
      {1.04448e6, "1.04448e+06"},
      {5.36870912e10, "5.36870912e+10"},
      {343796.328169361, "343796.328169361"},
      {0.0001, "0.0001"},
      {0.00001, "1e-05"},
      {1.305e-06, "1.305e-06"},
      {9653.880000000001, "9653.880000000001"},
      {1e100, "1e+100"},
      {std::numeric_limits<double>::infinity(), "+Inf"},
      {-std::numeric_limits<double>::infinity(), "-Inf"},
      {std::nan(""), "NaN"},
  };
  for (const auto& [value, text] : cases) {
    std::string out;
    AppendGoFloat(value, out);
    EXPECT_EQ(out, text);
  }
}

// The obvious way: the shortest scientific form, whose exponent decides.
std::string GoFloatByExponent(double value) {
  char buffer[64];
  char* end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string scientific(buffer, end);
  const int exponent = std::stoi(scientific.substr(scientific.find('e') + 1));
  if (exponent < -4 || exponent >= 6) return scientific;
  end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
  return {buffer, end};
}

TEST(GoFloat, ShortWaysGiveTheSame) {
  std::mt19937_64 random(7);
  const auto check = [](double value) {
    std::string out;
    AppendGoFloat(value, out);
    EXPECT_EQ(out, GoFloatByExponent(value)) << std::hexfloat << value;
  };
  for (double edge : {1e-5, 1e-4, 1.0, 1e5, 1e6, 1e7, 1e14, 1e15, 1e16, 1e21, 9'007'199'254'740'993.0}) {
    for (double value : {edge, std::nextafter(edge, 0), std::nextafter(edge, HUGE_VAL), edge - 1, edge + 1}) {
      check(value);
      check(-value);
    }
  }
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t bits = random();
    const int digits = static_cast<int>(random() % 18);
    const double whole = std::trunc(static_cast<double>(bits % 1'000'000) * std::pow(10.0, digits - 3));
    check(whole);
    check(-whole);
    check(static_cast<double>(bits >> (bits % 60)));
    check(static_cast<double>(bits >> 40) / 1'000.0);
    const double any = std::bit_cast<double>(bits);
    if (std::isfinite(any)) check(any);
  }
}

// A family is looked for where it was the last time; what comes instead must be found as well.
TEST(MetricSink, FindsFamiliesInAnyOrder) {
  MetricSink sink;
  const auto render = [&](std::initializer_list<const char*> names) {
    for (const char* name : names) sink.Gauge(name, "H.", 1);
    std::string out;
    const std::string text = sink.RenderText();
    for (size_t at = 0; (at = text.find("# TYPE ", at)) != std::string::npos;) {
      at += 7;
      out += text.substr(at, text.find(' ', at) - at) + " ";
    }
    sink.Clear();
    return out;
  };
  EXPECT_EQ(render({"a", "b", "c"}), "a b c ");
  EXPECT_EQ(render({"a", "b", "c"}), "a b c ");
  EXPECT_EQ(render({"b", "c", "d"}), "b c d ");
  EXPECT_EQ(render({"d"}), "d ");
  EXPECT_EQ(render({"c", "b", "a", "e"}), "a b c e ");
  sink.GetOpenFamily("open", "H.", MetricType::kGauge).AddOpen({}, "open", 1);
  EXPECT_EQ(render({"a", "b"}), "a b open ");
  EXPECT_EQ(render({"open", "a", "b"}), "a b open ");
  EXPECT_EQ(render({"a", "b"}), "a b ");
  sink.GetOpenFamily("a", "H.", MetricType::kGauge).AddOpen({}, "a", 1);
  EXPECT_EQ(render({"b"}), "a b ");
  EXPECT_EQ(render({"a", "b"}), "a b ");
}

TEST(MetricSink, GroupsAndSorts) {
  MetricSink sink;
  sink.Gauge("b_metric", "Help with \\ and\nnewline.", 2);
  auto& family = sink.GetFamily("a_total", "A.", MetricType::kCounter, {"cpu", "mode"});
  family.Add({"10", "x"}, 1);
  family.Add({"1 a", "x"}, 5);
  family.Add({"1", "user"}, 3);
  family.Add({"1", "quote\"back\\new\n"}, 4);
  EXPECT_EQ(sink.RenderText(),
            "# HELP a_total A.\n# TYPE a_total counter\n"
            "a_total{cpu=\"1\",mode=\"quote\\\"back\\\\new\\n\"} 4\n"
            "a_total{cpu=\"1\",mode=\"user\"} 3\n"
            "a_total{cpu=\"1 a\",mode=\"x\"} 5\n"
            "a_total{cpu=\"10\",mode=\"x\"} 1\n"
            "# HELP b_metric Help with \\\\ and\\nnewline.\n# TYPE b_metric gauge\nb_metric 2\n");
  sink.Clear();
  EXPECT_EQ(sink.RenderText(), "");
}

// What is remembered of one exposition must not show in the next.
TEST(MetricSink, RendersWhatIsNewAfterWhatWasThere) {
  MetricSink sink;
  const auto render = [&](std::initializer_list<std::pair<const char*, double>> samples) {
    sink.Clear();
    auto& family = sink.GetFamily("a", "A.", MetricType::kGauge, {"l"});
    for (const auto& [label, value] : samples) family.Add({label}, value);
    return sink.RenderText();
  };
  const std::string head = "# HELP a A.\n# TYPE a gauge\n";
  EXPECT_EQ(render({{"y", 1}, {"x", 2}}), head + "a{l=\"x\"} 2\na{l=\"y\"} 1\n");
  EXPECT_EQ(render({{"y", 3}, {"x", 4}}), head + "a{l=\"x\"} 4\na{l=\"y\"} 3\n");
  EXPECT_EQ(render({{"x", 5}, {"y", 6}}), head + "a{l=\"x\"} 5\na{l=\"y\"} 6\n");
  EXPECT_EQ(render({{"x", 7}}), head + "a{l=\"x\"} 7\n");
  EXPECT_EQ(render({}), "");
  EXPECT_EQ(render({{"y", 8}, {"y", 9}, {"z", 10}}), head + "a{l=\"y\"} 8\na{l=\"z\"} 10\n");
  EXPECT_EQ(render({{"y", 11}, {"y", 12}, {"z", 13}}), head + "a{l=\"y\"} 11\na{l=\"z\"} 13\n");
}

// Families without labels have the same empty key whatever their count.
TEST(MetricSink, CountsSamplesWithoutLabels) {
  MetricSink sink;
  EXPECT_EQ(sink.RenderText(), "");
  sink.Gauge("a", "A.", 1);
  EXPECT_EQ(sink.RenderText(), "# HELP a A.\n# TYPE a gauge\na 1\n");
  sink.Clear();
  sink.Gauge("a", "A.", 2);
  sink.Gauge("a", "A.", 3);
  EXPECT_EQ(sink.RenderText(), "# HELP a A.\n# TYPE a gauge\na 2\n");
}

TEST(MetricSink, KeepsTheExpositionValid) {
  MetricSink sink;
  auto& family = sink.GetFamily("a", "A.", MetricType::kGauge, {"l"});
  family.Add({"same"}, 1);
  family.Add({"same"}, 2);
  family.Add({std::string_view("z\xff\0z", 4)}, 3);
  family.Add({std::string(2 * kLabelValueLimitBytes, 'y')}, 4);
  sink.GetFamily("not a name", "B.", MetricType::kGauge).Add(1);
  const auto status = sink.TakeStatus();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message(), "\"not a name\" is not a metric name");
  EXPECT_TRUE(sink.TakeStatus());
  sink.GetFamily("a", "A.", MetricType::kGauge).Add(1);
  EXPECT_FALSE(sink.TakeStatus());
  EXPECT_EQ(sink.RenderText(), "# HELP a A.\n# TYPE a gauge\na{l=\"same\"} 1\na{l=\"" +
                                   std::string(kLabelValueLimitBytes, 'y') + "\"} 4\na{l=\"z??z\"} 3\n");
}

TEST(MetricSink, IsBounded) {
  MetricSink sink;
  auto& family = sink.GetFamily("a", "A.", MetricType::kGauge);
  for (size_t i = 0; i < kSampleLimit + 10; ++i) family.Add(1);
  EXPECT_EQ(sink.TakeStatus().error().code(), core::Code::kResourceExhausted);
  sink.Clear();
  EXPECT_TRUE(sink.TakeStatus());
  for (size_t i = 0; i <= kFamilyLimit; ++i) sink.Gauge("m" + std::to_string(i), "", 1);
  EXPECT_EQ(sink.TakeStatus().error().code(), core::Code::kResourceExhausted);
}

TEST(MetricSink, OpenFamiliesHaveLabelsOfTheirOwn) {
  MetricSink sink;
  auto& family = sink.GetOpenFamily("a", "A.", MetricType::kGauge);
  const LabelPair two[] = {{"l", "x"}, {"m", "y"}};
  const LabelPair one[] = {{"m", "z\"\n"}};
  family.AddOpen(two, "a", 1);
  family.AddOpen(one, "a", 2);
  family.AddOpen(one, "a", 3);  // the first stays
  EXPECT_EQ(sink.RenderText(), "# HELP a A.\n# TYPE a gauge\na{m=\"z\\\"\\n\"} 2\na{l=\"x\",m=\"y\"} 1\n");
  sink.GetFamily("a", "A.", MetricType::kGauge, {"l"}).Add({"x"}, 1);
  EXPECT_FALSE(sink.TakeStatus());
  sink.Clear();
  sink.GetFamily("a", "A.", MetricType::kGauge, {"l"}).Add({"x"}, 1);
  EXPECT_TRUE(sink.TakeStatus());
  EXPECT_EQ(sink.RenderText(), "# HELP a A.\n# TYPE a gauge\na{l=\"x\"} 1\n");
}

TEST(MetricSink, AbsorbsAnother) {
  MetricSink sink;
  MetricSink other;
  sink.GetFamily("a", "A.", MetricType::kGauge, {"l"}).Add({"z"}, 1);
  other.GetFamily("a", "A.", MetricType::kGauge, {"l"}).Add({"b"}, 2);
  other.Counter("b_total", "B.", 3);
  const LabelPair label[] = {{"m", "n"}};
  other.GetOpenFamily("c", "C.", MetricType::kUntyped).AddOpen(label, "c", 4);
  sink.Absorb(other);
  EXPECT_TRUE(sink.TakeStatus());
  EXPECT_EQ(sink.RenderText(),
            "# HELP a A.\n# TYPE a gauge\na{l=\"b\"} 2\na{l=\"z\"} 1\n"
            "# HELP b_total B.\n# TYPE b_total counter\nb_total 3\n"
            "# HELP c C.\n# TYPE c untyped\nc{m=\"n\"} 4\n");
  EXPECT_EQ(other.RenderText(), "");
  MetricSink conflicting;
  conflicting.Counter("a", "A.", 1);  // other labels
  sink.Absorb(conflicting);
  EXPECT_FALSE(sink.TakeStatus());
}

}  // namespace
}  // namespace sextant::node
