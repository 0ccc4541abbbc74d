// One outcome of several parts.
#pragma once

#include "pipeline/consumer.h"

namespace sextant::pipeline {

// To be called `parts` times, from any threads; calls `done` with what all said: a refusal when one part was
// refused, permanent when one was, with all their words.
Done JoinDone(size_t parts, Done done);

}  // namespace sextant::pipeline
