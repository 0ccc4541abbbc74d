#include "pipeline/exponential_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace sextant::pipeline {

namespace {

constexpr int32_t kMaxScale = 20;

// The bucket (2^(index/2^scale), 2^((index+1)/2^scale)] of a value above 0.
int32_t IndexOf(double value, int32_t scale) {
  value = std::max(value, std::numeric_limits<double>::min());
  int exponent = 0;
  double fraction = std::frexp(value, &exponent);
  --exponent;  // value = 2 * fraction * 2^exponent
  bool is_power = fraction == 0.5;
  if (scale <= 0) return (exponent - (is_power ? 1 : 0)) >> -scale;
  if (is_power) return (exponent << scale) - 1;
  auto index = static_cast<int32_t>(std::floor(std::log(value) * std::ldexp(std::numbers::log2e, scale)));
  // What rounding made of values just above and below a power of two.
  return std::clamp(index, exponent << scale, ((exponent + 1) << scale) - 1);
}

}  // namespace

ExponentialHistogram::ExponentialHistogram(int32_t max_size)
    : max_size_(static_cast<size_t>(std::clamp(max_size, kMinMaxSize, kMaxMaxSize))), scale_(kMaxScale) {}

void ExponentialHistogram::Observe(double value, uint64_t times) {
  if (times == 0) return;
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  sum_ += value * static_cast<double>(times);
  count_ += times;
  if (value <= 0) {
    zero_count_ += times;
    return;
  }
  int32_t index = IndexOf(value, scale_);
  if (!counts_.empty()) {
    int32_t low = std::min(index, offset_);
    int32_t high = std::max(index, offset_ + static_cast<int32_t>(counts_.size()) - 1);
    if (static_cast<int64_t>(high) - low >= static_cast<int64_t>(max_size_)) {
      Coarsen(low, high);
      index = IndexOf(value, scale_);
    }
  }
  Count(index, times);
}

void ExponentialHistogram::Coarsen(int32_t low, int32_t high) {
  int shift = 0;
  while (static_cast<int64_t>(high) - low >= static_cast<int64_t>(max_size_)) {
    low >>= 1;
    high >>= 1;
    ++shift;
  }
  scale_ -= shift;
  int32_t first = offset_ >> shift;
  std::vector<uint64_t> counts;
  for (size_t i = 0; i < counts_.size(); ++i) {
    auto place = static_cast<size_t>(((offset_ + static_cast<int32_t>(i)) >> shift) - first);
    if (counts.size() <= place) counts.resize(place + 1);
    counts[place] += counts_[i];
  }
  offset_ = first;
  counts_ = std::move(counts);
}

void ExponentialHistogram::Count(int32_t index, uint64_t times) {
  if (counts_.empty()) offset_ = index;
  if (index < offset_) {
    counts_.insert(counts_.begin(), static_cast<size_t>(offset_ - index), 0);
    offset_ = index;
  }
  auto place = static_cast<size_t>(index - offset_);
  if (counts_.size() <= place) counts_.resize(place + 1);
  counts_[place] += times;
}

void ExponentialHistogram::WriteTo(otlp::ExponentialPoint& point) const {
  point.count = count_;
  point.sum = sum_;
  if (count_ != 0) {
    point.min = min_;
    point.max = max_;
  }
  point.zero_count = zero_count_;
  // Without buckets no scale is better than another.
  point.scale = count_ == zero_count_ ? 0 : scale_;
  point.positive.offset = offset_;
  point.positive.counts = counts_;
}

}  // namespace sextant::pipeline
