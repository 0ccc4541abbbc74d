#include "otlp/delta_to_cumulative.h"

#include <algorithm>

namespace sextant::otlp {

namespace {

constexpr int64_t kSweepNs = 60'000'000'000;
constexpr int64_t kMaxBuckets = 160;  // of one sign, as the collector has it
constexpr int kMaxShift = 31;

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
    AppendPart(ValueText(attribute->value), out);
  }
  out += ';';
}

std::string IdentityOf(const ResourceMetrics& resource, const ScopeMetrics& scope, const Metric& metric) {
  std::string out;
  AppendAttributes(resource.resource.attributes, out);
  AppendPart(scope.scope.name, out);
  AppendPart(scope.scope.version, out);
  AppendAttributes(scope.scope.attributes, out);
  AppendPart(metric.name, out);
  AppendPart(metric.unit, out);
  out += static_cast<char>('0' + static_cast<int>(metric.kind));
  out += metric.is_monotonic ? 'm' : 'n';
  return out;
}

void AddOptional(std::optional<double>& sum, const std::optional<double>& value,
                 double (*join)(double, double)) {
  if (sum && value) {
    sum = join(*sum, *value);
  } else {
    sum.reset();
  }
}
double Plus(double a, double b) { return a + b; }
double Least(double a, double b) { return std::min(a, b); }
double Greatest(double a, double b) { return std::max(a, b); }

// Without what is a point's own.
template <typename P>
P WithoutTexts(const P& point) {
  P copy = point;
  copy.attributes = {};
  copy.exemplars.clear();
  return copy;
}

void Add(NumberPoint& sum, const NumberPoint& point) {
  if (sum.value.kind == NumberKind::kInt && point.value.kind == NumberKind::kInt) {
    sum.value.integer = static_cast<int64_t>(static_cast<uint64_t>(sum.value.integer) +
                                             static_cast<uint64_t>(point.value.integer));
    return;
  }
  double total = sum.value.AsDouble() + point.value.AsDouble();
  sum.value.kind = NumberKind::kDouble;
  sum.value.real = total;
}

void Add(HistogramPoint& sum, const HistogramPoint& point) {
  if (sum.explicit_bounds != point.explicit_bounds ||
      sum.bucket_counts.size() != point.bucket_counts.size()) {
    sum = WithoutTexts(point);
    return;
  }
  for (size_t i = 0; i < sum.bucket_counts.size(); ++i) sum.bucket_counts[i] += point.bucket_counts[i];
  sum.count += point.count;
  AddOptional(sum.sum, point.sum, Plus);
  AddOptional(sum.min, point.min, Least);
  AddOptional(sum.max, point.max, Greatest);
}

// Makes each 2^shift buckets one.
void Downscale(ExponentialBuckets& buckets, int shift) {
  if (shift == 0 || buckets.counts.empty()) return;
  shift = std::min(shift, kMaxShift);
  int64_t first = static_cast<int64_t>(buckets.offset) >> shift;
  std::vector<uint64_t> counts;
  for (size_t i = 0; i < buckets.counts.size(); ++i) {
    auto index = static_cast<size_t>(((buckets.offset + static_cast<int64_t>(i)) >> shift) - first);
    if (counts.size() <= index) counts.resize(index + 1);
    counts[index] += buckets.counts[i];
  }
  buckets.offset = static_cast<int32_t>(first);
  buckets.counts = std::move(counts);
}

// From the first to behind the last bucket of both, at a coarser scale.
std::pair<int64_t, int64_t> Range(const ExponentialBuckets& a, const ExponentialBuckets& b, int shift) {
  int64_t begin = INT64_MAX;
  int64_t end = INT64_MIN;
  for (const ExponentialBuckets* buckets : {&a, &b}) {
    if (buckets->counts.empty()) continue;
    int64_t last = buckets->offset + static_cast<int64_t>(buckets->counts.size()) - 1;
    begin = std::min(begin, static_cast<int64_t>(buckets->offset) >> shift);
    end = std::max(end, (last >> shift) + 1);
  }
  return {begin, end};
}

int NeededShift(const ExponentialBuckets& a, const ExponentialBuckets& b) {
  int shift = 0;
  for (; shift < kMaxShift; ++shift) {
    auto [begin, end] = Range(a, b, shift);
    if (begin >= end || end - begin <= kMaxBuckets) break;
  }
  return shift;
}

void Merge(ExponentialBuckets& sum, const ExponentialBuckets& buckets) {
  auto [begin, end] = Range(sum, buckets, 0);
  if (begin >= end) return;
  std::vector<uint64_t> counts(static_cast<size_t>(end - begin));
  for (const ExponentialBuckets* part : {const_cast<const ExponentialBuckets*>(&sum), &buckets}) {
    for (size_t i = 0; i < part->counts.size(); ++i) {
      counts[static_cast<size_t>(part->offset - begin) + i] += part->counts[i];
    }
  }
  sum.offset = static_cast<int32_t>(begin);
  sum.counts = std::move(counts);
}

void Downscale(ExponentialPoint& point, int shift) {
  Downscale(point.positive, shift);
  Downscale(point.negative, shift);
  point.scale -= shift;
}

void Add(ExponentialPoint& sum, const ExponentialPoint& point) {
  ExponentialPoint other = WithoutTexts(point);
  int32_t scale = std::min(sum.scale, other.scale);
  Downscale(sum, sum.scale - scale);
  Downscale(other, other.scale - scale);
  int shift = std::max(NeededShift(sum.positive, other.positive), NeededShift(sum.negative, other.negative));
  Downscale(sum, shift);
  Downscale(other, shift);
  Merge(sum.positive, other.positive);
  Merge(sum.negative, other.negative);
  sum.zero_threshold = std::max(sum.zero_threshold, other.zero_threshold);
  sum.zero_count += other.zero_count;
  sum.count += other.count;
  AddOptional(sum.sum, other.sum, Plus);
  AddOptional(sum.min, other.min, Least);
  AddOptional(sum.max, other.max, Greatest);
}

// The sum in place of the point's own values.
template <typename P>
void Replace(P& point, const P& sum) {
  Attributes attributes = point.attributes;
  std::vector<Exemplar> exemplars = std::move(point.exemplars);
  point = sum;
  point.attributes = attributes;
  point.exemplars = std::move(exemplars);
}

}  // namespace

bool HasDeltas(const MetricsData& data) {
  for (const ResourceMetrics& resource : data.resources) {
    for (const ScopeMetrics& scope : resource.scopes) {
      for (const Metric& metric : scope.metrics) {
        if (metric.temporality == Temporality::kDelta) return true;
      }
    }
  }
  return false;
}

template <typename P>
bool DeltaToCumulative::Aggregate(const std::string& identity, int64_t now_ns, P& point) {
  std::string key = identity;
  AppendAttributes(point.attributes, key);
  ++counts_.points;
  auto found = streams_.find(key);
  if (found == streams_.end()) {
    if (streams_.size() >= limits_.max_streams) {
      ++counts_.over_limit;
      ++counts_.dropped;
      return false;
    }
    streams_.emplace(std::move(key), Stream{WithoutTexts(point), now_ns});
    return true;
  }
  P& sum = std::get<P>(found->second.sum);
  found->second.last_ns = now_ns;
  if (point.start_ns < sum.start_ns || point.time_ns <= sum.time_ns) {
    ++counts_.dropped;
    ++(point.start_ns < sum.start_ns ? counts_.older_start : counts_.out_of_order);
    return false;
  }
  Add(sum, point);
  sum.time_ns = point.time_ns;
  sum.has_no_value = point.has_no_value;
  Replace(point, sum);
  return true;
}

void DeltaToCumulative::ForgetStale(int64_t now_ns) {
  if (now_ns < next_sweep_ns_) return;
  next_sweep_ns_ = now_ns + kSweepNs;
  int64_t oldest_ns = now_ns - limits_.max_stale_ms * 1'000'000;
  absl::erase_if(streams_, [&](const auto& entry) { return entry.second.last_ns < oldest_ns; });
}

void DeltaToCumulative::Convert(MetricsData& data) {
  std::lock_guard lock(mutex_);
  int64_t now_ns = clock_.MonotonicNs();
  ForgetStale(now_ns);
  for (ResourceMetrics& resource : data.resources) {
    for (ScopeMetrics& scope : resource.scopes) {
      for (Metric& metric : scope.metrics) {
        if (metric.temporality != Temporality::kDelta) continue;
        std::string identity = IdentityOf(resource, scope, metric);
        auto drops = [&](auto& point) { return !Aggregate(identity, now_ns, point); };
        std::erase_if(metric.numbers, drops);
        std::erase_if(metric.histograms, drops);
        std::erase_if(metric.exponentials, drops);
      }
      std::erase_if(scope.metrics, [](const Metric& metric) {
        return metric.temporality == Temporality::kDelta && metric.numbers.empty() &&
               metric.histograms.empty() && metric.exponentials.empty();
      });
      for (Metric& metric : scope.metrics) {
        if (metric.temporality == Temporality::kDelta) metric.temporality = Temporality::kCumulative;
      }
    }
  }
  counts_.streams = streams_.size();
}

DeltaToCumulative::Counts DeltaToCumulative::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace sextant::otlp
