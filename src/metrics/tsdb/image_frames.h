// The frames of a checkpoint's image as bytes, and back. docs/formats/checkpoint.md describes them. A frame's
// checksum has been verified when it comes here; still nothing in it is believed before it is checked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/chunk_store.h"
#include "metrics/tsdb/journal_batch.h"
#include "metrics/tsdb/label_image.h"
#include "metrics/tsdb/series.h"

namespace sextant::tsdb {

enum class ImageFrame : uint8_t {
  kSeries = 1,
  kSymbols = 2,
  kPairs = 3,
  kSections = 4,
  kEnd = 5,
  kPostings = 6,
  kSlots = 7,
};

// What is written is version 3.
enum class ImageVersion : uint8_t { k2 = 2, k3 = 3 };

// zstd with its memory, to be used again. Not thread-safe.
class Compression {
 public:
  Compression();
  ~Compression();
  Compression(Compression&&) noexcept;
  Compression& operator=(Compression&&) noexcept;

  // Appends bytes with their size, compressed where that helps.
  void Put(std::string_view raw, std::string& out);
  // Reads what Put has written; false when it is not that, or more than `max_bytes`.
  bool Read(ByteReader& reader, size_t max_bytes, std::string& raw);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

// The kind of a frame's payload; false when it is none.
bool KindOf(std::string_view payload, ImageFrame& kind);

// A range of slots as columns: one value per slot in each, those of free slots without meaning except their
// generation.
struct SeriesRange {
  static constexpr uint32_t kSlots = SeriesTable::kPageSlots;  // but in the last
  static constexpr uint32_t kMaxSlotsInVersion2 = 4096;

  uint32_t begin = 0;
  TimestampMs min_time_ms = 0;        // of all samples in the head
  TimestampMs max_time_ms = kNoTime;  // of the series' newest samples; not written
  std::vector<TimestampMs> last_times_ms;
  std::vector<uint64_t> last_bits;
  std::vector<ChunkRef> written_chunks;
  std::vector<uint32_t> generations;
  std::vector<uint32_t> hashes;
  std::vector<int32_t> last_deltas_ms;
  std::vector<uint16_t> chunk_bytes;
  std::vector<uint16_t> chunk_samples;
  std::vector<uint8_t> label_counts;  // 0: the slot is free
  std::vector<uint8_t> end_in_run;
  std::vector<uint32_t> pairs;    // the pair ids of all series, one after the other
  std::string chunks;             // the open float chunks, one after the other
  std::vector<Section> sections;  // histograms and start times of its series

  // Memory for the next reading or writing.
  std::string raw;
  Compression compression;

  uint32_t slots() const { return static_cast<uint32_t>(generations.size()); }
  // Zeros for `slots` slots.
  void Reset(uint32_t begin_slot, uint32_t slots);
};
void PutSeriesRange(SeriesRange& range, std::string& out);
// The sums of `label_counts` and `chunk_bytes` are those of `pairs` and `chunks` afterwards.
core::Status ReadSeriesRange(ImageVersion version, std::string_view payload, SeriesRange& out);
// Where a range frame's slots are, without reading the rest.
bool ReadRangePlace(ImageVersion version, std::string_view payload, uint32_t& begin, uint32_t& slots);

void PutSymbols(const SymbolRun& run, std::string& out);
core::Status ReadSymbols(std::string_view payload, SymbolRun& out);
void PutPairs(const PairRun& run, std::string& out);
core::Status ReadPairs(std::string_view payload, PairRun& out);
void PutPostings(const PostingsRun& run, std::string& out);
// `stored` of the run is where `payload` is.
core::Status ReadPostings(std::string_view payload, PostingsRun& out);
// The slots that have a series, as stored postings.
void PutSlots(const Bitmap& slots, std::string& out);
std::string_view ReadSlots(std::string_view payload);
void PutImageSection(const Section& section, std::string& out);
core::Status ReadImageSections(std::string_view payload, std::vector<Section>& out);

// The end of an image: what a whole one has.
struct ImageEnd {
  uint64_t slots = 0;
  uint64_t series = 0;
  uint64_t symbols = 0;
  uint64_t pairs = 0;
  // The hash of a fixed label set. Where it differs, hashes of labels are made in another way by now, and
  // those in the image are to be made anew.
  uint64_t hash_probe = 0;
  // In version 3, what ranges that are still to be loaded amount to.
  TimestampMs min_time_ms = kNoTime;  // of the samples in the head
  TimestampMs max_time_ms = kNoTime;
  ChunkRef newest_chunk = 0;  // the highest ref of a written chunk
  uint64_t open_chunks = 0;
  uint64_t head_bytes = 0;  // memory of the head
  std::vector<ChunkFileInfo> chunk_files;
};
uint64_t HashProbe();
void PutImageEnd(const ImageEnd& end, std::string& out);
core::Status ReadImageEnd(ImageVersion version, std::string_view payload, ImageEnd& out);

}  // namespace sextant::tsdb
