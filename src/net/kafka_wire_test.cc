#include "net/kafka_wire.h"

#include <gtest/gtest.h>

#include "core/crc32c.h"
#include "net/compression.h"

namespace sextant::net {
namespace {

template <typename T>
std::string Big(T value) {
  std::string out;
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
    out += static_cast<char>(static_cast<uint64_t>(value) >> shift);
  return out;
}
std::string Text(std::string_view text) { return Big(static_cast<int16_t>(text.size())) + std::string(text); }

// Of Kafka's own tests of murmur2.
TEST(KafkaWire, PartitionsAreThoseOfAllClients) {
  const auto partition = [](std::string_view key) { return KafkaPartitionOf(key, 0x7fffffff); };
  const auto of_hash = [](int32_t hash) { return (hash & 0x7fffffff) % 0x7fffffff; };
  EXPECT_EQ(partition("21"), of_hash(-973932308));
  EXPECT_EQ(partition("foobar"), of_hash(-790332482));
  EXPECT_EQ(partition("a-little-bit-long-string"), of_hash(-985981536));
  EXPECT_EQ(partition("a-little-bit-longer-string"), of_hash(-1486304829));
  EXPECT_EQ(partition("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), of_hash(-58897971));
  EXPECT_EQ(partition("abc"), of_hash(479470107));
  EXPECT_LT(KafkaPartitionOf("", 3), 3);
}

TEST(KafkaWire, ABatchHasALengthAndAChecksum) {
  const std::vector<KafkaRecord> records = {{.key = "k", .value = "one", .time_ms = 1'000},
                                            {.key = "k", .value = "two", .time_ms = 1'003}};
  const auto batch = EncodeKafkaBatch(records, KafkaCompression::kNone, {.id = 7, .epoch = 2}, 5);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->substr(8, 4), Big(static_cast<int32_t>(batch->size() - 12)));
  EXPECT_EQ((*batch)[16], 2);
  EXPECT_EQ(batch->substr(17, 4), Big(core::Crc32c(batch->substr(21))));
  EXPECT_EQ(batch->substr(21), Big<int16_t>(0) + Big<int32_t>(1) + Big<int64_t>(1'000) + Big<int64_t>(1'003) +
                                   Big<int64_t>(7) + Big<int16_t>(2) + Big<int32_t>(5) + Big<int32_t>(2) +
                                   // length, attributes, later by, offset, key, value, headers
                                   std::string("\x14\0\0\0\x02k\x06one\0", 11) +
                                   std::string("\x14\0\x06\x02\x02k\x06two\0", 11));
}

TEST(KafkaWire, BatchesAreCompressed) {
  const std::vector<KafkaRecord> records = {{.key = "k", .value = std::string(10'000, 'x'), .time_ms = 1}};
  const auto plain = EncodeKafkaBatch(records, KafkaCompression::kNone, {}, -1);
  ASSERT_TRUE(plain);
  for (const auto compression : {KafkaCompression::kGzip, KafkaCompression::kSnappy, KafkaCompression::kLz4,
                                 KafkaCompression::kZstd}) {
    const auto batch = EncodeKafkaBatch(records, compression, {}, -1);
    ASSERT_TRUE(batch);
    EXPECT_LT(batch->size(), 1'000);
    EXPECT_EQ((*batch)[22], static_cast<char>(compression));
  }
  const auto gzip = EncodeKafkaBatch(records, KafkaCompression::kGzip, {}, -1);
  std::string content;
  ASSERT_TRUE(Decompress(Encoding::kGzip, gzip->substr(61), 1 << 20, content));
  EXPECT_EQ(content, plain->substr(61));
}

TEST(KafkaWire, RequestsHaveAHead) {
  const KafkaRequestHead head{.correlation_id = 9, .client_id = "me"};
  EXPECT_EQ(EncodeKafkaMetadata(head, "t"), Big<int32_t>(20) + Big<int16_t>(3) + Big<int16_t>(4) +
                                                Big<int32_t>(9) + Text("me") + Big<int32_t>(1) + Text("t") +
                                                std::string(1, '\0'));
  const std::string produce =
      EncodeKafkaProduce(head, "t", 3, "BATCH", KafkaCompression::kZstd, KafkaAcks::kAll, 1'500);
  EXPECT_EQ(produce.substr(4), Big<int16_t>(0) + Big<int16_t>(7) + Big<int32_t>(9) + Text("me") +
                                   Big<int16_t>(-1) + Big<int16_t>(-1) + Big<int32_t>(1'500) +
                                   Big<int32_t>(1) + Text("t") + Big<int32_t>(1) + Big<int32_t>(3) +
                                   Big<int32_t>(5) + "BATCH");
  EXPECT_EQ(EncodeKafkaInitProducerId(head, 1'500).substr(4), Big<int16_t>(22) + Big<int16_t>(0) +
                                                                  Big<int32_t>(9) + Text("me") +
                                                                  Big<int16_t>(-1) + Big<int32_t>(1'500));
}

std::string MetadataAnswer() {
  return Big<int32_t>(9) + Big<int32_t>(0) + Big<int32_t>(2) + Big<int32_t>(1) + Text("a") +
         Big<int32_t>(9'092) + Big<int16_t>(-1) + Big<int32_t>(2) + Text("b") + Big<int32_t>(9'093) +
         Text("rack") + Text("cluster") + Big<int32_t>(1) + Big<int32_t>(1) + Big<int16_t>(0) + Text("t") +
         std::string(1, '\0') + Big<int32_t>(1) + Big<int16_t>(0) + Big<int32_t>(0) + Big<int32_t>(2) +
         Big<int32_t>(2) + Big<int32_t>(1) + Big<int32_t>(2) + Big<int32_t>(0);
}

TEST(KafkaWire, MetadataIsRead) {
  const auto metadata = ParseKafkaMetadata(MetadataAnswer(), 9, "t");
  ASSERT_TRUE(metadata);
  ASSERT_EQ(metadata->brokers.size(), 2);
  EXPECT_EQ(metadata->brokers[1].host, "b");
  EXPECT_EQ(metadata->brokers[1].port, 9'093);
  EXPECT_EQ(metadata->topic_error, 0);
  ASSERT_EQ(metadata->partitions.size(), 1);
  EXPECT_EQ(metadata->partitions[0].leader, 2);
}

TEST(KafkaWire, AnswersThatAreNoneAreRefused) {
  const std::string whole = MetadataAnswer();
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(ParseKafkaMetadata(whole.substr(0, size), 9, "t")) << size;
  EXPECT_FALSE(ParseKafkaMetadata(whole, 8, "t"));
  EXPECT_FALSE(ParseKafkaMetadata(whole, 9, "other"));
  // Counts that no memory would hold.
  EXPECT_FALSE(ParseKafkaMetadata(Big<int32_t>(9) + Big<int32_t>(0) + Big<int32_t>(0x7fffffff), 9, "t"));

  const std::string produce = Big<int32_t>(9) + Big<int32_t>(1) + Text("t") + Big<int32_t>(1) +
                              Big<int32_t>(0) + Big<int16_t>(10) + Big<int64_t>(-1);
  EXPECT_EQ(ParseKafkaProduce(produce, 9).value_or(0), 10);
  EXPECT_FALSE(ParseKafkaProduce(produce, 1));
  for (size_t size = 0; size < produce.size(); ++size)
    EXPECT_FALSE(ParseKafkaProduce(produce.substr(0, size), 9)) << size;

  const std::string id =
      Big<int32_t>(9) + Big<int32_t>(0) + Big<int16_t>(0) + Big<int64_t>(77) + Big<int16_t>(3);
  ASSERT_TRUE(ParseKafkaInitProducerId(id, 9));
  EXPECT_EQ(ParseKafkaInitProducerId(id, 9)->producer.id, 77);
  for (size_t size = 0; size < id.size(); ++size)
    EXPECT_FALSE(ParseKafkaInitProducerId(id.substr(0, size), 9)) << size;
}

TEST(KafkaWire, ErrorsHaveNames) {
  EXPECT_EQ(KafkaErrorName(10), "MESSAGE_TOO_LARGE");
  EXPECT_EQ(KafkaErrorName(999), "error 999");
  EXPECT_TRUE(IsRetriableKafkaError(6));
  EXPECT_FALSE(IsRetriableKafkaError(10));
  EXPECT_FALSE(IsRetriableKafkaError(999));
}

}  // namespace
}  // namespace sextant::net
