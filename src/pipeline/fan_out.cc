#include "pipeline/fan_out.h"

#include "pipeline/joint_done.h"

namespace sextant::pipeline {

void FanOut::Consume(Telemetry batch, Done done) {
  Done part = JoinDone(consumers_.size(), std::move(done));
  for (size_t i = 0; i + 1 < consumers_.size(); ++i) consumers_[i]->Consume(batch, part);
  consumers_.back()->Consume(std::move(batch), std::move(part));
}

}  // namespace sextant::pipeline
