// An exporter around a Sender: the sending queue, its workers, batches made of what waits, and retries, as
// the collector's exporterhelper has them.
//
//   Consume ─► queue (bounded) ─► up to num_consumers sends at once ─► peer
//                   ▲                              │ refused for now
//                   └── waits, longer each time ◄──┘
//
// A full queue refuses, so that whoever sent the batch tries again (or waits, with block_on_overflow). What
// was taken is sent, or counted and logged when it has to be given up: refused for good, or not taken within
// max_elapsed_time. At shutdown what is queued is sent, as long as kDrainMs allow. A queue with `storage` has
// all of it on disk until it is delivered (delivery/stored_queue.h), and goes on with it after a restart.
#pragma once

#include <memory>

#include "pipeline/component.h"
#include "pipeline/delivery/delivery_config.h"
#include "pipeline/delivery/sender.h"

namespace sextant::pipeline {

// How long a shutdown waits for a peer.
inline constexpr core::DurationMs kDrainMs = 10'000;

// `queue` null: each batch is sent as it comes, and its sender waits for the result.
std::unique_ptr<Exporter> MakeQueuedExporter(const ComponentSettings& settings, Signal signal,
                                             const std::optional<QueueConfig>& queue,
                                             const RetryConfig& retry, std::unique_ptr<Sender> sender);

}  // namespace sextant::pipeline
