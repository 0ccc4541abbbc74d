// What a producer says to a Kafka broker and hears from it: requests with their headers and lengths, record
// batches (the format that Kafka calls v2), answers. Bytes in, bytes out; no sockets. Pure functions, any
// thread. Internal to net.
//
// One version of each request is spoken, which brokers from Kafka 0.11 to 4 know: ApiVersions need not be
// asked for. Batches of zstd need a later version of Produce, and Kafka 2.1.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "net/kafka_producer.h"

namespace sextant::net {

struct KafkaRecord {
  std::string key;
  std::string value;
  core::TimestampMs time_ms = 0;
};

// Who numbers the records, so that a broker knows one that it has already; -1: nobody.
struct KafkaProducerId {
  int64_t id = -1;
  int16_t epoch = -1;
};

// The head of every request.
struct KafkaRequestHead {
  int32_t correlation_id = 0;  // comes back with the answer
  std::string_view client_id;
};

// The records of one partition. Errors are those of the compression.
core::Result<std::string> EncodeKafkaBatch(std::span<const KafkaRecord> records, KafkaCompression compression,
                                           KafkaProducerId producer, int32_t first_sequence);

// Requests, with their lengths before them. Topics are not made by asking for them.
std::string EncodeKafkaMetadata(const KafkaRequestHead& head, std::string_view topic);
std::string EncodeKafkaInitProducerId(const KafkaRequestHead& head, core::DurationMs timeout_ms);
std::string EncodeKafkaProduce(const KafkaRequestHead& head, std::string_view topic, int32_t partition,
                               std::string_view batch, KafkaCompression compression, KafkaAcks acks,
                               core::DurationMs timeout_ms);

struct KafkaPartition {
  int16_t error = 0;
  int32_t id = 0;
  int32_t leader = -1;  // id of a broker
};
struct KafkaBroker {
  int32_t id = 0;
  std::string host;
  uint16_t port = 0;
};
struct KafkaMetadata {
  std::vector<KafkaBroker> brokers;
  int16_t topic_error = 0;
  std::vector<KafkaPartition> partitions;
};

// Answers, without their length; kCorruption for what is none, or none to the request of this id.
core::Result<KafkaMetadata> ParseKafkaMetadata(std::string_view answer, int32_t correlation_id,
                                               std::string_view topic);
// The error, or 0, and who we are then.
struct KafkaProducerIdAnswer {
  int16_t error = 0;
  KafkaProducerId producer;
};
core::Result<KafkaProducerIdAnswer> ParseKafkaInitProducerId(std::string_view answer, int32_t correlation_id);
// The error of the partition, or 0.
core::Result<int16_t> ParseKafkaProduce(std::string_view answer, int32_t correlation_id);

// What Kafka calls an error: "MESSAGE_TOO_LARGE", or its number.
std::string KafkaErrorName(int16_t error);
// Whether the same request may succeed later, and whether another broker must be asked then.
bool IsRetriableKafkaError(int16_t error);

namespace kafka_error {
inline constexpr int16_t kUnknownTopicOrPartition = 3;
inline constexpr int16_t kMessageTooLarge = 10;
inline constexpr int16_t kRecordListTooLarge = 18;
inline constexpr int16_t kOutOfOrderSequence = 45;
inline constexpr int16_t kDuplicateSequence = 46;
inline constexpr int16_t kInvalidProducerEpoch = 47;
inline constexpr int16_t kInvalidProducerIdMapping = 49;
inline constexpr int16_t kUnknownProducerId = 59;
}  // namespace kafka_error

// The partition that all clients of Kafka choose for a key (murmur2). `partitions` is above 0.
int32_t KafkaPartitionOf(std::string_view key, int32_t partitions);

}  // namespace sextant::net
