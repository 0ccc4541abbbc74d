// The index of a block: symbols, label names and values with their postings, series with their labels and
// chunks. Made to be mapped: a lookup is a few binary searches in the file's bytes, and nothing is loaded.
// docs/formats/block.md describes the bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "metrics/tsdb/chunk.h"
#include "metrics/tsdb/postings.h"
#include "model/labels.h"
#include "model/matcher.h"

namespace sextant::tsdb {

// What an index says of its block.
struct IndexFacts {
  TimestampMs start_ms = 0;  // the range it covers: start <= time < end
  TimestampMs end_ms = 0;
  uint64_t series = 0;
  uint64_t samples = 0;
  uint64_t chunks = 0;
  uint64_t chunk_file_bytes = 0;
};

// A chunk in the chunk file.
struct ChunkPlace {
  uint64_t offset = 0;
  uint32_t size_bytes = 0;  // with its checksum
  uint32_t samples = 0;
  TimestampMs first_ms = 0;
  TimestampMs last_ms = 0;
};

enum class IndexSection : size_t {
  kSymbolOffsets,  // u32 each, one more than symbols
  kSymbols,        // texts, ascending
  kSeriesOffsets,  // u32 each, one more than series
  kSeries,
  kNames,     // 12 bytes each: symbol, first value, values
  kValues,    // 12 bytes each: symbol, first posting, postings
  kPostings,  // u32 each: number of a series
};
inline constexpr size_t kIndexSections = 7;
inline constexpr size_t kIndexMagicBytes = 8;
inline constexpr std::string_view kIndexMagic = "SXTIDX1\n";

struct SectionPlace {
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
  uint64_t checksum = 0;
};
struct IndexFooter {
  IndexFacts facts;
  std::array<SectionPlace, kIndexSections> sections;
};
static_assert(sizeof(IndexFooter) == 6 * 8 + kIndexSections * 24);
// The footer, its checksum and the magic again end the file.
inline constexpr size_t kIndexTailBytes = sizeof(IndexFooter) + sizeof(uint64_t) + kIndexMagicBytes;
std::string SealIndexFooter(const IndexFooter& footer);

// Reads an index in place. Hostile bytes are harmless: what does not fit together is kCorruption. Const
// methods may be called from any thread.
class IndexReader {
 public:
  // Checks the footer; `bytes` must outlive the reader.
  static core::Result<IndexReader> Open(std::string_view bytes);

  // Compares all sections with their checksums: reads the whole file.
  core::Status Verify() const;

  const IndexFacts& facts() const { return footer_.facts; }

  // The numbers of the series that all matchers accept.
  core::Result<Bitmap> Select(const std::vector<model::Matcher>& matchers) const;
  core::Result<model::Labels> LabelsOf(uint32_t series) const;
  // Chunks in the order of time.
  core::Result<std::vector<ChunkPlace>> ChunksOf(uint32_t series) const;
  core::Status LabelValues(std::string_view name, const std::vector<model::Matcher>& matchers,
                           std::vector<std::string>& out) const;
  core::Status LabelNames(const std::vector<model::Matcher>& matchers, std::vector<std::string>& out) const;

 private:
  struct Range {
    uint32_t begin = 0;
    uint32_t end = 0;
  };
  // An entry of kNames or kValues.
  struct Entry {
    uint32_t symbol = 0;
    uint32_t first = 0;
    uint32_t count = 0;
  };

  IndexReader(std::string_view bytes, const IndexFooter& footer) : bytes_(bytes), footer_(footer) {}

  std::string_view Section(IndexSection section) const {
    const SectionPlace& place = footer_.sections[static_cast<size_t>(section)];
    return bytes_.substr(place.offset, place.size_bytes);
  }
  uint32_t Number(IndexSection section, uint64_t place) const;
  Entry EntryAt(IndexSection section, uint32_t place) const;
  uint32_t CountOf(IndexSection section, size_t entry_bytes) const {
    return static_cast<uint32_t>(Section(section).size() / entry_bytes);
  }
  std::string_view Symbol(uint32_t id) const;
  std::string_view SeriesRecord(uint32_t series) const;
  // The first place in `range` whose symbol is not less than `text`.
  uint32_t LowerBound(IndexSection section, Range range, std::string_view text) const;
  // The values of a label name.
  Range ValuesOf(std::string_view name) const;
  core::Status AddPostings(const Entry& value, Bitmap& out) const;
  core::Status AddPostingsOf(Range values, std::string_view value, Bitmap& out) const;
  core::Result<Bitmap> SeriesWith(const model::Matcher& matcher, bool negated) const;
  template <typename Visit>
  core::Status VisitLabels(uint32_t series, Visit visit) const;

  std::string_view bytes_;
  IndexFooter footer_;
};

}  // namespace sextant::tsdb
