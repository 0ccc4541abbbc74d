// A stable sort during which a query can be stopped: std::stable_sort for blocks, which are then merged
// element by element. A million label sets take seconds to put in order.
#pragma once

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "core/result.h"
#include "metrics/promql/query_context.h"

namespace sextant::promql {

// Orders `items` by `less`; after a failure they are in any order, and some of them may be moved out.
template <typename T, typename Less>
core::Status StableSort(std::vector<T>& items, QueryContext& context, Less less) {
  constexpr size_t kBlock = 512;
  constexpr size_t kWorkOfComparison = 16;
  auto at = [](std::vector<T>& from, size_t i) { return from.begin() + static_cast<std::ptrdiff_t>(i); };
  const size_t size = items.size();
  for (size_t begin = 0; begin < size; begin += kBlock) {
    SEXTANT_TRY(context.Tick(kBlock * 8 * kWorkOfComparison));
    std::stable_sort(at(items, begin), at(items, std::min(size, begin + kBlock)), less);
  }
  if (size <= kBlock) return {};
  std::vector<T> merged;
  merged.reserve(size);
  for (size_t width = kBlock; width < size; width *= 2) {
    merged.clear();
    for (size_t begin = 0; begin < size; begin += 2 * width) {
      size_t left = begin;
      const size_t middle = std::min(size, begin + width);
      size_t right = middle;
      const size_t end = std::min(size, begin + 2 * width);
      while (left < middle && right < end) {
        if (context.Spend(kWorkOfComparison)) return context.Check();
        merged.push_back(std::move(less(items[right], items[left]) ? items[right++] : items[left++]));
      }
      SEXTANT_TRY(context.Tick(end - left));
      std::move(at(items, left), at(items, middle), std::back_inserter(merged));
      std::move(at(items, right), at(items, end), std::back_inserter(merged));
    }
    items.swap(merged);
  }
  return {};
}

}  // namespace sextant::promql
