#include "metrics/promql/histogram_accumulator.h"

#include "metrics/promql/histogram_windows.h"
#include "metrics/promql/query_result.h"
#include "metrics/promql/range_evaluation.h"

namespace sextant::promql {

namespace {

constexpr size_t kWorkOfHistogram = 64;

}  // namespace

core::Status HistogramAccumulator::Add(const Column& column, std::string_view metric_name,
                                       QueryContext& context) {
  for (size_t step = 0; step < states_.size(); ++step) {
    const FloatHistogram* histogram = column.histogram(step);
    SEXTANT_TRY(context.Tick(histogram ? kWorkOfHistogram : 1));
    State& state = states_[step];
    if (!histogram || state.is_incompatible) continue;
    state.seen_reset = state.seen_reset || histogram->counter_reset_hint == model::CounterResetHint::kReset;
    state.seen_not_reset =
        state.seen_not_reset || histogram->counter_reset_hint == model::CounterResetHint::kNotReset;
    state.count += 1;
    if (!state.value) {
      // Of the sum and of its compensation.
      int64_t bytes = 2 * HistogramSampleSize(*histogram) * static_cast<int64_t>(sizeof(FloatPoint));
      SEXTANT_TRY(holding_.Add(0, bytes));
      state.value = std::make_unique<FloatHistogram>(*histogram);
      continue;
    }
    HistogramCombination outcome =
        node_.aggregate_op == AggregateOp::kSum ? AddToSum(state, *histogram) : AddToMean(state, *histogram);
    if (!outcome.is_compatible) {
      WarnMixedBuckets(metric_name, position(), context.annotations());
      state.is_incompatible = true;
    }
    if (outcome.bounds_reconciled) InformReconciledBounds("aggregation", position(), context.annotations());
  }
  return {};
}

HistogramCombination HistogramAccumulator::AddToSum(State& state, const FloatHistogram& histogram) {
  return KahanAddHistogram(*state.value, histogram, state.compensation);
}

// Adds up while the sum is finite; from there on keeps the mean itself.
HistogramCombination HistogramAccumulator::AddToMean(State& state, const FloatHistogram& histogram) {
  if (!state.is_incremental) {
    auto sum = std::make_unique<FloatHistogram>(*state.value);
    auto compensation = state.compensation ? std::make_unique<FloatHistogram>(*state.compensation) : nullptr;
    HistogramCombination outcome = KahanAddHistogram(*sum, histogram, compensation);
    if (!outcome.is_compatible) return outcome;
    if (!HasOverflow(*sum)) {
      state.value = std::move(sum);
      state.compensation = std::move(compensation);
      return outcome;
    }
    state.is_incremental = true;
    DivideHistogram(*state.value, state.count - 1);
    if (state.compensation) DivideHistogram(*state.compensation, state.count - 1);
  }
  double kept = (state.count - 1) / state.count;
  MultiplyHistogram(*state.value, kept);
  if (state.compensation) MultiplyHistogram(*state.compensation, kept);
  FloatHistogram share = histogram;
  DivideHistogram(share, state.count);
  return KahanAddHistogram(*state.value, share, state.compensation);
}

void HistogramAccumulator::Finish(Column& column, QueryContext& context) {
  for (size_t step = 0; step < states_.size(); ++step) {
    State& state = states_[step];
    if (!state.value) continue;
    if (IsPresent(column.values[step])) {
      context.annotations().AddWarning("encountered a mix of histograms and floats for aggregation",
                                       position());
      column.Remove(step);
      continue;
    }
    if (state.is_incompatible) continue;
    if (node_.aggregate_op == AggregateOp::kAvg && !state.is_incremental) {
      DivideHistogram(*state.value, state.count);
      if (state.compensation) DivideHistogram(*state.compensation, state.count);
    }
    if (state.compensation) AddHistogram(*state.value, *state.compensation);
    CompactHistogram(*state.value);
    if (state.seen_reset && state.seen_not_reset) {
      WarnCounterResetCollision("aggregation", position(), context.annotations());
    }
    column.SetHistogram(step, HistogramPtr(std::move(state.value)));
  }
}

}  // namespace sextant::promql
