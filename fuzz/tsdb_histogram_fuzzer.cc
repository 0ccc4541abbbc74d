// Histograms: the input as a section (of a batch or checkpoint), as start times, and as a chunk (two bytes of
// sample count, then the chunk). What can be read must come back the same after being written anew.
#include <cstdlib>
#include <limits>

#include "metrics/tsdb/histogram_section.h"
#include "metrics/tsdb/start_times.h"

namespace {

using namespace sextant::tsdb;

constexpr TimestampMs kFirst = std::numeric_limits<TimestampMs>::min();
constexpr TimestampMs kLast = std::numeric_limits<TimestampMs>::max();

void CheckSection(std::string_view input) {
  auto section = ReadMixedSection(input);
  if (!section || section->samples.empty()) return;
  std::string anew;
  PutMixedSamples(section->samples, anew);
  auto again = ReadMixedSection(anew);
  if (!again || again->samples.size() != section->samples.size()) abort();
  for (size_t i = 0; i < again->samples.size(); ++i) {
    if (again->samples[i].ref != section->samples[i].ref ||
        again->samples[i].bits != section->samples[i].bits ||
        again->samples[i].time_ms != section->samples[i].time_ms) {
      abort();
    }
  }
}

void CheckChunk(std::string_view input) {
  ByteReader reader(input);
  uint16_t count = reader.Fixed<uint16_t>();
  std::string_view bytes = reader.Bytes(reader.remaining());
  sextant::model::SampleColumns out;
  auto decoded = DecodeHistogramChunk(bytes, count, kFirst, kLast, out);
  auto restored = HistogramChunk::Restore(bytes, count);
  if (!restored) return;
  // What is a chunk to one is a chunk to the other, and goes on.
  if (!decoded || out.size() != count || HistogramBits(*out.histograms.back()) != (*restored)->last_bits()) {
    abort();
  }
  if (out.times_ms.back() == kLast) return;
  (*restored)->Append(out.times_ms.back() + 1, 0, *out.histograms.front());
  if (!HistogramChunk::Restore((*restored)->bytes(), (*restored)->samples()) &&
      (*restored)->samples() <= kMaxHistogramChunkSamples) {
    abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  CheckSection(input);
  CheckChunk(input);
  std::vector<StartChange> changes;
  static_cast<void>(ReadStartChanges(input, changes));
  return 0;
}
