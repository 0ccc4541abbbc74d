#include "metrics/tsdb/journal_batch.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/value_codec.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::Status;

constexpr uint8_t kBatch = 1;
constexpr uint8_t kBatchForgetsAll = 2;
constexpr uint8_t kBatchWithSections = 4;  // added to the former two

constexpr uint64_t HeadOf(uint64_t stream, StreamForm form) {
  return stream << 2 | static_cast<uint64_t>(form);
}

constexpr int kZstdLevel = 1;
constexpr size_t kCompressFromBytes = 256;
constexpr uint64_t kMaxDefinitionBytes = 256 << 20;
constexpr uint64_t kMaxColumns = 64 << 20;  // of all streams of a file

// Writes refs that mostly follow each other.
class RefWriter {
 public:
  void Put(SeriesRef ref, std::string& out) {
    int64_t step = static_cast<int64_t>(SlotOf(ref)) - slot_ - 1;
    bool is_other_generation = GenerationOf(ref) != generation_;
    PutVarint(out, ZigZag(step) << 1 | (is_other_generation ? 1 : 0));
    if (is_other_generation) PutVarint(out, GenerationOf(ref));
    slot_ = SlotOf(ref);
    generation_ = GenerationOf(ref);
  }

 private:
  int64_t slot_ = -1;
  uint32_t generation_ = 1;
};

class RefReader {
 public:
  // 0, which is no ref, for malformed bytes.
  SeriesRef Read(ByteReader& reader) {
    uint64_t head = reader.Varint();
    int64_t slot = WrappingAdd(WrappingAdd(slot_, UnZigZag(head >> 1)), 1);
    uint64_t generation = (head & 1) != 0 ? reader.Varint() : generation_;
    if (!reader.ok() || slot < 0 || slot >= UINT32_MAX || generation == 0 || generation > UINT32_MAX)
      return 0;
    slot_ = slot;
    generation_ = static_cast<uint32_t>(generation);
    return MakeRef(static_cast<uint32_t>(slot), generation_);
  }

 private:
  int64_t slot_ = -1;
  uint32_t generation_ = 1;
};

Status Malformed(std::string_view what) { return core::Fail(Code::kCorruption, "malformed {}", what); }

std::string Compress(std::string_view raw) {
  std::string out(ZSTD_compressBound(raw.size()), '\0');
  size_t size = ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), kZstdLevel);
  SEXTANT_CHECK(!ZSTD_isError(size));
  out.resize(size);
  return out;
}

Status ReadRawDefinitions(std::string_view raw, uint64_t count, std::vector<SeriesDefinition>& out) {
  ByteReader reader(raw);
  RefReader refs;
  std::vector<model::LabelView> labels;
  for (uint64_t i = 0; i < count; ++i) {
    SeriesDefinition definition;
    definition.ref = refs.Read(reader);
    if (definition.ref == 0) return Malformed("series ref");
    labels.clear();
    uint64_t label_count = reader.Count(2);
    for (uint64_t j = 0; j < label_count && reader.ok(); ++j) {
      std::string_view name = reader.Text();
      std::string_view value = reader.Text();
      if (value.empty() || (!labels.empty() && labels.back().name >= name)) return Malformed("labels");
      labels.push_back({name, value});
    }
    if (!reader.ok() || labels.empty() || labels.size() > 255) return Malformed("labels");
    definition.labels = model::Labels::FromSorted(labels);
    out.push_back(std::move(definition));
  }
  return reader.at_end() ? Status() : Malformed("definitions");
}

}  // namespace

void PutDefinitions(const std::vector<SeriesDefinition>& definitions, std::string& out) {
  PutVarint(out, definitions.size());
  if (definitions.empty()) return;
  std::string raw;
  RefWriter refs;
  for (const SeriesDefinition& definition : definitions) {
    refs.Put(definition.ref, raw);
    PutVarint(raw, definition.labels.size());
    for (model::LabelView label : definition.labels) {
      PutText(raw, label.name);
      PutText(raw, label.value);
    }
  }
  std::string compressed = raw.size() < kCompressFromBytes ? "" : Compress(raw);
  // A compressed size of 0 says that the bytes are as they are.
  bool is_smaller = !compressed.empty() && compressed.size() < raw.size();
  PutVarint(out, raw.size());
  PutVarint(out, is_smaller ? compressed.size() : 0);
  out += is_smaller ? compressed : raw;
}

Status ReadDefinitions(ByteReader& reader, std::vector<SeriesDefinition>& out) {
  uint64_t count = reader.Varint();
  if (count == 0) return reader.ok() ? Status() : Malformed("definitions");
  uint64_t raw_size = reader.Varint();
  uint64_t compressed_size = reader.Varint();
  if (!reader.ok() || raw_size > kMaxDefinitionBytes) return Malformed("definitions");
  if (compressed_size == 0) {
    std::string_view raw = reader.Bytes(raw_size);
    if (!reader.ok()) return Malformed("definitions");
    return ReadRawDefinitions(raw, count, out);
  }
  std::string_view compressed = reader.Bytes(compressed_size);
  // The size in the zstd frame must be the stated one before anything is allocated for it, and a level-1
  // encoder never reaches a thousandfold.
  if (!reader.ok() || ZSTD_getFrameContentSize(compressed.data(), compressed.size()) != raw_size ||
      raw_size / 100'000 > compressed.size()) {
    return Malformed("compressed definitions");
  }
  std::string raw(raw_size, '\0');
  size_t size = ZSTD_decompress(raw.data(), raw.size(), compressed.data(), compressed.size());
  if (ZSTD_isError(size) || size != raw_size) return Malformed("compressed definitions");
  return ReadRawDefinitions(raw, count, out);
}

void PutValues(std::span<const uint64_t> bits, std::vector<uint64_t>& former, std::string& out) {
  size_t start = out.size();
  out.resize(start + bits.size() * kMaxValueBytes + 1);
  char* at = out.data() + start;
  size_t i = 0;
  while (i < bits.size()) {
    size_t run = 0;
    while (run <= kMaxRunToken && i + run < bits.size() && bits[i + run] == former[i + run]) ++run;
    if (run > 0) {
      *at++ = static_cast<char>(run - 1);
      i += run;
      continue;
    }
    at = EncodeValue(former[i], bits[i], at);
    former[i] = bits[i];
    ++i;
  }
  out.resize(static_cast<size_t>(at - out.data()));
}

uint64_t BatchEncoder::FindStream(std::span<const SeriesRef> refs) const {
  auto found = by_edge_.find(refs.front());
  if (found == by_edge_.end()) found = by_edge_.find(refs.back());
  return found == by_edge_.end() ? kNoStream : found->second;
}

void BatchEncoder::Register(uint64_t id, std::span<const SeriesRef> refs) {
  by_edge_[refs.front()] = id;
  by_edge_[refs.back()] = id;
}

void BatchEncoder::Unregister(uint64_t id, std::span<const SeriesRef> refs) {
  for (SeriesRef ref : {refs.front(), refs.back()}) {
    auto found = by_edge_.find(ref);
    if (found != by_edge_.end() && found->second == id) by_edge_.erase(found);
  }
}

BatchEncoder::Stream& BatchEncoder::AddStream(uint64_t id) {
  Stream& stream = streams_[id];
  uses_.push_front(id);
  stream.use = uses_.begin();
  return stream;
}

void BatchEncoder::RemoveStream(uint64_t id) {
  auto found = streams_.find(id);
  Unregister(id, found->second.refs);
  columns_ -= found->second.refs.size();
  uses_.erase(found->second.use);
  streams_.erase(found);
}

void BatchEncoder::ForgetStreams() {
  forgets_all_ = true;
  columns_ = 0;
  forgotten_.clear();
  uses_.clear();
  streams_.clear();
  by_edge_.clear();
}

void BatchEncoder::Reset() {
  ForgetStreams();
  forgets_all_ = false;
  next_id_ = 1;
}

void BatchEncoder::PutNewStream(uint64_t id, std::span<const SeriesRef> refs, std::string& out) {
  PutVarint(out, HeadOf(id, StreamForm::kNew));
  RefWriter writer;
  for (SeriesRef ref : refs) writer.Put(ref, out);
  Stream& stream = AddStream(id);
  stream.refs.assign(refs.begin(), refs.end());
  stream.bits.assign(refs.size(), 0);
  columns_ += refs.size();
  Register(id, refs);
}

// Writes the columns as runs taken over from the former ones (in ascending order) and runs of new refs.
// False, and nothing is done, when too little is taken over to be worth it.
bool BatchEncoder::PutEditedStream(uint64_t id, std::span<const SeriesRef> refs, std::string& out) {
  Stream& stream = streams_[id];
  absl::flat_hash_map<SeriesRef, size_t> former_places;
  former_places.reserve(stream.refs.size());
  for (size_t i = 0; i < stream.refs.size(); ++i) former_places.emplace(stream.refs[i], i);

  constexpr size_t kNew = SIZE_MAX;
  std::vector<size_t> places(refs.size(), kNew);  // of each column among the former ones
  size_t expected = 0;
  size_t taken_over = 0;
  for (size_t i = 0; i < refs.size(); ++i) {
    auto found = former_places.find(refs[i]);
    if (found == former_places.end() || found->second < expected) continue;
    places[i] = found->second;
    expected = found->second + 1;
    ++taken_over;
  }
  if (taken_over * 2 < refs.size()) return false;

  PutVarint(out, HeadOf(id, StreamForm::kEdited));
  std::vector<uint64_t> bits(refs.size(), 0);
  RefWriter writer;
  expected = 0;
  for (size_t i = 0; i < refs.size();) {
    bool is_new = places[i] == kNew;
    size_t length = 1;
    while (i + length < refs.size() &&
           (is_new ? places[i + length] == kNew : places[i + length] == places[i] + length)) {
      ++length;
    }
    PutVarint(out, length << 1 | (is_new ? 1 : 0));
    if (!is_new) PutVarint(out, places[i] - expected);
    for (size_t j = i; j < i + length; ++j) {
      if (is_new) {
        writer.Put(refs[j], out);
      } else {
        bits[j] = stream.bits[places[j]];
        expected = places[j] + 1;
      }
    }
    i += length;
  }
  Unregister(id, stream.refs);
  columns_ += refs.size() - stream.refs.size();
  stream.refs.assign(refs.begin(), refs.end());
  stream.bits = std::move(bits);
  Register(id, refs);
  return true;
}

void BatchEncoder::PutTimes(Stream& stream, std::span<const TimestampMs> times_ms, std::string& out) {
  bool is_one_time =
      std::all_of(times_ms.begin(), times_ms.end(), [&](TimestampMs t) { return t == times_ms.front(); });
  PutSignedVarint(out, WrappingSub(times_ms.front(), stream.time_ms));
  out.push_back(is_one_time ? 0 : 1);
  stream.time_ms = times_ms.front();
  if (is_one_time) return;
  for (TimestampMs time_ms : times_ms) PutSignedVarint(out, WrappingSub(time_ms, stream.time_ms));
}

void PutSections(std::span<const Section> sections, std::string& out) {
  PutVarint(out, sections.size());
  for (const Section& section : sections) {
    out.push_back(static_cast<char>(section.tag));
    PutText(out, section.bytes);
  }
}

Status ReadSections(ByteReader& reader, std::vector<Section>& out) {
  uint64_t count = reader.Count(2);
  for (uint64_t i = 0; i < count; ++i) {
    uint8_t tag = reader.Byte();
    std::string_view bytes = reader.Text();
    if (!reader.ok() || tag == 0 || tag > kMaxSectionTag) return Malformed("section");
    out.push_back({static_cast<SectionTag>(tag), std::string(bytes)});
  }
  return reader.ok() ? Status() : Malformed("sections");
}

void BatchEncoder::Encode(const std::vector<SeriesDefinition>& definitions, const SampleSpans& samples,
                          std::span<const Section> sections, std::string& out) {
  uint64_t id = samples.refs.empty() ? kNoStream : FindStream(samples.refs);
  while (columns_ + samples.refs.size() > max_columns_ && !uses_.empty() && uses_.back() != id) {
    forgotten_.push_back(uses_.back());
    RemoveStream(uses_.back());
  }
  uint8_t kind = forgets_all_ ? kBatchForgetsAll : kBatch;
  out.push_back(static_cast<char>(sections.empty() ? kind : kind + kBatchWithSections));
  PutVarint(out, forgotten_.size());
  for (uint64_t forgotten : forgotten_) PutVarint(out, forgotten);
  forgets_all_ = false;
  forgotten_.clear();

  PutDefinitions(definitions, out);
  if (!sections.empty()) PutSections(sections, out);
  PutVarint(out, samples.refs.size());
  if (samples.refs.empty()) return;

  auto found = streams_.find(id);
  if (found != streams_.end() && std::equal(samples.refs.begin(), samples.refs.end(),
                                            found->second.refs.begin(), found->second.refs.end())) {
    PutVarint(out, HeadOf(id, StreamForm::kSame));
    uses_.splice(uses_.begin(), uses_, found->second.use);
  } else if (found != streams_.end() && PutEditedStream(id, samples.refs, out)) {
    uses_.splice(uses_.begin(), uses_, found->second.use);
  } else {
    id = next_id_++;
    PutNewStream(id, samples.refs, out);
  }
  Stream& stream = streams_[id];
  PutTimes(stream, samples.times_ms, out);
  PutValues(samples.bits, stream.bits, out);
}

bool StreamDecoder::ReadNewColumns(ByteReader& reader, uint64_t count) {
  if (count > reader.remaining()) return false;
  refs_.resize(count);
  bits_.assign(count, 0);
  time_ms_ = 0;
  RefReader refs;
  for (SeriesRef& ref : refs_) {
    ref = refs.Read(reader);
    if (ref == 0) return false;
  }
  return true;
}

bool StreamDecoder::ReadEditedColumns(ByteReader& reader, uint64_t count) {
  if (count > reader.remaining() + refs_.size()) return false;
  std::vector<SeriesRef> former_refs = std::exchange(refs_, {});
  std::vector<uint64_t> former_bits = std::exchange(bits_, {});
  refs_.reserve(count);
  bits_.reserve(count);
  RefReader refs;
  uint64_t expected = 0;
  while (refs_.size() < count) {
    uint64_t head = reader.Varint();
    uint64_t length = head >> 1;
    if (!reader.ok() || length == 0 || length > count - refs_.size()) return false;
    if ((head & 1) != 0) {
      for (uint64_t i = 0; i < length; ++i) {
        SeriesRef ref = refs.Read(reader);
        if (ref == 0) return false;
        refs_.push_back(ref);
        bits_.push_back(0);
      }
      continue;
    }
    uint64_t skipped = reader.Varint();
    uint64_t left = former_refs.size() - expected;
    if (!reader.ok() || skipped > left || length > left - skipped) return false;
    auto begin = static_cast<ptrdiff_t>(expected + skipped);
    auto end = begin + static_cast<ptrdiff_t>(length);
    refs_.insert(refs_.end(), former_refs.begin() + begin, former_refs.begin() + end);
    bits_.insert(bits_.end(), former_bits.begin() + begin, former_bits.begin() + end);
    expected += skipped + length;
  }
  return true;
}

bool StreamDecoder::ReadTimes(ByteReader& reader, uint64_t count) {
  time_ms_ = WrappingAdd(time_ms_, reader.SignedVarint());
  uint8_t form = reader.Byte();
  times_ms_.clear();
  if (!reader.ok() || form > 1) return false;
  if (form == 0) return true;
  if (count > reader.remaining()) return false;
  times_ms_.resize(count);
  for (TimestampMs& time_ms : times_ms_) time_ms = WrappingAdd(time_ms_, reader.SignedVarint());
  return reader.ok();
}

Status StreamDecoder::Decode(const EncodedSamples& samples, Row& out) {
  ByteReader reader(samples.bytes);
  bool is_read = false;
  switch (samples.form) {
    case StreamForm::kSame:
      is_read = refs_.size() == samples.count;
      break;
    case StreamForm::kNew:
      is_read = ReadNewColumns(reader, samples.count);
      break;
    case StreamForm::kEdited:
      is_read = ReadEditedColumns(reader, samples.count);
      break;
  }
  if (!is_read) return Malformed("columns");
  if (!ReadTimes(reader, samples.count)) return Malformed("times");
  if (!ReadValues(reader, bits_)) return Malformed("values");
  if (!reader.ok() || !reader.at_end()) return Malformed("batch");
  out = {refs_, bits_, time_ms_, times_ms_};
  return {};
}

bool ReadValues(ByteReader& reader, std::vector<uint64_t>& bits) {
  size_t i = 0;
  while (i < bits.size()) {
    uint8_t token = reader.Byte();
    if (!reader.ok()) return false;
    if (token <= kMaxRunToken) {
      size_t run = static_cast<size_t>(token) + 1;
      if (run > bits.size() - i) return false;
      i += run;
      continue;
    }
    if (!DecodeValue(token, bits[i], reader, bits[i])) return false;
    ++i;
  }
  return true;
}

Status ReadEncodedBatch(std::string_view payload, EncodedBatch& out) {
  out.forgotten.clear();
  out.definitions.clear();
  out.sections.clear();
  out.samples = {};
  ByteReader reader(payload);
  uint8_t kind = reader.Byte();
  bool has_sections = kind > kBatchWithSections;
  if (has_sections) kind -= kBatchWithSections;
  if (kind != kBatch && kind != kBatchForgetsAll) return Malformed("batch kind");
  out.forgets_all = kind == kBatchForgetsAll;
  uint64_t forgotten = reader.Count(1);
  for (uint64_t i = 0; i < forgotten; ++i) out.forgotten.push_back(reader.Varint());
  SEXTANT_TRY(ReadDefinitions(reader, out.definitions));
  if (has_sections) SEXTANT_TRY(ReadSections(reader, out.sections));
  out.samples.count = reader.Varint();
  if (!reader.ok() || (out.samples.count == 0 && !reader.at_end())) return Malformed("batch");
  if (out.samples.count == 0) return {};
  uint64_t head = reader.Varint();
  uint64_t form = head & 3;
  out.samples.stream = head >> 2;
  if (!reader.ok() || out.samples.stream == 0 || form > static_cast<uint64_t>(StreamForm::kEdited)) {
    return Malformed("stream");
  }
  out.samples.form = static_cast<StreamForm>(form);
  out.samples.bytes = reader.Bytes(reader.remaining());
  return {};
}

namespace {

// The columns of a stream that is not known here.
bool ReadOutlineColumns(const EncodedSamples& samples, ByteReader& reader,
                        std::vector<SamplesOutline::Run>& new_refs) {
  RefReader refs;
  auto read = [&](uint64_t count) {
    if (count > reader.remaining()) return false;
    for (uint64_t i = 0; i < count; ++i) {
      SeriesRef ref = refs.Read(reader);
      if (ref == 0) return false;
      if (!new_refs.empty() && ref == new_refs.back().first + new_refs.back().count && SlotOf(ref) != 0) {
        ++new_refs.back().count;
      } else {
        new_refs.push_back({ref, 1});
      }
    }
    return true;
  };
  if (samples.form == StreamForm::kSame) return true;
  if (samples.form == StreamForm::kNew) return read(samples.count);
  for (uint64_t columns = 0; columns < samples.count;) {
    uint64_t head = reader.Varint();
    uint64_t length = head >> 1;
    if (!reader.ok() || length == 0 || length > samples.count - columns) return false;
    if ((head & 1) == 0) {
      reader.Varint();
    } else if (!read(length)) {
      return false;
    }
    columns += length;
  }
  return reader.ok();
}

}  // namespace

bool ReadOutline(const EncodedSamples& samples, SamplesOutline& out) {
  out.new_refs.clear();
  out.earliest_ms = 0;
  out.latest_ms = 0;
  ByteReader reader(samples.bytes);
  if (!ReadOutlineColumns(samples, reader, out.new_refs)) return false;
  out.step_ms = reader.SignedVarint();
  uint8_t form = reader.Byte();
  if (!reader.ok() || form > 1) return false;
  if (form == 0) return true;
  if (samples.count > reader.remaining()) return false;
  out.earliest_ms = std::numeric_limits<int64_t>::max();
  out.latest_ms = std::numeric_limits<int64_t>::min();
  for (uint64_t i = 0; i < samples.count; ++i) {
    int64_t offset_ms = reader.SignedVarint();
    out.earliest_ms = std::min(out.earliest_ms, offset_ms);
    out.latest_ms = std::max(out.latest_ms, offset_ms);
  }
  return reader.ok();
}

Status BatchDecoder::DecodeSamples(const EncodedSamples& samples, SampleSpans& out) {
  auto found = streams_.find(samples.stream);
  if ((found == streams_.end()) != (samples.form == StreamForm::kNew)) return Malformed("stream id");
  StreamDecoder& stream = samples.form == StreamForm::kNew ? streams_[samples.stream] : found->second;
  columns_ -= stream.columns();
  StreamDecoder::Row row;
  SEXTANT_TRY(stream.Decode(samples, row));
  columns_ += stream.columns();
  if (columns_ > kMaxColumns) return Malformed("columns");
  if (row.times_ms.empty()) {
    times_ms_.assign(row.refs.size(), row.time_ms);
    row.times_ms = times_ms_;
  }
  out = {row.refs, row.times_ms, row.bits};
  return {};
}

Status BatchDecoder::Decode(std::string_view payload, DecodedBatch& out) {
  out.samples = {};
  SEXTANT_TRY(ReadEncodedBatch(payload, batch_));
  if (batch_.forgets_all) {
    streams_.clear();
    columns_ = 0;
  }
  for (uint64_t id : batch_.forgotten) {
    auto found = streams_.find(id);
    if (found == streams_.end()) return Malformed("forgotten stream");
    columns_ -= found->second.columns();
    streams_.erase(found);
  }
  if (batch_.samples.count > 0) SEXTANT_TRY(DecodeSamples(batch_.samples, out.samples));
  std::swap(out.definitions, batch_.definitions);
  std::swap(out.sections, batch_.sections);
  return {};
}

}  // namespace sextant::tsdb
