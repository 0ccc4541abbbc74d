// How batches are handed on: to a consumer, which says later, once, what became of them. A receiver answers
// its client when it knows, so that whatever is refused anywhere behind it comes back to who sent it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "core/clock.h"
#include "net/grpc.h"
#include "pipeline/telemetry.h"

namespace sextant::pipeline {

// Why a batch was not taken.
struct Refusal {
  std::string message = {};
  bool is_permanent = false;               // sending the same again does not help
  core::DurationMs retry_after_ms = 0;     // what the peer asked for; 0: nothing
  std::optional<net::GrpcCode> code = {};  // when the peer said one
};

// What became of a batch that was taken.
struct Taken {
  uint64_t rejected_items = 0;  // of it, that were dropped for good; whoever dropped them has counted them
  std::string message = {};     // why
};

using Outcome = tl::expected<Taken, Refusal>;

// Called once, from inside Consume or later from any thread.
using Done = std::function<void(Outcome outcome)>;

inline tl::unexpected<Refusal> Refuse(std::string message, bool is_permanent = false) {
  return tl::unexpected(Refusal{.message = std::move(message), .is_permanent = is_permanent});
}

class Consumer {
 public:
  virtual ~Consumer() = default;
  // Takes a batch of a signal that it was made for. Any thread but those of I/O, and from several at once;
  // must not wait for long.
  virtual void Consume(Telemetry batch, Done done) = 0;
};

}  // namespace sextant::pipeline
