// A lookup that lets go of the index lock between slices of its work, and begins anew when what it held in
// hand may have changed its meaning meanwhile. Base of the index's lookups; private to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "model/storage.h"

namespace sextant::tsdb {

// Called between the slices of a long lookup: lets go of the lock for a moment. Empty: the lookup goes
// through in one piece.
using Pause = std::function<void()>;

class SlicedLookup {
 protected:
  // `removals` counts what makes ids mean other things; all must outlive this. When `check` (null: none)
  // fails, the lookup ends with whatever it has found by then.
  SlicedLookup(const uint64_t& removals, const Pause& pause, const model::StopCheck* check = nullptr)
      : current_removals_(removals), pause_(pause), check_(check) {}

  // Does `work` (which returns something false when it is outdated) again from the start while something was
  // removed in a pause; at last without pauses.
  template <typename Work>
  auto UntilDone(Work work) {
    constexpr int kTries = 4;
    for (int i = 1;; ++i) {
      may_pause_ = pause_ != nullptr && i < kTries;
      removals_ = current_removals_;
      worked_ = 0;
      auto done = work();
      if (done || !may_pause_ || is_stopped_) return done;
    }
  }

  // Notes work done, in units of some 100 ns; checks and pauses after many. False: outdated, or stopped.
  // Pointers into the index do not live through it.
  [[nodiscard]] bool Worked(size_t units) {
    worked_ += units;
    if (worked_ < kSliceUnits) return true;
    worked_ = 0;
    is_stopped_ = is_stopped_ || (check_ != nullptr && !(*check_)());
    if (is_stopped_) return false;
    if (!may_pause_) return true;
    pause_();
    return current_removals_ == removals_;
  }

  static constexpr size_t kSliceUnits = 8192;  // about a millisecond

  uint64_t removals() const { return removals_; }

 private:
  const uint64_t& current_removals_;
  const Pause& pause_;
  const model::StopCheck* const check_;
  bool is_stopped_ = false;
  bool may_pause_ = false;
  uint64_t removals_ = 0;
  size_t worked_ = 0;
};

}  // namespace sextant::tsdb
