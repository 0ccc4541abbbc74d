#include "metrics/tsdb/block_files.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "metrics/promfiles/meta.h"
#include "metrics/promfiles/ulid.h"
#include "metrics/tsdb/dense_block.h"
#include "metrics/tsdb/prometheus_block.h"

namespace sextant::tsdb {

using core::Code;
using core::FileSystem;
using core::Result;
using core::Status;
using promfiles::Ulid;

namespace {

constexpr std::string_view kDensePrefix = "block-";
constexpr std::string_view kDenseUnfinished = ".tmp";
constexpr std::string_view kDenseDeleted = ".deleted";
constexpr std::string_view kDenseDamaged = ".damaged";
// Prometheus' own suffixes: it removes such directories too.
constexpr std::string_view kPrometheusUnfinished = ".tmp-for-creation";
constexpr std::string_view kPrometheusDeleted = ".tmp-for-deletion";
constexpr std::string_view kPrometheusOldUnfinished = ".tmp";
constexpr std::string_view kHintFromStaleSeries = "from-stale-series";

BlockOrigin OriginOf(const promfiles::BlockMeta& meta) {
  auto has = [&](std::string_view hint) {
    return std::ranges::find(meta.compaction.hints, hint) != meta.compaction.hints.end();
  };
  BlockOrigin origin;
  origin.is_stale_series = has(kHintFromStaleSeries);
  origin.is_out_of_order = has(promfiles::kHintFromOutOfOrder) && !origin.is_stale_series;
  if (!origin.is_out_of_order && !origin.is_stale_series) origin.head_end_ms = meta.max_time_ms;
  origin.level = static_cast<uint32_t>(std::clamp<int64_t>(meta.compaction.level, 1, UINT32_MAX));
  for (const promfiles::BlockParent& parent : meta.compaction.parents)
    origin.parents.push_back(parent.ulid.ToString());
  return origin;
}

promfiles::BlockCompaction CompactionOf(const BlockOrigin& origin, const std::vector<HeldBlock>& sources) {
  promfiles::BlockCompaction compaction;
  compaction.level = origin.level;
  // Both for stale series: a Prometheus before 3.10 knows only the first, and would take the block for all
  // that there is of its time and drop what the WAL has of it.
  if (origin.is_out_of_order || origin.is_stale_series) {
    compaction.hints.emplace_back(promfiles::kHintFromOutOfOrder);
  }
  if (origin.is_stale_series) compaction.hints.emplace_back(kHintFromStaleSeries);
  std::set<Ulid> leaves;
  for (const HeldBlock& source : sources) {
    const auto* block = dynamic_cast<const PrometheusBlock*>(source.block.get());
    if (block == nullptr) continue;
    promfiles::BlockMeta meta = block->meta();
    leaves.insert(meta.compaction.sources.begin(), meta.compaction.sources.end());
    compaction.parents.push_back({meta.ulid, meta.min_time_ms, meta.max_time_ms});
  }
  compaction.sources.assign(leaves.begin(), leaves.end());
  return compaction;
}

Result<OpenedBlock> OpenDense(FileSystem& fs, const std::string& dir) {
  OpenedBlock opened;
  opened.held.form = BlockForm::kDense;
  SEXTANT_ASSIGN(opened.held.block, DenseBlock::Open(fs, dir));
  auto origin = ReadOrigin(fs, dir);
  if (!origin) {
    opened.origin_error = origin.error();
  } else {
    opened.held.origin = *origin ? std::move(**origin) : CutInOrder(opened.held.block->end_ms());
  }
  return opened;
}

Result<OpenedBlock> OpenPrometheus(FileSystem& fs, const std::string& dir) {
  auto block = PrometheusBlock::Open(fs, dir);
  if (!block) {
    auto repaired = promfiles::RepairIndexVersion(fs, dir);
    if (repaired && *repaired) block = PrometheusBlock::Open(fs, dir);
  }
  if (!block) return tl::unexpected(block.error());
  OpenedBlock opened;
  promfiles::BlockMeta meta = (*block)->meta();
  opened.held.form = BlockForm::kPrometheus;
  opened.held.block = std::move(*block);
  opened.held.origin = OriginOf(meta);
  opened.held.has_failed = meta.compaction.failed;
  opened.held.is_deletable = meta.compaction.deletable;
  // Beside meta.json only when it was made of blocks of our form.
  auto origin = ReadOrigin(fs, dir);
  if (!origin) {
    opened.origin_error = origin.error();
  } else if (*origin) {
    opened.held.origin = std::move(**origin);
  }
  return opened;
}

}  // namespace

std::string_view NameOf(const Block& block) {
  std::string_view dir = block.dir();
  return dir.substr(dir.rfind('/') + 1);
}

BlockNameKind ClassifyName(std::string_view name, BlockForm form) {
  if (form == BlockForm::kDense) {
    if (!name.starts_with(kDensePrefix)) return BlockNameKind::kOther;
    if (name.ends_with(kDenseDamaged)) return BlockNameKind::kDamaged;
    bool is_leftover = name.ends_with(kDenseUnfinished) || name.ends_with(kDenseDeleted);
    return is_leftover ? BlockNameKind::kLeftover : BlockNameKind::kBlock;
  }
  if (!Ulid::Parse(name.substr(0, Ulid::kTextBytes))) return BlockNameKind::kOther;
  std::string_view suffix = name.substr(Ulid::kTextBytes);
  if (suffix.empty()) return BlockNameKind::kBlock;
  bool is_leftover =
      suffix == kPrometheusUnfinished || suffix == kPrometheusDeleted || suffix == kPrometheusOldUnfinished;
  return is_leftover ? BlockNameKind::kLeftover : BlockNameKind::kOther;
}

uint64_t BlockNumberOf(std::string_view name) {
  if (!name.starts_with(kDensePrefix)) return 0;
  const char* at = name.data() + kDensePrefix.size();
  const char* end = name.data() + name.size();
  for (int field = 0; field < 2; ++field) {
    int64_t time_ms = 0;
    auto parsed = std::from_chars(at, end, time_ms);
    if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != '-') return 0;
    at = parsed.ptr + 1;
  }
  uint64_t number = 0;
  return std::from_chars(at, end, number).ec == std::errc() ? number : 0;
}

std::string DenseBlockName(TimestampMs start_ms, TimestampMs end_ms, uint64_t number) {
  return fmt::format("{}{}-{}-{}", kDensePrefix, start_ms, end_ms, number);
}

BlockOrigin CutInOrder(TimestampMs end_ms) { return {.head_end_ms = end_ms, .parents = {}}; }

Result<OpenedBlock> OpenBlock(FileSystem& fs, const std::string& dir, BlockForm form) {
  return form == BlockForm::kDense ? OpenDense(fs, dir) : OpenPrometheus(fs, dir);
}

promfiles::EncodeOptions EncodeOptionsFor(ChunkEncodings encodings, bool is_of_prometheus_blocks) {
  return {.max_samples = encodings.samples_per_chunk,
          .xor2_floats = encodings.xor2_floats,
          .float_start_times = is_of_prometheus_blocks,
          .histogram_start_times = encodings.histogram_start_times || is_of_prometheus_blocks};
}

Result<std::unique_ptr<BlockWriter>> StartBlock(FileSystem& fs, const std::string& dir, BlockForm form,
                                                TimestampMs start_ms, TimestampMs end_ms,
                                                const BlockOrigin& origin,
                                                const std::vector<HeldBlock>& sources,
                                                ChunkEncodings encodings) {
  std::unique_ptr<BlockWriter> writer;
  const bool has_dense_sources =
      std::ranges::any_of(sources, [](const HeldBlock& source) { return source.form == BlockForm::kDense; });
  bool needs_file;
  if (form == BlockForm::kDense) {
    SEXTANT_ASSIGN(writer, DenseBlockWriter::Start(fs, dir, start_ms, end_ms));
    needs_file = origin != CutInOrder(end_ms);
  } else {
    PrometheusBlockOptions options;
    options.ulid = Ulid::Parse(dir.substr(dir.rfind('/') + 1)).value_or(Ulid{});
    options.start_ms = start_ms;
    options.end_ms = end_ms;
    options.max_segment_bytes = encodings.segment_bytes;
    options.compaction = CompactionOf(origin, sources);
    options.chunks = EncodeOptionsFor(encodings, !sources.empty() && !has_dense_sources);
    SEXTANT_ASSIGN(writer, PrometheusBlockWriter::Start(fs, dir, std::move(options)));
    needs_file = has_dense_sources;  // meta.json cannot name blocks of our form
  }
  if (needs_file) SEXTANT_TRY(WriteOrigin(fs, UnfinishedDir(dir, form), origin));
  return writer;
}

std::string UnfinishedDir(const std::string& dir, BlockForm form) {
  return fmt::format("{}{}", dir, form == BlockForm::kDense ? kDenseUnfinished : kPrometheusUnfinished);
}

std::string DeletedDir(const std::string& dir) {
  bool is_dense = std::string_view(dir).substr(dir.rfind('/') + 1).starts_with(kDensePrefix);
  return fmt::format("{}{}", dir, is_dense ? kDenseDeleted : kPrometheusDeleted);
}

bool IsDeletedDir(std::string_view dir) {
  return dir.ends_with(kDenseDeleted) || dir.ends_with(kPrometheusDeleted);
}

std::optional<std::string> DamagedDir(const std::string& dir, BlockForm form) {
  if (form == BlockForm::kPrometheus) return std::nullopt;
  return fmt::format("{}{}", dir, kDenseDamaged);
}

}  // namespace sextant::tsdb
