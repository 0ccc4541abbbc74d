// How exporters deliver: the collector's timeout, retries and sending queue.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/decode.h"
#include "core/clock.h"

namespace sextant::pipeline {

struct RetryConfig {
  bool enabled = true;
  core::DurationMs initial_interval_ms = 5'000;
  double randomization_factor = 0.5;
  double multiplier = 1.5;
  core::DurationMs max_interval_ms = 30'000;
  core::DurationMs max_elapsed_time_ms = 300'000;  // 0: for ever
};

// What sizes count.
enum class Sizer { kRequests, kItems, kBytes };

// Batches are made apart for each combination of values that the clients' metadata has under these keys.
struct QueuePartitionConfig {
  std::vector<std::string> metadata_keys = {};  // in small letters
};

struct QueueBatchConfig {
  core::DurationMs flush_timeout_ms = 200;
  int64_t min_size = 8'192;
  int64_t max_size = 0;  // 0: no limit
  std::optional<Sizer> sizer;
  QueuePartitionConfig partition = {};
};

struct QueueConfig {
  bool enabled = true;
  int64_t num_consumers = 10;
  int64_t queue_size = 1'000;
  Sizer sizer = Sizer::kRequests;
  bool block_on_overflow = false;
  bool wait_for_result = false;
  std::string storage;  // id of an extension; empty: in memory
  std::optional<QueueBatchConfig> batch;
};

const config::Struct& FieldsOf(const RetryConfig*);
const config::Struct& FieldsOf(const QueuePartitionConfig*);
const config::Struct& FieldsOf(const QueueBatchConfig*);
const config::Struct& FieldsOf(const QueueConfig*);

}  // namespace sextant::pipeline
