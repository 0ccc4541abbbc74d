#include "metrics/promql/promqltest_storage.h"

#include <algorithm>
#include <set>

#include "metrics/promql/float_histogram.h"

namespace sextant::promql {

namespace {

using model::CounterResetHint;
using Sample = PromqltestStorage::Sample;
using SampleList = std::shared_ptr<const std::vector<Sample>>;

// Whether a counter histogram can have grown out of the one before and is stored in the same chunk.
bool Continues(const FloatHistogram& before, const FloatHistogram& after) {
  return after.counter_reset_hint != CounterResetHint::kReset && after.schema == before.schema &&
         after.zero_threshold == before.zero_threshold && after.custom_bounds == before.custom_bounds &&
         !DetectReset(after, before);
}

// The hint that reading the histogram from a chunk gives; `before` is the histogram just before it, or null.
CounterResetHint HintFor(const FloatHistogram* before, const FloatHistogram& histogram) {
  if (histogram.counter_reset_hint == CounterResetHint::kGauge) return CounterResetHint::kGauge;
  bool same_kind = before != nullptr && before->counter_reset_hint != CounterResetHint::kGauge;
  return same_kind && Continues(*before, histogram) ? CounterResetHint::kNotReset
                                                    : CounterResetHint::kUnknown;
}

class SnapshotSet final : public model::SeriesSet {
 public:
  void Add(const model::Labels& labels, SampleList samples) {
    series_.emplace_back(labels, std::move(samples));
  }

  size_t size() const override { return series_.size(); }
  const model::Labels& labels(size_t index) const override { return series_[index].first; }

  core::Status Read(size_t index, core::TimestampMs start_ms, core::TimestampMs end_ms,
                    model::SampleColumns& out) const override {
    out.clear();
    const std::vector<Sample>& samples = *series_[index].second;
    auto first = std::ranges::lower_bound(samples, start_ms, {}, &Sample::time_ms);
    auto last = std::ranges::upper_bound(samples, end_ms, {}, &Sample::time_ms);
    bool has_histograms =
        std::any_of(first, last, [](const Sample& sample) { return sample.histogram != nullptr; });
    bool has_starts = std::any_of(first, last, [](const Sample& sample) { return sample.start_ms != 0; });
    for (auto it = first; it < last; ++it) {
      out.times_ms.push_back(it->time_ms);
      out.values.push_back(it->value);
      if (has_histograms) out.histograms.push_back(it->histogram);
      if (has_starts) out.start_times_ms.push_back(it->start_ms);
    }
    return {};
  }

 private:
  std::vector<std::pair<model::Labels, SampleList>> series_;
};

class SnapshotQuerier final : public model::Querier {
 public:
  explicit SnapshotQuerier(std::map<model::Labels, SampleList> series) : series_(std::move(series)) {}

  core::Result<std::unique_ptr<model::SeriesSet>> Select(const std::vector<model::Matcher>& matchers,
                                                         const model::SelectHints& hints) const override {
    auto set = std::make_unique<SnapshotSet>();
    for (const auto& [labels, samples] : series_) {
      if (!Matches(labels, matchers)) continue;
      if (hints.limit != 0 && set->size() == hints.limit) break;
      set->Add(labels, samples);
    }
    return set;
  }

  core::Result<std::vector<std::string>> LabelValues(std::string_view name,
                                                     const std::vector<model::Matcher>& matchers,
                                                     const model::SelectHints& hints) const override {
    std::set<std::string> values;
    for (const auto& [labels, samples] : series_) {
      if (Matches(labels, matchers) && labels.Has(name)) values.emplace(labels.Get(name));
    }
    return First(values, hints.limit);
  }

  core::Result<std::vector<std::string>> LabelNames(const std::vector<model::Matcher>& matchers,
                                                    const model::SelectHints& hints) const override {
    std::set<std::string> names;
    for (const auto& [labels, samples] : series_) {
      if (!Matches(labels, matchers)) continue;
      for (model::LabelView label : labels) names.emplace(label.name);
    }
    return First(names, hints.limit);
  }

 private:
  static bool Matches(const model::Labels& labels, const std::vector<model::Matcher>& matchers) {
    return std::ranges::all_of(matchers,
                               [&](const model::Matcher& m) { return m.Matches(labels.Get(m.name())); });
  }
  static std::vector<std::string> First(const std::set<std::string>& texts, size_t limit) {
    std::vector<std::string> out(texts.begin(), texts.end());
    if (limit != 0 && out.size() > limit) out.resize(limit);
    return out;
  }

  std::map<model::Labels, SampleList> series_;
};

}  // namespace

void PromqltestStorage::Add(const model::Labels& labels, const std::vector<Sample>& samples) {
  SampleList& list = series_[labels];
  std::vector<Sample> merged;
  if (list) merged = *list;
  merged.insert(merged.end(), samples.begin(), samples.end());
  std::ranges::stable_sort(merged, {}, &Sample::time_ms);
  auto [first, last] = std::ranges::unique(merged, {}, &Sample::time_ms);
  merged.erase(first, last);
  const FloatHistogram* before = nullptr;
  for (Sample& sample : merged) {
    if (sample.histogram) {
      CounterResetHint hint = HintFor(before, *sample.histogram);
      if (hint != sample.histogram->counter_reset_hint) {
        auto hinted = std::make_shared<FloatHistogram>(*sample.histogram);
        // An explicit reset must be seen again when more samples are added.
        if (sample.histogram->counter_reset_hint != CounterResetHint::kReset)
          hinted->counter_reset_hint = hint;
        sample.histogram = std::move(hinted);
      }
    }
    before = sample.histogram.get();
  }
  list = std::make_shared<const std::vector<Sample>>(std::move(merged));
}

void PromqltestStorage::Clear() { series_.clear(); }

core::Result<std::unique_ptr<model::Querier>> PromqltestStorage::NewQuerier(core::TimestampMs,
                                                                            core::TimestampMs) const {
  return std::make_unique<SnapshotQuerier>(series_);
}

}  // namespace sextant::promql
