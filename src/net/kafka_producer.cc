#include "net/kafka_producer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "net/kafka_connection.h"
#include "net/kafka_wire.h"

namespace sextant::net {

namespace {

using core::Code;
using core::Error;
using core::Result;
using core::Status;

constexpr size_t kMaxBatchRecords = 10'000;
constexpr size_t kMaxBatchBytes = 1'000'000;  // below what a broker takes by default
constexpr size_t kRecordOverheadBytes = 32;
constexpr int kMaxUnknownTopicAnswers = 5;
constexpr int64_t kLeaderAgeNs = 300'000'000'000;  // partitions may have been added
constexpr int64_t kNsPerMs = 1'000'000;

Error BrokerError(int16_t error, std::string_view what) {
  return Error(Code::kUnavailable, fmt::format("kafka: {}: {}", what, KafkaErrorName(error)));
}

}  // namespace

KafkaProducer::KafkaProducer(KafkaProducerServices services, KafkaProducerOptions options)
    : services_(std::move(services)),
      options_(std::move(options)),
      most_records_(kMaxBatchRecords),
      timer_(std::in_place, services_.io, services_.executor, core::Priority::kBackground) {}

KafkaProducer::~KafkaProducer() = default;

bool KafkaProducer::Send(std::string value) {
  {
    std::lock_guard lock(mutex_);
    if (is_closed_ || waiting_.size() + batch_size_ >= options_.max_waiting ||
        value.size() > options_.max_record_bytes ||
        waiting_bytes_ + batch_bytes_ + value.size() > options_.max_waiting_bytes)
      return false;
    if (waiting_.empty()) batch_due_ns_ = services_.clock.MonotonicNs() + options_.linger_ms * kNsPerMs;
    waiting_bytes_ += value.size();
    waiting_.push_back({.key = options_.key, .value = std::move(value), .time_ms = services_.clock.NowMs()});
  }
  Work();
  return true;
}

void KafkaProducer::Close() {
  {
    std::lock_guard lock(mutex_);
    if (!std::exchange(is_closed_, true))
      give_up_at_ns_ = services_.clock.MonotonicNs() + options_.flush_ms * kNsPerMs;
  }
  Work();
}

bool KafkaProducer::IsDone() {
  std::lock_guard lock(mutex_);
  return is_idle();
}

size_t KafkaProducer::Stop(core::DurationMs within_ms) {
  size_t lost = 0;
  {
    std::unique_lock lock(mutex_);
    if (!timer_) return 0;
    idle_.wait_for(lock, std::chrono::milliseconds(within_ms), [this] { return is_idle(); });
    is_given_up_ = true;
    if (asked_ != nullptr) asked_->Close();
    idle_.wait(lock, [this] { return !is_stepping_; });
    lost = Drop(/*with_waiting=*/true);
  }
  timer_->Cancel();
  std::lock_guard lock(mutex_);
  timer_.reset();
  connection_.reset();
  return lost;
}

// --- what happens when; with the lock held ---

void KafkaProducer::Arm(int64_t at_ns) {
  if (!timer_) return;
  timer_->StartAt(at_ns, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Work();
  });
}

void KafkaProducer::TakeBatch() {
  while (!waiting_.empty() && batch_.size() < most_records_) {
    const size_t bytes = waiting_.front().value.size();
    if (!batch_.empty() && batch_bytes_ + (batch_.size() + 1) * kRecordOverheadBytes + bytes > kMaxBatchBytes)
      break;
    batch_bytes_ += bytes;
    waiting_bytes_ -= bytes;
    batch_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  batch_size_ = batch_.size();
}

// Whether the caller now does the next step.
bool KafkaProducer::BeginStep() {
  std::lock_guard lock(mutex_);
  if (is_stepping_ || is_given_up_) return false;
  if (batch_size_ == 0 && waiting_.empty()) {
    idle_.notify_all();
    return false;
  }
  const int64_t now_ns = services_.clock.MonotonicNs();
  int64_t begin_at_ns = resume_at_ns_;
  const bool is_whole = waiting_bytes_ >= kMaxBatchBytes || waiting_.size() >= kMaxBatchRecords;
  if (batch_size_ == 0 && !is_closed_ && !is_whole) begin_at_ns = std::max(begin_at_ns, batch_due_ns_);
  if (begin_at_ns > now_ns) {
    Arm(begin_at_ns);
    return false;
  }
  if (batch_size_ == 0) TakeBatch();
  is_stepping_ = true;
  return true;
}

void KafkaProducer::Work() {
  if (BeginStep()) Step();
}

// --- the steps ---

void KafkaProducer::Step() {
  if (!leader_ || services_.clock.MonotonicNs() - leader_asked_ns_ > kLeaderAgeNs) return AskForLeader();
  if (options_.acks == KafkaAcks::kAll && producer_id_ == nullptr) return AskForId();
  Produce();
}

std::shared_ptr<KafkaConnection> KafkaProducer::Connect(const HostPort& address) const {
  return std::make_shared<KafkaConnection>(services_.io, address, options_.tls);
}

void KafkaProducer::Ask(const std::shared_ptr<KafkaConnection>& connection, std::string request,
                        bool expects_answer, OnAnswer on_answer) {
  {
    std::lock_guard lock(mutex_);
    asked_ = connection;
    if (is_given_up_) connection->Close();
  }
  connection->Exchange(
      std::move(request), expects_answer, options_.timeout_ms,
      {.executor = &services_.executor, .priority = core::Priority::kBackground},
      [self = shared_from_this(), on_answer = std::move(on_answer)](const Result<std::string>& answer) {
        on_answer(answer);
        self->Work();
      });
}

void KafkaProducer::AskForLeader() {
  leader_.reset();
  connection_.reset();
  const std::vector<HostPort>& brokers = known_brokers_.empty() ? options_.brokers : known_brokers_;
  const auto connection = Connect(brokers[next_broker_++ % brokers.size()]);
  const KafkaRequestHead head{.correlation_id = ++correlation_id_, .client_id = options_.client_id};
  Ask(connection, EncodeKafkaMetadata(head, options_.topic), true, [this](const Result<std::string>& answer) {
    if (!answer) {
      // Those that were named may all be gone; those of the configuration are asked again then.
      if (next_broker_ % std::max<size_t>(known_brokers_.size(), 1) == 0) known_brokers_.clear();
      return TryAgain(answer.error());
    }
    const auto metadata = ParseKafkaMetadata(*answer, correlation_id_, options_.topic);
    if (!metadata) return TryAgain(KafkaFailure::kBroker, metadata.error());
    if (metadata->topic_error == kafka_error::kUnknownTopicOrPartition &&
        ++unknown_topic_answers_ < kMaxUnknownTopicAnswers) {
      return TryAgain(KafkaFailure::kBroker, BrokerError(metadata->topic_error, options_.topic));
    }
    if (metadata->topic_error != 0) {
      unknown_topic_answers_ = 0;
      const Error error = BrokerError(metadata->topic_error, options_.topic);
      if (IsRetriableKafkaError(metadata->topic_error) &&
          metadata->topic_error != kafka_error::kUnknownTopicOrPartition) {
        return TryAgain(KafkaFailure::kBroker, error);
      }
      return Lose(error, true);
    }
    unknown_topic_answers_ = 0;
    if (const Status used = UseMetadata(*metadata); !used)
      return TryAgain(KafkaFailure::kBroker, used.error());
    Continue();
  });
}

Status KafkaProducer::UseMetadata(const KafkaMetadata& metadata) {
  if (metadata.partitions.empty())
    return core::Fail(Code::kUnavailable, "kafka: the topic has no partitions");
  known_brokers_.clear();
  for (const KafkaBroker& broker : metadata.brokers) known_brokers_.push_back({broker.host, broker.port});
  const int32_t id = KafkaPartitionOf(options_.key, static_cast<int32_t>(metadata.partitions.size()));
  const auto partition = std::ranges::find(metadata.partitions, id, &KafkaPartition::id);
  if (partition == metadata.partitions.end())
    return core::Fail(Code::kUnavailable, "kafka: partition {} is not there", id);
  const auto broker = std::ranges::find(metadata.brokers, partition->leader, &KafkaBroker::id);
  if (broker == metadata.brokers.end()) {
    return tl::unexpected(
        BrokerError(partition->error == 0 ? int16_t{5} : partition->error, fmt::format("partition {}", id)));
  }
  if (producer_id_ != nullptr && partition_ != id) producer_id_.reset();
  partition_ = id;
  leader_ = Leader{.partition = id, .address = {broker->host, broker->port}};
  leader_asked_ns_ = services_.clock.MonotonicNs();
  connection_ = Connect(leader_->address);
  return {};
}

void KafkaProducer::AskForId() {
  const KafkaRequestHead head{.correlation_id = ++correlation_id_, .client_id = options_.client_id};
  Ask(connection_, EncodeKafkaInitProducerId(head, options_.timeout_ms), true,
      [this](const Result<std::string>& answer) {
        if (!answer) return TryAgain(answer.error());
        const auto said = ParseKafkaInitProducerId(*answer, correlation_id_);
        if (!said) return TryAgain(KafkaFailure::kBroker, said.error());
        if (said->error != 0) {
          const Error error = BrokerError(said->error, "producer id");
          return IsRetriableKafkaError(said->error) ? TryAgain(KafkaFailure::kBroker, error)
                                                    : Lose(error, true);
        }
        producer_id_ = std::make_unique<KafkaProducerId>(said->producer);
        sequence_ = 0;
        Continue();
      });
}

void KafkaProducer::Produce() {
  const KafkaProducerId producer = producer_id_ == nullptr ? KafkaProducerId{} : *producer_id_;
  const auto batch =
      EncodeKafkaBatch(batch_, options_.compression, producer, producer_id_ == nullptr ? -1 : sequence_);
  if (!batch) {
    Lose(batch.error(), false);
    return Work();
  }
  const KafkaRequestHead head{.correlation_id = ++correlation_id_, .client_id = options_.client_id};
  std::string request = EncodeKafkaProduce(head, options_.topic, leader_->partition, *batch,
                                           options_.compression, options_.acks, options_.timeout_ms);
  const bool expects_answer = options_.acks != KafkaAcks::kNone;
  Ask(connection_, std::move(request), expects_answer,
      [this, expects_answer](const Result<std::string>& answer) {
        if (!answer) return TryAgain(answer.error());
        if (!expects_answer) return Delivered();
        const auto error = ParseKafkaProduce(*answer, correlation_id_);
        if (!error) return TryAgain(KafkaFailure::kBroker, error.error());
        OnProduced(*error);
      });
}

void KafkaProducer::OnProduced(int16_t error) {
  if (error == 0 || error == kafka_error::kDuplicateSequence) return Delivered();
  const Error shown = BrokerError(error, options_.topic);
  const bool is_too_large =
      error == kafka_error::kMessageTooLarge || error == kafka_error::kRecordListTooLarge;
  if (is_too_large && batch_.size() > 1) {
    // Some of them may be taken by themselves.
    std::lock_guard lock(mutex_);
    most_records_ = batch_.size() / 2;
    for (; batch_.size() > most_records_; batch_.pop_back()) {
      batch_bytes_ -= batch_.back().value.size();
      waiting_bytes_ += batch_.back().value.size();
      waiting_.push_front(std::move(batch_.back()));
    }
    batch_size_ = batch_.size();
    return EndStep();
  }
  if (error == kafka_error::kOutOfOrderSequence || error == kafka_error::kInvalidProducerEpoch ||
      error == kafka_error::kInvalidProducerIdMapping || error == kafka_error::kUnknownProducerId) {
    producer_id_.reset();
    return TryAgain(KafkaFailure::kBroker, shown);
  }
  if (IsRetriableKafkaError(error)) return TryAgain(KafkaFailure::kBroker, shown);
  Lose(shown, false);
}

// --- how a step ends ---

void KafkaProducer::EndStep() {
  asked_.reset();
  is_stepping_ = false;
  if (is_given_up_ || (batch_size_ == 0 && waiting_.empty())) idle_.notify_all();
}

void KafkaProducer::Continue() {
  std::lock_guard lock(mutex_);
  EndStep();
}

// Forgets the batch, and with `with_waiting` all: how many records. With the lock held.
size_t KafkaProducer::Drop(bool with_waiting) {
  size_t dropped = batch_.size();
  batch_.clear();
  batch_size_ = 0;
  batch_bytes_ = 0;
  most_records_ = kMaxBatchRecords;
  if (!with_waiting) return dropped;
  dropped += waiting_.size();
  waiting_.clear();
  waiting_bytes_ = 0;
  return dropped;
}

void KafkaProducer::Delivered() {
  services_.on_success();
  std::lock_guard lock(mutex_);
  sequence_ = static_cast<int32_t>((static_cast<int64_t>(sequence_) + static_cast<int64_t>(batch_.size())) &
                                   0x7fffffff);
  Drop(/*with_waiting=*/false);
  failures_ = 0;
  EndStep();
}

void KafkaProducer::TryAgain(const Error& error) {
  TryAgain(error.code() == Code::kDeadlineExceeded ? KafkaFailure::kTimeout : KafkaFailure::kNetwork, error);
}

// Whoever leads is asked for anew: it costs little, and is the answer to most of it.
void KafkaProducer::TryAgain(KafkaFailure failure, const Error& error) {
  leader_.reset();
  connection_.reset();
  size_t lost = 0;
  {
    std::lock_guard lock(mutex_);
    const bool is_over = is_closed_ && services_.clock.MonotonicNs() >= give_up_at_ns_;
    if (is_over) lost = Drop(/*with_waiting=*/true);
  }
  if (error.code() != Code::kCancelled) services_.on_failure(failure, lost, error);
  std::lock_guard lock(mutex_);
  const core::DurationMs pause_ms =
      std::min(options_.backoff_ms << std::min(failures_, 20), options_.max_backoff_ms);
  ++failures_;
  resume_at_ns_ = services_.clock.MonotonicNs() + pause_ms * kNsPerMs;
  EndStep();
}

void KafkaProducer::Lose(const Error& error, bool with_waiting) {
  size_t lost = 0;
  {
    std::lock_guard lock(mutex_);
    lost = Drop(with_waiting);
  }
  services_.on_failure(KafkaFailure::kBroker, lost, error);
  std::lock_guard lock(mutex_);
  failures_ = 0;
  EndStep();
}

}  // namespace sextant::net
