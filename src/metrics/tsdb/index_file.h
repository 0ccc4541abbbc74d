// The index of a dense block: label names and values with their postings, series with their labels, and where
// their rows lie in the file `columns`. Made to be mapped: a lookup is a few binary searches in the file's
// bytes, and nothing is loaded; each page of it is checked when it is first touched. docs/formats/block.md
// describes the bytes.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "metrics/tsdb/postings.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/storage.h"

namespace sextant::tsdb {

using core::TimestampMs;

// What an index says of its block.
struct IndexFacts {
  TimestampMs start_ms = 0;  // the range it covers: start <= time < end
  TimestampMs end_ms = 0;
  uint64_t series = 0;
  uint64_t samples = 0;
  uint64_t rows = 0;
  uint64_t columns_bytes = 0;  // size of the file `columns`
};

enum class IndexSection : size_t {
  kNames,         // IndexName each, ascending; one more at the end
  kNameTexts,     // one after the other
  kValueBlocks,   // u32 each: where a block of values begins; one more at the end
  kValues,        // blocks of up to 16 values of a name, with their postings or where these lie
  kPostings,      // numbers of series, encoded
  kSeriesBlocks,  // u32 each: where a block of series begins; one more at the end
  kSeries,        // blocks of 64 series: their labels
  kSplits,        // IndexSplit each: further rows of a series
  kRowGroups,     // GroupPlace each
  kTimeGroups,    // GroupPlace each
};
inline constexpr size_t kIndexSections = 10;
inline constexpr std::string_view kIndexMagic = "SXTIDX2\n";
inline constexpr size_t kIndexPageBytes = 16 << 10;
inline constexpr uint32_t kValuesPerBlock = 16;
inline constexpr uint32_t kSeriesPerBlock = 64;

// An entry of kNames. The values of all names are numbered through: those are the pairs.
struct IndexName {
  uint32_t text_offset = 0;
  uint32_t first_pair = 0;
  uint32_t first_block = 0;
};

// An entry of kSplits: from this time on, a series' samples are in its next row.
struct __attribute__((packed)) IndexSplit {
  uint32_t series = 0;
  TimestampMs first_ms = 0;
};
static_assert(sizeof(IndexSplit) == 12);

struct SectionPlace {
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
};
struct IndexFooter {
  IndexFacts facts;
  std::array<SectionPlace, kIndexSections> sections;
  uint64_t checks_offset = 0;    // of the pages' checksums, up to the footer
  uint64_t checks_checksum = 0;  // xxh3-64 of these
};
static_assert(sizeof(IndexFooter) == 6 * 8 + kIndexSections * 16 + 16);
// The footer, its checksum and the magic again end the file.
inline constexpr size_t kIndexTailBytes = sizeof(IndexFooter) + sizeof(uint64_t) + kIndexMagic.size();
std::string SealIndexFooter(const IndexFooter& footer);
// The checksums of the pages of everything before them, u32 each.
std::string IndexChecks(std::string_view bytes);

// How the labels of a series are written after those of another: as pairs, ascending.
void PutSeriesRecord(const std::vector<uint32_t>& former, const std::vector<uint32_t>& pairs,
                     std::string& out);
// Appends postings, ascending numbers of series.
void PutPostings(const std::vector<uint32_t>& series, std::string& out);

// Where the rows of a series are.
struct RowRange {
  uint64_t first = 0;
  // The times from which on the second row, the third and so on hold its samples.
  std::vector<TimestampMs> splits_ms;
};

// Reads an index in place. Hostile bytes are harmless: what does not fit together is kCorruption. Const
// methods may be called from any thread.
class IndexReader {
 public:
  // Checks the footer; `bytes` must outlive the reader.
  static core::Result<IndexReader> Open(std::string_view bytes);

  const IndexFacts& facts() const { return footer_.facts; }
  std::string_view Section(IndexSection section) const {
    const SectionPlace& place = footer_.sections[static_cast<size_t>(section)];
    return bytes_.substr(place.offset, place.size_bytes);
  }
  // Compares the pages of a whole section with their checksums.
  core::Status Verify(IndexSection section) const;

  // The numbers of the series that all matchers accept. The lookups fail when `check` (null: none) does.
  core::Result<Bitmap> Select(const std::vector<model::Matcher>& matchers,
                              const model::StopCheck* check = nullptr) const;
  core::Result<model::Labels> LabelsOf(uint32_t series) const;
  // Calls `take` with the labels of each of them.
  core::Status VisitLabels(const Bitmap& series,
                           const std::function<core::Status(uint32_t, model::Labels)>& take) const;
  core::Result<RowRange> RowsOf(uint32_t series) const;
  core::Status LabelValues(std::string_view name, const std::vector<model::Matcher>& matchers,
                           std::vector<std::string>& out, const model::StopCheck* check = nullptr) const;
  core::Status LabelNames(const std::vector<model::Matcher>& matchers, std::vector<std::string>& out,
                          const model::StopCheck* check = nullptr) const;

 private:
  class ValueCursor;
  class SeriesCursor;
  class LabelReader;

  struct Name {
    std::string_view text;
    uint32_t first_pair = 0;
    uint32_t pairs = 0;
    uint32_t first_block = 0;
  };
  // What is known of the pages, apart so that the reader can be moved.
  struct Pages {
    explicit Pages(size_t count) : is_good(count) {}
    std::vector<std::atomic<bool>> is_good;
    std::atomic<uint64_t> damaged_offset = UINT64_MAX;
  };

  IndexReader(std::string_view bytes, const IndexFooter& footer);

  tl::unexpected<core::Error> Malformed(std::string_view what) const;
  // Whether the pages of these bytes of the file are as they were written.
  bool Check(uint64_t offset, uint64_t size) const;
  // Bytes of a section, checked; false when they are not within it or damaged.
  bool Bytes(IndexSection section, uint64_t offset, uint64_t size, std::string_view& out) const;
  template <typename T>
  bool Load(IndexSection section, uint64_t place, T& out) const;
  // The bytes of the block of values or series that begins at entry `block` of `offsets`.
  bool BlockBytes(IndexSection offsets, IndexSection section, uint64_t block, std::string_view& out) const;

  uint32_t names() const;
  bool NameAt(uint32_t place, Name& out) const;
  // Binary searches; false when the index is damaged. `is_found` says whether there is such a name.
  bool FindName(std::string_view text, Name& out, bool& is_found) const;
  bool NameOfPair(uint32_t pair, Name& out) const;

  core::Status AddPostings(const ValueCursor& value, Bitmap& out) const;
  core::Status AddPostingsOf(const Name& name, std::string_view value, Bitmap& out) const;
  core::Result<Bitmap> SeriesWith(const model::Matcher& matcher, bool negated,
                                  model::PacedCheck& check) const;
  core::Status ValuesOfSeries(const Name& name, const Bitmap& series, model::PacedCheck& check,
                              std::vector<std::string>& out) const;

  std::string_view bytes_;
  IndexFooter footer_;
  std::unique_ptr<Pages> pages_;
};

}  // namespace sextant::tsdb
