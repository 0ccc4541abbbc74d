// Writes every step of an alert to files, to the standard output, to webhooks and to Kafka, as
// Alertmanager's event recorder does (the section event_recorder of alertmanager.yml, behind
// --enable-feature=event-recorder).
//
// Record never waits: lines go to a bounded queue, from which a task on the executor serves the outputs. What
// does not fit is dropped and counted, for all outputs or, of a webhook or Kafka slower than the events, for
// it alone. A file that was moved away (by logrotate) is made anew.
//
// All methods but Stop may be called from any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "alerting/event_recorder_config.h"
#include "alerting/recorded_event.h"
#include "core/clock.h"
#include "core/executor.h"
#include "core/file.h"
#include "core/log.h"
#include "core/metrics.h"
#include "net/http_client.h"
#include "net/io.h"

namespace sextant::alerting {

class EventOutput;

// What it works with; all of it must outlive it.
struct EventRecorderServices {
  net::IoContext& io;
  core::Executor& executor;
  net::HttpClient& client;
  const core::Clock& clock;
  core::Registry& registry;
  core::FileSystem& files;
  core::Logger logger;
};

class EventRecorder final : public AlertSteps, public std::enable_shared_from_this<EventRecorder> {
 public:
  // `instance` is who we are in the events.
  static std::shared_ptr<EventRecorder> Start(EventRecorderServices services, std::string instance,
                                              const EventRecorderConfig& config);
  ~EventRecorder() override;

  // Changes the outputs. What a webhook or Kafka of before has not sent yet is still sent.
  void Apply(const EventRecorderConfig& config);

  void Record(RecordedEvent event);

  void OnCreated(const Alert& alert, core::TimestampMs now_ms) override;
  void OnGrouped(const Alert& alert, const GroupFacts& group, core::TimestampMs now_ms) override;
  void OnForgotten(const Alert& alert, const GroupFacts& group, core::TimestampMs now_ms) override;
  void OnInhibited(uint64_t fingerprint, const model::Labels& labels, const InhibitRuleConfig& rule,
                   const std::vector<uint64_t>& sources) override;
  void OnSilenced(uint64_t fingerprint, const model::Labels& labels, const Silence& silence) override;

  // Writes what waits; webhooks and Kafka get `within_ms`. The executor must still be running. Not from its
  // threads; may be called again.
  void Stop(core::DurationMs within_ms);

 private:
  struct Waiting {
    std::string_view type;
    std::string line;
  };
  struct Outputs {
    EventRecorderConfig config;
    std::vector<std::shared_ptr<EventOutput>> senders;
  };

  EventRecorder(EventRecorderServices services, std::string instance);
  std::vector<std::shared_ptr<EventOutput>> MakeSenders(const EventRecorderConfig& config);
  void Pump();
  void Serve(const Outputs& outputs, const std::vector<Waiting>& events);
  void SendTo(EventOutput& output, const std::vector<Waiting>& events);
  void Count(std::string_view type, const std::string& output, const core::Status& written, size_t bytes);
  void WriteLines(const std::vector<Waiting>& events, const std::string& output, const std::string& path);

  const EventRecorderServices services_;
  const std::string instance_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<Waiting> waiting_;             // guarded by mutex_, as what follows
  std::shared_ptr<const Outputs> outputs_;  // replaced as a whole
  std::vector<std::shared_ptr<EventOutput>> retired_;
  bool is_pumping_ = false;
  bool is_stopped_ = false;
  std::map<std::string, bool> has_failed_;  // by output; used by the pump alone
};

}  // namespace sextant::alerting
