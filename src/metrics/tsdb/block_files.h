// What blocks of both forms have in common on disk: how their directories are named, found, opened, started
// and taken away. BlockSet decides; this knows the names. docs/formats/block.md describes them.
//
// Sextant's form lies in the folder `blocks` as block-<start>-<end>-<number>, Prometheus' in the data
// directory under a ULID.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "metrics/promfiles/chunk_codec.h"
#include "metrics/tsdb/block.h"
#include "metrics/tsdb/block_origin.h"
#include "metrics/tsdb/db.h"

namespace sextant::tsdb {

// A block as the set holds it.
struct HeldBlock {
  std::shared_ptr<const Block> block;
  BlockForm form = BlockForm::kDense;
  BlockOrigin origin;
  bool has_failed = false;    // it could not be merged with others
  bool is_deletable = false;  // it says that it has no samples and can go
};

// The last part of a block's path.
std::string_view NameOf(const Block& block);

// What a directory's name says.
enum class BlockNameKind {
  kOther,     // not a block's
  kBlock,     // a block
  kLeftover,  // unfinished, or on its way out
  kDamaged,   // set aside
};
BlockNameKind ClassifyName(std::string_view name, BlockForm form);
// The number at the end of a name of Sextant's form; 0: another name, or one without.
uint64_t BlockNumberOf(std::string_view name);
std::string DenseBlockName(TimestampMs start_ms, TimestampMs end_ms, uint64_t number);

// Of a block that was cut from the head in order and replaces nothing.
BlockOrigin CutInOrder(TimestampMs end_ms);

struct OpenedBlock {
  HeldBlock held;
  std::optional<core::Error> origin_error;  // the block is whole, but what it replaced is not known
};
// Opens a block with all that is known of it. Prometheus 2.1's mix-up of versions is repaired.
core::Result<OpenedBlock> OpenBlock(core::FileSystem& fs, const std::string& dir, BlockForm form);

// How the chunks of a block in Prometheus' form are encoded. Made of blocks of that form only, it keeps the
// start times that they have.
promfiles::EncodeOptions EncodeOptionsFor(ChunkEncodings encodings, bool is_of_prometheus_blocks);

// Starts a block that is made of `sources`; without any, it is cut from the head.
core::Result<std::unique_ptr<BlockWriter>> StartBlock(core::FileSystem& fs, const std::string& dir,
                                                      BlockForm form, TimestampMs start_ms,
                                                      TimestampMs end_ms, const BlockOrigin& origin,
                                                      const std::vector<HeldBlock>& sources,
                                                      ChunkEncodings encodings);

// The directory while it is being made, and while it is being removed.
std::string UnfinishedDir(const std::string& dir, BlockForm form);
std::string DeletedDir(const std::string& dir);
bool IsDeletedDir(std::string_view dir);
// Where an unreadable block is put; nullopt: it is left where it lies (a user's Prometheus block).
std::optional<std::string> DamagedDir(const std::string& dir, BlockForm form);

}  // namespace sextant::tsdb
