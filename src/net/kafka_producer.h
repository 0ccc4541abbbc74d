// Sends records to one topic of a Kafka cluster: in batches, to the leader of the partition that a record's
// key stands for, again until the leader has them. All records have the same key, so that there is one
// partition and an order.
//
//   auto producer = std::make_shared<KafkaProducer>(services, KafkaProducerOptions{.brokers = {{"kafka",
//   9092}}, …}); if (!producer->Send(value)) ++dropped; producer->Close(); producer->Stop(5'000);
//
// Records that wait are bounded in number and bytes; none is taken beyond. One request is under way at a
// time. A broker that is away, slow or no longer the leader is tried again with growing pauses; what a broker
// refuses for good is lost and told, as are the records of a topic that stays unknown. With kAll every record
// is written once (Kafka's idempotent producer), with the others an answer that gets lost may double a batch.
//
// Connections are opened by the first record. Thread-safe, but for Stop.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/executor.h"
#include "core/result.h"
#include "net/http_client.h"
#include "net/io.h"
#include "net/url.h"

namespace sextant::net {

class KafkaConnection;
struct KafkaMetadata;
struct KafkaProducerId;
struct KafkaRecord;

enum class KafkaAcks : int16_t { kNone = 0, kLeader = 1, kAll = -1 };          // as the protocol numbers them
enum class KafkaCompression : uint8_t { kNone, kGzip, kSnappy, kLz4, kZstd };  // as the protocol numbers them

struct KafkaProducerOptions {
  std::vector<HostPort> brokers = {};  // asked for the others; at least one
  std::string topic = {};
  std::string key = {};
  std::string client_id = {};
  KafkaAcks acks = KafkaAcks::kLeader;
  KafkaCompression compression = KafkaCompression::kNone;
  std::shared_ptr<const TlsClientOptions> tls = {};  // null: none

  size_t max_waiting = 1'024;            // records, with those under way
  size_t max_waiting_bytes = 64 << 20;   // of their values
  size_t max_record_bytes = 10 << 20;    // larger ones are not taken
  core::DurationMs linger_ms = 5;        // what a record waits for company
  core::DurationMs timeout_ms = 10'000;  // of a request, with the connection made for it
  core::DurationMs backoff_ms = 250;     // after a failure, doubled each time
  core::DurationMs max_backoff_ms = 2'500;
  core::DurationMs flush_ms = 30'000;  // how long it still tries after Close
};

enum class KafkaFailure { kTimeout, kNetwork, kBroker };

// What it works with; all of it must outlive it.
struct KafkaProducerServices {
  IoContext& io;
  core::Executor& executor;
  const core::Clock& clock;
  // A request that failed, and the records that are lost with it (0: they are sent again). Called from the
  // executor.
  std::function<void(KafkaFailure failure, size_t lost, const core::Error& error)> on_failure;
  // A batch has arrived.
  std::function<void()> on_success;
};

class KafkaProducer : public std::enable_shared_from_this<KafkaProducer> {
 public:
  KafkaProducer(KafkaProducerServices services, KafkaProducerOptions options);
  ~KafkaProducer();

  // Whether it was taken.
  bool Send(std::string value);
  // Takes no more, and waits for no company. What has not arrived `flush_ms` later is lost by the next
  // failure.
  void Close();
  // Whether nothing waits or is under way.
  bool IsDone();
  // Waits until all is sent or lost, for `within_ms`; returns how many records are given up then. After
  // Close, and not from the executor's threads.
  size_t Stop(core::DurationMs within_ms);

 private:
  // The step under way owns what is not guarded.
  struct Leader {
    int32_t partition = 0;
    HostPort address;
  };

  bool BeginStep();
  void TakeBatch();
  void Arm(int64_t at_ns);
  void Work();
  void Step();
  void AskForLeader();
  core::Status UseMetadata(const KafkaMetadata& metadata);
  void AskForId();
  void Produce();
  void OnProduced(int16_t error);

  using OnAnswer = std::function<void(const core::Result<std::string>& answer)>;
  void Ask(const std::shared_ptr<KafkaConnection>& connection, std::string request, bool expects_answer,
           OnAnswer on_answer);
  std::shared_ptr<KafkaConnection> Connect(const HostPort& address) const;

  // Each ends the step.
  void Continue();
  void Delivered();
  void TryAgain(KafkaFailure failure, const core::Error& error);
  void TryAgain(const core::Error& error);
  void Lose(const core::Error& error, bool with_waiting);
  void EndStep();
  size_t Drop(bool with_waiting);
  bool is_idle() const { return waiting_.empty() && !is_stepping_ && batch_size_ == 0; }

  const KafkaProducerServices services_;
  const KafkaProducerOptions options_;

  // Of the step.
  std::vector<KafkaRecord> batch_;
  std::vector<HostPort> known_brokers_;
  size_t next_broker_ = 0;
  std::optional<Leader> leader_;
  int64_t leader_asked_ns_ = 0;
  std::shared_ptr<KafkaConnection> connection_;   // to the leader
  std::unique_ptr<KafkaProducerId> producer_id_;  // null: to be asked for
  int32_t partition_ = -1;                        // that the records of producer_id_ are numbered in
  int32_t sequence_ = 0;
  int32_t correlation_id_ = 0;
  int unknown_topic_answers_ = 0;
  size_t most_records_;  // in a batch

  std::mutex mutex_;
  std::condition_variable idle_;
  std::optional<Timer> timer_;       // gone after Stop
  std::deque<KafkaRecord> waiting_;  // guarded by mutex_, as what follows
  size_t waiting_bytes_ = 0;
  size_t batch_size_ = 0;  // records in batch_
  size_t batch_bytes_ = 0;
  int64_t batch_due_ns_ = 0;
  int64_t resume_at_ns_ = 0;
  int64_t give_up_at_ns_ = 0;  // once closed
  int failures_ = 0;           // in a row
  std::shared_ptr<KafkaConnection> asked_;
  bool is_stepping_ = false;
  bool is_closed_ = false;
  bool is_given_up_ = false;
};

}  // namespace sextant::net
