#include "metrics/tsdb/prometheus_block.h"

#include <algorithm>
#include <numeric>

namespace sextant::tsdb {
namespace {

using core::FileSystem;
using core::JoinPath;
using core::Result;
using core::Status;
using model::Labels;
using model::Matcher;
using promfiles::ChunkMeta;

std::string_view NameOf(std::string_view dir) { return dir.substr(dir.rfind('/') + 1); }

void MoveSample(model::SampleColumns& from, size_t i, model::SampleColumns& to) {
  TimestampMs start_ms = from.start_times_ms.empty() ? 0 : from.start_times_ms[i];
  if (!from.histograms.empty() && from.histograms[i] != nullptr) {
    to.AddHistogram(from.times_ms[i], std::move(from.histograms[i]), start_ms);
  } else {
    to.Add(from.times_ms[i], from.values[i], start_ms);
  }
}

// Puts the samples from `begin` on in the order of time; of equal times the first stays.
void MergeOverlaps(size_t begin, model::SampleColumns& samples) {
  std::vector<size_t> order(samples.size() - begin);
  std::iota(order.begin(), order.end(), begin);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return samples.times_ms[a] < samples.times_ms[b]; });
  order.erase(std::unique(order.begin(), order.end(),
                          [&](size_t a, size_t b) { return samples.times_ms[a] == samples.times_ms[b]; }),
              order.end());
  model::SampleColumns merged;
  for (size_t i : order) MoveSample(samples, i, merged);
  samples.Resize(begin);
  for (size_t i = 0; i < merged.size(); ++i) MoveSample(merged, i, samples);
}

}  // namespace

Result<std::shared_ptr<const PrometheusBlock>> PrometheusBlock::Open(FileSystem& fs, const std::string& dir) {
  uint64_t meta_bytes = 0;
  SEXTANT_ASSIGN(promfiles::BlockMeta meta, promfiles::ReadBlockMeta(fs, dir, &meta_bytes));
  std::string index_path = JoinPath(dir, "index");
  SEXTANT_ASSIGN(std::unique_ptr<core::MappedFile> index_file, fs.MapReadOnly(index_path));
  SEXTANT_ASSIGN(std::unique_ptr<promfiles::IndexReader> index,
                 promfiles::IndexReader::Open(index_file->bytes(), index_path));
  SEXTANT_ASSIGN(promfiles::ChunkSegments chunks,
                 promfiles::ChunkSegments::Open(fs, JoinPath(dir, "chunks")));
  SEXTANT_ASSIGN(promfiles::Tombstones tombstones, promfiles::ReadTombstones(fs, dir));
  auto tombstone_file = fs.Stat(JoinPath(dir, "tombstones"));
  uint64_t tombstone_bytes = tombstone_file ? tombstone_file->size_bytes : 0;
  BlockFacts facts{
      .start_ms = meta.min_time_ms,
      .end_ms = meta.max_time_ms,
      .series = meta.stats.series,
      .samples = meta.stats.samples,
      .chunks = meta.stats.chunks,
      .size_bytes = meta_bytes + index_file->bytes().size() + chunks.size_bytes() + tombstone_bytes};
  return std::shared_ptr<const PrometheusBlock>(
      new PrometheusBlock(dir, facts, std::move(meta), std::move(index_file), std::move(index),
                          std::move(chunks), std::move(tombstones)));
}

bool PrometheusBlock::IsOne(FileSystem& fs, const std::string& dir) {
  return promfiles::Ulid::Parse(NameOf(dir)).has_value() && fs.Stat(JoinPath(dir, "meta.json")).has_value();
}

promfiles::BlockMeta PrometheusBlock::meta() const {
  promfiles::BlockMeta meta = meta_;
  meta.stats.tombstones = deletions();
  return meta;
}

std::shared_ptr<const promfiles::Tombstones> PrometheusBlock::tombstones() const {
  std::lock_guard lock(tombstones_mutex_);
  return tombstones_;
}

Status PrometheusBlock::Select(const std::vector<Matcher>& matchers, std::vector<FoundInBlock>& out,
                               const model::SelectHints& hints) const {
  SEXTANT_ASSIGN(Roaring selected, index_->Select(matchers, hints.check));
  out.reserve(out.size() + selected.cardinality());
  return index_->VisitLabels(selected, [&](uint32_t series, Labels labels) -> Status {
    out.push_back({std::move(labels), series});
    return out.size() % kSeriesBetweenChecks == 0 ? hints.Check() : Status();
  });
}

Status PrometheusBlock::LabelValues(std::string_view name, const std::vector<Matcher>& matchers,
                                    std::vector<std::string>& out, const model::StopCheck* check) const {
  return index_->LabelValues(name, matchers, out, check);
}

Status PrometheusBlock::LabelNames(const std::vector<Matcher>& matchers, std::vector<std::string>& out,
                                   const model::StopCheck* check) const {
  return index_->LabelNames(matchers, out, check);
}

Result<std::vector<uint32_t>> PrometheusBlock::AllSeries() const {
  SEXTANT_ASSIGN(Roaring selected, index_->Select({}));
  std::vector<uint32_t> all(selected.cardinality());
  selected.toUint32Array(all.data());
  return all;
}

Result<Labels> PrometheusBlock::LabelsOf(uint32_t series) const { return index_->LabelsOf(series); }

Status PrometheusBlock::Read(uint32_t series, TimestampMs start_ms, TimestampMs end_ms,
                             model::SampleColumns& out) const {
  std::vector<ChunkMeta> chunks;
  SEXTANT_TRY(index_->ChunksIn(series, start_ms, end_ms, chunks));
  if (chunks.empty()) return {};
  size_t begin = out.size();
  promfiles::ChunkCursor cursor(chunks_);
  Status all;
  for (const ChunkMeta& meta : chunks) {
    auto chunk = cursor.Read(meta.ref);
    if (!chunk) {
      all = tl::unexpected(chunk.error());
      continue;
    }
    Status decoded = promfiles::DecodeChunk(chunk->encoding, chunk->bytes, start_ms, end_ms, out);
    if (decoded) continue;
    all = decoded.map_error(
        core::AddContext("{}/chunks, segment {} at {}", dir(), (meta.ref >> 32) + 1, meta.ref & UINT32_MAX));
  }
  auto first = out.times_ms.begin() + static_cast<ptrdiff_t>(begin);
  if (std::adjacent_find(first, out.times_ms.end(), std::greater_equal<>()) != out.times_ms.end()) {
    MergeOverlaps(begin, out);
  }
  if (!has_tombstones_.load(std::memory_order_acquire)) return all;
  std::shared_ptr<const promfiles::Tombstones> deleted = tombstones();
  const model::TimeIntervals* intervals = deleted->Of(series);
  if (intervals != nullptr) EraseIntervals(*intervals, begin, out);
  return all;
}

// As upstream: only within the times that a series has, so that the tombstones say what they cost.
Status PrometheusBlock::AddTombstones(const Roaring& selected, TimestampMs start_ms, TimestampMs end_ms,
                                      promfiles::Tombstones& tombstones) const {
  for (uint32_t series : selected) {
    SEXTANT_ASSIGN(std::vector<ChunkMeta> chunks, index_->ChunksOf(series));
    bool is_met = std::any_of(chunks.begin(), chunks.end(), [&](const ChunkMeta& chunk) {
      return chunk.min_time_ms <= end_ms && chunk.max_time_ms >= start_ms;
    });
    if (!is_met) continue;
    TimestampMs first_ms = chunks.front().min_time_ms;
    TimestampMs last_ms = chunks.front().max_time_ms;
    for (const ChunkMeta& chunk : chunks) {
      first_ms = std::min(first_ms, chunk.min_time_ms);
      last_ms = std::max(last_ms, chunk.max_time_ms);
    }
    tombstones.Add(series, {{std::max(start_ms, first_ms), std::min(end_ms, last_ms)}});
  }
  return {};
}

Status PrometheusBlock::Delete(FileSystem& fs, const std::vector<Matcher>& matchers, TimestampMs start_ms,
                               TimestampMs end_ms) const {
  if (start_ms > end_ms) return {};
  std::lock_guard one_at_a_time(delete_mutex_);
  SEXTANT_ASSIGN(Roaring selected, index_->Select(matchers));
  auto next = std::make_shared<promfiles::Tombstones>(*tombstones());
  SEXTANT_TRY(AddTombstones(selected, start_ms, end_ms, *next));
  if (*next == *tombstones()) return {};
  SEXTANT_TRY(promfiles::WriteTombstones(fs, dir(), *next));
  {
    std::lock_guard lock(tombstones_mutex_);
    tombstones_ = std::move(next);
    has_tombstones_.store(true, std::memory_order_release);
  }
  // From here on it is deleted; the number in meta.json is for people.
  return promfiles::WriteBlockMeta(fs, dir(), meta());
}

PrometheusBlockWriter::PrometheusBlockWriter(FileSystem& fs, std::string dir, PrometheusBlockOptions options)
    : fs_(fs),
      dir_(std::move(dir)),
      temporary_dir_(dir_ + ".tmp-for-creation"),
      options_(std::move(options)),
      chunks_(fs, JoinPath(temporary_dir_, "chunks"), options_.max_segment_bytes) {}

Result<std::unique_ptr<PrometheusBlockWriter>> PrometheusBlockWriter::Start(FileSystem& fs, std::string dir,
                                                                            PrometheusBlockOptions options) {
  std::unique_ptr<PrometheusBlockWriter> writer(
      new PrometheusBlockWriter(fs, std::move(dir), std::move(options)));
  SEXTANT_TRY(core::RemoveAll(fs, writer->temporary_dir_));
  SEXTANT_TRY(fs.MakeDirectories(JoinPath(writer->temporary_dir_, "chunks")));
  SEXTANT_ASSIGN(writer->index_,
                 promfiles::IndexWriter::Start(fs, JoinPath(writer->temporary_dir_, "index")));
  return writer;
}

Status PrometheusBlockWriter::Add(const Labels& labels, const model::SampleColumns& samples) {
  encoded_.clear();
  metas_.clear();
  SEXTANT_TRY(promfiles::EncodeChunks(samples, options_.chunks, encoded_));
  for (const promfiles::EncodedChunk& chunk : encoded_) {
    SEXTANT_ASSIGN(uint64_t ref, chunks_.Add(chunk));
    metas_.push_back({ref, chunk.min_time_ms, chunk.max_time_ms});
    stats_.samples += chunk.samples;
    bool is_float =
        chunk.encoding == promfiles::Encoding::kXor || chunk.encoding == promfiles::Encoding::kXor2;
    (is_float ? stats_.float_samples : stats_.histogram_samples) += chunk.samples;
  }
  ++stats_.series;
  stats_.chunks += encoded_.size();
  return index_->Add(labels, metas_);
}

Result<bool> PrometheusBlockWriter::Finish() {
  if (stats_.series == 0) {
    index_.reset();
    SEXTANT_TRY(core::RemoveAll(fs_, temporary_dir_));
    return false;
  }
  SEXTANT_TRY(chunks_.Finish());
  SEXTANT_TRY(index_->Finish());
  promfiles::BlockMeta meta{.ulid = options_.ulid,
                            .min_time_ms = options_.start_ms,
                            .max_time_ms = options_.end_ms,
                            .stats = stats_,
                            .compaction = options_.compaction,
                            .other = options_.other_meta};
  if (meta.compaction.sources.empty()) meta.compaction.sources.push_back(meta.ulid);
  SEXTANT_TRY(promfiles::WriteTombstones(fs_, temporary_dir_, {}));
  SEXTANT_TRY(promfiles::WriteBlockMeta(fs_, temporary_dir_, meta));
  SEXTANT_TRY(fs_.SyncDirectory(temporary_dir_));
  SEXTANT_TRY(fs_.Rename(temporary_dir_, dir_));
  SEXTANT_TRY(fs_.SyncDirectory(core::ParentPath(dir_)));
  return true;
}

}  // namespace sextant::tsdb
