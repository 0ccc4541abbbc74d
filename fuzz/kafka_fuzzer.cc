// Answers of a Kafka broker: read within their bounds; what is read of metadata is of their size.
#include <cstdlib>
#include <string_view>

#include "net/kafka_wire.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant;
  const std::string_view answer(reinterpret_cast<const char*>(data), size);
  if (const auto metadata = net::ParseKafkaMetadata(answer, 9, "t")) {
    if (metadata->brokers.size() + metadata->partitions.size() > size) std::abort();
  }
  const auto produced = net::ParseKafkaProduce(answer, 9);
  if (produced && net::KafkaErrorName(*produced).empty()) std::abort();
  if (net::ParseKafkaInitProducerId(answer, 9) && size < 20) std::abort();
  return 0;
}
