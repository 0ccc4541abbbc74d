// What stands beside the blocks of a Prometheus: a byte says whether a head chunk file follows, or records
// (each with two bytes of length) that go through the replay of WAL, WBL or chunk snapshot.
#include <string>

#include "core/crc32c.h"
#include "metrics/promfiles/big_endian.h"
#include "metrics/promfiles/chunk_codec.h"
#include "metrics/promfiles/head_chunks.h"
#include "metrics/promfiles/head_replay.h"

namespace {

using namespace sextant::promfiles;

void VisitChunks(std::string_view file) {
  static_cast<void>(VisitHeadChunks(file, [&](uint64_t offset, const HeadChunk& chunk) {
    if (HeadChunkAt(file, offset).bytes != chunk.bytes) __builtin_trap();
    sextant::model::SampleColumns samples;
    static_cast<void>(DecodeChunk(chunk.encoding, chunk.bytes, INT64_MIN, INT64_MAX, samples));
  }));
}

// Makes the checksums of the chunks right.
void Seal(std::string& file) {
  for (size_t at = 8; at < file.size();) {
    BigEndianReader reader(std::string_view(file).substr(at));
    reader.Bytes(25);
    reader.Prefixed();
    if (reader.remaining() < 4) return;
    size_t end = file.size() - reader.remaining();
    std::string crc;
    PutBigEndian(crc, sextant::core::Crc32c(std::string_view(file).substr(at, end - at)));
    file.replace(end, 4, crc);
    at = end + 4;
  }
}

void Replay(std::string_view bytes) {
  MappedChunks chunks;
  HeadReplay replay(chunks, INT64_MIN, 10);
  BigEndianReader reader(bytes);
  while (!reader.at_end()) {
    uint8_t log = reader.Byte();
    std::string_view record = reader.Bytes(reader.Fixed<uint16_t>());
    if (log % 3 == 0) static_cast<void>(replay.ApplyWal(record));
    if (log % 3 == 1) static_cast<void>(replay.ApplyWbl(record));
    if (log % 3 == 2) static_cast<void>(replay.ApplySnapshot(record));
  }
  replay.FinishSnapshot();
  for (const HeadReplay::Series& series : replay.series()) {
    sextant::model::SampleColumns samples;
    if (!series.samples.Read(samples)) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 1) {
    Replay(bytes);
    return 0;
  }
  VisitChunks(bytes);
  Seal(bytes);
  VisitChunks(bytes);
  return 0;
}
