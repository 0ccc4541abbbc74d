// std::stable_sort and std::nth_element that can be stopped: a million label sets take seconds to put in
// order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "core/result.h"

namespace sextant::core {

namespace stoppable_sort_internal {

struct Stopped {};

// Runs `sort` with a comparison that asks `must_stop` each time. The standard's algorithms can only be left
// by an exception; it does not leave this function. False when stopped.
template <typename Less, typename MustStop, typename Sort>
bool Run(Less& less, MustStop& must_stop, Sort sort) {
  try {
    sort([&](const auto& a, const auto& b) {
      if (must_stop()) throw Stopped();
      return less(a, b);
    });
  } catch (const Stopped&) {
    return false;
  }
  return true;
}

}  // namespace stoppable_sort_internal

// Orders [begin, end) stably by `less`. `must_stop()` is asked at each comparison, so it has to be cheap;
// when it says true the result is false, and the items are in any order, some of them moved from.
template <typename Iterator, typename Less, typename MustStop>
bool StoppableSort(Iterator begin, Iterator end, Less less, MustStop must_stop) {
  return stoppable_sort_internal::Run(less, must_stop,
                                      [&](auto comparison) { std::stable_sort(begin, end, comparison); });
}

// The same for std::nth_element.
template <typename Iterator, typename Less, typename MustStop>
bool StoppableNthElement(Iterator begin, Iterator nth, Iterator end, Less less, MustStop must_stop) {
  return stoppable_sort_internal::Run(
      less, must_stop, [&](auto comparison) { std::nth_element(begin, nth, end, comparison); });
}

}  // namespace sextant::core
