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
  explicit PointWriter(const JsonProgress& progress) : progress_(progress) {}

  // `count` points, of which next(i) gives the i-th: a FloatPoint.
  template <typename Next>
  bool Append(JsonWriter& json, size_t count, Next&& next) {
    json.BeginArray();
    for (size_t begin = 0; begin < count; begin += kPointsAtOnce) {
      size_t end = std::min(count, begin + kPointsAtOnce);
      json.RawWith([&](std::string& out) {
        for (size_t i = begin; i < end; ++i) {
          if (i > begin) out += ',';
          AppendOne(out, i, next(i));
        }
      });
      if (!progress_(json)) return false;
    }
    json.EndArray();
    return true;
  }

 private:
  static constexpr size_t kPointsAtOnce = 1'024;
  static constexpr size_t kMostKnown = 16'384;

  struct Known {
    core::TimestampMs time_ms = 0;
    std::string text;  // up to the value
  };

  void AppendOne(std::string& out, size_t place, promql::FloatPoint point) {
    if (place >= kMostKnown) return AppendPoint(out, point.time_ms, point.value);
    if (known_.size() <= place) known_.resize(place + 1);
    Known& known = known_[place];
    if (known.text.empty() || known.time_ms != point.time_ms) Make(point.time_ms, known);
    out += known.text;
    AppendValue(out, point.value);
    out += "\"]";
  }

  static void Make(core::TimestampMs time_ms, Known& known) {
    known.time_ms = time_ms;
    known.text = '[';
    AppendTimestamp(known.text, time_ms);
    known.text += ",\"";
  }

  const JsonProgress& progress_;
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
  PointWriter points(progress);
  json.BeginArray();
  for (const promql::MatrixSeries& series : matrix) {
    json.BeginObject().Key("metric");
    WriteLabels(json, series.labels);
    if (!series.floats.empty()) {
      json.Key("values");
      if (!points.Append(json, series.floats.size(), [&](size_t i) { return series.floats[i]; }))
        return false;
    }
    if (!series.histograms.empty()) {
      json.Key("histograms").BeginArray();
      for (const promql::HistogramPoint& point : series.histograms) {
        WriteHistogramPoint(json, point.time_ms, *point.histogram);
        if (!progress(json)) return false;
      }
      json.EndArray();
    }
    json.EndObject();
    if (!progress(json)) return false;
  }
  json.EndArray();
  return true;
}

// The same of columns, which are freed on the way.
class ColumnsWriter {
 public:
  ColumnsWriter(JsonWriter& json, const promql::Grid& grid, bool as_columns, const JsonProgress& progress)
      : json_(json), grid_(grid), as_columns_(as_columns), progress_(progress), points_(progress) {}

  bool Write(std::vector<promql::SeriesColumn>& matrix) {
    json_.BeginArray();
    for (promql::SeriesColumn& series : matrix) {
      json_.BeginObject().Key("metric");
      WriteLabels(json_, series.labels);
      if (!WriteSeries(series.column)) return false;
      json_.EndObject();
      series = {};
      if (!progress_(json_)) return false;
    }
    json_.EndArray();
    return true;
  }

 private:
  bool WriteSeries(const promql::Column& column) {
    steps_.clear();
    histogram_steps_.clear();
    for (size_t step = 0; step < column.values.size(); ++step) {
      if (promql::IsAbsent(column.values[step])) continue;
      (column.histogram(step) ? histogram_steps_ : steps_).push_back(step);
    }
    if (!steps_.empty() && as_columns_) {
      WriteColumn(column);
    } else if (!steps_.empty()) {
      json_.Key("values");
      auto point = [&](size_t i) {
        return promql::FloatPoint{grid_.At(steps_[i]), column.values[steps_[i]]};
      };
      if (!points_.Append(json_, steps_.size(), point)) return false;
    }
    if (histogram_steps_.empty()) return true;
    json_.Key("histograms").BeginArray();
    for (size_t step : histogram_steps_) {
      WriteHistogramPoint(json_, grid_.At(step), *column.histogram(step));
      if (!progress_(json_)) return false;
    }
    json_.EndArray();
    return true;
  }

  // What lies between the first and the last number.
  void WriteColumn(const promql::Column& column) {
    json_.Key("column").BeginObject().Key("from").Int(static_cast<int64_t>(steps_.front())).Key("values");
    json_.RawWith([&](std::string& out) {
      out += '[';
      size_t next = 0;  // in steps_
      for (size_t step = steps_.front(); step <= steps_.back(); ++step) {
        if (step > steps_.front()) out += ',';
        if (steps_[next] != step) {
          out += "null";
          continue;
        }
        ++next;
        const double value = column.values[step];
        if (std::isfinite(value)) {
          AppendValue(out, value);
        } else {
          out += Quoted(value);
        }
      }
      out += ']';
    });
    const bool has_texts =
        std::ranges::any_of(steps_, [&](size_t step) { return !std::isfinite(column.values[step]); });
    if (has_texts) json_.Key("hasTexts").Bool(true);
    json_.EndObject();
  }

  JsonWriter& json_;
  const promql::Grid grid_;
  const bool as_columns_;
  const JsonProgress& progress_;
  PointWriter points_;
  std::vector<size_t> steps_;  // of the series at hand
  std::vector<size_t> histogram_steps_;
};

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

bool WriteQueryData(core::JsonWriter& json, promql::QueryResult result, const QueryJsonOptions& options,
                    const JsonProgress& progress) {
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
  } else if (auto* columns = std::get_if<promql::ColumnsResult>(&result.value)) {
    if (!ColumnsWriter(json, columns->grid, options.as_columns, progress).Write(columns->series))
      return false;
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
