// Segments of Prometheus' logs, as they come and with the checksums of their fragments made right, so that
// the record behind them is reached.
#include <algorithm>
#include <string>

#include "core/crc32c.h"
#include "metrics/promfiles/big_endian.h"
#include "metrics/promfiles/wal_pages.h"
#include "metrics/promfiles/wal_segments.h"

namespace {

using namespace sextant::promfiles;

void ReadAll(std::string_view bytes) {
  SegmentReader reader(bytes);
  std::string_view record;
  size_t records = 0;
  while (reader.Next(record)) ++records;
  if (records > bytes.size() || reader.damages().size() > records + 1) __builtin_trap();
}

void Seal(std::string& bytes) {
  for (size_t at = 0; at + kFragmentHeaderBytes <= bytes.size();) {
    size_t page_end = std::min((at / kWalPageBytes + 1) * kWalPageBytes, bytes.size());
    if ((bytes[at] & kFragmentTypeMask) == kPageEnd || at + kFragmentHeaderBytes > page_end) {
      at = page_end;
      continue;
    }
    size_t length = LoadBigEndian<uint16_t>(bytes.data() + at + 1);
    length = std::min(length, page_end - at - kFragmentHeaderBytes);
    std::string crc;
    PutBigEndian(crc, sextant::core::Crc32c(std::string_view(bytes).substr(at + kFragmentHeaderBytes, length)));
    bytes.replace(at + 3, crc.size(), crc);
    at += kFragmentHeaderBytes + length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  ReadAll(bytes);
  Seal(bytes);
  ReadAll(bytes);
  return 0;
}
