// Writes the index of a Prometheus block, version 2, as Prometheus, promtool and Thanos read it: symbols,
// series, postings, the postings offset table and the table of contents. Label indices, which no reader has
// looked at since 2019, are left out as Prometheus itself leaves them out since 3.x.
//
// Series come in the order of their labels. They are spooled to a temporary file beside the index, because
// the symbols, which stand first, are known only at the end; in memory stay the symbols and about a byte per
// label of a series. Owned by one thread. A writer that is destroyed before Finish leaves its files behind.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "metrics/promfiles/index_reader.h"
#include "model/labels.h"

namespace sextant::promfiles {

// Texts, each once, numbered in the order of their first appearance.
class SymbolTable {
 public:
  SymbolTable() : ids_(0, Hash{&symbols_}, Equal{&symbols_}) {}

  uint32_t IdOf(std::string_view text);
  size_t size() const { return symbols_.size(); }
  std::string_view at(uint32_t id) const { return symbols_[id]; }
  // No more ids will be asked for.
  void Freeze() { Ids(0, Hash{&symbols_}, Equal{&symbols_}).swap(ids_); }

 private:
  struct Hash {
    using is_transparent = void;
    const std::deque<std::string_view>* symbols;
    size_t operator()(uint32_t id) const { return (*this)((*symbols)[id]); }
    size_t operator()(std::string_view text) const { return absl::Hash<std::string_view>()(text); }
  };
  struct Equal {
    using is_transparent = void;
    const std::deque<std::string_view>* symbols;
    std::string_view Text(uint32_t id) const { return (*symbols)[id]; }
    static std::string_view Text(std::string_view text) { return text; }
    bool operator()(const auto& a, const auto& b) const { return Text(a) == Text(b); }
  };
  using Ids = absl::flat_hash_set<uint32_t, Hash, Equal>;

  std::deque<std::string_view> symbols_;
  Ids ids_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t block_left_ = 0;
  char* block_at_ = nullptr;
};

// Many lists of ascending numbers in little memory: differences as varints, in linked pieces that grow.
class DeltaLists {
 public:
  struct List {
    uint32_t count = 0;
    uint32_t first = 0;
    uint32_t last = 0;
    uint32_t head = 0;         // the first piece, when there is more than one number
    uint32_t at = 0;           // where the next byte goes
    uint16_t left_bytes = 0;   // in the last piece
    uint16_t piece_bytes = 0;  // of the last piece; 0: there is none
  };

  // `number` is larger than all before. False when 4 GiB of lists are full.
  bool Add(List& list, uint32_t number);
  // Calls visit(number) for all.
  template <typename Visit>
  void ForEach(const List& list, Visit visit) const;

 private:
  static constexpr uint32_t kBlockBytes = 1 << 20;
  // A piece is followed by the place of the next one, which is twice as long.
  static constexpr uint16_t kFirstPieceBytes = 8;
  static constexpr uint16_t kLastPieceBytes = 256;
  static constexpr uint32_t kLinkBytes = sizeof(uint32_t);
  static uint16_t NextPieceBytes(uint16_t bytes) {
    return bytes == 0 ? kFirstPieceBytes : std::min<uint16_t>(bytes * 2, kLastPieceBytes);
  }

  char* At(uint32_t place) { return blocks_[place / kBlockBytes].get() + place % kBlockBytes; }
  const char* At(uint32_t place) const { return blocks_[place / kBlockBytes].get() + place % kBlockBytes; }
  bool AddPiece(List& list);

  std::vector<std::unique_ptr<char[]>> blocks_;
  uint32_t next_ = kBlockBytes;  // in the last block
};

template <typename Visit>
void DeltaLists::ForEach(const List& list, Visit visit) const {
  if (list.count == 0) return;
  uint32_t number = list.first;
  visit(number);
  uint32_t at = list.head;
  uint16_t piece_bytes = kFirstPieceBytes;
  uint16_t left_bytes = piece_bytes;
  for (uint32_t i = 1; i < list.count; ++i) {
    uint32_t difference = 0;
    for (unsigned shift = 0;; shift += 7) {
      if (left_bytes == 0) {
        std::memcpy(&at, At(at), sizeof at);
        piece_bytes = NextPieceBytes(piece_bytes);
        left_bytes = piece_bytes;
      }
      auto byte = static_cast<uint8_t>(*At(at++));
      --left_bytes;
      difference |= static_cast<uint32_t>(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    number += difference;
    visit(number);
  }
}

// A file that is written from its begin to its end through a buffer. After a failure nothing more is written,
// and status() says why.
class BufferedFile {
 public:
  explicit BufferedFile(std::unique_ptr<core::File> file) : file_(std::move(file)) {}

  void Put(std::string_view bytes);
  // As Put; the bytes count towards the next checksum.
  void PutSummed(std::string_view bytes);
  // Writes the checksum of what was put by PutSummed since the last one.
  void PutChecksum();
  void PadTo(uint64_t alignment);
  core::Status Flush();
  uint64_t size() const { return size_; }
  const core::Status& status() const { return status_; }
  core::File& file() { return *file_; }

 private:
  std::unique_ptr<core::File> file_;
  std::string buffer_;
  uint64_t size_ = 0;
  uint32_t checksum_ = 0;
  core::Status status_;
};

class IndexWriter {
 public:
  // Makes `path`, which must not exist.
  static core::Result<std::unique_ptr<IndexWriter>> Start(core::FileSystem& fs, const std::string& path);

  // Adds a series that is after the former ones in the order of labels, with its chunks in the order of time.
  core::Status Add(const model::Labels& labels, const std::vector<ChunkMeta>& chunks);

  // Writes the file and makes it durable; the result is its size. Call once, and nothing after it.
  core::Result<uint64_t> Finish();

 private:
  // A label: its postings are the numbers of the series, counted from 0.
  struct Pair {
    uint32_t name = 0;
    uint32_t value = 0;
    DeltaLists::List series;

    uint64_t key() const { return uint64_t{name} << 32 | value; }
  };
  // Places in pairs_, found by their keys.
  struct PairHash {
    using is_transparent = void;
    const std::deque<Pair>* pairs;
    size_t operator()(uint64_t key) const { return absl::Hash<uint64_t>()(key); }
    size_t operator()(uint32_t place) const { return (*this)((*pairs)[place].key()); }
  };
  struct PairEqual {
    using is_transparent = void;
    const std::deque<Pair>* pairs;
    bool operator()(uint32_t place, uint64_t key) const { return (*pairs)[place].key() == key; }
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
  };
  using PairSet = absl::flat_hash_set<uint32_t, PairHash, PairEqual>;

  IndexWriter(core::FileSystem& fs, std::string path, std::unique_ptr<core::File> file,
              std::unique_ptr<core::File> spool)
      : fs_(fs), path_(std::move(path)), out_(std::move(file)), spool_(std::move(spool)) {}

  Pair& PairOf(uint32_t name, uint32_t value);
  core::Status CheckOrder(const model::Labels& labels, const std::vector<ChunkMeta>& chunks);
  void SortSymbols();
  void SortPairs();
  core::Status WriteSymbols();
  core::Status WriteSeries();
  core::Status WriteOneSeries(std::string_view spooled, std::string& buffer);
  template <typename VisitAll>
  void WritePostingsList(uint64_t count, VisitAll visit_all);
  void WritePostings();
  core::Status WritePostingsTable(uint64_t postings_begin);
  core::Status CheckSection(std::string_view what, uint64_t bytes) const;

  core::FileSystem& fs_;
  const std::string path_;
  BufferedFile out_;
  BufferedFile spool_;
  std::string record_;
  model::Labels last_labels_;
  uint64_t last_ref_ = 0;

  SymbolTable symbols_;
  std::deque<Pair> pairs_;
  PairSet pair_places_{0, PairHash{&pairs_}, PairEqual{&pairs_}};
  DeltaLists postings_;
  uint32_t series_count_ = 0;

  // Since Finish.
  IndexToc toc_;
  std::vector<uint32_t> symbol_order_;
  std::vector<uint32_t> symbol_ranks_;
  std::vector<uint32_t> pair_order_;
  std::vector<uint32_t> series_refs_;
};

}  // namespace sextant::promfiles
