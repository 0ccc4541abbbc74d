#include "metrics/promfiles/head_series_buffer.h"

namespace sextant::promfiles {
namespace {

// Few, as pending histograms take many times what they do in a chunk.
constexpr size_t kMostPending = 32;
constexpr TimestampMs kMaxTime = std::numeric_limits<TimestampMs>::max();

}  // namespace

core::Status HeadSeriesBuffer::Add(TimestampMs time_ms, double value, TimestampMs start_ms) {
  if (!Advance(time_ms)) return {};
  if (start_ms != 0) {
    CloseFloats();
    rest().pending.Add(time_ms, value, start_ms);
    return rest_->pending.size() < kMostPending ? core::Status() : ClosePending();
  }
  if (rest_ != nullptr && rest_->pending.size() > 0) SEXTANT_TRY(ClosePending());
  if (appender_.count() == XorAppender::kMostSamples) CloseFloats();
  appender_.Append(floats_, time_ms, value);
  return {};
}

core::Status HeadSeriesBuffer::AddHistogram(TimestampMs time_ms,
                                            std::shared_ptr<const model::FloatHistogram> histogram,
                                            TimestampMs start_ms) {
  if (!Advance(time_ms)) return {};
  CloseFloats();
  rest().pending.AddHistogram(time_ms, std::move(histogram), start_ms);
  return rest_->pending.size() < kMostPending ? core::Status() : ClosePending();
}

core::Status HeadSeriesBuffer::AddChunk(uint8_t encoding, std::string_view bytes) {
  model::SampleColumns samples;
  SEXTANT_TRY(DecodeChunk(encoding, bytes, kNone, kMaxTime, samples));
  if (samples.size() == 0) return {};
  if (newest_ms_ != kNone && samples.times_ms.front() <= newest_ms_) {
    return core::Fail(core::Code::kCorruption, "a chunk that begins before the one before it ends");
  }
  CloseFloats();
  SEXTANT_TRY(ClosePending());
  rest().chunks.push_back({.encoding = encoding, .bytes = std::string(bytes)});
  if (oldest_ms_ == kNone) oldest_ms_ = samples.times_ms.front();
  newest_ms_ = samples.times_ms.back();
  return {};
}

core::Status HeadSeriesBuffer::Read(model::SampleColumns& out) const {
  if (rest_ != nullptr) {
    for (const Chunk& chunk : rest_->chunks) {
      SEXTANT_TRY(DecodeChunk(chunk.encoding, chunk.bytes, kNone, kMaxTime, out));
    }
  }
  if (appender_.count() > 0) SEXTANT_TRY(DecodeXorChunk(floats_, kNone, kMaxTime, out));
  if (rest_ == nullptr) return {};
  const model::SampleColumns& pending = rest_->pending;
  for (size_t i = 0; i < pending.size(); ++i) {
    TimestampMs start_ms = pending.start_times_ms.empty() ? 0 : pending.start_times_ms[i];
    if (!pending.histograms.empty() && pending.histograms[i] != nullptr) {
      out.AddHistogram(pending.times_ms[i], pending.histograms[i], start_ms);
    } else {
      out.Add(pending.times_ms[i], pending.values[i], start_ms);
    }
  }
  return {};
}

bool HeadSeriesBuffer::Advance(TimestampMs time_ms) {
  if (time_ms <= newest_ms_) return false;
  if (newest_ms_ == kNone) oldest_ms_ = time_ms;
  newest_ms_ = time_ms;
  return true;
}

HeadSeriesBuffer::Rest& HeadSeriesBuffer::rest() {
  if (rest_ == nullptr) rest_ = std::make_unique<Rest>();
  return *rest_;
}

void HeadSeriesBuffer::CloseFloats() {
  if (appender_.count() == 0) return;
  rest().chunks.push_back({.encoding = static_cast<uint8_t>(Encoding::kXor), .bytes = std::move(floats_)});
  floats_.clear();
  appender_ = {};
}

core::Status HeadSeriesBuffer::ClosePending() {
  if (rest_ == nullptr || rest_->pending.size() == 0) return {};
  std::vector<EncodedChunk> chunks;
  SEXTANT_TRY(
      EncodeChunks(rest_->pending, {.float_start_times = true, .histogram_start_times = true}, chunks));
  for (EncodedChunk& chunk : chunks) {
    rest_->chunks.push_back(
        {.encoding = static_cast<uint8_t>(chunk.encoding), .bytes = std::move(chunk.bytes)});
  }
  rest_->pending.clear();
  return {};
}

}  // namespace sextant::promfiles
