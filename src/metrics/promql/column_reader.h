// Reads all columns of a source in their order, and lets free threads compute them ahead: the series are cut
// into batches, each batch into pieces of neighbours, and every piece is read by one thread from a fork of
// the source with the context of a part of the query. What is done with the columns happens on the query's
// own thread, series by series as ever, so that sums come out the same to the last digit however many threads
// there are.
#pragma once

#include <functional>
#include <vector>

#include "core/result.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/series_source.h"
#include "metrics/promql/value.h"

namespace sextant::promql {

// Calls take(index, column) for each series, in order; the column may be moved out. Stops at the first
// failure of a read or of `take`. Series for which `skips` (empty, or as long as the source) is true are
// neither read nor taken. What columns hold is accounted for until they are taken.
core::Status ForEachColumn(SeriesSource& source, size_t steps, QueryContext& context,
                           const std::function<core::Status(size_t, Column&)>& take,
                           const std::vector<bool>& skips = {});

// The same, a batch of neighbours at a time: columns[k] is that of series first + k. All series, without
// exception, come in some batch.
core::Status ForEachBatch(
    SeriesSource& source, size_t steps, QueryContext& context,
    const std::function<core::Status(size_t first, std::vector<Column>& columns)>& take);

}  // namespace sextant::promql
