#include "model/histogram_fault.h"

#include <cmath>
#include <limits>

#include "model/histogram_resolution.h"

namespace sextant::model {
namespace {

constexpr std::string_view kSpanOffset = "histogram has a span whose offset is negative";
// Up to here doubles hold every whole number.
constexpr double kMaxExactCount = 9007199254740992.0;  // 2^53

std::string_view SpansFault(std::span<const BucketSpan> spans) {
  int64_t index = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (i > 0 && spans[i].offset < 0) return kSpanOffset;
    index += int64_t{spans[i].offset} + spans[i].length;
    if (index > std::numeric_limits<int32_t>::max()) return "a bucket's index is too large";
  }
  return "";
}

std::string_view CustomLayoutFault(const FloatHistogram& histogram) {
  for (size_t i = 0; i < histogram.custom_bounds.size(); ++i) {
    // Also NaN and -Inf, which are not above anything.
    double before = i == 0 ? -std::numeric_limits<double>::infinity() : histogram.custom_bounds[i - 1];
    if (!(histogram.custom_bounds[i] > before))
      return "histogram custom bounds must be in strictly increasing order";
  }
  if (!histogram.custom_bounds.empty() && std::isinf(histogram.custom_bounds.back())) {
    return "histogram custom bounds must be finite";
  }
  uint64_t covered = 0;
  for (const BucketSpan& span : histogram.positive_spans) {
    if (span.offset < 0) return kSpanOffset;
    covered += static_cast<uint64_t>(span.offset) + span.length;
  }
  if (covered > histogram.custom_bounds.size() + 1) return "histogram custom bounds are too few";
  if (histogram.zero_threshold != 0) return "custom buckets: must have zero threshold of 0";
  if (!histogram.negative_spans.empty()) return "custom buckets: must not have negative spans";
  return "";
}

std::string_view BucketsFault(std::span<const double> buckets, bool is_integer, double& sum) {
  for (double count : buckets) {
    if (count < 0) return "histogram has a bucket whose observation count is negative";
    if (is_integer && !(std::floor(count) == count && std::isfinite(count))) {
      return "a count of an integer histogram is not whole";
    }
    sum += count;
  }
  return "";
}

std::string_view IntegerCountFault(const FloatHistogram& histogram, double sum_of_buckets) {
  for (double count : {histogram.count, histogram.zero_count}) {
    if (!(count >= 0 && std::floor(count) == count && std::isfinite(count))) {
      return "a count of an integer histogram is not whole";
    }
  }
  // Larger counts have been rounded on their way.
  if (histogram.count > kMaxExactCount) return "";
  double observed = sum_of_buckets + histogram.zero_count;
  // Observations of NaN are in the count, but in no bucket.
  if (std::isnan(histogram.sum) && observed > histogram.count) {
    return "histogram's observation count should be at least the number of observations found in the buckets";
  }
  if (!std::isnan(histogram.sum) && observed != histogram.count) {
    return "histogram's observation count should equal the number of observations found in the buckets (in "
           "absence of NaN)";
  }
  return "";
}

}  // namespace

uint64_t CountBuckets(std::span<const BucketSpan> spans) {
  uint64_t count = 0;
  for (const BucketSpan& span : spans) count += span.length;
  return count;
}

std::string_view LayoutFault(const FloatHistogram& histogram) {
  uint64_t parts = histogram.positive_spans.size() + histogram.negative_spans.size() +
                   histogram.custom_bounds.size() + CountBuckets(histogram.positive_spans) +
                   CountBuckets(histogram.negative_spans);
  if (parts > kMaxHistogramParts) return "there are too many buckets";
  if (histogram.schema == kCustomBucketsSchema) return CustomLayoutFault(histogram);
  if (histogram.schema < kMinExponentialSchema || histogram.schema > kMaxExponentialSchema) {
    return "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 "
           "for "
           "custom buckets";
  }
  if (!histogram.custom_bounds.empty())
    return "histogram with exponential schema must not have custom bounds";
  std::string_view fault = SpansFault(histogram.positive_spans);
  return fault.empty() ? SpansFault(histogram.negative_spans) : fault;
}

std::string_view HistogramFault(const FloatHistogram& histogram) {
  if (std::string_view fault = LayoutFault(histogram); !fault.empty()) return fault;
  if (histogram.positive_buckets.size() != CountBuckets(histogram.positive_spans) ||
      histogram.negative_buckets.size() != CountBuckets(histogram.negative_spans)) {
    return "histogram spans specify different number of buckets than provided";
  }
  if (histogram.schema == kCustomBucketsSchema && histogram.zero_count != 0) {
    return "custom buckets: must have zero count of 0";
  }
  double sum = 0;
  std::string_view fault = BucketsFault(histogram.negative_buckets, histogram.is_integer, sum);
  if (fault.empty()) fault = BucketsFault(histogram.positive_buckets, histogram.is_integer, sum);
  if (!fault.empty() || !histogram.is_integer) return fault;
  return IntegerCountFault(histogram, sum);
}

std::string_view RefusalText(AppendOutcome outcome, const FloatHistogram* histogram) {
  if (outcome != AppendOutcome::kInvalidHistogram || histogram == nullptr) return OutcomeText(outcome);
  const std::string_view fault = HistogramFault(*histogram);
  return fault.empty() ? OutcomeText(outcome) : fault;
}

}  // namespace sextant::model
