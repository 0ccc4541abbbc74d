// Prometheus' own tables and bodies for its text parsers.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "core/metric_names.h"
#include "metrics/exposition/open_metrics_parser.h"
#include "metrics/exposition/parser.h"
#include "metrics/exposition/text_parser.h"

namespace sextant::exposition {
namespace {

std::string Directory() {
  const char* directory = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return std::string(directory == nullptr ? SEXTANT_CONFORMANCE_DEFAULT : directory) +
         "/prometheus/exposition/prometheus-textparse/";
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The tables write bytes that are not UTF-8 as {"$bytes_hex": "…"}.
std::string InputOf(simdjson::dom::element row) {
  simdjson::dom::element input = row["input"];
  if (input.is_string()) return std::string(input.get_string().value());
  std::string_view hex = input["$bytes_hex"].get_string().value();
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// The first error of a body, or "".
std::string ErrorOf(Parser& parser) {
  EntryKind kind = parser.Next();
  while (kind != EntryKind::kEnd && kind != EntryKind::kError) kind = parser.Next();
  return kind == EntryKind::kError ? parser.error().message() : "";
}

TEST(NameEscapingConformanceTest, SameNames) {
  simdjson::dom::parser json;
  simdjson::dom::element table;
  if (json.load(Directory() + "../common-expfmt/escape_name.json").get(table) != simdjson::SUCCESS)
    GTEST_SKIP();
  int rows = 0;
  for (simdjson::dom::element row : table.get_array()) {
    auto text = [&](const char* key) {
      std::string_view value;
      return row[key].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
    };
    std::string name = text("input");
    EXPECT_EQ(core::EscapeName(name, core::Escaping::kUnderscores), text("expectedUnderscores")) << name;
    EXPECT_EQ(core::EscapeName(name, core::Escaping::kDots), text("expectedDots")) << name;
    EXPECT_EQ(core::EscapeName(name, core::Escaping::kValues), text("expectedValue")) << name;
    ++rows;
  }
  EXPECT_GE(rows, 8);
}

struct ErrorTable {
  const char* file;
  Format format;
};

class ErrorTableTest : public ::testing::TestWithParam<ErrorTable> {};

TEST_P(ErrorTableTest, SameErrors) {
  simdjson::dom::parser json;
  simdjson::dom::element table;
  if (json.load(Directory() + GetParam().file).get(table) != simdjson::SUCCESS) GTEST_SKIP();
  int rows = 0;
  for (simdjson::dom::element row : table.get_array()) {
    std::string input = InputOf(row);
    std::string expected(row["err"].get_string().value());
    if (expected == "EOF") expected.clear();  // Go's word for a good end
    auto parser = NewParser(GetParam().format, input);
    EXPECT_EQ(ErrorOf(*parser), expected) << "row " << rows;
    ++rows;
  }
  EXPECT_GE(rows, 9);
}

INSTANTIATE_TEST_SUITE_P(Prometheus, ErrorTableTest,
                         ::testing::Values(ErrorTable{"prom_parse_errors.json", Format::kPrometheusText},
                                           ErrorTable{"prom_null_byte_cases.json", Format::kPrometheusText},
                                           ErrorTable{"om_parse_errors.json", Format::kOpenMetrics},
                                           ErrorTable{"om_null_byte_cases.json", Format::kOpenMetrics}),
                         [](const auto& param_info) {
                           std::string name = param_info.param.file;
                           return name.substr(0, name.find('.'));
                         });

// Both ways of reading give the same entries, to the byte.
template <typename AnyParser>
void ExpectSameReadings(std::string_view body) {
  AnyParser quick(body);
  AnyParser exact(body, {}, AnyParser::Reading::kExact);
  model::LabelsBuilder labels;
  while (true) {
    EntryKind kind = quick.Next();
    ASSERT_EQ(kind, exact.Next());
    if (kind == EntryKind::kError) {
      ASSERT_EQ(quick.error().message(), exact.error().message());
    }
    if (kind == EntryKind::kEnd || kind == EntryKind::kError) return;
    const Entry& a = quick.entry();
    const Entry& b = exact.entry();
    if (kind == EntryKind::kSample) {
      ASSERT_EQ(a.series, b.series);
      ASSERT_EQ(std::bit_cast<uint64_t>(a.value), std::bit_cast<uint64_t>(b.value)) << a.series;
      ASSERT_EQ(a.timestamp_ms, b.timestamp_ms);
      ASSERT_EQ(quick.ReadLabels(labels).has_value(), exact.ReadLabels(labels).has_value());
      ASSERT_EQ(a.exemplar.has_value(), b.exemplar.has_value());
    } else {
      ASSERT_EQ(a.text, b.text);
      if (kind == EntryKind::kComment) continue;
      ASSERT_EQ(a.name, b.name);
    }
  }
}

TEST(BodyTest, PrometheusBodiesReadTheSameBothWays) {
  for (const char* name : {"alltypes.237mfs.prom.txt", "alltypes.237mfs.nometa.prom.txt"}) {
    std::string body = ReadFile(Directory() + name);
    if (body.empty()) GTEST_SKIP();
    ExpectSameReadings<TextParser>(body);
    TextParser parser(body);
    EXPECT_EQ(ErrorOf(parser), "") << name;
  }
}

TEST(BodyTest, OpenMetricsBodiesReadTheSameBothWays) {
  for (const char* name : {"1histogram.om.txt", "alltypes.5mfs.om.txt"}) {
    std::string body = ReadFile(Directory() + name);
    if (body.empty()) GTEST_SKIP();
    ExpectSameReadings<OpenMetricsParser>(body);
    OpenMetricsParser parser(body);
    EXPECT_EQ(ErrorOf(parser), "") << name;
  }
}

// The OpenMetrics project's cases are for a strict validator; what it accepts must be accepted.
TEST(BodyTest, OpenMetricsCases) {
  std::filesystem::path directory =
      std::filesystem::path(Directory()).parent_path().parent_path() / "openmetrics-1.0" / "parsers";
  if (!std::filesystem::exists(directory)) GTEST_SKIP();
  int bad = 0;
  int bad_refused = 0;
  int good = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    SCOPED_TRACE(entry.path().filename().string());
    simdjson::dom::parser json;
    bool should_parse = json.load((entry.path() / "test.json").string())["shouldParse"].get_bool().value();
    std::string body = ReadFile((entry.path() / "metrics").string());
    ExpectSameReadings<OpenMetricsParser>(body);
    OpenMetricsParser parser(body);
    std::string error = ErrorOf(parser);
    if (should_parse) {
      ++good;
      EXPECT_EQ(error, "");
    } else {
      ++bad;
      if (!error.empty()) ++bad_refused;
    }
  }
  RecordProperty("good", good);
  RecordProperty("bad", bad);
  RecordProperty("bad_refused", bad_refused);
  EXPECT_GT(good, 30);
}

TEST(BodyTest, FuzzingCorpusReadsTheSameBothWays) {
  std::filesystem::path directory =
      std::filesystem::path(Directory()).parent_path().parent_path() / "common-expfmt";
  if (!std::filesystem::exists(directory)) GTEST_SKIP();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    SCOPED_TRACE(entry.path().string());
    std::string body = ReadFile(entry.path().string());
    TextParser quick(body);
    TextParser exact(body, {}, TextParser::Reading::kExact);
    EXPECT_EQ(ErrorOf(quick), ErrorOf(exact));
  }
}

}  // namespace
}  // namespace sextant::exposition
