#include "metrics/tsdb/chunk.h"

#include <algorithm>

#include "metrics/tsdb/value_codec.h"

namespace sextant::tsdb {
namespace {

constexpr uint8_t kTimeChange = 0xe8;
constexpr uint8_t kSmallTimeChange = 0xf0;

}  // namespace

size_t EncodeSample(const ChunkTail& tail, TimestampMs time_ms, uint64_t bits, char* out) {
  char* at = out;
  uint64_t previous_bits = tail.last_bits;
  bool keeps_distance = true;
  if (tail.count == 0) {
    StoreFixed(at, time_ms);
    at += sizeof time_ms;
    previous_bits = 0;
  } else {
    int64_t change = WrappingSub(time_ms, tail.last_time_ms) - tail.last_delta_ms;
    keeps_distance = change == 0;
    if (change >= -8 && change <= 8) {
      if (change != 0) *at++ = static_cast<char>(kSmallTimeChange + ZigZag(change) - 1);
    } else {
      *at++ = static_cast<char>(kTimeChange);
      at = StoreVarint(at, ZigZag(change));
    }
  }
  if (bits != previous_bits) {
    at = EncodeValue(previous_bits, bits, at);
  } else if (tail.count > 0 && keeps_distance && tail.ends_in_run) {
    return 0;
  } else {
    *at++ = 0;  // a run of one
  }
  return static_cast<size_t>(at - out);
}

ChunkReader::ChunkReader(std::string_view bytes, uint32_t count) : reader_(bytes), left_(count) {
  if (count == 0) return;
  time_ms_ = reader_.Fixed<TimestampMs>();
  if (!reader_.ok()) Fail();
}

bool ChunkReader::ReadTimeToken(uint8_t token) {
  int64_t change;
  if (token == kTimeChange) {
    change = reader_.SignedVarint();
  } else {
    change = UnZigZag(static_cast<uint64_t>(token - kSmallTimeChange) + 1);
  }
  delta_ms_ = WrappingAdd(delta_ms_, change);
  return reader_.ok();
}

bool ChunkReader::Next(TimestampMs& time_ms, uint64_t& bits) {
  if (left_ == 0) return false;
  if (run_left_ > 0) {
    --run_left_;
  } else {
    uint8_t token = reader_.Byte();
    if (!is_first_ && (token == kTimeChange || token >= kSmallTimeChange)) {
      if (!ReadTimeToken(token)) return Fail();
      token = reader_.Byte();
    }
    if (!reader_.ok()) return Fail();
    token_ = token;
    if (token <= kMaxRunToken) {
      run_left_ = token;
    } else if (!DecodeValue(token, bits_, reader_, bits_)) {
      return Fail();
    }
  }
  if (!is_first_) {
    TimestampMs next = WrappingAdd(time_ms_, delta_ms_);
    if (next <= time_ms_) return Fail();
    time_ms_ = next;
  }
  is_first_ = false;
  --left_;
  time_ms = time_ms_;
  bits = bits_;
  return true;
}

bool ChunkReader::Newest(TimestampMs end_ms, TimestampMs& time_ms, uint64_t& bits) {
  bool is_found = false;
  TimestampMs next_ms;
  uint64_t next_bits;
  while (Next(next_ms, next_bits) && next_ms <= end_ms) {
    if (run_left_ > 0 && delta_ms_ > 0) {
      // The rest of a run, as far as it is in time, at once.
      uint64_t distance_ms = static_cast<uint64_t>(end_ms) - static_cast<uint64_t>(next_ms);
      auto steps = static_cast<uint32_t>(
          std::min<uint64_t>(distance_ms / static_cast<uint64_t>(delta_ms_), std::min(run_left_, left_)));
      run_left_ -= steps;
      left_ -= steps;
      time_ms_ =
          WrappingAdd(time_ms_, static_cast<int64_t>(uint64_t{steps} * static_cast<uint64_t>(delta_ms_)));
      next_ms = time_ms_;
    }
    is_found = true;
    time_ms = next_ms;
    bits = next_bits;
  }
  return is_found && ok();
}

core::Result<ChunkTail> ReadTail(std::string_view bytes, uint16_t count) {
  ChunkReader reader(bytes, count);
  ChunkTail tail{.size_bytes = static_cast<uint16_t>(bytes.size()), .count = count};
  TimestampMs time_ms;
  for (uint32_t i = 0; reader.Next(time_ms, tail.last_bits); ++i) {
    int64_t delta_ms = i == 0 ? 0 : WrappingSub(time_ms, tail.last_time_ms);
    if (delta_ms < 0 || delta_ms > INT32_MAX) reader.Fail();
    tail.last_delta_ms = static_cast<int32_t>(delta_ms);
    tail.last_time_ms = time_ms;
  }
  if (!reader.ok() || !reader.reader_.at_end() || reader.run_left_ > 0 || bytes.size() > UINT16_MAX) {
    return core::Fail(core::Code::kCorruption, "{} bytes are not a chunk of {} samples", bytes.size(), count);
  }
  tail.ends_in_run = count > 0 && reader.token_ < kMaxRunToken;
  return tail;
}

core::Status DecodeChunk(std::string_view bytes, uint32_t count, TimestampMs start_ms, TimestampMs end_ms,
                         model::SampleColumns& out) {
  ChunkReader reader(bytes, count);
  TimestampMs time_ms;
  uint64_t bits;
  while (reader.Next(time_ms, bits)) {
    if (time_ms > end_ms) return {};
    if (time_ms < start_ms) continue;
    out.times_ms.push_back(time_ms);
    out.values.push_back(std::bit_cast<double>(bits));
  }
  if (!reader.ok())
    return core::Fail(core::Code::kCorruption, "a chunk of {} bytes is malformed", bytes.size());
  return {};
}

}  // namespace sextant::tsdb
