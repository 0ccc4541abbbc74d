// Prometheus' chunks: a byte of encoding, then the chunk. What can be read must come back the same after
// being written and read again.
#include <bit>

#include "metrics/promfiles/chunk_codec.h"

namespace {

using sextant::model::FloatHistogram;
using sextant::model::SampleColumns;

bool SameBits(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

bool SameSample(const SampleColumns& a, const SampleColumns& b, size_t i) {
  const FloatHistogram* x = a.histograms.empty() ? nullptr : a.histograms[i].get();
  const FloatHistogram* y = b.histograms.empty() ? nullptr : b.histograms[i].get();
  if (a.times_ms[i] != b.times_ms[i] || (x == nullptr) != (y == nullptr)) return false;
  if (x == nullptr) return SameBits(a.values[i], b.values[i]);
  return SameBits(x->sum, y->sum) && SameBits(x->count, y->count) && x->schema == y->schema;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant::promfiles;
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  SampleColumns samples;
  if (!DecodeChunk(data[0], bytes, INT64_MIN, INT64_MAX, samples)) {
    if (samples.size() != 0) __builtin_trap();
    return 0;
  }
  std::vector<EncodedChunk> chunks;
  // Some counts that bytes can say are none, such as negative ones.
  if (!EncodeChunks(samples, {.float_start_times = true, .histogram_start_times = true}, chunks)) return 0;
  SampleColumns again;
  for (const EncodedChunk& chunk : chunks) {
    if (!DecodeChunk(static_cast<uint8_t>(chunk.encoding), chunk.bytes, INT64_MIN, INT64_MAX, again)) {
      __builtin_trap();
    }
  }
  if (again.size() != samples.size() || again.start_times_ms != samples.start_times_ms) __builtin_trap();
  for (size_t i = 0; i < samples.size(); ++i) {
    if (!SameSample(samples, again, i)) __builtin_trap();
  }
  return 0;
}
