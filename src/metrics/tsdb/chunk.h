// A chunk: consecutive samples of one series, as bytes that grow at the end. The same form is used for open
// chunks in memory and full ones in head chunk files. docs/formats/values.md describes it:
//
//   8 bytes  time of the first sample, ms
//   tokens   of value_codec.h, each standing for a sample (a run: for up to 128) that comes as long after the
//   one
//            before as that after its own; the first is relative to the value +0. A time token before it
//            changes that distance: 0xe8 and a signed varint, or 0xf0-0xff for a change by -8..8 ms.
//
// The number of samples is kept outside. Times ascend strictly.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"
#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/value_codec.h"
#include "model/storage.h"

namespace sextant::tsdb {

using core::TimestampMs;

inline constexpr size_t kMaxSampleBytes = 24;
inline constexpr uint32_t kMaxChunkSamples = 60'000;

// What appending to a chunk needs to know of it.
struct ChunkTail {
  TimestampMs last_time_ms = 0;
  uint64_t last_bits = 0;
  int32_t last_delta_ms = 0;
  uint16_t size_bytes = 0;
  uint16_t count = 0;
  bool ends_in_run = false;  // the last byte is a run that has room
};

// Whether a chunk can take a sample at `time_ms` (after its last one) at all: its distance and the count have
// limits.
inline bool ChunkAccepts(const ChunkTail& tail, TimestampMs time_ms) {
  return tail.count < kMaxChunkSamples &&
         (tail.count == 0 || WrappingSub(time_ms, tail.last_time_ms) <= INT32_MAX);
}

// Appends to a chunk in two steps, since the caller owns the room. EncodeSample writes the bytes that the
// sample adds at `out` (room for kMaxSampleBytes) and returns how many; 0 means that the chunk's last byte
// counts one up instead. CommitSample then updates the tail; `chunk` has the sample's bytes by then. The
// sample is later than the last one, and ChunkAccepts it.
size_t EncodeSample(const ChunkTail& tail, TimestampMs time_ms, uint64_t bits, char* out);
inline void CommitSample(ChunkTail& tail, TimestampMs time_ms, uint64_t bits, size_t added_bytes,
                         const char* chunk) {
  bool is_equal = tail.count == 0 ? bits == 0 : bits == tail.last_bits;
  tail.last_delta_ms = tail.count == 0 ? 0 : static_cast<int32_t>(WrappingSub(time_ms, tail.last_time_ms));
  tail.last_time_ms = time_ms;
  tail.last_bits = bits;
  tail.size_bytes = static_cast<uint16_t>(tail.size_bytes + added_bytes);
  ++tail.count;
  tail.ends_in_run = is_equal && static_cast<uint8_t>(chunk[tail.size_bytes - 1]) < kMaxRunToken;
}

// The time of the first sample of a chunk that has one.
inline TimestampMs ChunkStart(const char* chunk) { return LoadFixed<TimestampMs>(chunk); }

// Reads a chunk one sample after the other.
class ChunkReader {
 public:
  ChunkReader(std::string_view bytes, uint32_t count);

  // The newest of the samples from here on with time <= end_ms; false when there is none, and when the bytes
  // are found not to be such a chunk (then !ok()). Call once, instead of Next.
  bool Newest(TimestampMs end_ms, TimestampMs& time_ms, uint64_t& bits);
  // The next sample; false at the end, and when the bytes are not a chunk of that many samples (then !ok()).
  bool Next(TimestampMs& time_ms, uint64_t& bits);
  bool ok() const { return !failed_; }

 private:
  friend core::Result<ChunkTail> ReadTail(std::string_view bytes, uint16_t count);

  bool Fail() {
    failed_ = true;
    left_ = 0;
    return false;
  }
  bool ReadTimeToken(uint8_t token);

  ByteReader reader_;
  uint32_t left_;
  uint32_t run_left_ = 0;
  TimestampMs time_ms_ = 0;
  int64_t delta_ms_ = 0;
  uint64_t bits_ = 0;
  bool is_first_ = true;
  bool failed_ = false;
  uint8_t token_ = 0;  // the last value token
};

// What appending to a chunk of `count` samples needs to know; kCorruption when the bytes are not just that.
core::Result<ChunkTail> ReadTail(std::string_view bytes, uint16_t count);

// Appends the samples with start_ms <= time <= end_ms to `out`. kCorruption when the bytes are not such a
// chunk (`out` may have got samples before that was found).
core::Status DecodeChunk(std::string_view bytes, uint32_t count, TimestampMs start_ms, TimestampMs end_ms,
                         model::SampleColumns& out);

}  // namespace sextant::tsdb
