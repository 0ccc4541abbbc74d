#include "metrics/promql/info_function.h"

#include <absl/container/flat_hash_map.h>
#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "metrics/promql/label_key.h"
#include "metrics/promql/output_series.h"

namespace sextant::promql {

namespace {

constexpr std::string_view kTargetInfo = "target_info";
constexpr size_t kNoSeries = SIZE_MAX;
// With more values than this, info series are found by reading all of them.
constexpr size_t kMaxValuesInMatcher = 1'000;

const std::vector<std::string>& IdentifyingLabels() {
  static const std::vector<std::string> names = {"instance", "job"};
  return names;
}

// The times that the first selector of an expression looks at, as @ and offset: its own and those of
// subqueries around it. False when it has no selector.
bool FindReference(const PlanNode& node, std::optional<TimestampMs> at_ms, DurationMs offset_ms,
                   PlanNode& reference) {
  bool is_selector = node.kind == PlanKind::kSelector || (node.kind == PlanKind::kRange && !node.is_subquery);
  if (is_selector || node.kind == PlanKind::kRange) {
    offset_ms = node.at_ms ? node.offset_ms : offset_ms + node.offset_ms;
    if (node.at_ms) at_ms = node.at_ms;
  }
  if (is_selector) {
    reference.at_ms = at_ms;
    reference.offset_ms = offset_ms;
    return true;
  }
  for (const PlanPtr& arg : node.args) {
    if (FindReference(*arg, at_ms, offset_ms, reference)) return true;
  }
  return false;
}

bool IsNegative(const model::Matcher& matcher) {
  return matcher.type() == model::MatchType::kNotEqual || matcher.type() == model::MatchType::kNotRegexp;
}

class InfoFunction {
 public:
  InfoFunction(const PlanNode& node, HeldVector base, const model::Querier& querier,
               const SelectorSettings& settings, QueryContext& context)
      : base_(std::move(base)),
        querier_(querier),
        settings_(settings),
        context_(context),
        holding_(context),
        output_(context) {
    if (node.args.size() > 1) {
      for (const model::Matcher& matcher : node.args[1]->matchers) {
        (matcher.name() == model::kMetricName ? name_matchers_ : data_matchers_).push_back(matcher);
      }
    }
    // Base series that the selector asks for by name are info series and stay as they are. A selector without
    // a name reads target_info, but does not spare its series from being enriched.
    ignores_by_name_ = node.args.size() < 2 || !name_matchers_.empty();
    // One that only excludes names means all others that look like info metrics.
    if (!name_matchers_.empty() && std::all_of(name_matchers_.begin(), name_matchers_.end(), IsNegative)) {
      core::Result<model::Matcher> any =
          model::Matcher::Make(model::MatchType::kRegexp, model::kMetricName, ".+_info");
      name_matchers_.push_back(*std::move(any));  // a constant expression compiles
    }
    selector_.kind = PlanKind::kSelector;
    FindReference(*node.args[0], std::nullopt, 0, selector_);
    if (name_matchers_.empty())
      name_matchers_.push_back(model::Matcher::Equal(model::kMetricName, kTargetInfo));
  }

  core::Result<HeldVector> Run() {
    for (const SeriesColumn& series : base_.series) {
      SEXTANT_TRY(context_.Tick(64 * name_matchers_.size()));
      is_ignored_.push_back(IsInfoSeries(series.labels));
    }
    SEXTANT_TRY(ReadInfoSeries());
    for (size_t i = 0; i < base_.series.size(); ++i) SEXTANT_TRY(Enrich(i));
    return std::move(output_).Take();
  }

 private:
  bool IsInfoSeries(const model::Labels& labels) const {
    return ignores_by_name_ &&
           std::all_of(name_matchers_.begin(), name_matchers_.end(),
                       [&](const model::Matcher& m) { return m.Matches(labels.metric_name()); });
  }

  // Matchers for the identifying values that occur in the base; nothing when none occur.
  core::Result<std::vector<model::Matcher>> IdentityMatchers() const {
    std::vector<model::Matcher> matchers;
    for (const std::string& name : IdentifyingLabels()) {
      std::set<std::string> values;
      for (size_t i = 0; i < base_.series.size(); ++i) {
        SEXTANT_TRY(context_.Tick(64));
        std::string_view value = base_.series[i].labels.Get(name);
        if (!is_ignored_[i] && !value.empty()) values.emplace(value);
      }
      if (values.empty()) continue;
      std::string expression;
      if (values.size() > kMaxValuesInMatcher) {
        expression = ".+";
      } else {
        for (const std::string& value : values) {
          if (!expression.empty()) expression += '|';
          expression += RE2::QuoteMeta(value);
        }
      }
      SEXTANT_ASSIGN(model::Matcher matcher,
                     model::Matcher::Make(model::MatchType::kRegexp, name, expression));
      matchers.push_back(std::move(matcher));
    }
    return matchers;
  }

  core::Status ReadInfoSeries() {
    SEXTANT_ASSIGN(std::vector<model::Matcher> matchers, IdentityMatchers());
    if (matchers.empty()) return {};
    matchers.insert(matchers.end(), name_matchers_.begin(), name_matchers_.end());
    matchers.insert(matchers.end(), data_matchers_.begin(), data_matchers_.end());
    model::SelectHints hints;
    hints.start_ms = selector_.ReferenceTime(settings_.grid.start_ms) - settings_.lookback_ms + 1;
    hints.end_ms = selector_.ReferenceTime(settings_.grid.end_ms());
    hints.step_ms = settings_.grid.step_ms;
    hints.check = context_.checker();
    SEXTANT_ASSIGN(std::shared_ptr<const model::SeriesSet> set, querier_.Select(matchers, hints));
    for (const std::string& warning : set->Warnings()) context_.annotations().AddStorageWarning(warning);
    SEXTANT_TRY(RefuseHistograms(*set, hints));
    SourcePtr source = MakeSelectorSource(selector_, std::move(set), false, settings_,
                                          SelectorOutput::kTimestampMs, context_);
    for (size_t i = 0; i < source->size(); ++i) {
      SeriesColumn series;
      SEXTANT_TRY(source->Read(i, series.column));
      SEXTANT_TRY(context_.Tick(QueryContext::kWorkOfSeries + settings_.grid.steps));
      if (!series.column.AnyPresent()) continue;
      series.labels = source->labels(i);
      SEXTANT_TRY(HoldColumn(series, holding_));
      std::string name(series.labels.metric_name());
      MakeLabelKey(series.labels, identity_, key_);
      by_name_[name][key_].push_back(info_.size());
      info_.push_back(std::move(series));
    }
    return {};
  }

  core::Status RefuseHistograms(const model::SeriesSet& set, const model::SelectHints& hints) const {
    model::SampleColumns samples;
    for (size_t i = 0; i < set.size(); ++i) {
      SEXTANT_TRY(set.Read(i, hints.start_ms, hints.end_ms, samples));
      SEXTANT_TRY(context_.Tick(QueryContext::kWorkOfSeries + samples.size()));
      bool has_histogram = std::any_of(samples.histograms.begin(), samples.histograms.end(),
                                       [](const HistogramPtr& histogram) { return histogram != nullptr; });
      if (has_histogram) return core::Fail(core::Code::kInvalidArgument, "info sample should be float");
    }
    return {};
  }

  // The info series of one name that are candidates for a base series.
  const std::vector<size_t>* FindCandidates(
      const absl::flat_hash_map<std::string, std::vector<size_t>>& by_identity, const model::Labels& labels) {
    MakeLabelKey(labels, identity_, key_);
    auto it = by_identity.find(key_);
    return it == by_identity.end() ? nullptr : &it->second;
  }

  // The candidate whose sample at a step is newest.
  core::Result<size_t> Choose(const std::vector<size_t>& candidates, size_t step) const {
    size_t best = kNoSeries;
    for (size_t i : candidates) {
      double time = info_[i].column.values[step];
      if (IsAbsent(time)) continue;
      double best_time = best == kNoSeries ? 0 : info_[best].column.values[step];
      if (best != kNoSeries && best_time == time) {
        return core::Fail(core::Code::kInvalidArgument,
                          "found duplicate series for info metric: existing {} @ {}, new {} @ {}",
                          info_[best].labels.ToString(), static_cast<int64_t>(best_time),
                          info_[i].labels.ToString(), static_cast<int64_t>(time));
      }
      if (best == kNoSeries || best_time < time) best = i;
    }
    return best;
  }

  core::Status Enrich(size_t index) {
    SeriesColumn& base = base_.series[index];
    if (is_ignored_[index]) return output_.Add(base.labels, base.drops_name, std::move(base.column));
    std::vector<const std::vector<size_t>*> candidates;
    for (const auto& [name, by_identity] : by_name_) {
      if (const auto* found = FindCandidates(by_identity, base.labels)) candidates.push_back(found);
    }
    // What a step's info series make of the labels decides which output series it belongs to.
    std::map<std::vector<size_t>, Column> columns;
    Holding holding(context_);  // of them
    std::vector<size_t> chosen(candidates.size());
    for (size_t step = 0; step < settings_.grid.steps; ++step) {
      SEXTANT_TRY(context_.Tick(candidates.size() + 1));
      if (IsAbsent(base.column.values[step])) continue;
      for (size_t c = 0; c < candidates.size(); ++c) {
        SEXTANT_TRY(context_.Tick(candidates[c]->size()));
        SEXTANT_ASSIGN(chosen[c], Choose(*candidates[c], step));
      }
      auto it = columns.find(chosen);
      if (it == columns.end()) {
        // A new one for each change of the info series: they may change at every step.
        SEXTANT_TRY(holding.Add(0, static_cast<int64_t>(settings_.grid.steps * sizeof(double))));
        SEXTANT_TRY(context_.Tick(settings_.grid.steps));
        it = columns.emplace(chosen, settings_.grid.steps).first;
      }
      it->second.CopyStep(step, base.column, step);
    }
    holding.Reset();
    for (auto& [series, column] : columns) {
      SEXTANT_ASSIGN(std::optional<model::Labels> labels, EnrichedLabels(base.labels, series));
      if (labels) SEXTANT_TRY(output_.Add(std::move(*labels), base.drops_name, std::move(column)));
    }
    return {};
  }

  // The labels of a base series with those of its info series; nothing when a required label has no info
  // series.
  core::Result<std::optional<model::Labels>> EnrichedLabels(const model::Labels& base,
                                                            const std::vector<size_t>& series) const {
    model::LabelsBuilder added;
    bool has_info = false;
    for (size_t i : series) {
      if (i == kNoSeries) continue;
      has_info = true;
      for (model::LabelView label : info_[i].labels) {
        if (label.name == model::kMetricName || !IsWanted(label.name)) continue;
        std::string_view other = added.Get(label.name);
        if (!other.empty() && other != label.value) {
          return core::Fail(core::Code::kInvalidArgument, "conflicting label: {}", label.name);
        }
        if (!base.Has(label.name)) added.Set(label.name, label.value);
      }
    }
    bool may_lack_info = std::all_of(data_matchers_.begin(), data_matchers_.end(),
                                     [](const model::Matcher& matcher) { return matcher.MatchesEmpty(); });
    if (!has_info && !may_lack_info) return std::optional<model::Labels>();
    model::LabelsBuilder result(base);
    for (const auto& [name, value] : added.labels()) result.Set(name, value);
    return std::optional(result.Build());
  }

  bool IsWanted(std::string_view name) const {
    return data_matchers_.empty() ||
           std::any_of(data_matchers_.begin(), data_matchers_.end(),
                       [&](const model::Matcher& matcher) { return matcher.name() == name; });
  }

  HeldVector base_;
  const model::Querier& querier_;
  const SelectorSettings settings_;
  QueryContext& context_;
  Holding holding_;
  OutputSeries output_;
  PlanNode selector_;  // when to read the info series: as of the base's samples
  std::vector<model::Matcher> name_matchers_;
  std::vector<model::Matcher> data_matchers_;
  bool ignores_by_name_ = true;
  std::vector<bool> is_ignored_;  // base series that are info series themselves
  std::vector<SeriesColumn> info_;
  const LabelSelection identity_{IdentifyingLabels(), false, false, false};
  std::map<std::string, absl::flat_hash_map<std::string, std::vector<size_t>>> by_name_;
  std::string key_;
};

}  // namespace

core::Result<HeldVector> EvalInfo(const PlanNode& node, HeldVector base, const model::Querier& querier,
                                  const SelectorSettings& settings, QueryContext& context) {
  return InfoFunction(node, std::move(base), querier, settings, context).Run();
}

}  // namespace sextant::promql
