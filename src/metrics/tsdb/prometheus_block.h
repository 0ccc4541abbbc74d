// Blocks in Prometheus' format: a directory named by a ULID with index, chunks/, meta.json and tombstones, as
// Prometheus, promtool and Thanos read and write them. promfiles/ has the files' formats.
//
// The index is mapped and chunks are read when asked for; each piece's checksum is compared when it is read.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "metrics/promfiles/block_chunks.h"
#include "metrics/promfiles/chunk_codec.h"
#include "metrics/promfiles/index_reader.h"
#include "metrics/promfiles/index_writer.h"
#include "metrics/promfiles/meta.h"
#include "metrics/promfiles/tombstones.h"
#include "metrics/tsdb/block.h"

namespace sextant::tsdb {

class PrometheusBlock final : public Block {
 public:
  // Opens a block of index version 1, 2 or 3. kCorruption when a file does not begin and end as it should.
  // (promfiles::RepairIndexVersion helps with what Prometheus 2.1 left.)
  static core::Result<std::shared_ptr<const PrometheusBlock>> Open(core::FileSystem& fs,
                                                                   const std::string& dir);
  // Whether a directory looks like such a block: it is named by a ULID and has a meta.json.
  static bool IsOne(core::FileSystem& fs, const std::string& dir);

  // What meta.json says, with the present number of tombstones.
  promfiles::BlockMeta meta() const;

  core::Status Select(const std::vector<model::Matcher>& matchers, std::vector<FoundInBlock>& out,
                      const model::SelectHints& hints = {}) const override;
  core::Status LabelValues(std::string_view name, const std::vector<model::Matcher>& matchers,
                           std::vector<std::string>& out,
                           const model::StopCheck* check = nullptr) const override;
  core::Status LabelNames(const std::vector<model::Matcher>& matchers, std::vector<std::string>& out,
                          const model::StopCheck* check = nullptr) const override;
  core::Result<std::vector<uint32_t>> AllSeries() const override;
  core::Result<model::Labels> LabelsOf(uint32_t series) const override;
  // Chunks that overlap are merged; of samples with the same time the first chunk's counts.
  core::Status Read(uint32_t series, TimestampMs start_ms, TimestampMs end_ms,
                    model::SampleColumns& out) const override;

  // Deletes the samples with start_ms <= time <= end_ms of the series that match: writes the tombstones, then
  // meta.json, and lets reads that begin in between see it. After a failure it may or may not have happened;
  // call it again. One deletion at a time is done; others wait.
  core::Status Delete(core::FileSystem& fs, const std::vector<model::Matcher>& matchers, TimestampMs start_ms,
                      TimestampMs end_ms) const override;
  uint64_t deletions() const override { return tombstones()->count(); }
  // The present tombstones, by series number.
  std::shared_ptr<const promfiles::Tombstones> tombstones() const;

 private:
  PrometheusBlock(std::string dir, const BlockFacts& facts, promfiles::BlockMeta meta,
                  std::unique_ptr<core::MappedFile> index_file, std::unique_ptr<promfiles::IndexReader> index,
                  promfiles::ChunkSegments chunks, promfiles::Tombstones tombstones)
      : Block(std::move(dir), facts),
        meta_(std::move(meta)),
        index_file_(std::move(index_file)),
        index_(std::move(index)),
        chunks_(std::move(chunks)),
        has_tombstones_(tombstones.count() > 0),
        tombstones_(std::make_shared<promfiles::Tombstones>(std::move(tombstones))) {}

  core::Status AddTombstones(const Roaring& selected, TimestampMs start_ms, TimestampMs end_ms,
                             promfiles::Tombstones& tombstones) const;

  const promfiles::BlockMeta meta_;  // as it was when opened
  const std::unique_ptr<core::MappedFile> index_file_;
  const std::unique_ptr<promfiles::IndexReader> index_;
  const promfiles::ChunkSegments chunks_;
  mutable std::mutex delete_mutex_;  // held while a deletion writes; readers never take it
  mutable std::atomic<bool>
      has_tombstones_;  // once true, so for good; most blocks have none, and reads ask nothing else
  mutable std::mutex tombstones_mutex_;
  mutable std::shared_ptr<const promfiles::Tombstones> tombstones_;
};

struct PrometheusBlockOptions {
  promfiles::Ulid ulid;  // the last part of the directory's name
  TimestampMs start_ms = 0;
  TimestampMs end_ms = 0;
  // With no sources, the block is its own.
  promfiles::BlockCompaction compaction;
  // Sections of meta.json to keep from former blocks.
  std::vector<std::pair<std::string, std::string>> other_meta;
  promfiles::EncodeOptions chunks;
  uint64_t max_segment_bytes = promfiles::kMaxSegmentBytes;
};

// Writes into `dir`.tmp-for-creation, which is renamed at the end.
class PrometheusBlockWriter final : public BlockWriter {
 public:
  static core::Result<std::unique_ptr<PrometheusBlockWriter>> Start(core::FileSystem& fs, std::string dir,
                                                                    PrometheusBlockOptions options);

  core::Status Add(const model::Labels& labels, const model::SampleColumns& samples) override;
  core::Result<bool> Finish() override;

 private:
  PrometheusBlockWriter(core::FileSystem& fs, std::string dir, PrometheusBlockOptions options);

  core::FileSystem& fs_;
  const std::string dir_;
  const std::string temporary_dir_;
  const PrometheusBlockOptions options_;
  promfiles::BlockStats stats_;
  promfiles::ChunkSegmentWriter chunks_;
  std::unique_ptr<promfiles::IndexWriter> index_;
  std::vector<promfiles::EncodedChunk> encoded_;  // of the present series
  std::vector<promfiles::ChunkMeta> metas_;
};

}  // namespace sextant::tsdb
