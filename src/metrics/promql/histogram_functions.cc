#include "metrics/promql/histogram_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <optional>

#include "metrics/promql/column_reader.h"
#include "metrics/promql/label_key.h"
#include "metrics/promql/native_quantile.h"
#include "metrics/promql/output_series.h"
#include "metrics/promql/quantile.h"

namespace sextant::promql {

namespace {

constexpr std::string_view kBucketLabel = "le";
constexpr size_t kWorkOfAnnotation = 64;

// The upper bound that an `le` label names, read as Go's ParseFloat reads it.
std::optional<double> ParseBound(std::string_view text) {
  std::string_view digits = text;
  bool is_negative = digits.starts_with('-');
  if (is_negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty() || digits[0] == '-' || digits[0] == '+') return std::nullopt;
  double value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::invalid_argument || end != digits.data() + digits.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return std::nullopt;
  return is_negative ? -value : value;
}

// A quantile as a label value, in the manner of OpenMetrics: always with a point or an exponent.
std::string FormatQuantile(double value) {
  if (value == 1) return "1.0";
  if (value == 0) return "0.0";
  if (value == -1) return "-1.0";
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::string text = FormatG(value);
  return text.find_first_of("e.") == std::string::npos ? text + ".0" : text;
}

bool IsSame(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

struct Bucket {
  double upper_bound = 0;
  size_t series = 0;
};

struct ClassicHistogram {
  model::Labels labels;
  std::string metric_name;  // for annotations; empty unless names are removed late
  bool drops_name = false;
  std::vector<Bucket> buckets;
  std::vector<uint8_t> shut_out;  // steps at which a native histogram has the same labels; empty: none
};

struct NativeSeries {
  size_t series = 0;
  std::optional<size_t> classic;  // the classic histogram of the same labels
};

class HistogramFunction {
 public:
  HistogramFunction(const HistogramCall& call, SeriesSource& source, QueryContext& context)
      : call_(call),
        id_(call.node.function->id),
        source_(source),
        context_(context),
        holding_(context),
        output_(context) {}

  core::Result<HeldVector> Run() {
    SEXTANT_TRY(Read());
    SEXTANT_TRY(Gather());
    size_t outputs = id_ == FunctionId::kHistogramQuantiles ? call_.scalars.size() : 1;
    if (id_ != FunctionId::kHistogramFraction) SEXTANT_TRY(WarnOfQuantiles());
    for (size_t q = 0; q < outputs; ++q) {
      for (const NativeSeries& native : natives_) SEXTANT_TRY(ComputeNative(native, q));
      for (const ClassicHistogram& histogram : histograms_) SEXTANT_TRY(Compute(histogram, q));
    }
    return std::move(output_).Take();
  }

 private:
  const PlanNode& VectorArgument() const {
    switch (id_) {
      case FunctionId::kHistogramQuantile:
        return *call_.node.args[1];
      case FunctionId::kHistogramFraction:
        return *call_.node.args[2];
      default:
        return *call_.node.args[0];
    }
  }

  Position QuantilePosition(size_t q) const {
    return id_ == FunctionId::kHistogramQuantiles ? call_.node.args[q + 2]->position
                                                  : call_.node.args[0]->position;
  }

  core::Status WarnOfQuantiles() {
    for (size_t i = 0; i < call_.scalars.size(); ++i) {
      for (double q : call_.scalars[i].values) {
        SEXTANT_TRY(context_.Tick(1));
        if (q >= 0 && q <= 1) continue;
        SEXTANT_TRY(context_.Tick(kWorkOfAnnotation));
        context_.annotations().AddWarning(
            fmt::format("quantile value should be between 0 and 1, got {}", FormatG(q)), QuantilePosition(i));
      }
    }
    return {};
  }

  core::Status Read() {
    columns_.resize(source_.size());
    return ForEachColumn(source_, call_.grid.steps, context_, [&](size_t i, Column& column) -> core::Status {
      columns_[i] = std::move(column);
      return holding_.Add(static_cast<int64_t>(columns_[i].CountPresent()),
                          static_cast<int64_t>(call_.grid.steps * sizeof(double)));
    });
  }

  // Series that differ in nothing but `le` are one histogram.
  core::Status Gather() {
    LabelSelection identity;
    identity.is_without = true;
    identity.names = {std::string(kBucketLabel)};
    identity.hides_metadata = source_.HidesMetadata();
    KeyMap keys;
    for (size_t i = 0; i < source_.size(); ++i) {
      SEXTANT_TRY(context_.Tick(QueryContext::kWorkOfSeries + call_.grid.steps));
      if (columns_[i].has_histograms()) natives_.push_back({i, std::nullopt});
      if (!HasFloats(columns_[i])) continue;
      const model::Labels& labels = source_.labels(i);
      std::string_view bound_text = labels.Get(kBucketLabel);
      std::string_view name = call_.delayed_name_removal ? labels.metric_name() : std::string_view();
      std::optional<double> bound = ParseBound(bound_text);
      if (!bound) {
        context_.annotations().AddWarning(
            fmt::format("bucket label \"le\" is missing or has a malformed value of {}{}",
                        model::QuoteGo(bound_text), ForMetricName(name)),
            VectorArgument().position);
        continue;
      }
      auto [number, is_new] = keys.Add(labels, identity);
      if (is_new) {
        ClassicHistogram histogram;
        histogram.labels = SelectLabels(labels, identity);
        if (!call_.delayed_name_removal) histogram.labels = WithoutMetadata(histogram.labels);
        histogram.metric_name = name;
        histogram.drops_name = call_.delayed_name_removal;
        histograms_.push_back(std::move(histogram));
      }
      histograms_[number].buckets.push_back({*bound, i});
    }
    // A native histogram and a classic one of the same labels shut each other out where both have samples.
    LabelSelection everything;
    everything.is_without = true;
    everything.hides_metadata = source_.HidesMetadata();
    for (NativeSeries& native : natives_)
      native.classic = keys.Find(source_.labels(native.series), everything);
    return {};
  }

  static bool HasFloats(const Column& column) {
    for (size_t step = 0; step < column.values.size(); ++step) {
      if (IsPresent(column.values[step]) && !column.histogram(step)) return true;
    }
    return false;
  }

  bool HasBuckets(const ClassicHistogram& histogram, size_t step) const {
    return std::any_of(histogram.buckets.begin(), histogram.buckets.end(), [&](const Bucket& bucket) {
      const Column& column = columns_[bucket.series];
      return IsPresent(column.values[step]) && !column.histogram(step);
    });
  }

  std::string_view MetricName(size_t series) const {
    return call_.delayed_name_removal ? source_.labels(series).metric_name() : std::string_view();
  }

  core::Status ComputeNative(const NativeSeries& native, size_t q) {
    Column result(call_.grid.steps);
    std::string_view name = MetricName(native.series);
    for (size_t step = 0; step < call_.grid.steps; ++step) {
      const FloatHistogram* histogram = columns_[native.series].histogram(step);
      SEXTANT_TRY(context_.Tick(histogram ? 64 : 1));
      if (!histogram) continue;
      if (native.classic) SEXTANT_TRY(context_.Tick(histograms_[*native.classic].buckets.size()));
      if (native.classic && HasBuckets(histograms_[*native.classic], step)) {
        context_.annotations().AddWarning(
            fmt::format("vector contains a mix of classic and native histograms{}", ForMetricName(name)),
            VectorArgument().position);
        histograms_[*native.classic].shut_out.resize(call_.grid.steps);
        histograms_[*native.classic].shut_out[step] = 1;
        continue;
      }
      result.values[step] = NativeValue(*histogram, q, step, name);
    }
    ClassicHistogram identity;
    const model::Labels& labels = source_.labels(native.series);
    identity.labels = call_.delayed_name_removal ? labels : WithoutMetadata(labels);
    identity.drops_name = call_.delayed_name_removal;
    if (id_ == FunctionId::kHistogramQuantiles) return AddByQuantile(identity, q, result);
    return output_.Add(identity.labels, identity.drops_name, std::move(result));
  }

  double NativeValue(const FloatHistogram& histogram, size_t q, size_t step, std::string_view name) {
    Position position = VectorArgument().position;
    auto inform = [&](std::string_view text) {
      context_.annotations().AddInfo(fmt::format("{}{}", text, ForMetricName(name)), position);
    };
    if (id_ == FunctionId::kHistogramFraction) {
      bool has_nan = false;
      double value =
          HistogramFraction(call_.scalars[0].values[step], call_.scalars[1].values[step], histogram, has_nan);
      if (has_nan) {
        inform("input to histogram_fraction has NaN observations, which are excluded from all fractions");
      }
      return value;
    }
    NativeQuantile quantile = HistogramQuantile(call_.scalars[q].values[step], histogram);
    if (quantile.nan == NanObservations::kResultIsNan) {
      inform("input to histogram_quantile has NaN observations, result is NaN");
    } else if (quantile.nan == NanObservations::kSkewed) {
      inform("input to histogram_quantile has NaN observations, result is skewed higher");
    }
    return quantile.value;
  }

  core::Status Compute(const ClassicHistogram& histogram, size_t q) {
    Column result(call_.grid.steps);
    std::vector<ClassicBucket> buckets;
    for (size_t step = 0; step < call_.grid.steps; ++step) {
      SEXTANT_TRY(context_.Tick(4 * histogram.buckets.size()));
      buckets.clear();
      for (const Bucket& bucket : histogram.buckets) {
        const Column& column = columns_[bucket.series];
        double count = column.values[step];
        if (IsPresent(count) && !column.histogram(step)) buckets.push_back({bucket.upper_bound, count});
      }
      if (!histogram.shut_out.empty() && histogram.shut_out[step]) continue;
      if (buckets.empty()) continue;
      if (id_ == FunctionId::kHistogramFraction) {
        result.values[step] =
            BucketFraction(call_.scalars[0].values[step], call_.scalars[1].values[step], buckets);
        continue;
      }
      BucketQuantileResult quantile = BucketQuantile(call_.scalars[q].values[step], buckets);
      result.values[step] = quantile.value;
      if (quantile.forced_monotonic) {
        context_.annotations().AddForcedMonotonicity(histogram.metric_name, VectorArgument().position,
                                                     call_.grid.At(step), quantile.min_bucket,
                                                     quantile.max_bucket, quantile.max_difference);
      }
    }
    if (id_ != FunctionId::kHistogramQuantiles) {
      return output_.Add(histogram.labels, histogram.drops_name, std::move(result));
    }
    return AddByQuantile(histogram, q, result);
  }

  // histogram_quantiles names the quantile in a label; a quantile that changes over time makes several
  // series.
  core::Status AddByQuantile(const ClassicHistogram& histogram, size_t q, const Column& column) {
    const std::vector<double>& quantiles = call_.scalars[q].values;
    model::LabelsBuilder builder;
    size_t begin = 0;
    while (begin < quantiles.size()) {
      size_t end = begin + 1;
      while (end < quantiles.size() && IsSame(quantiles[end], quantiles[begin])) ++end;
      SEXTANT_TRY(context_.Tick(call_.grid.steps + QueryContext::kWorkOfSeries));
      Column part(call_.grid.steps);
      for (size_t step = begin; step < end; ++step) part.values[step] = column.values[step];
      builder.Reset(histogram.labels);
      builder.Set(call_.node.args[1]->text, FormatQuantile(quantiles[begin]));
      SEXTANT_TRY(output_.Add(builder.Build(), histogram.drops_name, std::move(part)));
      begin = end;
    }
    return {};
  }

  const HistogramCall& call_;
  const FunctionId id_;
  SeriesSource& source_;
  QueryContext& context_;
  Holding holding_;
  OutputSeries output_;
  std::vector<Column> columns_;
  std::vector<ClassicHistogram> histograms_;
  std::vector<NativeSeries> natives_;
};

}  // namespace

core::Result<HeldVector> EvalHistogramFunction(const HistogramCall& call, SeriesSource& source,
                                               QueryContext& context) {
  return HistogramFunction(call, source, context).Run();
}

}  // namespace sextant::promql
