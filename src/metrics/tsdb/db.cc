#include "metrics/tsdb/db.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "metrics/tsdb/appender.h"
#include "metrics/tsdb/checkpoint.h"
#include "metrics/tsdb/maintenance.h"
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
  if (options.retention_ms < 0 || options.max_future_ms < 0) {
    return core::Fail(Code::kInvalidArgument,
                      "the retention and the limit on future samples must not be negative");
  }
  if (options.limits.max_labels > 255) {
    return core::Fail(Code::kInvalidArgument, "at most 255 labels per series can be allowed");
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

struct Recovered {
  uint64_t checkpoint_bytes = 0;
  uint64_t replayed_bytes = 0;
};

// Brings the head to what it was: blocks, checkpoint, journal, and a new journal file.
Result<Recovered> Recover(Store& store) {
  int64_t started_ns = store.clock.MonotonicNs();
  SEXTANT_TRY(store.blocks.Load());
  SEXTANT_ASSIGN(LoadedCheckpoint checkpoint,
                 LoadCheckpoint(store.fs, store.JournalDir(), store.logger, store.ChunkDir(), store.head));
  SEXTANT_TRY(store.chunks.Adopt(checkpoint.chunk_files, checkpoint.newest_chunk));
  uint64_t unknown_samples = 0;
  uint64_t refused_series = 0;
  uint64_t malformed_sections = 0;
  auto apply = [&](const DecodedBatch& batch) {
    for (const SeriesDefinition& definition : batch.definitions) {
      if (!store.head.RestoreDefinition(definition)) ++refused_series;
    }
    store.head.MarkJournaled(batch.definitions);
    unknown_samples += store.head.RestoreSamples(batch.samples).unknown;
    for (const Section& section : batch.sections) {
      if (!store.head.RestoreSection(section)) ++malformed_sections;
    }
  };
  SEXTANT_ASSIGN(ReplayResult replay,
                 ReplayJournal(store.fs, store.JournalDir(), store.logger, checkpoint.number, apply));
  SEXTANT_TRY(store.chunks.Flush(/*even_little=*/false));
  store.head.FinishRestore();
  store.head.TurnRecent(store.clock.NowMs());
  store.head.RaiseMinTime(store.blocks.end_ms());
  store.append_floor_ms.store(store.blocks.end_ms());
  store.metrics.journal_corruptions.Increment(static_cast<double>(replay.damaged_files + checkpoint.damaged));
  if (refused_series > 0 || unknown_samples > 0 || malformed_sections > 0) {
    store.logger.Warn("some samples in the journal cannot be restored",
                      {{"series_over_the_limit", refused_series},
                       {"samples_of_unknown_series", unknown_samples},
                       {"malformed_sections", malformed_sections}});
  }

  SEXTANT_TRY(RemoveCheckpointsBefore(store.fs, store.JournalDir(), checkpoint.number));
  JournalOptions options{store.options.journal_segment_bytes,
                         store.options.sync_policy == SyncPolicy::kEveryCommit};
  SEXTANT_ASSIGN(store.journal,
                 Journal::Start(store.fs, store.JournalDir(), store.logger, replay.next_number, options));
  store.SizeJournalStreams();
  if (checkpoint.number > 0) SEXTANT_TRY(store.journal->RemoveBefore(checkpoint.number));
  store.logger.Info("the metrics store is open",
                    {{"dir", store.options.dir},
                     {"series", store.head.series_count()},
                     {"blocks", store.blocks.count()},
                     {"journal_samples", replay.samples},
                     {"duration_ms", (store.clock.MonotonicNs() - started_ns) / 1'000'000}});
  return Recovered{checkpoint.size_bytes, replay.bytes};
}

}  // namespace

class Db::Impl {
 public:
  Impl(std::shared_ptr<Store> store, core::Registry& registry, const Recovered& recovered)
      : store_(std::move(store)),
        maintenance_(*store_, recovered.checkpoint_bytes, recovered.replayed_bytes),
        registry_(registry) {
    AddGauges();
    if (store_->options.run_maintenance_thread) thread_ = std::thread([this] { RunMaintenance(); });
  }

  ~Impl() {
    for (const char* name : kGauges) registry_.Remove(name, {});
  }

  const std::shared_ptr<Store>& store() const { return store_; }
  Maintenance& maintenance() { return maintenance_; }

  Status Close() {
    {
      std::lock_guard lock(stop_mutex_);
      if (store_->is_closed.exchange(true)) return {};
    }
    stop_.notify_all();
    if (thread_.joinable()) thread_.join();
    store_->commits.WaitForBegun();
    Status checkpointed = maintenance_.Checkpoint();
    Status synced = maintenance_.Sync();
    store_->lock.reset();
    SEXTANT_TRY(checkpointed);
    return synced;
  }

 private:
  static constexpr const char* kGauges[] = {"prometheus_tsdb_head_series",
                                            "prometheus_tsdb_head_chunks",
                                            "prometheus_tsdb_head_min_time",
                                            "prometheus_tsdb_head_max_time",
                                            "prometheus_tsdb_head_min_time_seconds",
                                            "prometheus_tsdb_head_max_time_seconds",
                                            "prometheus_tsdb_blocks_loaded",
                                            "prometheus_tsdb_storage_blocks_bytes",
                                            "prometheus_tsdb_wal_storage_size_bytes",
                                            "prometheus_tsdb_lowest_timestamp_seconds",
                                            "sextant_tsdb_head_bytes"};

  void AddGauges() {
    Store& store = *store_;
    auto add = [&](const char* name, const char* help, std::function<double()> read) {
      registry_.AddGaugeCallback(name, help, std::move(read));
    };
    add("prometheus_tsdb_head_series", "Series in the head.",
        [&store] { return static_cast<double>(store.head.series_count()); });
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
    add("prometheus_tsdb_storage_blocks_bytes", "Size of the blocks.",
        [&store] { return static_cast<double>(store.blocks.size_bytes()); });
    add("prometheus_tsdb_wal_storage_size_bytes", "Bytes in the journal since the last checkpoint.",
        [&store] { return static_cast<double>(store.journal->size_bytes()); });
    add("prometheus_tsdb_lowest_timestamp_seconds", "Oldest time in blocks and head.", [&store, head_time] {
      BlockSnapshot all = store.blocks.Snapshot(kNoTime, std::numeric_limits<TimestampMs>::max());
      if (!all.blocks.empty()) return static_cast<double>(all.blocks.front()->start_ms()) / 1000;
      return head_time(store.head.min_time_ms()) / 1000;
    });
    add("sextant_tsdb_head_bytes", "Memory of the head's series, index and open chunks.",
        [&store] { return static_cast<double>(store.head.SizeBytes()); });
  }

  void RunMaintenance() {
    std::unique_lock lock(stop_mutex_);
    while (!store_->is_closed.load()) {
      stop_.wait_for(lock, std::chrono::milliseconds(store_->options.sync_interval_ms));
      if (store_->is_closed.load()) return;
      lock.unlock();
      if (store_->options.sync_policy == SyncPolicy::kInterval) Report(maintenance_.Sync());
      Report(maintenance_.Run());
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
  core::Registry& registry_;
  std::mutex stop_mutex_;
  std::condition_variable stop_;
  std::thread thread_;
};

Result<std::unique_ptr<Db>> Db::Open(core::FileSystem& fs, const core::Clock& clock, core::Logger logger,
                                     core::Registry& registry, DbOptions options) {
  SEXTANT_TRY(CheckOptions(options));
  auto store = std::make_shared<Store>(fs, clock, std::move(logger), registry, std::move(options));
  SEXTANT_TRY(PrepareDirectory(*store));
  auto recovered =
      Recover(*store).map_error(core::AddContext("opening the metrics store in {}", store->options.dir));
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

Result<Stats> Db::GetStats(size_t top) const {
  const Store& store = *impl_->store();
  Stats stats;
  store.head.FillStats(top, stats);
  stats.samples_appended = static_cast<uint64_t>(store.metrics.samples_appended.value());
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

Status Db::Maintain() { return impl_->maintenance().Run(); }
Status Db::Sync() { return impl_->maintenance().Sync(); }
Status Db::Close() { return impl_->Close(); }

}  // namespace sextant::tsdb
