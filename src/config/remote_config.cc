#include "config/remote_config.h"

#include <algorithm>
#include <set>

#include "config/text.h"
#include "config/url_text.h"

namespace sextant::config {

namespace {

using core::Status;

constexpr std::string_view kReservedHeaders[] = {
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

Status CheckHeaders(const std::map<std::string, std::string>& headers, Node node) {
  for (const auto& [name, value] : headers) {
    std::string lower = Lower(name);
    if (lower == "authorization") {
      return node.Fail(
          "authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, azuread or "
          "google_iam parameter");
    }
    if (std::ranges::find(kReservedHeaders, lower) != std::end(kReservedHeaders)) {
      return node.Find(name).Fail("{} is a reserved header. It must not be changed", name);
    }
    auto breaks_line = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
    if (name.empty() || std::ranges::any_of(name, breaks_line) || std::ranges::any_of(value, breaks_line)) {
      return node.Find(name).Fail("the header {} cannot be sent", Quote(name));
    }
  }
  return {};
}

// `max` bounds what the queues may take, far above what makes sense.
Status CheckCount(std::string_view name, int64_t count, int64_t max, Node node) {
  if (count < 1) return node.Fail("remote write queue {} must be positive", name);
  if (count > max) return node.Fail("remote write queue {} must not be greater than {}", name, max);
  return {};
}

Status CheckMessage(const std::string& message, Node node) {
  if (message == "prometheus.WriteRequest" || message == "io.prometheus.write.v2.Request") return {};
  return node.Fail(
      "invalid protobuf_message value: unknown type for remote write protobuf message {}, supported: "
      "prometheus.WriteRequest, io.prometheus.write.v2.Request",
      message);
}

Status FinishQueue(RemoteQueueConfig& queue, Node node) {
  constexpr int64_t kMaxSamples = 10'000'000;
  constexpr int64_t kMaxShards = 1'000;
  SEXTANT_TRY(CheckCount("max_samples_per_send", queue.max_samples_per_send, kMaxSamples, node));
  SEXTANT_TRY(CheckCount("capacity", queue.capacity, kMaxSamples, node));
  SEXTANT_TRY(CheckCount("max_shards", queue.max_shards, kMaxShards, node));
  SEXTANT_TRY(CheckCount("min_shards", queue.min_shards, kMaxShards, node));
  if (queue.min_shards > queue.max_shards) {
    return node.Fail("remote write queue min_shards must not be greater than max_shards");
  }
  if (queue.max_backoff_ms < queue.min_backoff_ms) {
    return node.Fail("remote write queue max_backoff must not be less than min_backoff");
  }
  return {};
}

Status FinishMetadata(RemoteMetadataConfig& metadata, Node node) {
  if (metadata.max_samples_per_send < 1) {
    return node.Fail("remote write metadata_config max_samples_per_send must be positive");
  }
  if (metadata.send && metadata.send_interval_ms < 1'000) {
    return node.Fail("remote write metadata_config send_interval must be at least 1s");
  }
  return {};
}

Status FinishRead(RemoteReadConfig& read, Node node) {
  if (read.url.empty()) return node.Fail("url for remote_read is empty");
  if (read.chunked_read_limit_bytes < 0) return node.Fail("chunked_read_limit must not be negative");
  return {};
}

template <typename C>
Status CheckNames(const std::vector<C>& configs, std::string_view what, Node node) {
  std::set<std::string> names;
  size_t index = 0;
  for (Node item : node.children()) {
    const std::string& name = configs[index++].name;
    if (name.empty() || names.insert(name).second) continue;
    return item.Find("name").Fail("found multiple remote {} configs with job name {}", what, Quote(name));
  }
  return {};
}

Status FinishWrite(RemoteWriteConfig& write, Node node) {
  if (write.url.empty()) return node.Fail("url for remote_write is empty");
  int ways = 0;
  for (bool has : {write.http.basic_auth.has_value(), write.http.authorization.has_value(),
                   write.http.oauth2.has_value(), write.sigv4.has_value(), write.azuread.has_value(),
                   write.google_iam.has_value()}) {
    ways += has ? 1 : 0;
  }
  if (ways > 1) {
    return node.Fail(
        "at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam must be configured");
  }
  return {};
}

}  // namespace

const Struct& FieldsOf(const RemoteQueueConfig*) {
  static const Struct kFields = Struct::Of<RemoteQueueConfig>(
      {
          Member<&RemoteQueueConfig::capacity>("capacity"),
          Member<&RemoteQueueConfig::max_shards>("max_shards"),
          Member<&RemoteQueueConfig::min_shards>("min_shards"),
          Member<&RemoteQueueConfig::max_samples_per_send>("max_samples_per_send"),
          Member<&RemoteQueueConfig::batch_send_deadline_ms>("batch_send_deadline", Duration()),
          Member<&RemoteQueueConfig::min_backoff_ms>("min_backoff", Duration()),
          Member<&RemoteQueueConfig::max_backoff_ms>("max_backoff", Duration()),
          Member<&RemoteQueueConfig::retry_on_http_429>("retry_on_http_429"),
          Member<&RemoteQueueConfig::sample_age_limit_ms>("sample_age_limit", Duration()),
      },
      FinishQueue);
  return kFields;
}

const Struct& FieldsOf(const RemoteMetadataConfig*) {
  static const Struct kFields = Struct::Of<RemoteMetadataConfig>(
      {
          Member<&RemoteMetadataConfig::send>("send").AlwaysWritten(),
          Member<&RemoteMetadataConfig::send_interval_ms>("send_interval", Duration()),
          Member<&RemoteMetadataConfig::max_samples_per_send>("max_samples_per_send"),
      },
      FinishMetadata);
  return kFields;
}

const Struct& FieldsOf(const RemoteWriteConfig*) {
  static const Struct kFields = Struct::Of<RemoteWriteConfig>(
      {
          Member<&RemoteWriteConfig::url>("url", UrlText()),
          Member<&RemoteWriteConfig::remote_timeout_ms>("remote_timeout", Duration()),
          Member<&RemoteWriteConfig::headers>("headers").Check<std::map<std::string, std::string>>(
              CheckHeaders),
          Member<&RemoteWriteConfig::write_relabel_configs>("write_relabel_configs")
              .NullItem("empty or null relabeling rule in remote write config"),
          Member<&RemoteWriteConfig::name>("name"),
          Member<&RemoteWriteConfig::send_exemplars>("send_exemplars"),
          Member<&RemoteWriteConfig::send_native_histograms>("send_native_histograms"),
          Member<&RemoteWriteConfig::round_robin_dns>("round_robin_dns"),
          Member<&RemoteWriteConfig::protobuf_message>("protobuf_message").Check<std::string>(CheckMessage),
          Inline<&RemoteWriteConfig::http>(),
          Member<&RemoteWriteConfig::queue>("queue_config"),
          Member<&RemoteWriteConfig::metadata>("metadata_config"),
          Member<&RemoteWriteConfig::sigv4>("sigv4"),
          Member<&RemoteWriteConfig::azuread>("azuread"),
          Member<&RemoteWriteConfig::google_iam>("google_iam"),
      },
      FinishWrite);
  return kFields;
}

const Struct& FieldsOf(const RemoteReadConfig*) {
  static const Struct kFields = Struct::Of<RemoteReadConfig>(
      {
          Member<&RemoteReadConfig::url>("url", UrlText()),
          Member<&RemoteReadConfig::remote_timeout_ms>("remote_timeout", Duration()),
          Member<&RemoteReadConfig::chunked_read_limit_bytes>("chunked_read_limit"),
          Member<&RemoteReadConfig::headers>("headers").Check<std::map<std::string, std::string>>(
              CheckHeaders),
          Member<&RemoteReadConfig::read_recent>("read_recent"),
          Member<&RemoteReadConfig::name>("name"),
          Inline<&RemoteReadConfig::http>(),
          Member<&RemoteReadConfig::required_matchers>("required_matchers"),
          Member<&RemoteReadConfig::filter_external_labels>("filter_external_labels"),
      },
      FinishRead);
  return kFields;
}

Status CheckRemoteWrite(const std::vector<RemoteWriteConfig>& configs, Node node) {
  return CheckNames(configs, "write", node);
}

Status CheckRemoteRead(const std::vector<RemoteReadConfig>& configs, Node node) {
  return CheckNames(configs, "read", node);
}

}  // namespace sextant::config
