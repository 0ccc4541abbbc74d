#include "pipeline/joint_done.h"

#include <algorithm>
#include <memory>
#include <mutex>

namespace sextant::pipeline {

namespace {

struct Parts {
  std::mutex mutex;
  size_t missing = 0;  // guarded by mutex
  Outcome outcome;     // guarded by mutex, until the last part has come
  Done done;

  void Take(Outcome one) {
    bool is_last = false;
    {
      std::lock_guard lock(mutex);
      if (one) {
        Join(std::move(*one));
      } else {
        Join(std::move(one.error()));
      }
      is_last = --missing == 0;
    }
    if (is_last) done(std::move(outcome));
  }

  void Join(Taken taken) {
    if (!outcome || taken.rejected_items == 0) return;
    outcome->rejected_items += taken.rejected_items;
    outcome->message += (outcome->message.empty() ? "" : "; ") + taken.message;
  }

  void Join(Refusal refusal) {
    if (outcome) {
      outcome = tl::unexpected(std::move(refusal));
      return;
    }
    Refusal& joined = outcome.error();
    joined.message += "; " + refusal.message;
    joined.is_permanent |= refusal.is_permanent;
    joined.retry_after_ms = std::max(joined.retry_after_ms, refusal.retry_after_ms);
    if (!joined.code) joined.code = refusal.code;
  }
};

}  // namespace

Done JoinDone(size_t parts, Done done) {
  auto shared = std::make_shared<Parts>();
  shared->missing = parts;
  shared->done = std::move(done);
  return [shared](Outcome outcome) { shared->Take(std::move(outcome)); };
}

}  // namespace sextant::pipeline
