#include "model/merged_querier.h"

#include <algorithm>
#include <unordered_map>

#include "core/stoppable_sort.h"

namespace sextant::model {

namespace {

using core::Result;
using core::Status;

// Puts `from` among `into`, both ascending; where both have a time, `into` stays.
void MergeInto(SampleColumns& into, SampleColumns& from) {
  if (from.size() == 0) return;
  if (into.size() == 0) {
    std::swap(into, from);
    return;
  }
  SampleColumns merged;
  auto take = [&](const SampleColumns& columns, size_t i) {
    TimestampMs start_ms = columns.start_times_ms.empty() ? 0 : columns.start_times_ms[i];
    if (!columns.histograms.empty() && columns.histograms[i] != nullptr) {
      merged.AddHistogram(columns.times_ms[i], columns.histograms[i], start_ms);
    } else {
      merged.Add(columns.times_ms[i], columns.values[i], start_ms);
    }
  };
  size_t a = 0;
  size_t b = 0;
  while (a < into.size() || b < from.size()) {
    if (b == from.size() || (a < into.size() && into.times_ms[a] <= from.times_ms[b])) {
      if (b < from.size() && into.times_ms[a] == from.times_ms[b]) ++b;
      take(into, a++);
    } else {
      take(from, b++);
    }
  }
  std::swap(into, merged);
}

class MergedSet final : public SeriesSet {
 public:
  MergedSet(std::vector<std::unique_ptr<SeriesSet>> sets, std::vector<std::string> warnings)
      : sets_(std::move(sets)), warnings_(std::move(warnings)) {
    for (const std::unique_ptr<SeriesSet>& set : sets_) {
      for (std::string& warning : set->Warnings()) warnings_.push_back(std::move(warning));
    }
  }

  // Finds out which series the sets have in common; comes before everything else. Fails when the check of
  // `hints` does.
  Status Merge(const SelectHints& hints) {
    PacedCheck check(hints.check);
    std::unordered_map<Labels, size_t> places;
    for (size_t set = 0; set < sets_.size(); ++set) {
      for (size_t i = 0; i < sets_[set]->size(); ++i) {
        SEXTANT_TRY(check.Worked(kWorkOfSeries));
        auto [place, is_new] = places.try_emplace(sets_[set]->labels(i), series_.size());
        if (is_new) series_.emplace_back();
        series_[place->second].push_back({set, i});
      }
    }
    if (hints.sorted) SEXTANT_TRY(Sort(check));
    if (hints.limit > 0 && series_.size() > hints.limit) series_.resize(hints.limit);
    return {};
  }

  size_t size() const override { return series_.size(); }
  const Labels& labels(size_t index) const override { return LabelsOf(series_[index]); }
  std::vector<std::string> Warnings() const override { return warnings_; }

  Status Read(size_t index, TimestampMs start_ms, TimestampMs end_ms, SampleColumns& out) const override {
    const Parts& parts = series_[index];
    SEXTANT_TRY(sets_[parts[0].set]->Read(parts[0].index, start_ms, end_ms, out));
    SampleColumns more;
    for (size_t i = 1; i < parts.size(); ++i) {
      SEXTANT_TRY(sets_[parts[i].set]->Read(parts[i].index, start_ms, end_ms, more));
      MergeInto(out, more);
    }
    return {};
  }

 private:
  struct Part {
    size_t set = 0;
    size_t index = 0;
  };
  using Parts = std::vector<Part>;  // of one series, the primary's first

  static constexpr size_t kWorkOfSeries = 4;  // in units of PacedCheck

  const Labels& LabelsOf(const Parts& parts) const { return sets_[parts[0].set]->labels(parts[0].index); }

  Status Sort(PacedCheck& check) {
    Status status;
    core::StoppableSort(
        series_.begin(), series_.end(),
        [this](const Parts& a, const Parts& b) { return LabelsOf(a) < LabelsOf(b); },
        [&] {
          status = check.Worked();
          return !status.has_value();
        });
    return status;
  }

  std::vector<std::unique_ptr<SeriesSet>> sets_;
  std::vector<std::string> warnings_;
  std::vector<Parts> series_;
};

class MergedQuerier final : public Querier {
 public:
  MergedQuerier(std::unique_ptr<Querier> primary, std::vector<std::unique_ptr<Querier>> others)
      : primary_(std::move(primary)), others_(std::move(others)) {}

  Result<std::unique_ptr<SeriesSet>> Select(const std::vector<Matcher>& matchers,
                                            const SelectHints& hints) const override {
    std::vector<std::unique_ptr<SeriesSet>> sets;
    std::vector<std::string> warnings;
    SEXTANT_ASSIGN(sets.emplace_back(), primary_->Select(matchers, hints));
    for (const std::unique_ptr<Querier>& other : others_) {
      Result<std::unique_ptr<SeriesSet>> set = other->Select(matchers, hints);
      if (!set) {
        warnings.push_back(set.error().message());
      } else {
        sets.push_back(std::move(*set));
      }
    }
    if (sets.size() == 1 && warnings.empty()) return std::move(sets[0]);
    auto merged = std::make_unique<MergedSet>(std::move(sets), std::move(warnings));
    SEXTANT_TRY(merged->Merge(hints));
    return merged;
  }
  Result<std::vector<std::string>> LabelValues(std::string_view name, const std::vector<Matcher>& matchers,
                                               const SelectHints& hints) const override {
    return primary_->LabelValues(name, matchers, hints);
  }
  Result<std::vector<std::string>> LabelNames(const std::vector<Matcher>& matchers,
                                              const SelectHints& hints) const override {
    return primary_->LabelNames(matchers, hints);
  }

 private:
  const std::unique_ptr<Querier> primary_;
  const std::vector<std::unique_ptr<Querier>> others_;
};

}  // namespace

std::unique_ptr<Querier> MergeQueriers(std::unique_ptr<Querier> primary,
                                       std::vector<std::unique_ptr<Querier>> others) {
  if (others.empty()) return primary;
  return std::make_unique<MergedQuerier>(std::move(primary), std::move(others));
}

}  // namespace sextant::model
