#include "metrics/exposition/custom_buckets_parser.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

namespace sextant::exposition {
namespace {

// All samples, a line each; a histogram with its buckets and bounds.
std::string Show(std::string_view body, bool keeps_classic, Format format = Format::kOpenMetrics) {
  auto parser = NewParser(format, body, {.classic_histograms = keeps_classic, .custom_buckets = true});
  std::string text;
  model::LabelsBuilder labels;
  while (true) {
    EntryKind kind = parser->Next();
    if (kind == EntryKind::kEnd) return text;
    if (kind == EntryKind::kError) return text + "error: " + parser->error().message() + "\n";
    const Entry& entry = parser->entry();
    if (kind == EntryKind::kType) text += fmt::format("type {} {}\n", entry.name, MetricTypeName(entry.type));
    if (kind != EntryKind::kSample) continue;
    EXPECT_TRUE(parser->ReadLabels(labels).has_value());
    text += labels.Build().ToMetricString();
    if (entry.histogram == nullptr) {
      text += fmt::format(" {}", entry.value);
    } else {
      text += fmt::format(" {} {} count {} sum {}:", entry.histogram->is_integer ? "whole" : "float",
                          entry.histogram->schema, entry.histogram->count, entry.histogram->sum);
      for (size_t i = 0; i < entry.histogram->positive_buckets.size(); ++i) {
        text += fmt::format(" {}", entry.histogram->positive_buckets[i]);
        if (i < entry.histogram->custom_bounds.size())
          text += fmt::format("<={}", entry.histogram->custom_bounds[i]);
      }
    }
    if (entry.timestamp_ms) text += fmt::format(" @{}", *entry.timestamp_ms);
    for (bool has = entry.exemplar.has_value(); has; has = parser->NextExemplar()) {
      EXPECT_TRUE(parser->ReadExemplarLabels(labels).has_value());
      text += fmt::format(" # {} {}", labels.Build().ToString(), entry.exemplar->value);
    }
    text += '\n';
  }
}

constexpr std::string_view kBody =
    "# TYPE h histogram\n"
    "h_bucket{a=\"b\",le=\"1\"} 1 # {id=\"x\"} 0.5 1.5\n"
    "h_bucket{a=\"b\",le=\"2.5\"} 3 # {id=\"y\"} 2\n"
    "h_bucket{a=\"b\",le=\"+Inf\"} 4\n"
    "h_sum{a=\"b\"} 10\n"
    "h_count{a=\"b\"} 4\n"
    "h_bucket{a=\"c\",le=\"+Inf\"} 0.5\n"
    "h_count{a=\"c\"} 0.5\n"
    "# TYPE g gauge\n"
    "g 7\n"
    "# EOF\n";

TEST(CustomBucketsParserTest, ConvertsClassicHistograms) {
  EXPECT_EQ(Show(kBody, false),
            "type h histogram\n"
            "h{a=\"b\"} whole -53 count 4 sum 10: 1<=1 2<=2.5 1 # {id=\"x\"} 0.5\n"
            "h{a=\"c\"} float -53 count 0.5 sum 0: 0.5\n"
            "type g gauge\n"
            "g 7\n");
}

TEST(CustomBucketsParserTest, KeepsTheClassicSeriesWhenTold) {
  EXPECT_EQ(Show(kBody, true),
            "type h histogram\n"
            "h_bucket{a=\"b\", le=\"1.0\"} 1 # {id=\"x\"} 0.5\n"
            "h_bucket{a=\"b\", le=\"2.5\"} 3 # {id=\"y\"} 2\n"
            "h_bucket{a=\"b\", le=\"+Inf\"} 4\n"
            "h_sum{a=\"b\"} 10\n"
            "h_count{a=\"b\"} 4\n"
            "h{a=\"b\"} whole -53 count 4 sum 10: 1<=1 2<=2.5 1 # {id=\"x\"} 0.5\n"
            "h_bucket{a=\"c\", le=\"+Inf\"} 0.5\n"
            "h_count{a=\"c\"} 0.5\n"
            "h{a=\"c\"} float -53 count 0.5 sum 0: 0.5\n"
            "type g gauge\n"
            "g 7\n");
}

TEST(CustomBucketsParserTest, TextAndItsEnd) {
  EXPECT_EQ(Show("# TYPE h histogram\nh_count 3 5000\nh_bucket{le=\"0.5\"} 2 5000\nh_sum 1.5 5000\n", false,
                 Format::kPrometheusText),
            "type h histogram\nh whole -53 count 3 sum 1.5: 2<=0.5 1 @5000\n");
  EXPECT_EQ(
      Show("# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"x\n", false, Format::kPrometheusText)
          .substr(0, 24),
      "type h histogram\nerror: ");
}

TEST(CustomBucketsParserTest, WhatIsNoHistogramIsNotConverted) {
  EXPECT_EQ(Show("# TYPE h histogram\nh_bucket{le=\"1\"} 5\nh_bucket{le=\"2\"} 4\nh_count 6\n", false,
                 Format::kPrometheusText),
            "type h histogram\n");
  EXPECT_EQ(Show("# TYPE h histogram\nh_bucket{le=\"1\"} 5\nh_bucket{le=\"+Inf\"} 6\nh_count 7\n", false,
                 Format::kPrometheusText),
            "type h histogram\n");
  EXPECT_EQ(Show("# TYPE h histogram\nh_sum 5\n", false, Format::kPrometheusText), "type h histogram\n");
  EXPECT_EQ(Show("# TYPE h gauge\nh_count 5\nh_bucket{le=\"1\"} 1\n", false, Format::kPrometheusText),
            "type h gauge\nh_count 5\nh_bucket{le=\"1\"} 1\n");
}

TEST(CustomBucketsParserTest, GuessesAreOfWhatIsShown) {
  auto parser = NewParser(Format::kOpenMetrics, kBody, {.custom_buckets = true});
  EntryKind kind = parser->Next(SeriesGuess::Of("h{a=\"b\"}"));
  while (kind != EntryKind::kSample) kind = parser->Next(SeriesGuess::Of("h{a=\"b\"}"));
  EXPECT_EQ(parser->entry().series, "h{a=\"b\"}");
  EXPECT_TRUE(parser->entry().is_expected);
  EXPECT_EQ(parser->Next(SeriesGuess::Of("h{a=\"c\"}")), EntryKind::kSample);
  EXPECT_TRUE(parser->entry().is_expected);
  EXPECT_EQ(parser->Next(SeriesGuess::Of("g")), EntryKind::kType);
  EXPECT_EQ(parser->Next(SeriesGuess::Of("g")), EntryKind::kSample);
  EXPECT_TRUE(parser->entry().is_expected);
}

}  // namespace
}  // namespace sextant::exposition
