// A stable sort during which a query can be stopped.
#pragma once

#include <vector>

#include "core/result.h"
#include "core/stoppable_sort.h"
#include "metrics/promql/query_context.h"

namespace sextant::promql {

// Orders `items` by `less`; after a failure they are in any order, and some of them may be moved out.
template <typename T, typename Less>
core::Status StableSort(std::vector<T>& items, QueryContext& context, Less less) {
  constexpr size_t kWorkOfComparison = 16;
  core::StoppableSort(items.begin(), items.end(), less, [&] { return context.Spend(kWorkOfComparison); });
  return context.Tick(0);
}

}  // namespace sextant::promql
