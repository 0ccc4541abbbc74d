// A lookup that lets go of the index lock between slices of its work, and begins anew when what it held in
// hand may have changed its meaning meanwhile. Base of the index's lookups; private to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace sextant::tsdb {

// Called between the slices of a long lookup: lets go of the lock for a moment. Empty: the lookup goes
// through in one piece.
using Pause = std::function<void()>;

class SlicedLookup {
 protected:
  // `removals` counts what makes ids mean other things; both must outlive this.
  SlicedLookup(const uint64_t& removals, const Pause& pause) : current_removals_(removals), pause_(pause) {}

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
      if (done || !may_pause_) return done;
    }
  }

  // Notes work done, in units of some 100 ns; pauses after many. False: outdated. Pointers into the index do
  // not live through it.
  [[nodiscard]] bool Worked(size_t units) {
    worked_ += units;
    if (worked_ < kSliceUnits || !may_pause_) return true;
    worked_ = 0;
    pause_();
    return current_removals_ == removals_;
  }

  static constexpr size_t kSliceUnits = 8192;  // about a millisecond

  uint64_t removals() const { return removals_; }

 private:
  const uint64_t& current_removals_;
  const Pause& pause_;
  bool may_pause_ = false;
  uint64_t removals_ = 0;
  size_t worked_ = 0;
};

}  // namespace sextant::tsdb
