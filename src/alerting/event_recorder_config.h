// The section `event_recorder` of alertmanager.yml: where every step of an alert is written to. As
// Alertmanager 0.34 has it, with the names of outputs that later versions ask for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/decode.h"
#include "config/http_client_config.h"
#include "core/clock.h"

namespace sextant::alerting {

struct EventFileConfig {
  std::string name;
  std::string path;  // lines are appended
};

struct EventStdoutConfig {
  std::string name;
};

struct EventWebhookConfig {
  std::string name;
  std::string url;
  std::optional<config::HttpClientConfig> http;
  core::DurationMs timeout_ms = 0;  // of one request; 0: 10 s, as the zeros below mean the values beside them
  int64_t workers = 0;              // requests at the same time: 4
  int64_t max_retries = 0;          // attempts: 3
  core::DurationMs retry_backoff_ms = 0;         // 500 ms, doubled each time
  bool batch = false;                            // lists of events instead of one
  int64_t batch_max_events = 0;                  // 100
  int64_t batch_max_bytes = 0;                   // 1 MiB
  core::DurationMs batch_flush_interval_ms = 0;  // how long an incomplete list waits: 100 ms
};

struct EventRecorderConfig {
  std::vector<EventFileConfig> files;
  std::vector<EventWebhookConfig> webhooks;
  std::vector<EventStdoutConfig> stdouts;

  bool is_empty() const { return files.empty() && webhooks.empty() && stdouts.empty(); }
};

// What an output is called in metrics and in the log: "file:NAME". Without a name it is the file's path, or a
// webhook's scheme and host.
std::string OutputName(const EventFileConfig& output);
std::string OutputName(const EventWebhookConfig& output);
std::string OutputName(const EventStdoutConfig& output);

const config::Struct& FieldsOf(const EventFileConfig*);
const config::Struct& FieldsOf(const EventStdoutConfig*);
const config::Struct& FieldsOf(const EventWebhookConfig*);
const config::Struct& FieldsOf(const EventRecorderConfig*);

}  // namespace sextant::alerting
