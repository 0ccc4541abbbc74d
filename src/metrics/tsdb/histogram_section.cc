#include "metrics/tsdb/histogram_section.h"

#include "metrics/tsdb/arena.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::Result;

constexpr uint8_t kSamples = 1;
constexpr uint8_t kStates = 2;
constexpr size_t kSectionBytes = 4 << 20;

enum Kind : uint8_t { kNothing = 0, kFloat = 1, kHistogram = 2 };

bool ReadSamples(ByteReader& reader, std::vector<MixedSample>& samples) {
  MixedSample sample;
  HistogramDecoder decoder;
  SeriesRef decoder_ref = 0;
  while (reader.ok() && !reader.at_end()) {
    TimestampMs time_before_ms = sample.time_ms;
    sample.ref += static_cast<uint64_t>(reader.SignedVarint());
    uint8_t kind = reader.Byte();
    sample.histogram = nullptr;
    sample.start_ms = 0;
    if (kind == kFloat) {
      sample.time_ms = WrappingAdd(time_before_ms, reader.SignedVarint());
      sample.bits = reader.Fixed<uint64_t>();
    } else if (kind == kHistogram) {
      if (decoder_ref != sample.ref) decoder = HistogramDecoder(time_before_ms);
      decoder_ref = sample.ref;
      if (!decoder.Next(reader)) return false;
      sample.time_ms = decoder.time_ms();
      sample.start_ms = decoder.start_ms();
      sample.histogram = decoder.histogram();
      sample.bits = HistogramBits(*sample.histogram);
    } else {
      return false;
    }
    if (!reader.ok()) return false;
    samples.push_back(sample);
  }
  return reader.ok();
}

bool ReadState(ByteReader& reader, MixedState& state) {
  state.ref = reader.Fixed<SeriesRef>();
  state.written_chunk = reader.Varint();
  uint8_t kind = reader.Byte();
  if (kind == kNothing) {
    state.tail.last_time_ms = reader.SignedVarint();
    state.tail.last_bits = reader.Fixed<uint64_t>();
    return reader.ok();
  }
  uint64_t count = reader.Varint();
  std::string_view bytes = reader.Text();
  if (!reader.ok() || count == 0) return false;
  if (kind == kFloat) {
    if (count > kMaxChunkSamples || bytes.size() > ChunkArena::kMaxBlockBytes) return false;
    auto tail = ReadTail(bytes, static_cast<uint16_t>(count));
    if (!tail) return false;
    state.tail = *tail;
    state.float_chunk = bytes;
    return true;
  }
  if (kind != kHistogram || count > kMaxHistogramChunkSamples) return false;
  auto chunk = HistogramChunk::Restore(bytes, static_cast<uint32_t>(count));
  if (!chunk) return false;
  state.histogram_chunk = std::move(*chunk);
  state.tail.last_time_ms = state.histogram_chunk->last_time_ms();
  state.tail.last_bits = state.histogram_chunk->last_bits();
  return true;
}

}  // namespace

void PutMixedSamples(std::span<const MixedSample> samples, std::string& out) {
  out.push_back(static_cast<char>(kSamples));
  const MixedSample first;
  const MixedSample* before = &first;
  HistogramContext context;
  SeriesRef context_ref = 0;
  for (const MixedSample& sample : samples) {
    PutSignedVarint(out, static_cast<int64_t>(sample.ref - before->ref));
    if (sample.histogram == nullptr) {
      out.push_back(static_cast<char>(kFloat));
      PutSignedVarint(out, WrappingSub(sample.time_ms, before->time_ms));
      PutFixed(out, sample.bits);
    } else {
      out.push_back(static_cast<char>(kHistogram));
      if (context_ref != sample.ref) context = {.time_ms = before->time_ms};
      context_ref = sample.ref;
      EncodeHistogram(context, sample.time_ms, sample.start_ms, *sample.histogram, out);
    }
    before = &sample;
  }
}

void MixedStateWriter::Begin(SeriesRef ref, ChunkRef written_chunk) {
  if (sections_.empty() || sections_.back().size() >= kSectionBytes) {
    sections_.emplace_back(1, static_cast<char>(kStates));
  }
  PutFixed(sections_.back(), ref);
  PutVarint(sections_.back(), written_chunk);
}

void MixedStateWriter::AddWithHistograms(SeriesRef ref, ChunkRef written_chunk, const HistogramChunk& chunk) {
  Begin(ref, written_chunk);
  std::string& out = sections_.back();
  out.push_back(static_cast<char>(kHistogram));
  PutVarint(out, chunk.samples());
  PutText(out, chunk.bytes());
}

void MixedStateWriter::AddWithFloats(SeriesRef ref, ChunkRef written_chunk, const ChunkTail& tail,
                                     std::string_view float_chunk) {
  Begin(ref, written_chunk);
  std::string& out = sections_.back();
  out.push_back(static_cast<char>(tail.count == 0 ? kNothing : kFloat));
  if (tail.count == 0) {
    PutSignedVarint(out, tail.last_time_ms);
    PutFixed(out, tail.last_bits);
  } else {
    PutVarint(out, tail.count);
    PutText(out, float_chunk);
  }
}

std::vector<std::string> MixedStateWriter::Finish() { return std::move(sections_); }

Result<MixedSection> ReadMixedSection(std::string_view bytes) {
  ByteReader reader(bytes);
  MixedSection section;
  uint8_t form = reader.Byte();
  bool is_read = form == kSamples ? ReadSamples(reader, section.samples) : form == kStates;
  while (is_read && form == kStates && !reader.at_end()) {
    is_read = ReadState(reader, section.states.emplace_back());
  }
  if (is_read && reader.ok() && reader.at_end()) return section;
  return core::Fail(Code::kCorruption, "a section of {} bytes has malformed histograms", bytes.size());
}

}  // namespace sextant::tsdb
