// A topic of Kafka that events go to: one record each, its key our instance's name, so that the events of an
// instance stay in order. At most `buffer_size` events wait for the brokers; further ones are dropped and
// counted in alertmanager_event_output_drops_total, as are those that the brokers refuse for good. Requests
// that fail are counted in alertmanager_event_kafka_produce_errors_total, by output and "timeout", "network"
// or "broker".
//
// Thread-safe, but for Stop.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "alerting/event_output.h"
#include "alerting/event_recorder_config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "net/kafka_producer.h"

namespace sextant::alerting {

class EventKafka final : public EventOutput {
 public:
  EventKafka(const EventOutputServices& services, const EventKafkaConfig& config,
             const std::string& instance);
  ~EventKafka() override;

  const std::string& name() const override { return name_; }
  EventFormat format() const override { return format_; }
  void Send(std::string event) override;
  void Close() override { producer_->Close(); }
  bool IsDone() override { return producer_->IsDone(); }
  void Stop(core::DurationMs within_ms) override;

 private:
  // Outlives this with the producer, which tells it what fails.
  class Failures;

  const std::string name_;
  const EventFormat format_;
  core::Counter& drops_;
  const std::shared_ptr<Failures> failures_;
  const std::shared_ptr<net::KafkaProducer> producer_;
};

}  // namespace sextant::alerting
