// Where the series of an instant vector come from, one column at a time, so that what consumes them (an
// aggregation, a comparison) need not hold them all: stored series looked up at each step, functions over
// ranges of them, vectors that are already computed, and columns changed on their way.
//
// A source belongs to one query and refers to the query's context, plan and selections; one thread uses it.
// Others help by reading from forks of it (see column_reader.h).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/result.h"
#include "metrics/promql/plan.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/value.h"
#include "metrics/promql/window_functions.h"
#include "model/storage.h"

namespace sextant::promql {

// A vector that is computed, with what it holds.
struct HeldVector {
  SeriesVector series;
  Holding holding;

  explicit HeldVector(QueryContext& context) : holding(context) {}
  // Adds a series and accounts for it.
  core::Status Add(SeriesColumn series_column);
};

// Samples and bytes that a column of a result is accounted with.
core::Status HoldColumn(const SeriesColumn& series, Holding& holding);

class SeriesSource {
 public:
  virtual ~SeriesSource() = default;

  virtual size_t size() const = 0;
  // Labels of a series. When HidesMetadata(), the metric name, type and unit in them do not count.
  virtual const model::Labels& labels(size_t index) const = 0;
  virtual bool HidesMetadata() const { return false; }
  // The metric name goes when the query ends (delayed name removal).
  virtual bool DropsName(size_t) const { return false; }
  // Hiding the metric name cannot make two label sets equal.
  virtual bool HasOneName() const { return false; }
  // Computes a series into `out`, which is replaced. Each index at most once.
  virtual core::Status Read(size_t index, Column& out) = 0;
  // A reader of the same series for another thread, with the context of a part of the query; null when there
  // is nothing to gain from one. This source outlives it. An index that one of them has read is read.
  virtual std::unique_ptr<SeriesSource> Fork(QueryContext& /*part*/) const { return nullptr; }
};
using SourcePtr = std::unique_ptr<SeriesSource>;
// What happens to a column on its way. Several threads may call it, each with the context of its part.
using ColumnChange = std::function<core::Status(Column&, QueryContext&)>;

// What the selectors of a query share.
struct SelectorSettings {
  Grid grid;
  DurationMs lookback_ms = 0;
  bool delayed_name_removal = false;
  bool type_and_unit_labels = false;
  bool use_start_timestamps = false;
};

// What an instant selector yields for a sample.
enum class SelectorOutput {
  kValue,
  kTimestampSeconds,       // timestamp()
  kTimestampMs,            // info() compares the ages of info series
  kStartTimestampSeconds,  // start_timestamp(); 0 when it is not known
};

// The newest sample of each series at each step, within the lookback.
SourcePtr MakeSelectorSource(const PlanNode& node, std::shared_ptr<const model::SeriesSet> set,
                             bool has_one_name, const SelectorSettings& settings, SelectorOutput output,
                             QueryContext& context);

// The scalar arguments of a function, shared by all threads that compute it.
using SharedScalars = std::shared_ptr<const std::vector<HeldScalar>>;

// A function over a range of stored samples. `range` is the call's range argument.
SourcePtr MakeWindowSource(FunctionId function, const PlanNode& range,
                           std::shared_ptr<const model::SeriesSet> set, bool has_one_name,
                           const SelectorSettings& settings, WindowArguments arguments, SharedScalars scalars,
                           QueryContext& context);

// The same over the values of a subquery, computed on `inner_grid`.
SourcePtr MakeSubquerySource(FunctionId function, const PlanNode& range, HeldVector inner,
                             const Grid& inner_grid, const SelectorSettings& settings,
                             WindowArguments arguments, SharedScalars scalars, QueryContext& context);

// A computed vector; columns are moved out as they are read.
SourcePtr MakeVectorSource(HeldVector vector);

// Columns of `inner` changed in place. `hides_metadata` and `drops_name` say what happens to the metric name.
struct MappedNames {
  bool hides_metadata = false;
  bool drops_name = false;
};
SourcePtr MakeMappedSource(SourcePtr inner, MappedNames names, ColumnChange change, QueryContext& context);

// The samples of a range selector at one time, as a query for a matrix returns them: per series times and
// values.
struct RawSeries {
  model::Labels labels;
  std::vector<TimestampMs> times_ms;
  std::vector<double> values;
  std::vector<HistogramPtr> histograms;  // empty or as long as values
};
core::Result<std::vector<RawSeries>> ReadRange(const PlanNode& range, const model::SeriesSet& set,
                                               const SelectorSettings& settings, QueryContext& context,
                                               Holding& holding);

// Removes stale markers.
void RemoveStale(model::SampleColumns& samples);

// Leaves of each histogram its count and its sum, and what the buckets tell of counter resets as its hint:
// enough for histogram_count and its like, and without buckets to add up.
void KeepStatistics(model::SampleColumns& samples);

// Label set without the metric's name, type and unit.
model::Labels WithoutMetadata(const model::Labels& labels);
bool IsMetadataLabel(std::string_view name);

}  // namespace sextant::promql
