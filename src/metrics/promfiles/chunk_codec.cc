#include "metrics/promfiles/chunk_codec.h"

#include <algorithm>

#include "metrics/promfiles/histogram_chunk.h"
#include "metrics/promfiles/xor_chunk.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::Fail;
using model::FloatHistogram;
using model::SampleColumns;

// Past this a chunk's count no longer fits every encoding's header.
constexpr size_t kMostSamples = 0x3fff;

enum class Kind { kFloat, kIntegerHistogram, kFloatHistogram };

Kind KindOf(const SampleColumns& samples, size_t i) {
  if (samples.histograms.empty() || samples.histograms[i] == nullptr) return Kind::kFloat;
  return samples.histograms[i]->is_integer ? Kind::kIntegerHistogram : Kind::kFloatHistogram;
}

size_t EndOfRun(const SampleColumns& samples, size_t begin) {
  if (samples.histograms.empty()) return samples.size();
  size_t end = begin + 1;
  while (end < samples.size() && KindOf(samples, end) == KindOf(samples, begin)) ++end;
  return end;
}

bool HasStartTimes(const SampleColumns& samples, size_t begin, size_t end) {
  if (samples.start_times_ms.empty()) return false;
  auto at = [&](size_t i) { return samples.start_times_ms.begin() + static_cast<ptrdiff_t>(i); };
  return std::any_of(at(begin), at(end), [](TimestampMs start_ms) { return start_ms != 0; });
}

void EncodeFloats(const SampleColumns& samples, size_t begin, size_t end, const EncodeOptions& options,
                  std::vector<EncodedChunk>& out) {
  size_t most = std::clamp<size_t>(options.max_samples, 1, kMostSamples);
  for (size_t first = begin; first < end; first += most) {
    size_t last = std::min(first + most, end);
    bool is_xor2 = options.xor2_floats || (options.float_start_times && HasStartTimes(samples, first, last));
    EncodedChunk chunk;
    chunk.encoding = is_xor2 ? Encoding::kXor2 : Encoding::kXor;
    chunk.min_time_ms = samples.times_ms[first];
    chunk.max_time_ms = samples.times_ms[last - 1];
    chunk.samples = static_cast<uint32_t>(last - first);
    chunk.bytes = is_xor2 ? EncodeXor2Chunk(samples, first, last) : EncodeXorChunk(samples, first, last);
    out.push_back(std::move(chunk));
  }
}

core::Status EncodeHistograms(const SampleColumns& samples, size_t begin, size_t end,
                              const EncodeOptions& options, std::vector<EncodedChunk>& out) {
  using StartTimes = HistogramChunkWriter::StartTimes;
  HistogramChunkWriter writer(options.max_samples,
                              options.histogram_start_times ? StartTimes::kWhereThere : StartTimes::kLeaveOut,
                              out);
  for (size_t i = begin; i < end; ++i) {
    TimestampMs start_ms = samples.start_times_ms.empty() ? 0 : samples.start_times_ms[i];
    SEXTANT_TRY(writer.Append(samples.times_ms[i], *samples.histograms[i], start_ms));
  }
  writer.Finish();
  return {};
}

core::Status Decode(uint8_t encoding, std::string_view bytes, TimestampMs start_ms, TimestampMs end_ms,
                    SampleColumns& out) {
  switch (static_cast<Encoding>(encoding)) {
    case Encoding::kXor:
      return DecodeXorChunk(bytes, start_ms, end_ms, out);
    case Encoding::kXor2:
      return DecodeXor2Chunk(bytes, start_ms, end_ms, out);
    case Encoding::kHistogram:
    case Encoding::kFloatHistogram:
    case Encoding::kHistogramWithStart:
    case Encoding::kFloatHistogramWithStart:
      return DecodeHistogramChunk(static_cast<Encoding>(encoding), bytes, start_ms, end_ms, out);
  }
  return Fail(Code::kCorruption, "chunk encoding {} is not known", encoding);
}

}  // namespace

core::Status DecodeChunk(uint8_t encoding, std::string_view bytes, TimestampMs start_ms, TimestampMs end_ms,
                         SampleColumns& out) {
  size_t before = out.size();
  core::Status status = Decode(encoding, bytes, start_ms, end_ms, out);
  if (!status) out.Resize(before);
  return status;
}

core::Status EncodeChunks(const SampleColumns& samples, const EncodeOptions& options,
                          std::vector<EncodedChunk>& out) {
  for (size_t begin = 0; begin < samples.size();) {
    size_t end = EndOfRun(samples, begin);
    if (KindOf(samples, begin) == Kind::kFloat) {
      EncodeFloats(samples, begin, end, options, out);
    } else {
      SEXTANT_TRY(EncodeHistograms(samples, begin, end, options, out));
    }
    begin = end;
  }
  return {};
}

}  // namespace sextant::promfiles
