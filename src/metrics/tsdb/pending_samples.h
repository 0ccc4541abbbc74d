// What a restart has still to give to the head. The store is open before all of its journal has been
// replayed: a series gets its samples when somebody asks for it, or when its turn comes.
#pragma once

#include <cstdint>

namespace sextant::tsdb {

class PendingSamples {
 public:
  virtual ~PendingSamples() = default;
  // Returns when the series in a slot has the samples that it had; applies them if nobody else does. Any
  // thread that holds no stripe's lock.
  virtual void Require(uint32_t slot) = 0;
};

}  // namespace sextant::tsdb
