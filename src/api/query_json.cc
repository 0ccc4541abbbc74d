#include "api/query_json.h"

#include <algorithm>
#include <cmath>

#include "core/float_text.h"
#include "metrics/promql/float_histogram.h"
#include "metrics/promql/query_log.h"
#include "model/value.h"

namespace sextant::api {

namespace {

using core::JsonWriter;

void AppendPoint(std::string& out, core::TimestampMs time_ms, double value) {
  out += '[';
  AppendTimestamp(out, time_ms);
  out += ",\"";
  AppendValue(out, value);
  out += "\"]";
}

// Writes the points of series that mostly have the same times: the text of each is made once.
class PointWriter {
 public:
  void Append(std::string& out, const std::vector<promql::FloatPoint>& points) {
    if (known_.size() < points.size()) known_.resize(points.size());
    out += '[';
    for (size_t i = 0; i < points.size(); ++i) {
      Known& known = known_[i];
      if (known.text.empty() || known.time_ms != points[i].time_ms) Make(points[i].time_ms, known);
      if (i > 0) out += ',';
      out += known.text;
      AppendValue(out, points[i].value);
      out += "\"]";
    }
    out += ']';
  }

 private:
  struct Known {
    core::TimestampMs time_ms = 0;
    std::string text;  // up to the value
  };

  static void Make(core::TimestampMs time_ms, Known& known) {
    known.time_ms = time_ms;
    known.text = '[';
    AppendTimestamp(known.text, time_ms);
    known.text += ",\"";
  }

  std::vector<Known> known_;  // by place
};

std::string Quoted(double value) {
  std::string text = "\"";
  AppendValue(text, value);
  return text + '"';
}

// One bucket: [boundary rule, lower, upper, count]. Rules: 0 closed on the right, 1 on the left, 2 open, 3
// closed on both sides.
void WriteBucket(JsonWriter& json, const promql::HistogramBucket& bucket) {
  int rule = bucket.lower_inclusive ? (bucket.upper_inclusive ? 3 : 1) : (bucket.upper_inclusive ? 0 : 2);
  json.BeginArray()
      .Int(rule)
      .Raw(Quoted(bucket.lower))
      .Raw(Quoted(bucket.upper))
      .Raw(Quoted(bucket.count))
      .EndArray();
}

void WriteBuckets(JsonWriter& json, const model::FloatHistogram& histogram) {
  for (const promql::HistogramBucket& bucket : promql::AllBuckets(histogram)) {
    if (bucket.count != 0) WriteBucket(json, bucket);
  }
}

bool HasBuckets(const model::FloatHistogram& histogram) {
  auto is_filled = [](double count) { return count != 0; };
  return histogram.zero_count != 0 || std::ranges::any_of(histogram.positive_buckets, is_filled) ||
         std::ranges::any_of(histogram.negative_buckets, is_filled);
}

void WriteHistogramPoint(JsonWriter& json, core::TimestampMs time_ms,
                         const model::FloatHistogram& histogram) {
  std::string time;
  AppendTimestamp(time, time_ms);
  json.BeginArray().Raw(time).BeginObject();
  json.Key("count").Raw(Quoted(histogram.count)).Key("sum").Raw(Quoted(histogram.sum));
  if (HasBuckets(histogram)) {
    json.Key("buckets").BeginArray();
    WriteBuckets(json, histogram);
    json.EndArray();
  }
  json.EndObject().EndArray();
}

bool WriteVector(JsonWriter& json, const promql::VectorResult& vector, const JsonProgress& progress) {
  json.BeginArray();
  for (const promql::VectorSample& sample : vector) {
    json.BeginObject().Key("metric");
    WriteLabels(json, sample.labels);
    if (sample.histogram) {
      json.Key("histogram");
      WriteHistogramPoint(json, sample.time_ms, *sample.histogram);
    } else {
      json.Key("value").RawWith([&](std::string& out) { AppendPoint(out, sample.time_ms, sample.value); });
    }
    json.EndObject();
    if (!progress(json)) return false;
  }
  json.EndArray();
  return true;
}

bool WriteMatrix(JsonWriter& json, const promql::MatrixResult& matrix, const JsonProgress& progress) {
  PointWriter points;
  json.BeginArray();
  for (const promql::MatrixSeries& series : matrix) {
    json.BeginObject().Key("metric");
    WriteLabels(json, series.labels);
    if (!series.floats.empty()) {
      json.Key("values").RawWith([&](std::string& out) { points.Append(out, series.floats); });
    }
    if (!series.histograms.empty()) {
      json.Key("histograms").BeginArray();
      for (const promql::HistogramPoint& point : series.histograms)
        WriteHistogramPoint(json, point.time_ms, *point.histogram);
      json.EndArray();
    }
    json.EndObject();
    if (!progress(json)) return false;
  }
  json.EndArray();
  return true;
}

}  // namespace

void AppendTimestamp(std::string& out, core::TimestampMs time_ms) { promql::AppendSeconds(out, time_ms); }

void AppendValue(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += model::FormatValue(value);
    return;
  }
  double magnitude = std::fabs(value);
  if (magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21)) {
    core::AppendScientific(out, value);
  } else {
    core::AppendFixed(out, value);
  }
}

void WriteLabels(core::JsonWriter& json, const model::Labels& labels) {
  json.BeginObject();
  for (model::LabelView label : labels) json.Key(label.name).String(label.value);
  json.EndObject();
}

bool WriteQueryData(core::JsonWriter& json, const promql::QueryResult& result,
                    const QueryJsonOptions& options, const JsonProgress& progress) {
  json.BeginObject().Key("resultType").String(promql::QueryValueTypeName(result.value)).Key("result");
  // Prometheus writes these two by Go's general rules: times without trailing zeros, values never with an
  // exponent.
  if (const auto* scalar = std::get_if<promql::ScalarResult>(&result.value)) {
    json.BeginArray().Double(static_cast<double>(scalar->time_ms) / 1000);
    json.String(model::FormatValue(scalar->value)).EndArray();
  } else if (const auto* text = std::get_if<promql::StringResult>(&result.value)) {
    json.BeginArray().Double(static_cast<double>(text->time_ms) / 1000).String(text->value).EndArray();
  } else if (const auto* vector = std::get_if<promql::VectorResult>(&result.value)) {
    if (!WriteVector(json, *vector, progress)) return false;
  } else if (!WriteMatrix(json, std::get<promql::MatrixResult>(result.value), progress)) {
    return false;
  }
  if (options.with_stats) {
    json.Key("stats");
    promql::WriteQueryStats(json, result.stats, options.start_ms, options.step_ms);
  }
  json.EndObject();
  return true;
}

}  // namespace sextant::api
