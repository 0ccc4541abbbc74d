// Chunks: two bytes of sample count, then the chunk. What can be read must come back the same after being
// written anew.
#include <cstdlib>
#include <vector>

#include "metrics/tsdb/chunk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant::tsdb;
  ByteReader input(std::string_view(reinterpret_cast<const char*>(data), size));
  uint16_t count = input.Fixed<uint16_t>();
  std::string_view bytes = input.Bytes(input.remaining());
  static_cast<void>(ReadTail(bytes, count));

  ChunkReader reader(bytes, count);
  TimestampMs time_ms;
  uint64_t bits;
  std::string anew;
  ChunkTail tail;
  std::vector<std::pair<TimestampMs, uint64_t>> samples;
  while (reader.Next(time_ms, bits)) {
    if (!ChunkAccepts(tail, time_ms) || anew.size() > UINT16_MAX - kMaxSampleBytes) return 0;
    char added[kMaxSampleBytes];
    size_t added_bytes = EncodeSample(tail, time_ms, bits, added);
    if (added_bytes == 0) ++anew.back();
    anew.append(added, added_bytes);
    CommitSample(tail, time_ms, bits, added_bytes, anew.data());
    samples.emplace_back(time_ms, bits);
  }
  ChunkReader again(anew, tail.count);
  for (const auto& [expected_ms, expected_bits] : samples) {
    if (!again.Next(time_ms, bits) || time_ms != expected_ms || bits != expected_bits) abort();
  }
  if (!ReadTail(anew, tail.count)) abort();
  // The newest sample up to the time of one of them, in what was written anew and in what came.
  for (size_t i : {size_t{0}, samples.size() / 2, samples.size() - 1}) {
    if (i >= samples.size()) continue;
    for (ChunkReader newest : {ChunkReader(anew, tail.count), ChunkReader(bytes, count)}) {
      bool is_found = newest.Newest(samples[i].first, time_ms, bits);
      if (!is_found && newest.ok()) abort();
      if (is_found && (time_ms != samples[i].first || bits != samples[i].second)) abort();
    }
  }
  return 0;
}
