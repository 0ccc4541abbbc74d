// What one commit looks like in the journal: definitions of series that are new to it, and one sample for
// each column of a stream. A stream is what the same target (or rule group) commits again and again: its
// series in the same order, so that a batch names the stream, one time and the values against those of the
// batch before. Streams live within one journal file. docs/formats/journal.md describes the bytes.
//
// Encoder and decoder are state machines that must see the same batches in the same order. Not thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "metrics/tsdb/series.h"
#include "model/labels.h"

namespace sextant::tsdb {

// A series' ref and labels, for whoever reads the journal later.
struct SeriesDefinition {
  SeriesRef ref = 0;
  model::Labels labels;
};

// Definitions as they stand in journal batches and checkpoints: compressed together.
void PutDefinitions(const std::vector<SeriesDefinition>& definitions, std::string& out);
core::Status ReadDefinitions(ByteReader& reader, std::vector<SeriesDefinition>& out);

// Samples side by side; the spans have the same length.
struct SampleSpans {
  std::span<const SeriesRef> refs;
  std::span<const TimestampMs> times_ms;
  std::span<const uint64_t> bits;  // of the values
};

// What a batch or checkpoint holds beside float samples, each kind under a tag of its own. The bytes are of
// the component that owns the tag.
enum class SectionTag : uint8_t {
  kHistograms = 1,  // native histogram samples
  kStartTimes = 2,  // of float samples
  kOutOfOrder = 3,  // samples behind their series' newest
  kExemplars = 4,
  kMetadata = 5,
  kDeletions = 6,
  kDroppedSeries = 7,  // that are whole in blocks
};
inline constexpr uint8_t kMaxSectionTag = 7;
struct Section {
  SectionTag tag;
  std::string bytes;
};

class BatchEncoder {
 public:
  // Appends the payload of a batch.
  void Encode(const std::vector<SeriesDefinition>& definitions, const SampleSpans& samples,
              std::span<const Section> sections, std::string& out);

  // Starts over, for a new file.
  void Reset();
  // Forgets the streams within a file, after a batch that was encoded has not been written.
  void ForgetStreams();

  // Streams that were not used lately are forgotten when all together have more columns than this.
  void set_max_columns(uint64_t max_columns) { max_columns_ = max_columns; }
  uint64_t columns() const { return columns_; }

 private:
  struct Stream {
    std::vector<SeriesRef> refs;
    std::vector<uint64_t> bits;
    TimestampMs time_ms = 0;
    std::list<uint64_t>::iterator use;  // its place in uses_
  };

  uint64_t FindStream(std::span<const SeriesRef> refs) const;
  Stream& AddStream(uint64_t id);
  void RemoveStream(uint64_t id);
  void Register(uint64_t id, std::span<const SeriesRef> refs);
  void Unregister(uint64_t id, std::span<const SeriesRef> refs);
  void PutNewStream(uint64_t id, std::span<const SeriesRef> refs, std::string& out);
  bool PutEditedStream(uint64_t id, std::span<const SeriesRef> refs, std::string& out);
  void PutTimes(Stream& stream, std::span<const TimestampMs> times_ms, std::string& out);

  static constexpr uint64_t kNoStream = 0;

  uint64_t max_columns_ = 1 << 20;
  uint64_t columns_ = 0;
  uint64_t next_id_ = 1;
  bool forgets_all_ = false;
  std::vector<uint64_t> forgotten_;
  std::list<uint64_t> uses_;  // stream ids, most recently used first
  absl::flat_hash_map<uint64_t, Stream> streams_;
  absl::flat_hash_map<SeriesRef, uint64_t> by_edge_;  // first and last ref of a stream
};

// Sections as they stand in journal batches and checkpoints.
void PutSections(std::span<const Section> sections, std::string& out);
core::Status ReadSections(ByteReader& reader, std::vector<Section>& out);

// How a batch says which columns its stream has.
enum class StreamForm : uint8_t { kSame = 0, kNew = 1, kEdited = 2 };

// The samples of a batch as they stand in its payload, to which `bytes` points.
struct EncodedSamples {
  uint64_t count = 0;   // 0: the batch has none, and the rest means nothing
  uint64_t stream = 0;  // never 0
  StreamForm form = StreamForm::kSame;
  std::string_view bytes;  // all that follows the form
};

// A batch whose samples are still encoded.
struct EncodedBatch {
  bool forgets_all = false;         // streams, before this batch
  std::vector<uint64_t> forgotten;  // streams, likewise
  std::vector<SeriesDefinition> definitions;
  std::vector<Section> sections;
  EncodedSamples samples;
};
// kCorruption when the parts before the samples are malformed.
core::Status ReadEncodedBatch(std::string_view payload, EncodedBatch& out);
// What can be told of samples without the batches before them.
struct SamplesOutline {
  // Refs that follow each other, all of one generation.
  struct Run {
    SeriesRef first = 0;
    uint32_t count = 0;
  };
  std::vector<Run> new_refs;  // all columns of a new stream, those added to an edited one, else none
  int64_t step_ms = 0;        // of the stream's time
  int64_t earliest_ms = 0;    // of the samples' times, against that of the stream
  int64_t latest_ms = 0;
};
// False when that is malformed.
bool ReadOutline(const EncodedSamples& samples, SamplesOutline& out);

// Decodes the samples of one stream after the other: after a batch that begins a new one, those of that one.
class StreamDecoder {
 public:
  // The columns of the batch decoded last. The spans are valid until the next Decode.
  struct Row {
    std::span<const SeriesRef> refs;
    std::span<const uint64_t> bits;
    TimestampMs time_ms = 0;                // of all, unless
    std::span<const TimestampMs> times_ms;  // each has its own
  };
  // kCorruption when the bytes are not what an encoder writes after the batches before; the decoder must then
  // be dropped.
  core::Status Decode(const EncodedSamples& samples, Row& out);
  size_t columns() const { return refs_.size(); }

 private:
  bool ReadNewColumns(ByteReader& reader, uint64_t count);
  bool ReadEditedColumns(ByteReader& reader, uint64_t count);
  bool ReadTimes(ByteReader& reader, uint64_t count);

  std::vector<SeriesRef> refs_;
  std::vector<uint64_t> bits_;
  TimestampMs time_ms_ = 0;
  std::vector<TimestampMs> times_ms_;  // empty: all have time_ms_
};

// A decoded batch. The spans are valid until the next Decode.
struct DecodedBatch {
  std::vector<SeriesDefinition> definitions;
  SampleSpans samples;
  std::vector<Section> sections;
};

// Decodes the batches of one file, whatever their streams.
class BatchDecoder {
 public:
  // kCorruption when the payload is not what an encoder writes after the batches before it; the decoder must
  // then be dropped.
  core::Status Decode(std::string_view payload, DecodedBatch& out);

 private:
  core::Status DecodeSamples(const EncodedSamples& samples, SampleSpans& out);

  uint64_t columns_ = 0;
  absl::flat_hash_map<uint64_t, StreamDecoder> streams_;
  EncodedBatch batch_;
  std::vector<TimestampMs> times_ms_;
};

// Values of columns against their former ones, as tokens of value_codec.h; `former` becomes `bits`.
void PutValues(std::span<const uint64_t> bits, std::vector<uint64_t>& former, std::string& out);
// And back: `bits` holds the former ones. False when the bytes are not such tokens.
bool ReadValues(ByteReader& reader, std::vector<uint64_t>& bits);

}  // namespace sextant::tsdb
