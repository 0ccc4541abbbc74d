// Joins small batches to larger ones (the collector's `batch`), by size and time, apart for each combination
// of metadata when the settings say so.
//
// What was taken is handed on until it is taken: when the next component refuses for now, the batch is kept
// and offered again, and new data is refused as long as more than a batch is kept, so that senders learn of
// it. Only what is refused for good, or at the end in spite of ten seconds of trying, is dropped; that is
// counted and logged.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

struct BatchConfig {
  core::DurationMs timeout_ms = 200;
  int64_t send_batch_size = 8'192;  // 0: what comes is handed on, cut to the largest size
  int64_t send_batch_max_size = 0;  // 0: no limit
  std::vector<std::string> metadata_keys = {};
  int64_t metadata_cardinality_limit = 1'000;
};

const config::Struct& FieldsOf(const BatchConfig*);

ComponentType BatchProcessorType();
// For tests.
std::unique_ptr<Processor> MakeBatchProcessor(const ComponentSettings& settings, const BatchConfig& config,
                                              Signal signal, Consumer& next);

}  // namespace sextant::pipeline
