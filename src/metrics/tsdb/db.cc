#include "metrics/tsdb/db.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "metrics/promfiles/head_import.h"
#include "metrics/promfiles/meta.h"
#include "metrics/tsdb/appender.h"
#include "metrics/tsdb/checkpoint.h"
#include "metrics/tsdb/compactor.h"
#include "metrics/tsdb/export.h"
#include "metrics/tsdb/frames.h"
#include "metrics/tsdb/head_replay.h"
#include "metrics/tsdb/journal_reader.h"
#include "metrics/tsdb/label_image.h"
#include "metrics/tsdb/maintenance.h"
#include "metrics/tsdb/parallel.h"
#include "metrics/tsdb/prometheus_head.h"
#include "metrics/tsdb/querier.h"
#include "metrics/tsdb/store.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::Result;
using core::Status;

Status CheckOptions(const DbOptions& options) {
  if (options.dir.empty()) return core::Fail(Code::kInvalidArgument, "no data directory is given");
  if (options.block_range_ms < 1000 || options.sync_interval_ms < 1 || options.limits.max_series == 0) {
    return core::Fail(Code::kInvalidArgument,
                      "block range, sync interval and the limit on series must be positive");
  }
  if (options.retention_ms < 0 || options.max_future_ms < 0 || options.out_of_order_window_ms < 0) {
    return core::Fail(
        Code::kInvalidArgument,
        "the retention, the limit on future samples and the out-of-order window must not be negative");
  }
  if (options.max_block_range_ms != 0 && options.max_block_range_ms < options.block_range_ms) {
    return core::Fail(Code::kInvalidArgument, "the largest block range must not be below the smallest");
  }
  if (!(options.retention_percentage >= 0 && options.retention_percentage <= 100)) {
    return core::Fail(Code::kInvalidArgument, "the retention must be between 0 and 100 percent of the disk");
  }
  if (options.limits.max_labels > 255) {
    return core::Fail(Code::kInvalidArgument, "at most 255 labels per series can be allowed");
  }
  if (std::max(options.limits.max_label_name_bytes, options.limits.max_label_value_bytes) >
      LabelLoader::kMaxSymbolBytes) {
    return core::Fail(Code::kInvalidArgument, "label names and values of at most {} bytes can be allowed",
                      LabelLoader::kMaxSymbolBytes);
  }
  return {};
}

// Claims the directory and makes what belongs in it.
Status PrepareDirectory(Store& store) {
  const std::string& dir = store.options.dir;
  auto with_advice = core::AddContext("the data directory {} cannot be used", dir);
  SEXTANT_TRY(store.fs.MakeDirectories(dir).map_error(with_advice));
  auto lock = store.fs.Lock(core::JoinPath(dir, "lock"));
  if (!lock) {
    if (lock.error().code() != Code::kUnavailable) return tl::unexpected(with_advice(lock.error()));
    return core::Fail(
        Code::kUnavailable,
        "the data directory {} is in use by another process; stop that one or choose another directory", dir);
  }
  store.lock = std::move(*lock);
  for (const std::string& part : {store.JournalDir(), store.ChunkDir(), store.BlockDir()}) {
    SEXTANT_TRY(store.fs.MakeDirectories(part).map_error(with_advice));
  }
  return store.fs.SyncDirectory(dir).map_error(with_advice);
}

constexpr size_t kReplayPieces = 64;  // stripes that can be replayed at once

// Tells whoever asks that the store is being opened, and then that it is open.
class Progress {
 public:
  explicit Progress(ReplayProgress* progress) : progress_(progress) {
    if (progress_ != nullptr) progress_->state = ReplayProgress::State::kInProgress;
  }
  ~Progress() {
    if (progress_ != nullptr) progress_->state = ReplayProgress::State::kDone;
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  ReplayProgress* const progress_;
};

void TellLosses(Store& store, const HeadReplay::Losses& losses) {
  store.metrics.journal_corruptions.Increment(static_cast<double>(losses.malformed_batches));
  if (losses.refused_series == 0 && losses.unknown_samples == 0 && losses.malformed_sections == 0 &&
      losses.malformed_batches == 0) {
    return;
  }
  store.logger.Warn("some samples in the journal cannot be restored",
                    {{"series_over_the_limit", losses.refused_series},
                     {"samples_of_unknown_series", losses.unknown_samples},
                     {"malformed_sections", losses.malformed_sections},
                     {"malformed_batches", losses.malformed_batches}});
}

// What a later version has written is not damage, which would be cut off.
Status CheckVersions(Store& store) {
  SEXTANT_ASSIGN(std::vector<core::FileInfo> files, store.fs.List(store.JournalDir()));
  for (const core::FileInfo& info : files) {
    if (info.is_directory) continue;
    const std::string path = core::JoinPath(store.JournalDir(), info.name);
    SEXTANT_ASSIGN(std::unique_ptr<core::File> file, store.fs.Open(path, core::OpenMode::kRead));
    std::string header(kFrameFileHeaderBytes, '\0');
    SEXTANT_ASSIGN(size_t got, file->ReadAt(0, header.data(), header.size()));
    header.resize(got);
    if (IsOfLaterVersion(header)) {
      return core::Fail(
          Code::kInvalidArgument,
          "{} was written by a later version of Sextant, which this one cannot read; start that "
          "version on this directory, or this one on another",
          path);
    }
  }
  return {};
}

// Brings the head to what it was: blocks, checkpoint, journal, and a new journal file.
Result<RecoveredSize> Recover(Store& store) {
  int64_t started_ns = store.clock.MonotonicNs();
  SEXTANT_TRY(CheckVersions(store));
  SEXTANT_TRY(store.blocks.Load());
  SEXTANT_ASSIGN(LoadedCheckpoint checkpoint,
                 LoadCheckpoint(store.fs, store.JournalDir(), store.logger, store.ChunkDir(), store.head));
  SEXTANT_TRY(store.chunks.Adopt(checkpoint.chunk_files, checkpoint.newest_chunk));
  auto head_replay = std::make_unique<HeadReplay>(store.head, std::max<size_t>(2, ThreadsFor(kReplayPieces)));
  HeadReplay& samples = *head_replay;
  auto apply = [&](uint64_t file, std::string_view payload) { return samples.Add(file, payload); };
  SEXTANT_ASSIGN(ReplayResult replay,
                 ReplayJournal(store.fs, store.JournalDir(), store.logger, checkpoint.number, apply,
                               store.options.replay_progress.get()));
  const uint64_t journal_samples = samples.samples();
  const bool can_samples_wait = samples.CanWait(store.options.replay_behind_samples);
  if (checkpoint.series < store.options.load_behind_series) store.head.LoadSeries();
  if (!can_samples_wait) {
    samples.Finish();
    TellLosses(store, samples.losses());
    SEXTANT_TRY(store.chunks.Flush(/*even_little=*/false));
  }
  if (can_samples_wait) {
    samples.BeginBehind(std::move(replay.mapped));
    auto finish = [&store, &samples, started_ns] {
      samples.FinishSamples();
      TellLosses(store, samples.losses());
      store.logger.Info("the journal has been replayed",
                        {{"samples", samples.samples()},
                         {"duration_ms", (store.clock.MonotonicNs() - started_ns) / 1'000'000}});
    };
    store.head.RestoreBehind(std::move(head_replay), finish, [&] { samples.FinishDefinitions(); });
  } else if (store.head.HasSeriesInImage()) {
    store.head.RestoreBehind(nullptr, nullptr, nullptr);
  }
  store.head.FinishRestore();
  store.head.TurnRecent(store.clock.NowMs());
  store.head.RaiseMinTime(store.blocks.end_ms());
  store.append_floor_ms.store(store.blocks.end_ms());
  store.metrics.journal_corruptions.Increment(static_cast<double>(replay.damaged_files + checkpoint.damaged));

  SEXTANT_TRY(RemoveCheckpointsBefore(store.fs, store.JournalDir(), checkpoint.number));
  JournalOptions options{store.options.journal_segment_bytes,
                         store.options.sync_policy == SyncPolicy::kEveryCommit, &store.clock,
                         &store.metrics.sync_seconds};
  SEXTANT_ASSIGN(store.journal,
                 Journal::Start(store.fs, store.JournalDir(), store.logger, replay.next_number, options));
  store.SizeJournalStreams();
  if (checkpoint.number > 0) SEXTANT_TRY(store.RemoveJournalBefore(checkpoint.number));
  const int64_t opened_in_ns = store.clock.MonotonicNs() - started_ns;
  store.metrics.replay_seconds.Set(static_cast<double>(opened_in_ns) / 1e9);
  store.logger.Info("the metrics store is open", {{"dir", store.options.dir},
                                                  {"series", store.head.series_count()},
                                                  {"blocks", store.blocks.count()},
                                                  {"journal_samples", journal_samples},
                                                  {"duration_ms", opened_in_ns / 1'000'000}});
  return RecoveredSize{.checkpoint_bytes = checkpoint.size_bytes,
                       .journal_bytes = replay.bytes,
                       .journal_samples = journal_samples,
                       .is_checkpoint_damaged = checkpoint.damaged > 0};
}

// The head of our own files, and what Prometheus has left beside or instead of them.
Result<RecoveredSize> OpenHead(const std::shared_ptr<Store>& store) {
  SEXTANT_ASSIGN(PrometheusHeadState found, FindPrometheusHead(store->fs, store->options.dir));
  if (found == PrometheusHeadState::kReplaces) {
    store->logger.Info("Prometheus has gone on from where we stopped: its files replace our head");
    for (const std::string& part : {store->JournalDir(), store->ChunkDir()}) {
      SEXTANT_TRY(core::RemoveAll(store->fs, part));
      SEXTANT_TRY(store->fs.MakeDirectories(part));
    }
  }
  SEXTANT_ASSIGN(RecoveredSize recovered, Recover(*store));
  if (found == PrometheusHeadState::kNone) return recovered;
  store->head.WaitUntilRestored();
  SEXTANT_TRY(ImportPrometheusHead(store));
  recovered.is_checkpoint_damaged = true;  // there is none of what has just been taken over
  return recovered;
}

}  // namespace

class Db::Impl {
 public:
  Impl(std::shared_ptr<Store> store, core::Registry& registry, const RecoveredSize& recovered)
      : store_(std::move(store)), maintenance_(*store_, recovered), compactor_(*store_), registry_(registry) {
    AddGauges();
    if (!store_->options.run_maintenance_thread) return;
    maintenance_thread_ = std::thread([this] { RunMaintenance(); });
    // A thread of its own: the journal is synced in time also while blocks are merged for minutes.
    compaction_thread_ = std::thread([this] { RunCompaction(); });
  }

  ~Impl() {
    for (const char* name : kGauges) registry_.Remove(name, {});
  }

  const std::shared_ptr<Store>& store() const { return store_; }
  Maintenance& maintenance() { return maintenance_; }
  Compactor& compactor() { return compactor_; }

  Status Maintain() {
    Status maintained = maintenance_.Run();
    Status compacted = compactor_.Run();
    SEXTANT_TRY(maintained);
    return compacted;
  }

  Status Close() {
    {
      std::lock_guard lock(stop_mutex_);
      if (store_->is_closed.exchange(true)) return {};
    }
    compactor_.Stop();
    stop_.notify_all();
    if (maintenance_thread_.joinable()) maintenance_thread_.join();
    if (compaction_thread_.joinable()) compaction_thread_.join();
    store_->commits.WaitForBegun();
    Status checkpointed = maintenance_.Checkpoint();
    Status synced = maintenance_.Sync();
    Status given_back;
    if (store_->options.block_form == BlockForm::kPrometheus && checkpointed && synced)
      given_back = GiveBack();
    store_->lock.reset();
    SEXTANT_TRY(checkpointed);
    SEXTANT_TRY(synced);
    return given_back;
  }

 private:
  static constexpr const char* kGauges[] = {"prometheus_tsdb_head_series",
                                            "prometheus_tsdb_head_stale_series",
                                            "prometheus_tsdb_head_chunks",
                                            "prometheus_tsdb_head_min_time",
                                            "prometheus_tsdb_head_max_time",
                                            "prometheus_tsdb_head_min_time_seconds",
                                            "prometheus_tsdb_head_max_time_seconds",
                                            "prometheus_tsdb_blocks_loaded",
                                            "prometheus_tsdb_storage_blocks_bytes",
                                            "prometheus_tsdb_retention_limit_bytes",
                                            "prometheus_tsdb_retention_limit_seconds",
                                            "prometheus_tsdb_retention_limit_percentage",
                                            "prometheus_tsdb_wal_storage_size_bytes",
                                            "prometheus_tsdb_wal_segment_current",
                                            "prometheus_tsdb_lowest_timestamp",
                                            "prometheus_tsdb_lowest_timestamp_seconds",
                                            "sextant_tsdb_out_of_order_bytes",
                                            "sextant_tsdb_head_bytes"};

  // Leaves to Prometheus everything that there is.
  Status GiveBack() {
    Status converted = compactor_.ConvertAll();
    // Also without a series when files of Prometheus are there: what it took from them has been deleted
    // since.
    if (store_->head.series_count() > 0 || promfiles::HasHead(store_->fs, store_->options.dir)) {
      SEXTANT_TRY(ExportPrometheusHead(*store_));
    }
    return converted;
  }

  void AddGauges() {
    Store& store = *store_;
    auto add = [&](const char* name, const char* help, std::function<double()> read) {
      registry_.AddGaugeCallback(name, help, std::move(read));
    };
    add("prometheus_tsdb_head_series", "Series in the head.",
        [&store] { return static_cast<double>(store.head.series_count()); });
    add("prometheus_tsdb_head_stale_series", "Series in the head whose newest sample is a stale marker.",
        [&store] { return static_cast<double>(store.head.CountStale()); });
    add("prometheus_tsdb_head_chunks", "Chunks in the head and its files.",
        [&store] { return static_cast<double>(store.head.open_chunks() + store.chunks.chunks()); });
    auto head_time = [&store](TimestampMs time_ms) {
      return store.head.min_time_ms() > store.head.max_time_ms() ? 0 : static_cast<double>(time_ms);
    };
    add("prometheus_tsdb_head_min_time", "Oldest time in the head, ms.",
        [&store, head_time] { return head_time(store.head.min_time_ms()); });
    add("prometheus_tsdb_head_max_time", "Newest time in the head, ms.",
        [&store, head_time] { return head_time(store.head.max_time_ms()); });
    add("prometheus_tsdb_head_min_time_seconds", "Oldest time in the head.",
        [&store, head_time] { return head_time(store.head.min_time_ms()) / 1000; });
    add("prometheus_tsdb_head_max_time_seconds", "Newest time in the head.",
        [&store, head_time] { return head_time(store.head.max_time_ms()) / 1000; });
    add("prometheus_tsdb_blocks_loaded", "Blocks that are served.",
        [&store] { return static_cast<double>(store.blocks.count()); });
    add("prometheus_tsdb_retention_limit_bytes", "Most bytes of all files of the store; 0: no limit.",
        [&store] { return static_cast<double>(store.retention_bytes.load()); });
    add("prometheus_tsdb_retention_limit_seconds", "How long samples are kept; 0: no limit.",
        [&store] { return static_cast<double>(store.retention_ms.load()) / 1000; });
    add("prometheus_tsdb_retention_limit_percentage", "Most percent of the file system; 0: no limit.",
        [&store] { return store.retention_percentage.load(); });
    add("prometheus_tsdb_storage_blocks_bytes", "Size of the blocks.",
        [&store] { return static_cast<double>(store.blocks.size_bytes()); });
    add("prometheus_tsdb_wal_storage_size_bytes", "Bytes in the journal since the last checkpoint.",
        [&store] { return static_cast<double>(store.journal->size_bytes()); });
    add("prometheus_tsdb_wal_segment_current", "Number of the journal's file that is written to.",
        [&store] { return static_cast<double>(store.journal->End().file); });
    auto lowest_time = [&store, head_time] {
      BlockSnapshot all = store.blocks.Snapshot(kNoTime, std::numeric_limits<TimestampMs>::max());
      if (!all.blocks.empty()) return static_cast<double>(all.blocks.front()->start_ms());
      return head_time(store.head.min_time_ms());
    };
    add("prometheus_tsdb_lowest_timestamp", "Oldest time in blocks and head, ms.", lowest_time);
    add("prometheus_tsdb_lowest_timestamp_seconds", "Oldest time in blocks and head.",
        [lowest_time] { return lowest_time() / 1000; });
    add("sextant_tsdb_out_of_order_bytes", "Memory of samples in the out-of-order window.",
        [&store] { return static_cast<double>(store.head.out_of_order().SizeBytes()); });
    add("sextant_tsdb_head_bytes", "Memory of the head's series, index and open chunks.",
        [&store] { return static_cast<double>(store.head.SizeBytes()); });
  }

  void RunMaintenance() {
    Repeat([this] {
      if (store_->options.sync_policy == SyncPolicy::kInterval) Report(maintenance_.Sync());
      Report(maintenance_.Run());
    });
  }

  void RunCompaction() {
    Repeat([this] { Report(compactor_.Run()); });
  }

  // Until the store is closed.
  void Repeat(const std::function<void()>& step) {
    std::unique_lock lock(stop_mutex_);
    while (!store_->is_closed.load()) {
      stop_.wait_for(lock, std::chrono::milliseconds(store_->options.sync_interval_ms));
      if (store_->is_closed.load()) return;
      lock.unlock();
      step();
      lock.lock();
    }
  }

  void Report(const Status& status) const {
    if (!status)
      store_->logger.Error("metrics store maintenance failed; it will be tried again",
                           {{"error", status.error()}});
  }

  const std::shared_ptr<Store> store_;
  Maintenance maintenance_;
  Compactor compactor_;
  core::Registry& registry_;
  std::mutex stop_mutex_;
  std::condition_variable stop_;
  std::thread maintenance_thread_;
  std::thread compaction_thread_;
};

Result<std::unique_ptr<Db>> Db::Open(core::FileSystem& fs, const core::Clock& clock, core::Logger logger,
                                     core::Registry& registry, DbOptions options) {
  SEXTANT_TRY(CheckOptions(options));
  auto store = std::make_shared<Store>(fs, clock, std::move(logger), registry, std::move(options));
  SEXTANT_TRY(PrepareDirectory(*store));
  Progress progress(store->options.replay_progress.get());
  auto recovered =
      OpenHead(store).map_error(core::AddContext("opening the metrics store in {}", store->options.dir));
  if (!recovered) return tl::unexpected(recovered.error());
  return std::unique_ptr<Db>(new Db(std::make_shared<Impl>(store, registry, *recovered)));
}

Db::Db(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Db::~Db() {
  Status closed = Close();
  if (!closed) impl_->store()->logger.Error("closing the metrics store failed", {{"error", closed.error()}});
}

std::unique_ptr<model::Appender> Db::NewAppender() { return std::make_unique<DbAppender>(impl_->store()); }

Result<std::unique_ptr<model::Querier>> Db::NewQuerier(TimestampMs start_ms, TimestampMs end_ms) const {
  return std::make_unique<DbQuerier>(std::make_shared<const View>(impl_->store(), start_ms, end_ms));
}

std::unique_ptr<model::CommitLogReader> Db::NewReader(model::CommitPosition from) {
  // Positions of a journal that is gone may lie ahead of the one that there is.
  return std::make_unique<JournalReader>(impl_->store(), std::min(from, End()));
}

model::CommitPosition Db::End() const { return impl_->store()->journal->End(); }

TimestampMs Db::NewestTimeMs() const { return impl_->store()->head.max_time_ms(); }

uint64_t Db::SamplesTaken() const {
  uint64_t samples = 0;
  for (bool is_histogram : {false, true}) {
    samples += static_cast<uint64_t>(impl_->store()->metrics.samples_appended.Of(is_histogram).value());
  }
  return samples;
}

std::optional<TimestampMs> Db::OldestTimeMs() const {
  const Store& store = *impl_->store();
  BlockSnapshot all = store.blocks.Snapshot(kNoTime, std::numeric_limits<TimestampMs>::max());
  if (!all.blocks.empty()) return all.blocks.front()->start_ms();
  if (store.head.min_time_ms() > store.head.max_time_ms()) return std::nullopt;
  return store.head.min_time_ms();
}

Result<Stats> Db::GetStats(size_t top) const {
  const Store& store = *impl_->store();
  Stats stats;
  store.head.FillStats(top, stats);
  stats.samples_appended = SamplesTaken();
  stats.blocks = store.blocks.count();
  stats.blocks_bytes = store.blocks.size_bytes();
  BlockSnapshot all = store.blocks.Snapshot(kNoTime, std::numeric_limits<TimestampMs>::max());
  stats.oldest_time_ms = all.blocks.empty() ? stats.min_time_ms : all.blocks.front()->start_ms();
  return stats;
}

Result<Cardinality> Db::GetCardinality(size_t top, CardinalityOrder order) const {
  Store& store = *impl_->store();
  Cardinality cardinality;
  store.head.TurnRecent(store.clock.NowMs());
  store.head.FillCardinality(top, order, store.clock.NowMs(), cardinality);
  return cardinality;
}

std::vector<SeriesExemplars> Db::Exemplars(
    TimestampMs start_ms, TimestampMs end_ms,
    const std::vector<std::vector<model::Matcher>>& matcher_sets) const {
  return impl_->store()->head.exemplars().Select(start_ms, end_ms, matcher_sets);
}

std::map<std::string, std::vector<model::MetricMetadata>> Db::Metadata(std::string_view metric,
                                                                       size_t limit) const {
  return impl_->store()->head.Metadata(metric, limit);
}

void Db::SetOutOfOrderWindow(DurationMs window_ms) {
  impl_->store()->out_of_order_window_ms.store(std::max<DurationMs>(window_ms, 0));
}
void Db::SetMaxExemplars(uint64_t max_exemplars) { impl_->store()->head.exemplars().Resize(max_exemplars); }

void Db::SetChunkEncodings(ChunkEncodings encodings) { impl_->store()->blocks.SetChunkEncodings(encodings); }

void Db::SetStaleSeriesThreshold(double threshold) {
  impl_->store()->stale_series_threshold.store(threshold);
}

Status Db::Maintain() { return impl_->Maintain(); }

void Db::SetRetention(DurationMs retention_ms, uint64_t retention_bytes, double retention_percentage) {
  Store& store = *impl_->store();
  store.retention_ms.store(retention_ms);
  store.retention_bytes.store(retention_bytes);
  store.retention_percentage.store(retention_percentage);
}

Status Db::DeleteSeries(const std::vector<std::vector<model::Matcher>>& matcher_sets, TimestampMs start_ms,
                        TimestampMs end_ms) {
  return impl_->maintenance().DeleteSeries(impl_->compactor(), matcher_sets, start_ms, end_ms);
}

Status Db::Snapshot(const std::string& dir, bool with_head) {
  Store& store = *impl_->store();
  auto made = ExportBlocks(impl_->store(), store.fs, dir, {.matcher_sets = {}, .with_head = with_head});
  if (made) return {};
  [[maybe_unused]] Status removed = core::RemoveAll(store.fs, dir);
  return tl::unexpected(made.error());
}

Result<ExportCounts> Db::Export(core::FileSystem& target, const std::string& dir,
                                const ExportOptions& options) const {
  return ExportBlocks(impl_->store(), target, dir, options);
}

namespace {

// What a block is made of, which only Prometheus' form remembers over several merges.
void AddAncestors(core::FileSystem& fs, const HeldBlock& held, BlockInfo& info) {
  if (held.form == BlockForm::kDense) {
    if (info.level == 1) info.sources.push_back(info.name);
    return;
  }
  auto meta = promfiles::ReadBlockMeta(fs, held.block->dir());
  if (!meta) return;  // it has just been merged
  for (const promfiles::Ulid& source : meta->compaction.sources) info.sources.push_back(source.ToString());
  for (const promfiles::BlockParent& parent : meta->compaction.parents) {
    info.parents.push_back({parent.ulid.ToString(), parent.min_time_ms, parent.max_time_ms});
  }
}

}  // namespace

std::vector<BlockInfo> Db::Blocks() const {
  std::vector<BlockInfo> infos;
  Store& store = *impl_->store();
  for (const HeldBlock& held : store.blocks.Held()) {
    const BlockFacts& facts = held.block->facts();
    infos.push_back({.name = std::string(NameOf(*held.block)),
                     .form = held.form,
                     .start_ms = facts.start_ms,
                     .end_ms = facts.end_ms,
                     .series = facts.series,
                     .samples = facts.samples,
                     .chunks = facts.chunks,
                     .deletions = held.block->deletions(),
                     .size_bytes = facts.size_bytes,
                     .level = held.origin.level,
                     .is_out_of_order = held.origin.is_out_of_order,
                     .is_stale_series = held.origin.is_stale_series,
                     .sources = {},
                     .parents = {}});
    AddAncestors(store.fs, held, infos.back());
  }
  return infos;
}

Result<VerifyReport> Db::Verify() const { return VerifyBlocks(*impl_->store()); }

Status Db::CleanTombstones() {
  Store& store = *impl_->store();
  int64_t started_ns = store.clock.MonotonicNs();
  Status cleaned = impl_->compactor().RewriteDeleted();
  store.metrics.tombstone_cleanup_seconds.Observe(
      static_cast<double>(store.clock.MonotonicNs() - started_ns) / 1e9);
  return cleaned;
}

Status Db::Sync() { return impl_->maintenance().Sync(); }
Status Db::Close() { return impl_->Close(); }

}  // namespace sextant::tsdb
