#include "pipeline/meter.h"

namespace sextant::pipeline {

void Meter::Consume(Telemetry batch, Done done) {
  size_t items = batch.CountItems();
  items_.fetch_add(items, std::memory_order_relaxed);
  pending_.fetch_add(items, std::memory_order_relaxed);
  if (incoming_ != nullptr) incoming_->Increment(static_cast<double>(items));
  if (outgoing_ != nullptr) outgoing_->Increment(static_cast<double>(items));
  next_.Consume(std::move(batch), [this, items, done = std::move(done)](Outcome outcome) {
    pending_.fetch_sub(items, std::memory_order_relaxed);
    if (!outcome) refused_.fetch_add(items, std::memory_order_relaxed);
    done(std::move(outcome));
  });
}

EdgeCounts Meter::counts() const {
  return {.pipeline = pipeline_,
          .from = from_,
          .to = to_,
          .items = items_.load(std::memory_order_relaxed),
          .refused = refused_.load(std::memory_order_relaxed),
          .pending = pending_.load(std::memory_order_relaxed)};
}

}  // namespace sextant::pipeline
