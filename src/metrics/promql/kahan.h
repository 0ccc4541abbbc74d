// Summation with Neumaier's compensation, step for step as Prometheus does it, so that sums agree in the last digit.
#pragma once

#include <cmath>

namespace sextant::promql {

struct KahanSum {
  double sum = 0;
  double compensation = 0;

  void Add(double increment) {
    double total = sum + increment;
    if (std::isinf(total)) {
      compensation = 0;
    } else if (std::fabs(sum) >= std::fabs(increment)) {
      compensation += (sum - total) + increment;
    } else {
      compensation += (increment - total) + sum;
    }
    sum = total;
  }
  double Total() const { return sum + compensation; }
};

// The arithmetic mean as avg and avg_over_time compute it: directly while the sum is finite, incrementally once it
// would overflow.
class KahanMean {
 public:
  void Add(double value) {
    count_ += 1;
    if (count_ == 1) {
      sum_ = {value, 0};
      return;
    }
    if (!is_incremental_) {
      KahanSum next = sum_;
      next.Add(value);
      if (!std::isinf(next.sum)) {
        sum_ = next;
        return;
      }
      is_incremental_ = true;
      sum_.sum /= count_ - 1;
      sum_.compensation /= count_ - 1;
    }
    double kept = (count_ - 1) / count_;
    sum_.sum *= kept;
    sum_.compensation *= kept;
    sum_.Add(value / count_);
  }
  double count() const { return count_; }
  double Mean() const {
    return is_incremental_ ? sum_.Total() : sum_.sum / count_ + sum_.compensation / count_;
  }

 private:
  KahanSum sum_;  // the mean itself once incremental
  double count_ = 0;
  bool is_incremental_ = false;
};

}  // namespace sextant::promql
