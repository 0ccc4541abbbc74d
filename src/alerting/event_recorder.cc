#include "alerting/event_recorder.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "alerting/event_kafka.h"
#include "alerting/event_protobuf.h"
#include "alerting/event_webhook.h"

namespace sextant::alerting {

namespace {

constexpr size_t kMaxWaiting = 8'192;
constexpr const char* kQueueLength = "alertmanager_event_recorder_queue_length";

core::Status WriteToStdout(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return core::Fail(core::Code::kIo, "stdout: {}", std::strerror(errno));
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

bool IsSame(const EventRecorderConfig& a, const EventRecorderConfig& b) {
  const auto text = [](const EventRecorderConfig& config) {
    std::string all = config::WriteYaml(config);
    for (const EventWebhookConfig& webhook : config.webhooks) {
      all += "\n" + webhook.url;
      if (webhook.http) all += config::RevealSecrets(*webhook.http);
    }
    for (const EventKafkaConfig& kafka : config.kafkas) {
      if (kafka.tls) all += "\n" + kafka.tls->key.Reveal();
    }
    return all;
  };
  return text(a) == text(b);
}

}  // namespace

EventRecorder::EventRecorder(EventRecorderServices services, std::string instance)
    : services_(std::move(services)), instance_(std::move(instance)), outputs_(std::make_shared<Outputs>()) {}

EventRecorder::~EventRecorder() = default;

std::shared_ptr<EventRecorder> EventRecorder::Start(EventRecorderServices services, std::string instance,
                                                    const EventRecorderConfig& config) {
  std::shared_ptr<EventRecorder> recorder(new EventRecorder(std::move(services), std::move(instance)));
  recorder->services_.registry.AddGaugeCallback(kQueueLength, "Events that wait to be written.",
                                                [weak = std::weak_ptr<EventRecorder>(recorder)]() -> double {
                                                  const auto self = weak.lock();
                                                  if (self == nullptr) return 0;
                                                  std::lock_guard lock(self->mutex_);
                                                  return static_cast<double>(self->waiting_.size());
                                                });
  recorder->Apply(config);
  return recorder;
}

std::vector<std::shared_ptr<EventOutput>> EventRecorder::MakeSenders(const EventRecorderConfig& config) {
  const EventOutputServices services = {services_.io,    services_.executor, services_.client,
                                        services_.clock, services_.registry, services_.logger};
  std::vector<std::shared_ptr<EventOutput>> senders;
  for (const EventWebhookConfig& webhook : config.webhooks)
    senders.push_back(std::make_shared<EventWebhook>(services, webhook));
  for (const EventKafkaConfig& kafka : config.kafkas)
    senders.push_back(std::make_shared<EventKafka>(services, kafka, instance_));
  return senders;
}

void EventRecorder::Apply(const EventRecorderConfig& config) {
  std::vector<std::shared_ptr<EventOutput>> former;
  {
    std::lock_guard lock(mutex_);
    if (is_stopped_ || IsSame(outputs_->config, config)) return;
    auto outputs = std::make_shared<Outputs>();
    outputs->config = config;
    outputs->senders = MakeSenders(config);
    std::erase_if(retired_, [](const auto& sender) { return sender->IsDone(); });
    former = outputs_->senders;
    retired_.insert(retired_.end(), former.begin(), former.end());
    outputs_ = std::move(outputs);
  }
  for (const auto& sender : former) sender->Close();
  services_.logger.Info("events are recorded", {{"outputs", config.size()}});
}

void EventRecorder::Record(RecordedEvent event) {
  std::lock_guard lock(mutex_);
  if (is_stopped_ || outputs_->config.is_empty()) return;
  if (waiting_.size() >= kMaxWaiting) {
    services_.registry
        .AddCounter("alertmanager_events_dropped_total", "Events dropped because too many waited.",
                    {{"event_type", std::string(event.type)}})
        .Increment();
    return;
  }
  waiting_.push_back({event.type, EventLine(event, instance_, services_.clock.NowMs())});
  if (is_pumping_) return;
  is_pumping_ = true;
  const core::Status submitted =
      services_.executor.Submit(core::Priority::kBackground, [self = shared_from_this()] { self->Pump(); });
  // The next event tries again.
  if (!submitted) is_pumping_ = false;
}

void EventRecorder::Pump() {
  while (true) {
    std::vector<Waiting> events;
    std::shared_ptr<const Outputs> outputs;
    {
      std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        is_pumping_ = false;
        idle_.notify_all();
        return;
      }
      events.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
      waiting_.clear();
      outputs = outputs_;
    }
    Serve(*outputs, events);
  }
}

void EventRecorder::Count(std::string_view type, const std::string& output, const core::Status& written,
                          size_t bytes) {
  core::Registry& registry = services_.registry;
  registry
      .AddCounter(
          "alertmanager_events_recorded_total", "Events by what became of them.",
          {{"event_type", std::string(type)}, {"output", output}, {"result", written ? "success" : "error"}})
      .Increment();
  if (!written) return;
  registry
      .AddCounter("alertmanager_event_recorder_bytes_written_total", "Bytes of events written.",
                  {{"event_type", std::string(type)}, {"output", output}})
      .Increment(static_cast<double>(bytes));
}

// To a file, or to the standard output when there is no path. All at once, so that lines stay whole; the file
// is opened for each time, so that one that was moved away is made anew.
void EventRecorder::WriteLines(const std::vector<Waiting>& events, const std::string& output,
                               const std::string& path) {
  std::string text;
  for (const Waiting& event : events) text += event.line + '\n';
  const auto write_all = [&]() -> core::Status {
    if (path.empty()) return WriteToStdout(text);
    SEXTANT_ASSIGN(const auto file, services_.files.Open(path, core::OpenMode::kAppend));
    return file->Append(text);
  };
  const core::Status written = write_all();
  bool& has_failed = has_failed_[output];
  if (!written && !has_failed)
    services_.logger.Error("events could not be written", {{"output", output}, {"err", written.error()}});
  has_failed = !written;
  for (const Waiting& event : events) Count(event.type, output, written, event.line.size() + 1);
}

void EventRecorder::Serve(const Outputs& outputs, const std::vector<Waiting>& events) {
  for (const EventFileConfig& file : outputs.config.files) WriteLines(events, OutputName(file), file.path);
  for (const EventStdoutConfig& output : outputs.config.stdouts) WriteLines(events, OutputName(output), "");
  for (const auto& sender : outputs.senders) SendTo(*sender, events);
}

void EventRecorder::SendTo(EventOutput& output, const std::vector<Waiting>& events) {
  for (const Waiting& event : events) {
    std::string text = output.format() == EventFormat::kProtobuf ? EventProtobuf(event.line) : event.line;
    const size_t bytes = text.size();
    output.Send(std::move(text));
    Count(event.type, output.name(), {}, bytes);
  }
}

void EventRecorder::OnCreated(const Alert& alert, core::TimestampMs now_ms) {
  Record(AlertCreatedEvent(alert, now_ms));
}

void EventRecorder::OnGrouped(const Alert& alert, const GroupFacts& group, core::TimestampMs now_ms) {
  Record(AlertGroupedEvent(alert, group, now_ms));
}

void EventRecorder::OnForgotten(const Alert& alert, const GroupFacts& group, core::TimestampMs now_ms) {
  Record(AlertResolvedEvent(alert, group, now_ms));
}

void EventRecorder::OnInhibited(uint64_t fingerprint, const model::Labels& labels,
                                const InhibitRuleConfig& rule, const std::vector<uint64_t>& sources) {
  Record(InhibitionMutedEvent(rule, fingerprint, labels, sources));
}

void EventRecorder::OnSilenced(uint64_t fingerprint, const model::Labels& labels, const Silence& silence) {
  Record(SilenceMutedEvent(silence, fingerprint, labels));
}

void EventRecorder::Stop(core::DurationMs within_ms) {
  std::vector<std::shared_ptr<EventOutput>> senders;
  {
    std::unique_lock lock(mutex_);
    if (std::exchange(is_stopped_, true)) return;
    idle_.wait(lock, [this] { return !is_pumping_; });
    is_pumping_ = true;
  }
  Pump();  // what the executor had no room for
  {
    std::lock_guard lock(mutex_);
    senders = retired_;
    senders.insert(senders.end(), outputs_->senders.begin(), outputs_->senders.end());
  }
  for (const auto& sender : senders) sender->Close();
  for (const auto& sender : senders) sender->Stop(within_ms);
  services_.registry.Remove(kQueueLength, {});
}

}  // namespace sextant::alerting
