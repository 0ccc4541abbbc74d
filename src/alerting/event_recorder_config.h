// The section `event_recorder` of alertmanager.yml: where every step of an alert is written to. As
// Alertmanager 0.34 has it, with the names of outputs that later versions ask for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/decode.h"
#include "config/http_client_config.h"
#include "core/clock.h"
#include "core/result.h"
#include "net/url.h"

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

// A topic of Kafka.
struct EventKafkaConfig {
  std::string name = {};
  std::vector<std::string> brokers = {};  // "host:port"; 9092 when no port is given
  std::string topic = {};
  std::string client_id = {};    // empty: "alertmanager"
  std::string format = {};       // "json", also when empty, or "protobuf"
  std::string acks = {};         // "none", "leader", also when empty, or "all"
  std::string compression = {};  // "none", also when empty, "gzip", "snappy", "lz4" or "zstd"
  int64_t buffer_size = 0;       // events that may wait; 0: 1,024
  std::optional<config::TlsConfig> tls = {};
};

struct EventRecorderConfig {
  std::vector<EventFileConfig> files;
  std::vector<EventWebhookConfig> webhooks;
  std::vector<EventKafkaConfig> kafkas;
  std::vector<EventStdoutConfig> stdouts;

  size_t size() const { return files.size() + webhooks.size() + kafkas.size() + stdouts.size(); }
  bool is_empty() const { return size() == 0; }
};

// What an output is called in metrics and in the log: "file:NAME". Without a name it is the file's path, or a
// webhook's scheme and host, or Kafka's brokers in order and the topic.
std::string OutputName(const EventFileConfig& output);
std::string OutputName(const EventWebhookConfig& output);
std::string OutputName(const EventKafkaConfig& output);
std::string OutputName(const EventStdoutConfig& output);

const config::Struct& FieldsOf(const EventFileConfig*);
const config::Struct& FieldsOf(const EventStdoutConfig*);
const config::Struct& FieldsOf(const EventWebhookConfig*);
const config::Struct& FieldsOf(const EventKafkaConfig*);
const config::Struct& FieldsOf(const EventRecorderConfig*);

// The address that an entry of `brokers` means.
core::Result<net::HostPort> BrokerAddress(const std::string& broker);

}  // namespace sextant::alerting
