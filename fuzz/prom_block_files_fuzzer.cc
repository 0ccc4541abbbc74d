// The small files of Prometheus' blocks: meta.json, tombstones, with the checksum put right, and the list of
// those that were uploaded.
#include <cstring>
#include <string>

#include "core/crc32c.h"
#include "core/result.h"
#include "metrics/promfiles/big_endian.h"
#include "metrics/promfiles/meta.h"
#include "metrics/promfiles/tombstones.h"
#include "metrics/promfiles/upload_list.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant::promfiles;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  // What is read is written so that it is read as the same.
  auto meta = ParseBlockMeta(bytes);
  if (meta) {
    auto again = ParseBlockMeta(FormatBlockMeta(*meta));
    SEXTANT_CHECK(again.has_value() && *again == *meta);
  }
  static_cast<void>(ParseUploadList(bytes));
  if (bytes.size() > 9) {
    std::string entries = bytes.substr(5, bytes.size() - 9);
    bytes.resize(bytes.size() - 4);
    PutBigEndian<uint32_t>(bytes, sextant::core::Crc32c(entries));
  }
  auto tombstones = ParseTombstones(bytes);
  if (tombstones) {
    auto again = ParseTombstones(FormatTombstones(*tombstones));
    SEXTANT_CHECK(again.has_value() && *again == *tombstones);
  }
  return 0;
}
