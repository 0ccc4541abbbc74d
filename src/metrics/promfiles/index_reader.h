// The index of a Prometheus block (tsdb/index), read in place: symbols, series with their chunks, postings.
// Versions: 1 refers to symbols and series by their offsets, and its tables may be in any order; 2 numbers
// the symbols and aligns series to 16 bytes, so that four bytes name one in 64 GiB; 3 is 2 without the label
// indices, which nobody has read for years and which this reader does not look at in any version.
//
// `bytes` is usually a mapped file and must outlive the reader. Opening looks at the ends only; the symbol
// and postings offset tables are checked at the first use, and every 8th symbol and 32nd label value is
// remembered to search them. Hostile bytes are harmless: what does not fit together is kCorruption, with file
// and offset. Const methods may be called from any thread.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <roaring/roaring.hh>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/storage.h"

namespace sextant::promfiles {

using core::TimestampMs;

inline constexpr uint32_t kIndexMagic = 0xbaaad700;
inline constexpr size_t kIndexHeaderBytes = 5;
inline constexpr size_t kIndexTocBytes = 6 * 8 + 4;
// What a series' number is multiplied with to give its offset, since version 2.
inline constexpr uint64_t kSeriesAlignment = 16;

// Where a chunk is: the number of its segment file from 0 (upper half) and the offset there (lower half), and
// the times of its first and last sample.
struct ChunkMeta {
  uint64_t ref = 0;
  TimestampMs min_time_ms = 0;
  TimestampMs max_time_ms = 0;

  friend bool operator==(const ChunkMeta&, const ChunkMeta&) = default;
};

inline uint64_t ChunkRef(uint64_t segment, uint64_t offset) { return segment << 32 | offset; }

// Where the sections begin; 0: there is none.
struct IndexToc {
  uint64_t symbols = 0;
  uint64_t series = 0;
  uint64_t label_indices = 0;
  uint64_t label_indices_table = 0;
  uint64_t postings = 0;
  uint64_t postings_table = 0;
};

class IndexReader {
 public:
  // kIgnore is for fuzzers, so that lookups meet tables that do not fit together.
  enum class Checksums { kVerify, kIgnore };

  // Checks the header and the table of contents. `path` is named in errors.
  static core::Result<std::unique_ptr<IndexReader>> Open(std::string_view bytes, std::string path,
                                                         Checksums checksums = Checksums::kVerify);

  int version() const { return version_; }

  // The numbers of the series that all matchers accept; ascending is the order of labels.
  // The lookups fail when `check` (null: none) does.
  core::Result<Roaring> Select(const std::vector<model::Matcher>& matchers,
                               const model::StopCheck* check = nullptr) const;
  core::Result<model::Labels> LabelsOf(uint32_t series) const;
  // Calls `take` with the labels of each of them; what neighbours share is looked up once.
  core::Status VisitLabels(const Roaring& series,
                           const std::function<core::Status(uint32_t, model::Labels)>& take) const;
  // Chunks in the order of the file, which is that of time.
  core::Result<std::vector<ChunkMeta>> ChunksOf(uint32_t series) const;
  // Replaces `out` with those of them that may have samples with start_ms <= time <= end_ms.
  core::Status ChunksIn(uint32_t series, TimestampMs start_ms, TimestampMs end_ms,
                        std::vector<ChunkMeta>& out) const;
  // Adds values or names, each once, to `out`.
  core::Status LabelValues(std::string_view name, const std::vector<model::Matcher>& matchers,
                           std::vector<std::string>& out, const model::StopCheck* check = nullptr) const;
  core::Status LabelNames(const std::vector<model::Matcher>& matchers, std::vector<std::string>& out,
                          const model::StopCheck* check = nullptr) const;

 private:
  // A label name in the postings offset table.
  struct Name {
    std::string_view name;
    size_t first_sample = 0;  // in value_samples
    uint64_t values = 0;
  };
  // What is made of the tables at the first use. Samples are offsets from the begin of the table's entries.
  struct Tables {
    std::string_view symbols;
    uint64_t symbol_count = 0;
    std::vector<uint32_t> symbol_samples;
    std::string_view values;
    std::vector<Name> names;  // sorted
    std::vector<uint32_t> value_samples;
    uint64_t value_stride = 1;
  };
  struct ValueEntry {
    std::string_view name;
    std::string_view value;
    uint64_t postings = 0;  // offset of the list
  };

  IndexReader(std::string_view bytes, std::string path, Checksums checksums)
      : bytes_(bytes), path_(std::move(path)), checksums_(checksums) {}

  core::Status ReadToc();
  core::Status LoadOnce() const;
  core::Status LoadSymbols() const;
  core::Status LoadValues() const;
  void SortValues(uint64_t count) const;
  static ValueEntry ReadValueEntry(class BigEndianReader& reader);

  tl::unexpected<core::Error> Corrupt(uint64_t offset, std::string_view what) const;
  uint64_t OffsetOf(const char* place) const { return static_cast<uint64_t>(place - bytes_.data()); }
  // The content of a section that is framed by its length and checksum.
  core::Result<std::string_view> Section(uint64_t offset, std::string_view what, Checksums checksums) const;

  std::optional<std::string_view> Symbol(uint32_t ref) const;
  std::optional<uint32_t> FindSymbol(std::string_view text) const;
  const Name* FindName(std::string_view name) const;
  // Calls visit(entry) for the values of a name from `from` on, until it returns false.
  template <typename Visit>
  core::Status VisitValues(const Name& name, std::string_view from, model::PacedCheck& check,
                           Visit visit) const;

  // `budget_bytes` is what lists may have together: they do not overlap, so that entries which name one list
  // many times cannot make a lookup endless.
  core::Status AddPostings(uint64_t offset, uint64_t& budget_bytes, Roaring& out) const;
  // A list of series in the file: ascending, four bytes each.
  struct Postings {
    const char* bytes = nullptr;
    uint64_t count = 0;

    uint32_t At(uint64_t place) const;
    // The place of the first one that is not before `series`, from `from` on.
    uint64_t Seek(uint64_t from, uint32_t series) const;
    // Whether both have a series; looks at few places of either.
    bool Meets(const Postings& other) const;
  };
  core::Result<Postings> PostingsAt(uint64_t offset) const;
  // The list of a value; empty when there is none.
  core::Result<Postings> PostingsOf(const Name& name, std::string_view value) const;
  // Adds the values of a name of the series in a list.
  core::Status ValuesMeeting(const Name& name, const Postings& list, model::PacedCheck& check,
                             std::vector<std::string>& out) const;
  // Whether a list has one of the series; looks no further than that.
  core::Result<bool> MeetsPostings(uint64_t offset, uint64_t& budget_bytes, const Roaring& selected) const;
  core::Result<Roaring> AllPostings(model::PacedCheck& check) const;
  // The series with a value that the matcher accepts (or, negated, refuses).
  core::Result<Roaring> SeriesWith(const model::Matcher& matcher, bool negated,
                                   model::PacedCheck& check) const;
  core::Status Restrict(const model::Matcher& matcher, model::PacedCheck& check, Roaring& selected) const;
  // Keeps those of few series that a long list has (or, negated, has not), without reading all of it.
  static void RestrictFew(const Postings& list, bool negated, Roaring& selected);
  core::Result<std::string_view> SeriesRecord(uint32_t series) const;
  // Calls visit(name symbol, value symbol) for the labels of a series.
  template <typename Visit>
  core::Status VisitSymbols(uint32_t series, Visit visit) const;
  class LabelReader;
  core::Result<bool> AcceptsSeries(const model::Matcher& matcher, std::optional<uint32_t> name_symbol,
                                   uint32_t series) const;

  const std::string_view bytes_;
  const std::string path_;
  const Checksums checksums_;
  int version_ = 0;
  IndexToc toc_;
  mutable std::once_flag load_once_;
  mutable core::Status loaded_;
  mutable Tables tables_;
  // Long lists whose checksums were right: they are looked at in places, again and again.
  mutable std::mutex verified_mutex_;
  mutable absl::flat_hash_set<uint64_t> verified_;
};

}  // namespace sextant::promfiles
