// The blocks of a store: which there are, which a query sees, how one comes in place of others, and what
// happens to those that cannot be read. Their ranges may overlap each other and the head: queries merge.
// Thread-safe; files are touched without holding a lock.
//
// The head begins where in-order blocks end (end_ms): at the end of the newest block that was cut from it in
// order, or was made of such. Blocks of out-of-order samples or early cuts have no say in that.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/log.h"
#include "metrics/promfiles/ulid.h"
#include "metrics/tsdb/block.h"
#include "metrics/tsdb/block_files.h"
#include "metrics/tsdb/series.h"
#include "metrics/tsdb/store_metrics.h"

namespace sextant::tsdb {

// Blocks as of one moment.
struct BlockSnapshot {
  std::vector<std::shared_ptr<const Block>> blocks;  // by start
  TimestampMs end_ms = kNoTime;                      // samples before this are in blocks, not in the head
};

// A block on its way: `writer` fills it, BlockSet::Finish makes it one of the set.
struct NewBlock {
  std::string dir;
  BlockForm form = BlockForm::kDense;
  std::unique_ptr<BlockWriter> writer;
};

class BlockSet {
 public:
  // Where blocks of either form lie. All that is referred to must outlive this.
  BlockSet(core::FileSystem& fs, const core::Clock& clock, std::string dense_dir, std::string prometheus_dir,
           core::Logger logger, StoreMetrics& metrics)
      : fs_(fs),
        dense_dir_(std::move(dense_dir)),
        prometheus_dir_(std::move(prometheus_dir)),
        logger_(std::move(logger)),
        metrics_(metrics),
        ulids_(clock) {}

  // Opens what is in the directories, which exist; removes unfinished blocks and those that another one has
  // replaced. Unreadable ones are set aside: those of Sextant's form are renamed, those of Prometheus' are
  // left where they lie.
  core::Status Load();

  // Those that overlap start_ms <= time <= end_ms.
  BlockSnapshot Snapshot(TimestampMs start_ms, TimestampMs end_ms) const;
  // All, by start, with what planning needs.
  std::vector<HeldBlock> Held() const;
  TimestampMs end_ms() const;
  uint64_t count() const;
  uint64_t size_bytes() const;

  // Starts a block that is made of `sources` or, without any, cut from the head.
  core::Result<NewBlock> Start(BlockForm form, TimestampMs start_ms, TimestampMs end_ms,
                               const BlockOrigin& origin, const std::vector<HeldBlock>& sources);
  // Finishes it and puts it in the place of `sources`, whose files go away. False when nothing was added to
  // it: then `sources` go without a successor. After an error the set is as before.
  core::Result<bool> Finish(NewBlock block, const std::vector<HeldBlock>& sources);
  // Removes what there is of a block that will not be finished.
  void Discard(NewBlock block);
  // Says that there is nothing before `end_ms` that is not in a block (an empty range was cut).
  void RaiseEnd(TimestampMs end_ms);

  // How blocks of Prometheus' form are encoded from now on.
  void SetChunkEncodings(ChunkEncodings encodings);
  ChunkEncodings chunk_encodings() const;

  // Deletes the blocks that end at or before `oldest_ms`, and then those that end first until all together
  // have at most `max_bytes`.
  core::Status ApplyRetention(TimestampMs oldest_ms, uint64_t max_bytes);
  // Removes the files of blocks that are no longer part of the set and could not be removed before.
  core::Status DeleteRetired();

  // What could not be read since Load, each as a line for a person.
  std::vector<std::string> damages() const;
  // Keeps these from being merged: their chunks cannot all be read, and merging would lose those for good.
  void MarkFailed(const std::vector<HeldBlock>& blocks);
  // Passes on the outcome of a lookup in a block, except that kCorruption sets the block aside: queries go on
  // without.
  core::Status Guard(const Block& block, core::Status status);
  // Logs and counts a chunk that could not be read.
  void ReportChunk(const core::Error& error) const;

 private:
  core::Status OpenAll(BlockForm form, std::vector<HeldBlock>& loaded);
  void LoadOne(const std::string& path, BlockForm form, std::vector<HeldBlock>& loaded);
  const std::string& DirOf(BlockForm form) const {
    return form == BlockForm::kDense ? dense_dir_ : prometheus_dir_;
  }
  void RetireReplaced(std::vector<HeldBlock>& loaded);
  void NoteNumber(std::string_view name);
  void SetAside(const std::string& block_dir, BlockForm form, const core::Error& reason);
  // Both under the lock.
  void Insert(HeldBlock held);
  void Retire(const Block& block);

  core::FileSystem& fs_;
  const std::string dense_dir_;
  const std::string prometheus_dir_;
  const core::Logger logger_;
  StoreMetrics& metrics_;
  promfiles::UlidSource ulids_;
  mutable std::mutex mutex_;
  std::vector<HeldBlock> blocks_;     // by start
  std::vector<std::string> retired_;  // paths to be removed
  std::vector<std::string> damages_;
  TimestampMs end_ms_ = kNoTime;
  ChunkEncodings chunk_encodings_;
  uint64_t next_number_ = 1;  // of names of Sextant's form, which are never used again
};

}  // namespace sextant::tsdb
