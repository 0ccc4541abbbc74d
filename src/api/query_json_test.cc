#include "api/query_json.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include "api/envelope.h"
#include "model/value.h"

namespace sextant::api {
namespace {

namespace dom = simdjson::dom;

std::string Answer(const promql::QueryResult& result) {
  core::JsonWriter json;
  json.BeginObject().Key("status").String("success").Key("data");
  EXPECT_TRUE(WriteQueryData(json, result, {}, [](core::JsonWriter&) { return true; }));
  EndEnvelope(json, {}, {});
  return std::move(json).Take();
}

double Number(dom::element element) {
  if (element.is_string()) return std::strtod(element.get_c_str().value(), nullptr);
  return element.get_double();
}
double Number(dom::element object, const char* key) {
  dom::element element;
  return object[key].get(element) ? 0 : Number(element);
}
int64_t Integer(dom::element object, const char* key) {
  dom::element element;
  return object[key].get(element) ? 0 : element.get_int64().value();
}

std::vector<model::BucketSpan> Spans(dom::element histogram, const char* key) {
  std::vector<model::BucketSpan> spans;
  dom::array array;
  if (histogram[key].get(array)) return spans;
  for (dom::element span : array) {
    spans.push_back(
        {static_cast<int32_t>(Integer(span, "Offset")), static_cast<uint32_t>(Integer(span, "Length"))});
  }
  return spans;
}

std::vector<double> Numbers(dom::element object, const char* key) {
  std::vector<double> numbers;
  dom::array array;
  if (object[key].get(array)) return numbers;
  for (dom::element number : array) numbers.push_back(Number(number));
  return numbers;
}

promql::HistogramPtr ReadHistogram(dom::element h) {
  auto histogram = std::make_shared<model::FloatHistogram>();
  histogram->schema = static_cast<int32_t>(Integer(h, "Schema"));
  histogram->zero_threshold = Number(h, "ZeroThreshold");
  histogram->zero_count = Number(h, "ZeroCount");
  histogram->count = Number(h, "Count");
  histogram->sum = Number(h, "Sum");
  histogram->positive_spans = Spans(h, "PositiveSpans");
  histogram->negative_spans = Spans(h, "NegativeSpans");
  histogram->positive_buckets = Numbers(h, "PositiveBuckets");
  histogram->negative_buckets = Numbers(h, "NegativeBuckets");
  return histogram;
}

model::Labels ReadLabels(dom::element metric) {
  model::LabelsBuilder builder;
  for (auto [name, value] : metric.get_object()) builder.Set(name, value.get_string().value());
  return builder.Build();
}

promql::QueryResult ReadResult(dom::element response) {
  promql::QueryResult result;
  std::string_view type = response["ResultType"]["$id"].get_string();
  promql::VectorResult vector;
  promql::MatrixResult matrix;
  for (dom::element item : response["Result"].get_array()) {
    if (type == "parser.ValueTypeVector") {
      vector.push_back({ReadLabels(item["Metric"]), Integer(item, "T"), Number(item, "F"), nullptr});
      continue;
    }
    promql::MatrixSeries series;
    series.labels = ReadLabels(item["Metric"]);
    dom::array points;
    if (!item["Floats"].get(points)) {
      for (dom::element point : points) series.floats.push_back({Integer(point, "T"), Number(point, "F")});
    }
    if (!item["Histograms"].get(points)) {
      for (dom::element point : points)
        series.histograms.push_back({Integer(point, "T"), ReadHistogram(point["H"])});
    }
    matrix.push_back(std::move(series));
  }
  if (type == "parser.ValueTypeVector") {
    result.value = std::move(vector);
  } else {
    result.value = std::move(matrix);
  }
  return result;
}

// The text with every quoted number cut to 14 digits: Prometheus takes bucket bounds from a table whose last
// digits are not those of the correctly rounded powers of two that we compute.
std::string WithFourteenDigits(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t end = text[at] == '"' ? text.find('"', at + 1) : std::string::npos;
    if (end == std::string::npos) {
      out += text[at++];
      continue;
    }
    std::string quoted = text.substr(at + 1, end - at - 1);
    char* rest = nullptr;
    double number = std::strtod(quoted.c_str(), &rest);
    out += !quoted.empty() && *rest == '\0' ? fmt::format("\"{:.14g}\"", number) : "\"" + quoted + "\"";
    at = end + 1;
  }
  return out;
}

// Prometheus' own cases: answers byte for byte.
TEST(QueryJson, WritesWhatPrometheusWrites) {
  const char* folder = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::string path =
      std::string(folder ? folder : SEXTANT_CONFORMANCE_DEFAULT) + "/prometheus/api/json_codec.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no conformance data at " << path;
  dom::parser parser;
  int results = 0;
  int points = 0;
  for (dom::element item : parser.load(path).get_array()) {
    std::string expected(item["expected"].get_string().value());
    dom::element response = item["response"];
    std::string_view type;
    if (!response.is_object() || response["$type"].get(type)) continue;  // exemplars: another endpoint
    if (type == "QueryData") {
      ++results;
      std::string answer = Answer(ReadResult(response));
      if (expected.find("\"buckets\"") != std::string::npos) {
        EXPECT_EQ(WithFourteenDigits(answer), WithFourteenDigits(expected));
      } else {
        EXPECT_EQ(answer, expected);
      }
    } else if (type == "promql.FPoint") {
      ++points;
      std::string text = "[";
      AppendTimestamp(text, Integer(response, "T"));
      text += ",\"";
      AppendValue(text, Number(response, "F"));
      EXPECT_EQ("{\"status\":\"success\",\"data\":" + text + "\"]}", expected);
    }
  }
  EXPECT_EQ(results, 4);
  EXPECT_EQ(points, 15);
}

TEST(QueryJson, ScalarsAndStrings) {
  promql::QueryResult result;
  result.value = promql::ScalarResult{1500, 2};
  EXPECT_EQ(Answer(result), R"({"status":"success","data":{"resultType":"scalar","result":[1.5,"2"]}})");
  result.value = promql::ScalarResult{1000, -2.5e21};
  EXPECT_EQ(Answer(result),
            R"({"status":"success","data":{"resultType":"scalar","result":[1,"-2500000000000000000000"]}})");
  result.value = promql::StringResult{0, "a\"<b>"};
  EXPECT_EQ(Answer(result),
            R"({"status":"success","data":{"resultType":"string","result":[0,"a\"\u003cb\u003e"]}})");
}

TEST(QueryJson, StopsWhenTheClientIsGone) {
  promql::QueryResult result;
  result.value = promql::VectorResult(3);
  core::JsonWriter json;
  int written = 0;
  EXPECT_FALSE(WriteQueryData(json, result, {}, [&](core::JsonWriter&) { return ++written < 2; }));
  EXPECT_EQ(written, 2);
}

TEST(QueryJson, WritesColumnsAsSuch) {
  promql::QueryResult result;
  promql::ColumnsResult columns{{1'000, 15'000, 7}, {}};
  promql::SeriesColumn gap;
  gap.labels = model::Labels::Of({{"a", "b"}});
  gap.column.Clear(7);
  gap.column.values[1] = 0.1;
  gap.column.values[3] = std::numeric_limits<double>::quiet_NaN();
  gap.column.values[4] = std::numeric_limits<double>::infinity();
  gap.column.values[5] = -1e-7;
  promql::SeriesColumn mixed;
  mixed.column.Clear(7);
  mixed.column.values[0] = 1;
  mixed.column.SetHistogram(1, std::make_shared<model::FloatHistogram>());
  mixed.column.values[6] = 1e21;
  promql::SeriesColumn absent;
  absent.column.Clear(7);
  columns.series = {gap, mixed, absent};
  result.value = columns;
  QueryJsonOptions options;
  options.as_columns = true;
  core::JsonWriter json;
  EXPECT_TRUE(WriteQueryData(json, result, options, [](core::JsonWriter&) { return true; }));
  EXPECT_EQ(
      std::move(json).Take(),
      R"({"resultType":"matrix","result":[)"
      R"({"metric":{"a":"b"},"column":{"from":1,"values":[0.1,null,"NaN","+Inf",-1e-07],"hasTexts":true}},)"
      R"({"metric":{},"column":{"from":0,"values":[1,null,null,null,null,null,1e+21]},)"
      R"("histograms":[[16,{"count":"0","sum":"0"}]]},{"metric":{}}]})");
}

// Columns are written as the series that they stand for, and never as one long text.
TEST(QueryJson, WritesColumnsInPieces) {
  constexpr size_t kSteps = 5'000;
  promql::QueryResult matrix;
  promql::QueryResult columns;
  promql::ColumnsResult of_columns{{1'000, 15'000, kSteps}, {}};
  promql::MatrixResult of_points;
  for (int i = 0; i < 3; ++i) {
    promql::SeriesColumn series;
    series.labels = model::Labels::Of({{"__name__", "x"}, {"i", std::to_string(i)}});
    series.column.Clear(kSteps);
    promql::MatrixSeries points;
    points.labels = series.labels;
    for (size_t step = 0; step < kSteps; ++step) {
      if (step % 7 == static_cast<size_t>(i)) continue;
      const core::TimestampMs time_ms = of_columns.grid.At(step);
      if (i == 2 && step % 100 == 0) {
        auto histogram = std::make_shared<model::FloatHistogram>();
        histogram->count = static_cast<double>(step);
        series.column.SetHistogram(step, histogram);
        points.histograms.push_back({time_ms, histogram});
        continue;
      }
      series.column.values[step] = static_cast<double>(step) / 3;
      points.floats.push_back({time_ms, series.column.values[step]});
    }
    of_columns.series.push_back(std::move(series));
    of_points.push_back(std::move(points));
  }
  matrix.value = std::move(of_points);
  columns.value = of_columns;
  std::string whole = Answer(matrix);
  EXPECT_EQ(Answer(columns), whole);

  core::JsonWriter json;
  std::string pieces;
  size_t largest = 0;
  json.BeginObject().Key("status").String("success").Key("data");
  EXPECT_TRUE(WriteQueryData(json, columns, {}, [&](core::JsonWriter& writer) {
    largest = std::max(largest, writer.size());
    pieces += writer.TakePiece();
    return true;
  }));
  EndEnvelope(json, {}, {});
  EXPECT_EQ(pieces + std::move(json).Take(), whole);
  EXPECT_LT(largest, 64u << 10);

  int calls = 0;
  core::JsonWriter stopped;
  EXPECT_FALSE(WriteQueryData(stopped, columns, {}, [&](core::JsonWriter&) { return ++calls < 2; }));
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace sextant::api
