#include "pipeline/processors/cumulative_to_delta.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sextant::pipeline {

namespace {

using otlp::Attributes;
using otlp::ExponentialBuckets;
using otlp::ExponentialPoint;
using otlp::HistogramPoint;
using otlp::KeyValue;
using otlp::NumberKind;
using otlp::NumberPoint;

void AppendPart(std::string_view part, std::string& out) {
  out += fmt::format("{}:", part.size());
  out += part;
}

void AppendAttributes(const Attributes& attributes, std::string& out) {
  std::vector<const KeyValue*> sorted;
  for (const KeyValue& attribute : attributes) sorted.push_back(&attribute);
  std::ranges::stable_sort(sorted, {}, [](const KeyValue* attribute) { return attribute->key; });
  for (const KeyValue* attribute : sorted) {
    AppendPart(attribute->key, out);
    out += static_cast<char>('0' + static_cast<int>(attribute->value.kind));
    AppendPart(otlp::ValueText(attribute->value), out);
  }
  out += ';';
}

std::string IdentityOf(const otlp::ResourceMetrics& resource, const otlp::ScopeMetrics& scope,
                       const otlp::Metric& metric) {
  std::string out;
  AppendAttributes(resource.resource.attributes, out);
  AppendPart(scope.scope.name, out);
  AppendPart(scope.scope.version, out);
  AppendPart(metric.name, out);
  AppendPart(metric.unit, out);
  out += static_cast<char>('0' + static_cast<int>(metric.kind));
  return out;
}

// Ints and doubles are different streams.
char ValueTag(const NumberPoint& point) { return point.value.kind == NumberKind::kDouble ? 'd' : 'i'; }
template <typename P>
char ValueTag(const P&) {
  return 'h';
}

bool IsStale(const NumberPoint& point) {
  return point.has_no_value || (point.value.kind == NumberKind::kDouble && std::isnan(point.value.real));
}
template <typename P>
bool IsStale(const P& point) {
  return point.has_no_value;
}

// What the next point is compared with.
template <typename P>
P Remembered(const P& point) {
  P copy = point;
  copy.attributes = {};
  copy.exemplars.clear();
  return copy;
}

void SubtractSum(const std::optional<double>& last, std::optional<double>& sum) {
  if (sum && !std::isnan(*sum)) *sum -= last.value_or(0);
}

// A sum that is no number is taken as not changed.
void CarrySum(const NumberPoint&, NumberPoint&) {}
template <typename P>
void CarrySum(const P& last, P& whole) {
  if (whole.sum && std::isnan(*whole.sum)) whole.sum = last.sum;
}

// The counts of the buckets up to and with this index, which become empty.
uint64_t TakeUpTo(int64_t index, ExponentialBuckets& buckets) {
  uint64_t taken = 0;
  for (size_t i = 0; i < buckets.counts.size() && buckets.offset + static_cast<int64_t>(i) <= index; ++i) {
    taken += buckets.counts[i];
    buckets.counts[i] = 0;
  }
  return taken;
}

void Coarsen(int shift, ExponentialBuckets& buckets) {
  if (shift <= 0 || buckets.counts.empty()) return;
  shift = std::min(shift, 31);
  int64_t first = static_cast<int64_t>(buckets.offset) >> shift;
  std::vector<uint64_t> counts;
  for (size_t i = 0; i < buckets.counts.size(); ++i) {
    auto place = static_cast<size_t>(((buckets.offset + static_cast<int64_t>(i)) >> shift) - first);
    if (counts.size() <= place) counts.resize(place + 1);
    counts[place] += buckets.counts[i];
  }
  buckets.offset = static_cast<int32_t>(first);
  buckets.counts = std::move(counts);
}

// False when a bucket had more before.
bool SubtractBuckets(const ExponentialBuckets& last, ExponentialBuckets& buckets) {
  for (size_t i = 0; i < last.counts.size(); ++i) {
    if (last.counts[i] == 0) continue;
    int64_t place = last.offset + static_cast<int64_t>(i) - buckets.offset;
    if (place < 0 || place >= static_cast<int64_t>(buckets.counts.size())) return false;
    uint64_t& count = buckets.counts[static_cast<size_t>(place)];
    if (count < last.counts[i]) return false;
    count -= last.counts[i];
  }
  return true;
}

}  // namespace

bool CumulativeToDelta::Convert(const otlp::ResourceMetrics& resource, const otlp::ScopeMetrics& scope,
                                otlp::Metric& metric) {
  std::string identity = IdentityOf(resource, scope, metric);
  auto drops = [&](auto& point) { return !ConvertPoint(identity, point); };
  std::erase_if(metric.numbers, drops);
  std::erase_if(metric.histograms, drops);
  std::erase_if(metric.exponentials, drops);
  metric.temporality = otlp::Temporality::kDelta;
  return otlp::CountPoints(metric) > 0;
}

template <typename P>
bool CumulativeToDelta::ConvertPoint(const std::string& identity, P& point) {
  if (IsStale(point)) return true;
  std::string key = identity;
  key += ValueTag(point);
  AppendAttributes(point.attributes, key);
  key += fmt::format("{}", point.start_ns);
  auto found = streams_.find(key);
  if (found == streams_.end()) {
    if (streams_.size() >= options_.max_streams) {
      ++counts_.over_limit;
      return false;
    }
    streams_.emplace(std::move(key), Remembered(point));
    if (!KeepsFirst(point)) {
      ++counts_.initial;
      return false;
    }
    if (options_.initial_value == InitialValue::kKeep) point.start_ns = 0;
    return true;
  }
  P& last = std::get<P>(found->second);
  P whole = Remembered(point);
  CarrySum(last, whole);
  uint64_t start_ns = last.time_ns;
  bool is_kept = Subtract(last, point);
  point.start_ns = start_ns;
  last = std::move(whole);
  return is_kept;
}

bool CumulativeToDelta::KeepsFirst(const otlp::Point& point) {
  switch (options_.initial_value) {
    case InitialValue::kAuto:
      return point.start_ns >= options_.start_ns && point.time_ns != point.start_ns;
    case InitialValue::kKeep:
      return true;
    case InitialValue::kDrop:
      return false;
  }
  return false;
}

bool CumulativeToDelta::Subtract(NumberPoint& last, NumberPoint& point) {
  if (point.value.kind == NumberKind::kDouble) {
    if (point.value.real < last.value.real) {
      ++counts_.reset;
      return false;
    }
    point.value.real -= last.value.real;
    return true;
  }
  if (point.value.integer < last.value.integer) {
    ++counts_.reset;
    return false;
  }
  point.value.integer = static_cast<int64_t>(static_cast<uint64_t>(point.value.integer) -
                                             static_cast<uint64_t>(last.value.integer));
  return true;
}

bool CumulativeToDelta::Subtract(HistogramPoint& last, HistogramPoint& point) {
  if (point.bucket_counts.size() != last.bucket_counts.size() ||
      point.explicit_bounds != last.explicit_bounds) {
    ++counts_.bucket_mismatch;
    return false;
  }
  point.min.reset();
  point.max.reset();
  // Behind a reset all that is there is new.
  bool has_fewer = point.count < last.count;
  for (size_t i = 0; i < point.bucket_counts.size(); ++i) {
    has_fewer = has_fewer || point.bucket_counts[i] < last.bucket_counts[i];
  }
  if (has_fewer) return true;
  point.count -= last.count;
  SubtractSum(last.sum, point.sum);
  for (size_t i = 0; i < point.bucket_counts.size(); ++i) point.bucket_counts[i] -= last.bucket_counts[i];
  return true;
}

bool CumulativeToDelta::Subtract(ExponentialPoint& last, ExponentialPoint& point) {
  bool is_reset =
      point.count < last.count || point.zero_threshold < last.zero_threshold || point.scale > last.scale;
  if (!is_reset) {
    if (point.zero_threshold > last.zero_threshold) {
      double factor = std::ldexp(std::numbers::log2e, last.scale);
      auto index = static_cast<int64_t>(std::ceil(std::log(point.zero_threshold) * factor) - 1);
      last.zero_count += TakeUpTo(index, last.positive) + TakeUpTo(index, last.negative);
    }
    Coarsen(last.scale - point.scale, last.positive);
    Coarsen(last.scale - point.scale, last.negative);
    is_reset = point.zero_count < last.zero_count || !SubtractBuckets(last.positive, point.positive) ||
               !SubtractBuckets(last.negative, point.negative);
  }
  if (is_reset) {
    ++counts_.reset;
    return false;
  }
  point.zero_count -= last.zero_count;
  point.count -= last.count;
  SubtractSum(last.sum, point.sum);
  point.min.reset();
  point.max.reset();
  return true;
}

void CumulativeToDelta::ForgetStale(uint64_t now_ns) {
  auto max_stale_ns = static_cast<uint64_t>(options_.max_stale_ms) * 1'000'000;
  if (max_stale_ns == 0 || now_ns < next_sweep_ns_ || now_ns < max_stale_ns) return;
  next_sweep_ns_ = now_ns + max_stale_ns;
  uint64_t oldest_ns = now_ns - max_stale_ns;
  absl::erase_if(streams_, [&](const auto& entry) {
    return std::visit([&](const auto& point) { return point.time_ns < oldest_ns; }, entry.second);
  });
}

CumulativeToDelta::Counts CumulativeToDelta::counts() const {
  Counts counts = counts_;
  counts.streams = streams_.size();
  return counts;
}

}  // namespace sextant::pipeline
