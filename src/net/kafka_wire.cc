#include "net/kafka_wire.h"

#include <fmt/format.h>
#include <lz4frame.h>
#include <snappy.h>

#include <algorithm>
#include <array>

#include "core/crc32c.h"
#include "net/compression.h"

namespace sextant::net {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr int16_t kProduce = 0;
constexpr int16_t kMetadata = 3;
constexpr int16_t kInitProducerId = 22;
constexpr int16_t kMetadataVersion = 4;
constexpr int16_t kInitProducerIdVersion = 0;
constexpr int16_t kProduceVersion = 3;
constexpr int16_t kProduceVersionOfZstd = 7;

// --- writing ---

template <typename T>
void Put(std::string& out, T value) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
    out += static_cast<char>(static_cast<uint64_t>(value) >> shift);
}

void PutText(std::string& out, std::string_view text) {
  Put<int16_t>(out, static_cast<int16_t>(text.size()));
  out += text;
}

void PutVarint(std::string& out, int64_t value) {
  uint64_t bits = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (; bits >= 0x80; bits >>= 7) out += static_cast<char>(bits | 0x80);
  out += static_cast<char>(bits);
}

void PutBytes(std::string& out, std::string_view bytes) {
  PutVarint(out, static_cast<int64_t>(bytes.size()));
  out += bytes;
}

// With room for the length, which Framed fills in.
std::string BeginRequest(int16_t api, int16_t version, const KafkaRequestHead& head) {
  std::string out(4, '\0');
  Put<int16_t>(out, api);
  Put<int16_t>(out, version);
  Put<int32_t>(out, head.correlation_id);
  PutText(out, head.client_id);
  return out;
}

std::string Framed(std::string request) {
  std::string size;
  Put<int32_t>(size, static_cast<int32_t>(request.size() - 4));
  request.replace(0, 4, size);
  return request;
}

void PutRecord(std::string& out, const KafkaRecord& record, int64_t first_time_ms, int64_t offset) {
  std::string body;
  body.reserve(record.key.size() + record.value.size() + 24);
  body += '\0';  // attributes: none are defined
  PutVarint(body, record.time_ms - first_time_ms);
  PutVarint(body, offset);
  PutBytes(body, record.key);
  PutBytes(body, record.value);
  PutVarint(body, 0);  // headers
  PutBytes(out, body);
}

Result<std::string> CompressLz4(std::string_view input) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;  // Kafka's own reader takes no other
  std::string out(LZ4F_compressFrameBound(input.size(), &preferences), '\0');
  const size_t size = LZ4F_compressFrame(out.data(), out.size(), input.data(), input.size(), &preferences);
  if (LZ4F_isError(size) != 0) return Fail(Code::kInternal, "lz4: {}", LZ4F_getErrorName(size));
  out.resize(size);
  return out;
}

Result<std::string> Compressed(std::string records, KafkaCompression compression) {
  std::string out;
  switch (compression) {
    case KafkaCompression::kNone:
      return records;
    case KafkaCompression::kSnappy:
      snappy::Compress(records.data(), records.size(), &out);
      return out;
    case KafkaCompression::kLz4:
      return CompressLz4(records);
    case KafkaCompression::kGzip:
      SEXTANT_TRY(Compress(Encoding::kGzip, records, out));
      return out;
    case KafkaCompression::kZstd:
      SEXTANT_TRY(Compress(Encoding::kZstd, records, out));
      return out;
  }
  return records;
}

// --- reading ---

// Reads big-endian values; after the end everything is 0 or empty, and is_ok() says so.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  T Get() {
    if (bytes_.size() < sizeof(T)) return FailAs<T>();
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(T); ++i) value = value << 8 | static_cast<unsigned char>(bytes_[i]);
    bytes_.remove_prefix(sizeof(T));
    return static_cast<T>(value);
  }

  // A text, which may be null: empty then.
  std::string_view GetText() {
    const auto size = Get<int16_t>();
    if (size < 0) return {};
    return Take(static_cast<size_t>(size));
  }

  // How many items follow, each of which has `least_bytes`.
  size_t GetCount(size_t least_bytes) {
    const auto count = Get<int32_t>();
    if (count < 0) return 0;
    if (static_cast<size_t>(count) > bytes_.size() / least_bytes) return FailAs<size_t>();
    return static_cast<size_t>(count);
  }

  void SkipIds() {
    const size_t count = GetCount(sizeof(int32_t));
    Take(count * sizeof(int32_t));
  }

  bool is_ok() const { return is_ok_; }

 private:
  template <typename T>
  T FailAs() {
    is_ok_ = false;
    bytes_ = {};
    return T{};
  }
  std::string_view Take(size_t size) {
    if (bytes_.size() < size) return FailAs<std::string_view>();
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

  std::string_view bytes_;
  bool is_ok_ = true;
};

core::Error Malformed(std::string_view what) {
  return core::Error(Code::kCorruption, fmt::format("kafka: malformed answer to {}", what));
}

}  // namespace

Result<std::string> EncodeKafkaBatch(std::span<const KafkaRecord> records, KafkaCompression compression,
                                     KafkaProducerId producer, int32_t first_sequence) {
  int64_t first_ms = records.front().time_ms;
  int64_t last_ms = first_ms;
  std::string body;
  for (size_t i = 0; i < records.size(); ++i) {
    last_ms = std::max(last_ms, records[i].time_ms);
    PutRecord(body, records[i], first_ms, static_cast<int64_t>(i));
  }
  SEXTANT_ASSIGN(body, Compressed(std::move(body), compression));

  std::string checked;  // what the checksum is over
  Put<int16_t>(checked, static_cast<int16_t>(compression));
  Put<int32_t>(checked, static_cast<int32_t>(records.size()) - 1);
  Put<int64_t>(checked, first_ms);
  Put<int64_t>(checked, last_ms);
  Put<int64_t>(checked, producer.id);
  Put<int16_t>(checked, producer.epoch);
  Put<int32_t>(checked, first_sequence);
  Put<int32_t>(checked, static_cast<int32_t>(records.size()));
  checked += body;

  std::string out;
  out.reserve(checked.size() + 21);
  Put<int64_t>(out, 0);  // the offset is the broker's business
  Put<int32_t>(out, static_cast<int32_t>(checked.size() + 9));
  Put<int32_t>(out, -1);  // and so is the leader's epoch
  Put<int8_t>(out, 2);    // the format
  Put<uint32_t>(out, core::Crc32c(checked));
  return out + checked;
}

std::string EncodeKafkaMetadata(const KafkaRequestHead& head, std::string_view topic) {
  std::string out = BeginRequest(kMetadata, kMetadataVersion, head);
  Put<int32_t>(out, 1);
  PutText(out, topic);
  Put<int8_t>(out, 0);  // do not make it
  return Framed(std::move(out));
}

std::string EncodeKafkaInitProducerId(const KafkaRequestHead& head, core::DurationMs timeout_ms) {
  std::string out = BeginRequest(kInitProducerId, kInitProducerIdVersion, head);
  Put<int16_t>(out, -1);  // no transactions
  Put<int32_t>(out, static_cast<int32_t>(timeout_ms));
  return Framed(std::move(out));
}

std::string EncodeKafkaProduce(const KafkaRequestHead& head, std::string_view topic, int32_t partition,
                               std::string_view batch, KafkaCompression compression, KafkaAcks acks,
                               core::DurationMs timeout_ms) {
  const bool is_zstd = compression == KafkaCompression::kZstd;
  std::string out = BeginRequest(kProduce, is_zstd ? kProduceVersionOfZstd : kProduceVersion, head);
  Put<int16_t>(out, -1);  // no transactions
  Put<int16_t>(out, static_cast<int16_t>(acks));
  Put<int32_t>(out, static_cast<int32_t>(timeout_ms));
  Put<int32_t>(out, 1);
  PutText(out, topic);
  Put<int32_t>(out, 1);
  Put<int32_t>(out, partition);
  Put<int32_t>(out, static_cast<int32_t>(batch.size()));
  out += batch;
  return Framed(std::move(out));
}

Result<KafkaMetadata> ParseKafkaMetadata(std::string_view answer, int32_t correlation_id,
                                         std::string_view topic) {
  Reader in(answer);
  KafkaMetadata out;
  bool is_ours = in.Get<int32_t>() == correlation_id;
  in.Get<int32_t>();  // how long we should be quiet
  for (size_t left = in.GetCount(12); left > 0; --left) {
    KafkaBroker broker;
    broker.id = in.Get<int32_t>();
    broker.host = in.GetText();
    broker.port = static_cast<uint16_t>(in.Get<int32_t>());
    in.GetText();  // its rack
    out.brokers.push_back(std::move(broker));
  }
  in.GetText();       // the cluster
  in.Get<int32_t>();  // its controller
  const size_t topics = in.GetCount(9);
  out.topic_error = in.Get<int16_t>();
  is_ours = topics == 1 && in.GetText() == topic && is_ours;
  in.Get<int8_t>();  // whether it is internal
  for (size_t left = in.GetCount(18); left > 0; --left) {
    KafkaPartition partition;
    partition.error = in.Get<int16_t>();
    partition.id = in.Get<int32_t>();
    partition.leader = in.Get<int32_t>();
    in.SkipIds();  // replicas
    in.SkipIds();  // those in sync
    out.partitions.push_back(partition);
  }
  if (!in.is_ok() || !is_ours) return tl::unexpected(Malformed("Metadata"));
  return out;
}

Result<KafkaProducerIdAnswer> ParseKafkaInitProducerId(std::string_view answer, int32_t correlation_id) {
  Reader in(answer);
  KafkaProducerIdAnswer out;
  const bool is_ours = in.Get<int32_t>() == correlation_id;
  in.Get<int32_t>();  // how long we should be quiet
  out.error = in.Get<int16_t>();
  out.producer.id = in.Get<int64_t>();
  out.producer.epoch = in.Get<int16_t>();
  if (!in.is_ok() || !is_ours) return tl::unexpected(Malformed("InitProducerId"));
  return out;
}

Result<int16_t> ParseKafkaProduce(std::string_view answer, int32_t correlation_id) {
  Reader in(answer);
  bool is_ours = in.Get<int32_t>() == correlation_id;
  is_ours = in.Get<int32_t>() == 1 && is_ours;  // topics
  in.GetText();
  is_ours = in.Get<int32_t>() == 1 && is_ours;  // partitions
  in.Get<int32_t>();
  const auto error = in.Get<int16_t>();
  in.Get<int64_t>();  // the offset; the rest differs by version and is of no interest
  if (!in.is_ok() || !is_ours) return tl::unexpected(Malformed("Produce"));
  return error;
}

namespace {

struct ErrorTrait {
  int16_t code;
  std::string_view name;
  bool is_retriable;
};

// Those that a producer may meet.
constexpr std::array kErrors = {
    ErrorTrait{-1, "UNKNOWN_SERVER_ERROR", false},
    ErrorTrait{2, "CORRUPT_MESSAGE", true},
    ErrorTrait{3, "UNKNOWN_TOPIC_OR_PARTITION", true},
    ErrorTrait{5, "LEADER_NOT_AVAILABLE", true},
    ErrorTrait{6, "NOT_LEADER_OR_FOLLOWER", true},
    ErrorTrait{7, "REQUEST_TIMED_OUT", true},
    ErrorTrait{8, "BROKER_NOT_AVAILABLE", true},
    ErrorTrait{9, "REPLICA_NOT_AVAILABLE", true},
    ErrorTrait{10, "MESSAGE_TOO_LARGE", false},
    ErrorTrait{13, "NETWORK_EXCEPTION", true},
    ErrorTrait{14, "COORDINATOR_LOAD_IN_PROGRESS", true},
    ErrorTrait{15, "COORDINATOR_NOT_AVAILABLE", true},
    ErrorTrait{16, "NOT_COORDINATOR", true},
    ErrorTrait{17, "INVALID_TOPIC_EXCEPTION", false},
    ErrorTrait{18, "RECORD_LIST_TOO_LARGE", false},
    ErrorTrait{19, "NOT_ENOUGH_REPLICAS", true},
    ErrorTrait{20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", true},
    ErrorTrait{21, "INVALID_REQUIRED_ACKS", false},
    ErrorTrait{29, "TOPIC_AUTHORIZATION_FAILED", false},
    ErrorTrait{31, "CLUSTER_AUTHORIZATION_FAILED", false},
    ErrorTrait{32, "INVALID_TIMESTAMP", false},
    ErrorTrait{35, "UNSUPPORTED_VERSION", false},
    ErrorTrait{42, "INVALID_REQUEST", false},
    ErrorTrait{43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", false},
    ErrorTrait{44, "POLICY_VIOLATION", false},
    ErrorTrait{45, "OUT_OF_ORDER_SEQUENCE_NUMBER", false},
    ErrorTrait{46, "DUPLICATE_SEQUENCE_NUMBER", false},
    ErrorTrait{47, "INVALID_PRODUCER_EPOCH", false},
    ErrorTrait{49, "INVALID_PRODUCER_ID_MAPPING", false},
    ErrorTrait{51, "CONCURRENT_TRANSACTIONS", true},
    ErrorTrait{56, "KAFKA_STORAGE_ERROR", true},
    ErrorTrait{59, "UNKNOWN_PRODUCER_ID", false},
    ErrorTrait{74, "FENCED_LEADER_EPOCH", true},
    ErrorTrait{75, "UNKNOWN_LEADER_EPOCH", true},
    ErrorTrait{76, "UNSUPPORTED_COMPRESSION_TYPE", false},
    ErrorTrait{87, "INVALID_RECORD", false},
    ErrorTrait{89, "THROTTLING_QUOTA_EXCEEDED", true},
};

const ErrorTrait* FindError(int16_t error) {
  const auto found = std::ranges::find(kErrors, error, &ErrorTrait::code);
  return found == kErrors.end() ? nullptr : &*found;
}

}  // namespace

std::string KafkaErrorName(int16_t error) {
  const ErrorTrait* trait = FindError(error);
  return trait == nullptr ? fmt::format("error {}", error) : std::string(trait->name);
}

bool IsRetriableKafkaError(int16_t error) {
  const ErrorTrait* trait = FindError(error);
  return trait != nullptr && trait->is_retriable;
}

int32_t KafkaPartitionOf(std::string_view key, int32_t partitions) {
  constexpr uint32_t kMix = 0x5bd1e995;
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(key[i])); };
  uint32_t hash = 0x9747b28cU ^ static_cast<uint32_t>(key.size());
  size_t i = 0;
  for (; i + 4 <= key.size(); i += 4) {
    uint32_t word = byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
    word *= kMix;
    word ^= word >> 24;
    hash = hash * kMix ^ word * kMix;
  }
  const size_t left = key.size() - i;
  for (size_t k = left; k > 0; --k) hash ^= byte(i + k - 1) << (8 * (k - 1));
  if (left > 0) hash *= kMix;
  hash ^= hash >> 13;
  hash *= kMix;
  hash ^= hash >> 15;
  return static_cast<int32_t>(hash & 0x7fffffffU) % partitions;
}

}  // namespace sextant::net
