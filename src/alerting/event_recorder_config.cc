#include "alerting/event_recorder_config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "alerting/receiver_checks.h"
#include "config/paths.h"
#include "config/text.h"

namespace sextant::alerting {

using namespace config;
using core::Status;

namespace {

constexpr size_t kMaxNameBytes = 128;
// Bounds of ours, far above what makes sense.
constexpr int64_t kMaxWorkers = 256;
constexpr int64_t kMaxRetries = 100;
constexpr int64_t kMaxBatchBytes = 64 << 20;
constexpr size_t kMaxBrokers = 100;
constexpr int64_t kMaxBuffer = 1'000'000;
constexpr size_t kMaxTopicBytes = 249;  // Kafka's own
constexpr size_t kMaxClientIdBytes = 1'000;
constexpr uint16_t kKafkaPort = 9092;

Status CheckName(std::string_view kind, const std::string& name, Node node) {
  if (name.size() > kMaxNameBytes) {
    return node.Find("name").Fail("event_recorder {} output name must not exceed {} characters", kind,
                                  kMaxNameBytes);
  }
  const bool is_plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  if (is_plain) return {};
  return node.Find("name").Fail(
      "event_recorder {} output name must contain only letters, digits, hyphens, underscores, and periods",
      kind);
}

Status FinishFile(EventFileConfig& file, Node node) {
  SEXTANT_TRY(CheckName("file", file.name, node));
  if (file.path.empty()) return node.Fail("event_recorder file output requires a path");
  return {};
}

Status FinishStdout(EventStdoutConfig& output, Node node) { return CheckName("stdout", output.name, node); }

Status CheckBounds(const EventWebhookConfig& webhook, Node node) {
  for (const auto& [field, value, most] :
       {std::tuple("workers", webhook.workers, kMaxWorkers),
        std::tuple("max_retries", webhook.max_retries, kMaxRetries),
        std::tuple("batch_max_bytes", webhook.batch_max_bytes, kMaxBatchBytes)}) {
    if (value > most) return node.Find(field).Fail("must not be above {}", most);
  }
  return {};
}

Status FinishWebhookOutput(EventWebhookConfig& webhook, Node node) {
  SEXTANT_TRY(CheckName("webhook", webhook.name, node));
  if (webhook.url.empty()) return node.Fail("event_recorder webhook output requires a url");
  SEXTANT_TRY(CheckUrl(webhook.url, node, "url"));
  if (webhook.batch_max_events < 0 || webhook.batch_max_bytes < 0 || webhook.batch_flush_interval_ms < 0)
    return node.Fail("event_recorder webhook batch settings cannot be negative");
  if (!webhook.batch &&
      (webhook.batch_max_events != 0 || webhook.batch_max_bytes != 0 || webhook.batch_flush_interval_ms != 0))
    return node.Fail("event_recorder webhook batch settings require batch: true");
  return CheckBounds(webhook, node);
}

Status CheckBrokers(const EventKafkaConfig& kafka, Node node) {
  if (kafka.brokers.empty()) return node.Fail("event_recorder kafka: at least one broker is required");
  const Node brokers = node.Find("brokers");
  if (kafka.brokers.size() > kMaxBrokers) return brokers.Fail("must not be more than {}", kMaxBrokers);
  for (const std::string& broker : kafka.brokers) {
    if (broker.empty()) return brokers.Fail("event_recorder kafka: broker entries must be non-empty");
    if (const auto address = BrokerAddress(broker); !address)
      return brokers.Fail("event_recorder kafka: {}", address.error().message());
  }
  return {};
}

// One of `words`, or empty.
Status CheckWord(std::string_view what, const std::string& value, std::vector<std::string_view> words,
                 Node node) {
  if (value.empty() || std::ranges::find(words, value) != words.end()) return {};
  std::string list;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) list += i + 1 == words.size() ? (i > 1 ? ", or " : " or ") : ", ";
    list += Quote(words[i]);
  }
  return node.Find(what).Fail("event_recorder kafka: unknown {} {}, must be {}", what, Quote(value), list);
}

Status FinishKafka(EventKafkaConfig& kafka, Node node) {
  SEXTANT_TRY(CheckName("kafka", kafka.name, node));
  SEXTANT_TRY(CheckBrokers(kafka, node));
  SEXTANT_TRY(CheckWord("acks", kafka.acks, {"none", "leader", "all"}, node));
  SEXTANT_TRY(CheckWord("compression", kafka.compression, {"none", "gzip", "snappy", "lz4", "zstd"}, node));
  SEXTANT_TRY(CheckWord("format", kafka.format, {"json", "protobuf"}, node));
  if (kafka.topic.empty()) return node.Fail("event_recorder kafka output requires a topic");
  if (kafka.topic.size() > kMaxTopicBytes)
    return node.Find("topic").Fail("must not be longer than {} bytes", kMaxTopicBytes);
  if (kafka.client_id.size() > kMaxClientIdBytes)
    return node.Find("client_id").Fail("must not be longer than {} bytes", kMaxClientIdBytes);
  if (kafka.buffer_size > kMaxBuffer)
    return node.Find("buffer_size").Fail("must not be above {}", kMaxBuffer);
  return {};
}

template <typename Output>
Status CheckUnique(std::string_view kind, const std::vector<Output>& outputs, Node node) {
  std::set<std::string> seen;
  for (const Output& output : outputs) {
    if (!output.name.empty() && !seen.insert(output.name).second) {
      return node.Fail("event_recorder output name {} is duplicated for type {}", Quote(output.name), kind);
    }
  }
  return {};
}

Status FinishRecorder(EventRecorderConfig& recorder, Node node) {
  SEXTANT_TRY(CheckUnique("file", recorder.files, node));
  SEXTANT_TRY(CheckUnique("webhook", recorder.webhooks, node));
  SEXTANT_TRY(CheckUnique("kafka", recorder.kafkas, node));
  return CheckUnique("stdout", recorder.stdouts, node);
}

std::string Named(std::string_view kind, std::string_view name, std::string_view otherwise) {
  return fmt::format("{}:{}", kind, name.empty() ? otherwise : name);
}

}  // namespace

std::string OutputName(const EventFileConfig& output) { return Named("file", output.name, output.path); }

std::string OutputName(const EventWebhookConfig& output) {
  const size_t host = output.url.find("://");
  const size_t end = host == std::string::npos ? 0 : output.url.find_first_of("/?#", host + 3);
  std::string_view shown = std::string_view(output.url).substr(0, end);
  // Credentials are nobody's business; nor is the rest of the URL.
  if (const size_t user = shown.rfind('@'); user != std::string_view::npos) shown = shown.substr(user + 1);
  return Named("webhook", output.name, shown);
}

std::string OutputName(const EventKafkaConfig& output) {
  std::vector<std::string> brokers = output.brokers;
  std::ranges::sort(brokers);
  return Named("kafka", output.name, fmt::format("{}/{}", fmt::join(brokers, ","), output.topic));
}

core::Result<net::HostPort> BrokerAddress(const std::string& broker) {
  const bool has_port = broker.find(':', broker.starts_with('[') ? broker.find(']') : 0) != std::string::npos;
  SEXTANT_ASSIGN(net::HostPort address,
                 net::ParseHostPort(has_port ? broker : fmt::format("{}:{}", broker, kKafkaPort)));
  if (address.host.empty()) address.host = "127.0.0.1";
  return address;
}

std::string OutputName(const EventStdoutConfig& output) {
  return output.name.empty() ? "stdout" : Named("stdout", output.name, "");
}

const Struct& FieldsOf(const EventFileConfig*) {
  static const Struct kFields = Struct::Of<EventFileConfig>(
      {
          Member<&EventFileConfig::name>("name"),
          Member<&EventFileConfig::path>("path"),
      },
      FinishFile);
  return kFields;
}

const Struct& FieldsOf(const EventStdoutConfig*) {
  static const Struct kFields =
      Struct::Of<EventStdoutConfig>({Member<&EventStdoutConfig::name>("name")}, FinishStdout);
  return kFields;
}

const Struct& FieldsOf(const EventWebhookConfig*) {
  static const Struct kFields = Struct::Of<EventWebhookConfig>(
      {
          Member<&EventWebhookConfig::name>("name"),
          Member<&EventWebhookConfig::url>("url", HiddenText()),
          Member<&EventWebhookConfig::http>("http_config"),
          Member<&EventWebhookConfig::timeout_ms>("timeout", Duration()),
          Member<&EventWebhookConfig::workers>("workers"),
          Member<&EventWebhookConfig::max_retries>("max_retries"),
          Member<&EventWebhookConfig::retry_backoff_ms>("retry_backoff", Duration()),
          Member<&EventWebhookConfig::batch>("batch"),
          Member<&EventWebhookConfig::batch_max_events>("batch_max_events"),
          Member<&EventWebhookConfig::batch_max_bytes>("batch_max_bytes"),
          Member<&EventWebhookConfig::batch_flush_interval_ms>("batch_flush_interval", Duration()),
      },
      FinishWebhookOutput);
  return kFields;
}

const Struct& FieldsOf(const EventKafkaConfig*) {
  static const Struct kFields = Struct::Of<EventKafkaConfig>(
      {
          Member<&EventKafkaConfig::name>("name"),
          Member<&EventKafkaConfig::brokers>("brokers"),
          Member<&EventKafkaConfig::topic>("topic"),
          Member<&EventKafkaConfig::client_id>("client_id"),
          Member<&EventKafkaConfig::format>("format"),
          Member<&EventKafkaConfig::acks>("acks"),
          Member<&EventKafkaConfig::compression>("compression"),
          Member<&EventKafkaConfig::buffer_size>("buffer_size"),
          Member<&EventKafkaConfig::tls>("tls_config"),
      },
      FinishKafka);
  return kFields;
}

const Struct& FieldsOf(const EventRecorderConfig*) {
  static const Struct kFields = Struct::Of<EventRecorderConfig>(
      {
          Member<&EventRecorderConfig::files>("file_outputs"),
          Member<&EventRecorderConfig::webhooks>("webhook_outputs"),
          Member<&EventRecorderConfig::kafkas>("kafka_outputs"),
          Member<&EventRecorderConfig::stdouts>("stdout_outputs"),
      },
      FinishRecorder);
  return kFields;
}

}  // namespace sextant::alerting
