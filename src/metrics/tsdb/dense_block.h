// Sextant's own form of a block: a directory of two files that never change, `index` (index_file.h) and
// `chunks`. docs/formats/block.md describes them. The index is mapped; chunks are read when asked for and
// checked each time.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "metrics/tsdb/block.h"
#include "metrics/tsdb/index_file.h"
#include "model/storage.h"

namespace sextant::tsdb {

class DenseBlock final : public Block {
 public:
  // kCorruption when the files are not a block; their checksums are compared at the first lookup.
  static core::Result<std::shared_ptr<const Block>> Open(core::FileSystem& fs, const std::string& dir);
  // From files that are open already.
  static core::Result<std::shared_ptr<const Block>> FromFiles(std::string dir,
                                                              std::unique_ptr<core::MappedFile> index,
                                                              std::unique_ptr<core::File> chunks);

  core::Status Select(const std::vector<model::Matcher>& matchers,
                      std::vector<FoundInBlock>& out) const override;
  core::Status LabelValues(std::string_view name, const std::vector<model::Matcher>& matchers,
                           std::vector<std::string>& out) const override;
  core::Status LabelNames(const std::vector<model::Matcher>& matchers,
                          std::vector<std::string>& out) const override;
  core::Result<std::vector<uint32_t>> AllSeries() const override;
  core::Result<model::Labels> LabelsOf(uint32_t series) const override;
  core::Status Read(uint32_t series, TimestampMs start_ms, TimestampMs end_ms,
                    model::SampleColumns& out) const override;
  core::Status Delete(core::FileSystem&, const std::vector<model::Matcher>&, TimestampMs,
                      TimestampMs) const override {
    return core::Fail(core::Code::kUnimplemented, "deleting from blocks of this form");
  }
  uint64_t deletions() const override { return 0; }

 private:
  DenseBlock(std::string dir, const BlockFacts& facts, std::unique_ptr<core::MappedFile> index_file,
             IndexReader index, std::unique_ptr<core::File> chunks)
      : Block(std::move(dir), facts),
        index_file_(std::move(index_file)),
        index_(std::move(index)),
        chunks_(std::move(chunks)) {}

  core::Status VerifyOnce() const;
  core::Status ReadChunk(std::string_view bytes, const ChunkPlace& place, TimestampMs start_ms,
                         TimestampMs end_ms, model::SampleColumns& out) const;

  const std::unique_ptr<core::MappedFile> index_file_;
  const IndexReader index_;
  const std::unique_ptr<core::File> chunks_;
  mutable std::once_flag verify_once_;
  mutable core::Status verified_;
};

class DenseBlockWriter final : public BlockWriter {
 public:
  // Starts `dir`.tmp.
  static core::Result<std::unique_ptr<DenseBlockWriter>> Start(core::FileSystem& fs, std::string dir,
                                                               TimestampMs start_ms, TimestampMs end_ms);

  core::Status Add(const model::Labels& labels, const model::SampleColumns& samples) override;
  core::Result<bool> Finish() override;

 private:
  DenseBlockWriter(core::FileSystem& fs, std::string dir)
      : fs_(fs), dir_(std::move(dir)), temporary_dir_(dir_ + ".tmp") {}

  uint32_t SymbolId(std::string_view text);
  core::Status PutChunk(const std::string& bytes, const ChunkTail& tail, TimestampMs& former_last_ms);
  core::Status FlushChunks();
  core::Status WriteIndex();

  core::FileSystem& fs_;
  const std::string dir_;
  const std::string temporary_dir_;
  IndexFacts facts_;
  std::unique_ptr<core::File> chunk_file_;
  std::string chunk_buffer_;

  // Series so far: labels as ids in the order of their appearance, chunk places as they will stand in the
  // index.
  std::vector<std::string> symbols_;
  absl::flat_hash_map<std::string, uint32_t> symbol_ids_;
  absl::flat_hash_map<uint64_t, uint32_t> pair_ids_;  // name and value symbol
  std::vector<std::pair<uint32_t, uint32_t>> pairs_;
  std::vector<uint32_t> series_pairs_;  // of all series, one after the other
  std::vector<uint32_t> pair_ends_;     // where each series' end in series_pairs_
  std::string chunk_places_;
  std::vector<uint32_t> place_ends_;
};

}  // namespace sextant::tsdb
