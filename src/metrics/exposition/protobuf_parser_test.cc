#include "metrics/exposition/protobuf_parser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "metrics/exposition/text_parser.h"
#include "wire/encode.h"

namespace sextant::exposition {
namespace {

using wire::PutBytesField;
using wire::PutDoubleField;
using wire::PutSintField;
using wire::PutUintField;
using wire::Submessage;

// A family with its size in front; `fill` adds metrics.
std::string Family(std::string_view name, wire::FamilyType type,
                   const std::function<void(std::string&)>& fill, std::string_view unit = "") {
  std::string family;
  PutBytesField(family, 1, name);
  PutBytesField(family, 2, "Help \"it\".");
  PutUintField(family, 3, static_cast<uint64_t>(type));
  fill(family);
  PutBytesField(family, 5, unit);
  std::string body;
  wire::PutVarint(body, family.size());
  return body + family;
}

void PutLabel(std::string& out, std::string_view name, std::string_view value) {
  Submessage label(out, 1);
  PutBytesField(out, 1, name);
  PutBytesField(out, 2, value);
}

void PutTime(std::string& out, uint32_t field, uint64_t seconds, uint64_t nanos) {
  Submessage time(out, field);
  PutUintField(out, 1, seconds);
  PutUintField(out, 2, nanos);
}

void PutExemplar(std::string& out, uint32_t field, double value, uint64_t seconds) {
  Submessage exemplar(out, field);
  PutLabel(out, "id", "x\"y");
  PutDoubleField(out, 2, value);
  if (seconds != 0) PutTime(out, 3, seconds, 500'000'000);
}

// All entries, a line each.
std::string Show(Parser& parser) {
  std::string text;
  model::LabelsBuilder labels;
  while (true) {
    EntryKind kind = parser.Next();
    const Entry& entry = parser.entry();
    switch (kind) {
      case EntryKind::kEnd:
        return text;
      case EntryKind::kError:
        return text + "error: " + parser.error().message() + "\n";
      case EntryKind::kHelp:
        text += fmt::format("help {} {}\n", entry.name, parser.HelpText());
        break;
      case EntryKind::kType:
        text += fmt::format("type {} {}\n", entry.name, MetricTypeName(entry.type));
        break;
      case EntryKind::kUnit:
        text += fmt::format("unit {} {}\n", entry.name, entry.text);
        break;
      case EntryKind::kComment:
        break;
      case EntryKind::kSample:
        core::Status read = parser.ReadLabels(labels);
        text += read ? labels.Build().ToMetricString() : read.error().message();
        text += entry.histogram ? fmt::format(" histogram {}", entry.histogram->count)
                                : fmt::format(" {}", entry.value);
        if (entry.timestamp_ms) text += fmt::format(" @{}", *entry.timestamp_ms);
        if (entry.start_ms != 0) text += fmt::format(" ^{}", entry.start_ms);
        while (parser.entry().exemplar) {
          EXPECT_TRUE(parser.ReadExemplarLabels(labels).has_value());
          text += fmt::format(" # {} {}", labels.Build().ToString(), entry.exemplar->value);
          if (entry.exemplar->timestamp_ms) text += fmt::format("@{}", *entry.exemplar->timestamp_ms);
          if (!parser.NextExemplar()) break;
        }
        text += '\n';
    }
  }
}

std::string Show(std::string_view body, ParserOptions options = {}) {
  ProtobufParser parser(body, options);
  return Show(parser);
}

TEST(ProtobufParserTest, SimpleMetrics) {
  std::string body = Family(
      "requests_seconds_total", wire::FamilyType::kCounter,
      [](std::string& family) {
        for (int i = 0; i < 2; ++i) {
          Submessage metric(family, 4);
          PutLabel(family, "path", i == 0 ? "a\"b\\c\nd" : "");
          {
            Submessage counter(family, 3);
            PutDoubleField(family, 1, 1.5 + i);
            PutExemplar(family, 2, 7, i);
            PutTime(family, 3, 10, 250'000'000);
          }
          PutUintField(family, 6, static_cast<uint64_t>(i) * 1000);
        }
      },
      "seconds");
  body += Family("temperature", wire::FamilyType::kGauge, [](std::string& family) {
    Submessage metric(family, 4);
    Submessage gauge(family, 2);
    PutDoubleField(family, 1, std::nan("5"));
  });
  body += Family("my.metric", wire::FamilyType::kUntyped, [](std::string& family) {
    Submessage metric(family, 4);
    PutLabel(family, "a.b", "c");
    Submessage untyped(family, 5);
    PutDoubleField(family, 1, -1);
  });
  body += Family("no_metrics", wire::FamilyType::kGauge, [](std::string&) {});
  EXPECT_EQ(Show(body),
            "help requests_seconds_total Help \"it\".\n"
            "unit requests_seconds_total seconds\n"
            "type requests_seconds_total counter\n"
            "requests_seconds_total{path=\"a\\\"b\\\\c\\nd\"} 1.5 ^10250 # {id=\"x\\\"y\"} 7\n"
            "requests_seconds_total 2.5 @1000 ^10250 # {id=\"x\\\"y\"} 7@1500\n"
            "help temperature Help \"it\".\n"
            "type temperature gauge\n"
            "temperature nan\n"
            "help my.metric Help \"it\".\n"
            "type my.metric unknown\n"
            "{\"my.metric\", \"a.b\"=\"c\"} -1\n");
}

TEST(ProtobufParserTest, Summaries) {
  std::string body = Family("s", wire::FamilyType::kSummary, [](std::string& family) {
    Submessage metric(family, 4);
    Submessage summary(family, 4);
    PutUintField(family, 1, 3);
    PutDoubleField(family, 2, 4.5);
    for (double quantile : {0.5, 1.0}) {
      Submessage message(family, 3);
      PutDoubleField(family, 1, quantile);
      PutDoubleField(family, 2, quantile * 2);
    }
  });
  EXPECT_EQ(Show(body),
            "help s Help \"it\".\ntype s summary\ns_count 3\ns_sum 4.5\n"
            "s{quantile=\"0.5\"} 1\ns{quantile=\"1.0\"} 2\n");
}

std::string HistogramFamily(bool is_native, bool has_own_exemplars) {
  return Family("h", wire::FamilyType::kHistogram, [&](std::string& family) {
    Submessage metric(family, 4);
    PutLabel(family, "a", "b");
    Submessage histogram(family, 7);
    PutUintField(family, 1, 4);
    PutDoubleField(family, 2, 5);
    for (int i = 1; i <= 2; ++i) {
      Submessage bucket(family, 3);
      PutUintField(family, 1, static_cast<uint64_t>(i));
      PutDoubleField(family, 2, i);
      PutExemplar(family, 3, i, i == 1 ? 0 : 8);
    }
    if (!is_native) return;
    PutSintField(family, 5, 3);
    PutDoubleField(family, 6, 0.001);
    PutUintField(family, 7, 1);
    {
      Submessage span(family, 12);
      PutSintField(family, 1, 2);
      PutUintField(family, 2, 2);
    }
    wire::PutBytesItem(family, 13, std::string("\x02\x02", 2));  // 1 and 1 more
    if (has_own_exemplars) PutExemplar(family, 16, 9, 20);
  });
}

constexpr std::string_view kClassic =
    "h_count{a=\"b\"} 4\nh_sum{a=\"b\"} 5\n"
    "h_bucket{a=\"b\", le=\"1.0\"} 1 # {id=\"x\\\"y\"} 1\n"
    "h_bucket{a=\"b\", le=\"2.0\"} 2 # {id=\"x\\\"y\"} 2@8500\n"
    "h_bucket{a=\"b\", le=\"+Inf\"} 4\n";

TEST(ProtobufParserTest, HistogramsInBothForms) {
  std::string head = "help h Help \"it\".\ntype h histogram\n";
  std::string native = "h{a=\"b\"} histogram 4 # {id=\"x\\\"y\"} 2@8500\n";
  std::string native_own = "h{a=\"b\"} histogram 4 # {id=\"x\\\"y\"} 9@20500\n";
  EXPECT_EQ(Show(HistogramFamily(false, false), {.native_histograms = true}), head + std::string(kClassic));
  EXPECT_EQ(Show(HistogramFamily(true, false)), head + std::string(kClassic));
  EXPECT_EQ(Show(HistogramFamily(true, false), {.native_histograms = true}), head + native);
  EXPECT_EQ(Show(HistogramFamily(true, true), {.native_histograms = true}), head + native_own);
  EXPECT_EQ(Show(HistogramFamily(true, true), {.native_histograms = true, .classic_histograms = true}),
            head + native_own + std::string(kClassic));
}

TEST(ProtobufParserTest, NativeHistogramsHaveTheirBuckets) {
  std::string body = HistogramFamily(true, false);
  ProtobufParser parser(body, {.native_histograms = true});
  while (parser.Next() != EntryKind::kSample) continue;
  const model::FloatHistogram& histogram = *parser.entry().histogram;
  EXPECT_TRUE(histogram.is_integer);
  EXPECT_EQ(histogram.schema, 3);
  EXPECT_EQ(histogram.zero_count, 1);
  EXPECT_EQ(histogram.sum, 5);
  EXPECT_EQ(histogram.positive_buckets, (std::vector<double>{1, 2}));
  ASSERT_EQ(histogram.positive_spans.size(), 1u);
  EXPECT_EQ(histogram.positive_spans[0].offset, 2);
}

TEST(ProtobufParserTest, GuessesAreRecognised) {
  std::string body = HistogramFamily(false, false);
  ProtobufParser first(body, {});
  while (first.Next() != EntryKind::kSample) continue;
  std::string series(first.entry().series);
  ProtobufParser second(body, {});
  EntryKind kind = second.Next(SeriesGuess::Of(series));
  while (kind != EntryKind::kSample) kind = second.Next(SeriesGuess::Of(series));
  EXPECT_TRUE(second.entry().is_expected);
  second.Next(SeriesGuess::Of(series));
  EXPECT_FALSE(second.entry().is_expected);
}

TEST(ProtobufParserTest, ErrorsNameWhatIsWrong) {
  auto nothing = [](std::string& family) { Submessage metric(family, 4); };
  EXPECT_EQ(Show(Family("a\xff", wire::FamilyType::kGauge, nothing)),
            "error: invalid metric name: \"a\\xff\"\n");
  EXPECT_EQ(Show(Family("a", wire::FamilyType::kGauge, nothing, "s")),
            "error: unit \"s\" not a suffix of metric \"a\"\n");
  EXPECT_EQ(Show(Family("a_total", wire::FamilyType::kCounter, nothing, "s")),
            "error: unit \"s\" not a suffix of counter \"a_total\"\n");
  EXPECT_EQ(Show(Family("a", static_cast<wire::FamilyType>(9), nothing)),
            "error: unknown metric type for metric \"a\": 9\n");
  std::string body = HistogramFamily(true, true);
  EXPECT_EQ(Show(std::string_view(body).substr(0, body.size() - 1)),
            "error: malformed io.prometheus.client.MetricFamily: unexpected end of message\n");
  EXPECT_EQ(Show("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
            "error: malformed io.prometheus.client.MetricFamily: a number is too long\n");
  EXPECT_EQ(Show(""), "");
}

TEST(ProtobufParserTest, ABodyThatExpandsTooMuchIsRefused) {
  std::string body = Family("h", wire::FamilyType::kHistogram, [](std::string& family) {
    Submessage metric(family, 4);
    PutLabel(family, "a", std::string(1 << 20, 'x'));
    Submessage histogram(family, 7);
    for (int i = 0; i < 1'000; ++i) wire::PutBytesItem(family, 3, "");
  });
  ProtobufParser parser(body, {});
  size_t samples = 0;
  EntryKind kind = parser.Next();
  for (; kind != EntryKind::kEnd && kind != EntryKind::kError; kind = parser.Next()) ++samples;
  EXPECT_EQ(kind, EntryKind::kError);
  EXPECT_EQ(parser.error().message(), "the series of the histograms are too large");
  EXPECT_LT(samples, 200u);
}

TEST(ProtobufParserTest, TooManyBucketsAreRefused) {
  std::string body = Family("h", wire::FamilyType::kHistogram, [](std::string& family) {
    Submessage metric(family, 4);
    Submessage histogram(family, 7);
    for (size_t i = 0; i <= wire::kMaxFamilyParts; ++i) wire::PutBytesItem(family, 3, "");
  });
  EXPECT_EQ(Show(body), "error: malformed io.prometheus.client.MetricFamily: not a protobuf message\n");
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// prometheus/common's test data: one body in both formats.
TEST(ProtobufParserTest, ConformanceBodyIsTheSameAsItsText) {
  const char* set = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::string dir = std::string(set == nullptr ? SEXTANT_CONFORMANCE_DEFAULT : set) +
                    "/prometheus/exposition/common-expfmt/testdata/";
  if (!std::filesystem::exists(dir)) GTEST_SKIP() << "no conformance data in " << dir;
  auto series_of = [](Parser& parser) {
    std::map<std::string, double> values;
    model::LabelsBuilder labels;
    while (true) {
      EntryKind kind = parser.Next();
      EXPECT_NE(kind, EntryKind::kError) << parser.error().message();
      if (kind == EntryKind::kEnd || kind == EntryKind::kError) return values;
      if (kind != EntryKind::kSample) continue;
      EXPECT_TRUE(parser.ReadLabels(labels).has_value());
      values[labels.Build().ToMetricString()] = parser.entry().value;
    }
  };
  std::string protobuf = ReadFile(dir + "protobuf");
  ProtobufParser protobuf_parser(protobuf, {});
  std::map<std::string, double> from_protobuf = series_of(protobuf_parser);
  std::string text = ReadFile(dir + "text");
  TextParser text_parser(text);
  std::map<std::string, double> from_text = series_of(text_parser);
  EXPECT_GT(from_protobuf.size(), 50u);
  // The two were written at different moments: the series are the same.
  std::string differences;
  for (const auto& [name, value] : from_protobuf) {
    if (!from_text.contains(name)) differences += "only in protobuf: " + name + "\n";
  }
  EXPECT_EQ(differences, "");
}

}  // namespace
}  // namespace sextant::exposition
