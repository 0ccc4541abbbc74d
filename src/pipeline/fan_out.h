// Hands each batch to several consumers, which share it until one changes it.
#pragma once

#include <vector>

#include "pipeline/consumer.h"

namespace sextant::pipeline {

class FanOut final : public Consumer {
 public:
  // At least one; they must outlive this.
  explicit FanOut(std::vector<Consumer*> consumers) : consumers_(std::move(consumers)) {}

  // Done is called when all have said what became of their batch. All get it, also when one refuses; the
  // outcome then is a refusal with all that was said, permanent when one was.
  void Consume(Telemetry batch, Done done) override;

 private:
  const std::vector<Consumer*> consumers_;
};

}  // namespace sextant::pipeline
