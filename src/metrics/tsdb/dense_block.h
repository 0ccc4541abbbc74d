// Sextant's own form of a block: a directory of files that never change, `index` (index_file.h) and `columns`
// (dense_columns.h), and what was deleted since, `deletions` (dense_deletions.h). docs/formats/block.md
// describes them. The index is mapped; groups of columns are read when asked for and checked each time.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "metrics/tsdb/block.h"
#include "metrics/tsdb/dense_columns.h"
#include "metrics/tsdb/dense_deletions.h"
#include "metrics/tsdb/index_file.h"
#include "metrics/tsdb/index_writer.h"
#include "model/storage.h"

namespace sextant::tsdb {

class DenseBlock final : public Block {
 public:
  // kCorruption when the files are not a block; their content is checked when it is first used.
  static core::Result<std::shared_ptr<const Block>> Open(core::FileSystem& fs, const std::string& dir);

  core::Status Select(const std::vector<model::Matcher>& matchers, std::vector<FoundInBlock>& out,
                      const model::SelectHints& hints = {}) const override;
  core::Status LabelValues(std::string_view name, const std::vector<model::Matcher>& matchers,
                           std::vector<std::string>& out,
                           const model::StopCheck* check = nullptr) const override;
  core::Status LabelNames(const std::vector<model::Matcher>& matchers, std::vector<std::string>& out,
                          const model::StopCheck* check = nullptr) const override;
  core::Result<std::vector<uint32_t>> AllSeries() const override;
  core::Result<model::Labels> LabelsOf(uint32_t series) const override;
  core::Status Read(uint32_t series, TimestampMs start_ms, TimestampMs end_ms,
                    model::SampleColumns& out) const override;
  core::Status Delete(core::FileSystem& fs, const std::vector<model::Matcher>& matchers, TimestampMs start_ms,
                      TimestampMs end_ms) const override;
  uint64_t deletions() const override;

 private:
  DenseBlock(std::string dir, const BlockFacts& facts, std::unique_ptr<core::MappedFile> index_file,
             IndexReader index, std::unique_ptr<core::File> columns, Deletions deletions);

  core::Result<Bitmap> SelectNumbers(const std::vector<model::Matcher>& matchers,
                                     const model::StopCheck* check = nullptr) const;
  core::Status ReadRow(uint64_t row, TimestampMs start_ms, TimestampMs end_ms,
                       model::SampleColumns& out) const;
  core::Status VerifyGroups() const;
  std::shared_ptr<const Deletions> CurrentDeletions() const;

  const std::unique_ptr<core::MappedFile> index_file_;
  const IndexReader index_;
  const ColumnsReader columns_;
  mutable std::atomic<bool> groups_are_good_ = false;
  mutable std::mutex delete_mutex_;     // held while a deletion is made: by nobody but others who delete
  mutable std::mutex deletions_mutex_;  // of the pointer
  mutable std::shared_ptr<const Deletions> deletions_;
};

class DenseBlockWriter final : public BlockWriter {
 public:
  // Starts `dir`.tmp.
  static core::Result<std::unique_ptr<DenseBlockWriter>> Start(core::FileSystem& fs, std::string dir,
                                                               TimestampMs start_ms, TimestampMs end_ms);

  core::Status Add(const model::Labels& labels, const model::SampleColumns& samples) override;
  core::Result<bool> Finish() override;

 private:
  DenseBlockWriter(core::FileSystem& fs, std::string dir, ColumnsWriter columns,
                   std::unique_ptr<IndexWriter> index)
      : fs_(fs),
        dir_(std::move(dir)),
        temporary_dir_(dir_ + ".tmp"),
        columns_(std::move(columns)),
        index_(std::move(index)) {}

  // A bucket of a histogram with a row of its own.
  struct Bucket {
    uint64_t row = 0;
    std::string bytes;
  };

  // Adds `row_`, of `count` samples.
  core::Status AddRow(const model::Labels& labels, uint32_t times, size_t count);

  core::FileSystem& fs_;
  const std::string dir_;
  const std::string temporary_dir_;
  ColumnsWriter columns_;
  std::unique_ptr<IndexWriter> index_;
  IndexFacts facts_;
  std::string row_;
  std::string differences_;
  absl::flat_hash_map<uint64_t, std::vector<Bucket>> buckets_;  // by the hash of labels and times
};

}  // namespace sextant::tsdb
