// Where samples are sent to (remote_write) and read from (remote_read), as prometheus.yml says it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/cloud_auth_config.h"
#include "config/decode.h"
#include "config/http_client_config.h"
#include "config/relabel_config.h"
#include "core/clock.h"

namespace sextant::config {

// How samples wait and are sent.
struct RemoteQueueConfig {
  int64_t capacity = 10'000;  // samples that wait per shard
  int64_t max_shards = 50;
  int64_t min_shards = 1;
  int64_t max_samples_per_send = 2'000;
  core::DurationMs batch_send_deadline_ms = 5'000;  // a sample waits at most this long for others
  core::DurationMs min_backoff_ms = 30;
  core::DurationMs max_backoff_ms = 5'000;
  bool retry_on_http_429 = false;
  core::DurationMs sample_age_limit_ms = 0;  // older samples are dropped; 0: never
};

// What is sent of metric families, with 1.0.
struct RemoteMetadataConfig {
  bool send = true;
  core::DurationMs send_interval_ms = 60'000;
  int64_t max_samples_per_send = 2'000;
};

struct RemoteWriteConfig {
  std::string url;
  core::DurationMs remote_timeout_ms = 30'000;
  std::map<std::string, std::string> headers;
  std::vector<RelabelRuleConfig> write_relabel_configs;
  std::string name;  // empty: one is made of the URL
  bool send_exemplars = false;
  bool send_native_histograms = false;
  bool round_robin_dns = false;  // new connections go to any of the host's addresses
  std::string protobuf_message = "prometheus.WriteRequest";
  HttpClientConfig http;
  // At most one of these and of the ways in `http`.
  std::optional<SigV4Config> sigv4;
  std::optional<AzureAdConfig> azuread;
  std::optional<GoogleIamConfig> google_iam;
  RemoteQueueConfig queue;
  RemoteMetadataConfig metadata;
};

// Where queries find more samples than the local ones.
struct RemoteReadConfig {
  std::string url;
  core::DurationMs remote_timeout_ms = 60'000;
  int64_t chunked_read_limit_bytes = 50'000'000;  // of one frame of a streamed answer
  std::map<std::string, std::string> headers;
  bool read_recent = false;  // also for times of which the local store should have all
  std::string name;
  HttpClientConfig http;
  // A selector must have these as equality matchers to be sent there.
  std::map<std::string, std::string> required_matchers;
  bool filter_external_labels = true;  // asks for series with our external labels, and takes these off
};

const Struct& FieldsOf(const RemoteReadConfig*);
const Struct& FieldsOf(const RemoteQueueConfig*);
const Struct& FieldsOf(const RemoteMetadataConfig*);
const Struct& FieldsOf(const RemoteWriteConfig*);

// What holds between several of them: names are unique.
core::Status CheckRemoteRead(const std::vector<RemoteReadConfig>& configs, Node node);
core::Status CheckRemoteWrite(const std::vector<RemoteWriteConfig>& configs, Node node);

}  // namespace sextant::config
