#include "pipeline/fan_out.h"

#include <algorithm>
#include <memory>
#include <mutex>

namespace sextant::pipeline {

namespace {

// What all consumers said of one batch.
struct Answers {
  std::mutex mutex;
  size_t missing = 0;
  Outcome outcome;
  Done done;

  void Take(Outcome one) {
    bool is_last = false;
    {
      std::lock_guard lock(mutex);
      if (!one) Join(std::move(one.error()));
      is_last = --missing == 0;
    }
    if (is_last) done(std::move(outcome));
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

void FanOut::Consume(Telemetry batch, Done done) {
  auto answers = std::make_shared<Answers>();
  answers->missing = consumers_.size();
  answers->done = std::move(done);
  for (size_t i = 0; i + 1 < consumers_.size(); ++i) {
    consumers_[i]->Consume(batch, [answers](Outcome outcome) { answers->Take(std::move(outcome)); });
  }
  consumers_.back()->Consume(std::move(batch),
                             [answers](Outcome outcome) { answers->Take(std::move(outcome)); });
}

}  // namespace sextant::pipeline
