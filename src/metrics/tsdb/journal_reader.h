// Follows the journal while it is written: what Db hands out as a commit log. Files are read from the
// beginning on, since a batch is told against those before it in its file; those before the position are
// decoded and dropped.
//
// A frame is taken when its checksum is right, so that a frame which is being written, or was taken back, is
// never seen in parts. Used by one thread at a time.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "metrics/tsdb/start_times.h"
#include "metrics/tsdb/store.h"
#include "model/commit_log.h"

namespace sextant::tsdb {

class JournalReader final : public model::CommitLogReader {
 public:
  JournalReader(std::shared_ptr<Store> store, model::CommitPosition from);

  core::Result<bool> Next(model::CommittedBatch& out) override;
  std::optional<model::Labels> LabelsOf(SeriesRef ref) const override;
  std::shared_ptr<const model::MetricMetadata> MetadataOf(SeriesRef ref) const override;

 private:
  core::Result<bool> OpenFrom(uint64_t number);
  core::Status Open(uint64_t number);
  core::Result<bool> NextPayload(std::string_view& payload);
  core::Result<bool> Fill(size_t bytes);
  core::Result<bool> GoToNextFile();
  core::Status Convert(const DecodedBatch& batch, model::CommittedBatch& out);
  void ConvertFloats(const SampleSpans& samples, std::span<const StartChange> changes,
                     model::CommittedBatch& out);
  core::Status ConvertSection(const Section& section, model::CommittedBatch& out);

  const std::shared_ptr<Store> store_;
  model::CommitPosition from_;  // batches that begin before it are dropped

  std::unique_ptr<core::File> file_;  // null: none is open
  uint64_t number_ = 0;               // of the file, or of the one to be opened
  uint64_t offset_ = 0;               // of the next frame
  std::string buffer_;                // the file from buffer_offset_ on
  uint64_t buffer_offset_ = 0;

  BatchDecoder decoder_;
  DecodedBatch batch_;
  // Series that this file defines: they may be gone from the head.
  absl::flat_hash_map<SeriesRef, model::Labels> definitions_;
  // Of the newest float samples read, where they are known. Survives a file's end, for as long as the series.
  absl::flat_hash_map<SeriesRef, TimestampMs> start_times_ms_;
};

}  // namespace sextant::tsdb
