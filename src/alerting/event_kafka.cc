#include "alerting/event_kafka.h"

#include <map>
#include <string_view>
#include <utility>

#include "httpclient/settings.h"

namespace sextant::alerting {

namespace {

constexpr size_t kDefaultBuffer = 1'024;
constexpr std::string_view kDefaultClientId = "alertmanager";

net::KafkaAcks Acks(const std::string& word) {
  if (word == "none") return net::KafkaAcks::kNone;
  if (word == "all") return net::KafkaAcks::kAll;
  return net::KafkaAcks::kLeader;
}

net::KafkaCompression Compression(const std::string& word) {
  if (word == "gzip") return net::KafkaCompression::kGzip;
  if (word == "snappy") return net::KafkaCompression::kSnappy;
  if (word == "lz4") return net::KafkaCompression::kLz4;
  if (word == "zstd") return net::KafkaCompression::kZstd;
  return net::KafkaCompression::kNone;
}

std::string_view FailureName(net::KafkaFailure failure) {
  switch (failure) {
    case net::KafkaFailure::kTimeout:
      return "timeout";
    case net::KafkaFailure::kNetwork:
      return "network";
    case net::KafkaFailure::kBroker:
      break;
  }
  return "broker";
}

net::KafkaProducerOptions OptionsOf(const EventKafkaConfig& config, const std::string& instance) {
  net::KafkaProducerOptions options;
  for (const std::string& broker : config.brokers) {
    // The configuration has been checked.
    if (auto address = BrokerAddress(broker)) options.brokers.push_back(std::move(*address));
  }
  options.topic = config.topic;
  options.key = instance;
  options.client_id = config.client_id.empty() ? kDefaultClientId : config.client_id;
  options.acks = Acks(config.acks);
  options.compression = Compression(config.compression);
  if (config.tls) options.tls = httpclient::TlsOptions(*config.tls);
  options.max_waiting = config.buffer_size > 0 ? static_cast<size_t>(config.buffer_size) : kDefaultBuffer;
  return options;
}

}  // namespace

class EventKafka::Failures {
 public:
  Failures(const EventOutputServices& services, std::string name, core::Counter& drops)
      : registry_(services.registry), logger_(services.logger), name_(std::move(name)), drops_(drops) {}

  void Count(net::KafkaFailure failure, size_t lost, const core::Error& error) {
    registry_
        .AddCounter("alertmanager_event_kafka_produce_errors_total", "Requests to Kafka that failed.",
                    {{"error_type", std::string(FailureName(failure))}, {"output", name_}})
        .Increment();
    drops_.Increment(static_cast<double>(lost));
    // An outage is said once, each loss as it comes.
    if (lost > 0) {
      logger_.Error("events are lost: Kafka did not take them",
                    {{"output", name_}, {"events", lost}, {"err", error.message()}});
    } else if (!has_failed_.exchange(true)) {
      logger_.Warn("events cannot be sent to Kafka and are tried again",
                   {{"output", name_}, {"err", error.message()}});
    }
  }
  void OnSuccess() { has_failed_ = false; }

 private:
  core::Registry& registry_;
  const core::Logger logger_;
  const std::string name_;
  core::Counter& drops_;
  std::atomic<bool> has_failed_{false};
};

EventKafka::EventKafka(const EventOutputServices& services, const EventKafkaConfig& config,
                       const std::string& instance)
    : name_(OutputName(config)),
      format_(config.format == "protobuf" ? EventFormat::kProtobuf : EventFormat::kJson),
      drops_(DroppedEvents(services.registry, name_)),
      failures_(std::make_shared<Failures>(services, name_, drops_)),
      producer_(std::make_shared<net::KafkaProducer>(
          net::KafkaProducerServices{
              .io = services.io,
              .executor = services.executor,
              .clock = services.clock,
              .on_failure = [failures = failures_](
                                net::KafkaFailure failure, size_t lost,
                                const core::Error& error) { failures->Count(failure, lost, error); },
              .on_success = [failures = failures_] { failures->OnSuccess(); }},
          OptionsOf(config, instance))) {}

EventKafka::~EventKafka() = default;

void EventKafka::Send(std::string event) {
  if (!producer_->Send(std::move(event))) drops_.Increment();
}

void EventKafka::Stop(core::DurationMs within_ms) {
  drops_.Increment(static_cast<double>(producer_->Stop(within_ms)));
}

}  // namespace sextant::alerting
