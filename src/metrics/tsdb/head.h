// The newest samples in memory: series records with one open chunk each, under 64 stripe locks, and the label
// index under its own. Full chunks go to the ChunkStore. What comes beside such samples has parts of its own:
// out-of-order samples, deletions, exemplars and metadata (head_extras.cc joins them).
//
//   append:  Find or FindOrAdd (no stripe lock) → [journal] → Apply (stripe locks, one run of slots after the
//   other) query:   Select (index lock, then stripe locks briefly) → Read per series (its stripe lock, to
//   copy 256 bytes)
//
// A stripe covers runs of 256 slots, since the series of one target are neighbours. Each stripe remembers
// what unseen commits have changed (`undo`), so that a reader sees commits as a whole. Lock order: index,
// stripe, chunk store; then the parts beside.
//
// Thread-safe, except the Restore functions, which belong to recovery.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/log.h"
#include "metrics/tsdb/arena.h"
#include "metrics/tsdb/chunk_store.h"
#include "metrics/tsdb/commit_tracker.h"
#include "metrics/tsdb/db.h"
#include "metrics/tsdb/exemplar_store.h"
#include "metrics/tsdb/head_deletions.h"
#include "metrics/tsdb/histogram_section.h"
#include "metrics/tsdb/index_mutex.h"
#include "metrics/tsdb/journal_batch.h"
#include "metrics/tsdb/label_index.h"
#include "metrics/tsdb/metadata_store.h"
#include "metrics/tsdb/out_of_order.h"
#include "metrics/tsdb/pending_samples.h"
#include "metrics/tsdb/series.h"
#include "metrics/tsdb/start_times.h"
#include "metrics/tsdb/store_metrics.h"

namespace sextant::tsdb {

struct SeriesRange;
struct PostingsRun;

// A series of the head as a reader sees it.
struct HeadSeries {
  SeriesRef ref = 0;
  TimestampMs visible_until_ms = kNoTime;  // its newest sample for this reader; kNoTime: it has none
  model::Labels labels;
  TimestampMs in_order_from_ms = kNoTime;  // what it had before, in order, is in blocks
  CommitTracker::Ticket seen_until = std::numeric_limits<CommitTracker::Ticket>::max();
};

// A series as a checkpoint of version 1 keeps it.
struct SeriesState {
  SeriesRef ref = 0;
  ChunkRef written_chunk = 0;
  ChunkTail tail;     // with count 0: no open chunk, but last time and value count
  std::string chunk;  // the open chunk's bytes
};

// A series whose newest sample is a stale marker.
struct StaleSeries {
  SeriesRef ref = 0;
  TimestampMs newest_ms = kNoTime;
};

// What Apply did.
struct ApplyCounts {
  uint64_t appended = 0;
  uint64_t out_of_order = 0;   // came second to another appender, or twice in the batch
  uint64_t unknown = 0;        // of series that do not exist
  std::vector<size_t> behind;  // places of those out of order that are older than their series' newest
};

// Samples of the same series again and again: row after row, a value for each column.
struct SampleRows {
  std::vector<TimestampMs> times_ms;  // of each row; or, when they differ within one, of each sample
  std::vector<uint64_t> bits;
};

// What a commit brings beside samples that are newer than their series' newest.
struct BatchExtras {
  std::vector<SeriesRef> late_refs;
  std::vector<OutOfOrderSample> late;  // as many
  std::vector<PendingExemplar> exemplars;
  std::vector<PendingMetadata> metadata;

  bool empty() const { return late.empty() && exemplars.empty() && metadata.empty(); }
  void AddLate(SeriesRef ref, OutOfOrderSample sample) {
    late_refs.push_back(ref);
    late.push_back(std::move(sample));
  }
  void AddLate(const MixedSample& sample) {
    AddLate(sample.ref,
            {sample.time_ms, sample.histogram ? 0 : sample.bits, sample.start_ms, sample.histogram});
  }
  void Clear() {
    late_refs.clear();
    late.clear();
    exemplars.clear();
    metadata.clear();
  }
  std::vector<Section> Sections() const;
};

class Head {
 public:
  // All must outlive this.
  Head(ChunkStore& chunks, CommitTracker& commits, StoreMetrics& metrics, core::Registry& registry,
       core::Logger logger, const Limits& limits, DurationMs chunk_range_ms, uint64_t max_exemplars);
  ~Head();

  // The series of a ref, or null.
  SeriesRecord* Find(SeriesRef ref) { return table_.Find(ref); }
  // Finds or makes the series with these labels, and notes that it is in use in `epoch`. kOk, kSeriesLimit,
  // kMemoryLimit or kInvalidLabels.
  // `after`: the series that was found before it, of the same target; 0: none.
  model::AppendOutcome FindOrAdd(const model::Labels& labels, DropEpochs::Epoch epoch, SeriesRef& ref,
                                 SeriesRef after = 0);
  // The series of a ref, noted to be in use in `epoch`: it will not be dropped while that epoch is held.
  // Null: none.
  SeriesRecord* FindForUse(SeriesRef ref, DropEpochs::Epoch epoch) {
    RequireSamples(SlotOf(ref));
    SeriesRecord* record = Find(ref);
    if (record == nullptr ||
        record->used_in_epoch.load(std::memory_order_relaxed) == static_cast<uint16_t>(epoch)) {
      return record;
    }
    // Whoever drops it clears is_live and then looks at used_in_epoch: one of the two sees the other.
    NoteUse(*record, epoch);
    return record->is_live.load(std::memory_order_seq_cst) ? record : nullptr;
  }

  // The series of a ref, or of labels when the ref is 0 or gone, noted to be in use; null and ref 0: none.
  SeriesRecord* FindForUse(SeriesRef& ref, const model::Labels& labels, DropEpochs::Epoch epoch);

  // The definitions of series that the journal does not have yet.
  std::vector<SeriesDefinition> Definitions(const std::vector<SeriesRef>& refs) const;
  void MarkJournaled(const std::vector<SeriesDefinition>& definitions);

  // Appends samples under a commit's ticket. Samples not later than their series' newest are left out.
  ApplyCounts Apply(CommitTracker::Ticket ticket, const SampleSpans& samples);
  // The same for samples of series that take histograms, after the others of the commit. A float stale marker
  // after a histogram becomes one of the histogram's kind. Counts by itself, except those whose places it
  // adds to `behind` (when given) since they are older than their series' newest.
  void ApplyMixed(CommitTracker::Ticket ticket, std::span<const MixedSample> samples,
                  std::vector<size_t>* behind = nullptr);
  // Start times come before the samples that have them.
  void ApplyStartTimes(std::span<const StartChange> changes);
  // The start time of a series' newest float samples; 0: not known.
  TimestampMs NewestStartTime(SeriesRef ref) const;
  // The same for the rest of the batch.
  void Apply(CommitTracker::Ticket ticket, const BatchExtras& extras);

  // The series that match, as of the commits up to `watermark`; with labels. Those without samples at or
  // after `in_order_from_ms`, or out-of-order samples at or after `start_ms`, are left out. With `first`,
  // only so many: those whose labels come first. New series do not wait for it: the index lock is let go of
  // again and again. Fails only when the check of `hints` does.
  core::Result<std::vector<HeadSeries>> Select(const std::vector<model::Matcher>& matchers,
                                               CommitTracker::Ticket watermark, TimestampMs in_order_from_ms,
                                               TimestampMs start_ms, size_t first = 0,
                                               const model::SelectHints& hints = {}) const;
  // The same without labels, for queries over very many series, which may not ask for them: FillLabels. The
  // series are noted to be in use in `epoch`, which the caller holds.
  core::Result<std::vector<HeadSeries>> SelectInUse(const std::vector<model::Matcher>& matchers,
                                                    CommitTracker::Ticket watermark,
                                                    TimestampMs in_order_from_ms, TimestampMs start_ms,
                                                    DropEpochs::Epoch epoch, const model::StopCheck* check);
  // Gives those of them their labels that have none yet.
  void FillLabels(std::span<HeadSeries> series) const;
  // Appends the samples with start_ms <= time <= end_ms (visible and not deleted), ascending, to `out`.
  // Chunks that cannot be read are logged, counted and left out.
  void Read(const HeadSeries& series, TimestampMs start_ms, TimestampMs end_ms,
            model::SampleColumns& out) const;
  // The same for whoever needs the newest of them only; those before it may be left out.
  void ReadNewest(const HeadSeries& series, TimestampMs start_ms, TimestampMs end_ms,
                  model::SampleColumns& out) const;

  // Whether Read may find something.
  bool MayHaveSamples(const HeadSeries& series, TimestampMs start_ms, TimestampMs end_ms) const;

  // See LabelIndex.
  void LabelValues(std::string_view name, const std::vector<model::Matcher>& matchers,
                   const model::StopCheck* check, std::vector<std::string>& out) const;
  void LabelNames(const std::vector<model::Matcher>& matchers, const model::StopCheck* check,
                  std::vector<std::string>& out) const;

  // Forgets the samples with start_ms <= time <= end_ms that matching series have now. Two steps, so that the
  // journal comes between them: what is to be deleted, and doing it.
  std::vector<SeriesDeletion> PlanDeletion(const std::vector<model::Matcher>& matchers, TimestampMs start_ms,
                                           TimestampMs end_ms) const;
  void Apply(const SeriesDeletion& deletion);

  // The parts that have their own locks.
  OutOfOrderStore& out_of_order() { return out_of_order_; }
  const OutOfOrderStore& out_of_order() const { return out_of_order_; }
  HeadDeletions& deletions() { return deletions_; }
  ExemplarStore& exemplars() { return exemplars_; }
  const ExemplarStore& exemplars() const { return exemplars_; }
  MetadataStore& metadata() { return metadata_; }
  // See Db.
  std::map<std::string, std::vector<model::MetricMetadata>> Metadata(std::string_view metric,
                                                                     size_t limit) const;
  // The labels of a ref's series, while it exists.
  std::optional<model::Labels> LabelsOf(SeriesRef ref) const;

  // Refs of all series in the order of their labels.
  std::vector<SeriesRef> SortedRefs() const;
  // A series by ref, as of now; false when it is gone.
  bool Describe(SeriesRef ref, HeadSeries& out) const;

  // Whether commits up to `watermark` can no longer be told from later ones (too many came since).
  bool HasForgotten(CommitTracker::Ticket watermark) const {
    return watermark < forgotten_until_.load(std::memory_order_acquire);
  }

  // Drops the series whose samples are all before `time_ms` and which nobody has used since `oldest_epoch`.
  // Returns how many.
  uint64_t DropIdle(TimestampMs time_ms, DropEpochs::Epoch oldest_epoch);

  // How many series have a stale marker as their newest sample. Looks at each.
  uint64_t CountStale() const;
  // Those of them that have no out-of-order samples, in the order of their labels.
  std::vector<StaleSeries> SelectStale() const;
  // Drops those of `written` that are as they were selected and which nobody has used since `oldest_epoch`.
  // Returns them, for the journal.
  std::vector<SeriesRef> DropStale(const std::vector<StaleSeries>& written, DropEpochs::Epoch oldest_epoch);
  // The section of a journal batch that says so.
  static Section MakeDropSection(std::span<const SeriesRef> dropped);

  // Recovery. A definition replaces what contradicts it; false when it is not possible (limits).
  bool RestoreDefinition(const SeriesDefinition& definition);
  bool RestoreState(const SeriesState& state);
  // The oldest time in the head, which may be that of a written chunk.
  void RestoreMinTime(TimestampMs time_ms) { NoteTimes(time_ms, kNoTime); }
  // The times that samples have which are still to be restored.
  void RestoreTimes(TimestampMs min_ms, TimestampMs max_ms) { NoteTimes(min_ms, max_ms); }
  // Of the samples, those whose stripe number modulo `parts` is `part`; their times are noted by RestoreTimes
  // alone. Different parts may be restored at once. Returns how many are of series that do not exist.
  uint64_t RestoreSamples(const SampleSpans& samples, size_t part, size_t parts);
  // The same for rows of the same columns. Any thread, but not the same series from two.
  uint64_t RestoreRows(std::span<const SeriesRef> refs, const SampleRows& rows);
  // Lets recovery end before all is restored: series that are still in an image, and samples. `restore` gives
  // the samples to the head on a thread of its own, once all series are there, and `pending` those that
  // somebody asks for before (null and null: there are none). `meanwhile` runs here, before this returns.
  void RestoreBehind(std::unique_ptr<PendingSamples> pending, std::function<void()> restore,
                     const std::function<void()>& meanwhile);
  // For whoever needs all series and their samples.
  void WaitUntilRestored() const { is_restoring_.wait(true, std::memory_order_acquire); }
  // Whether series are still in an image (HeadLoader).
  bool HasSeriesInImage() const { return table_.HasSource(); }
  // Loads all of them here.
  void LoadSeries();
  void FinishRestore();

  // For a checkpoint's image (image_frames.h): a range of slots, the tables of the label index. Ids in ranges
  // that were captured while they were held mean the same in tables captured later.
  void CaptureRange(uint32_t begin, SeriesRange& out) const;
  void HoldLabelIds(bool hold);
  bool CaptureSymbols(uint32_t first, uint32_t count, SymbolRun& out) const;
  bool CapturePairs(uint32_t first, uint32_t count, PairRun& out) const;
  bool CapturePostings(uint32_t first, uint32_t count, const Bitmap& captured, PostingsRun& out) const;
  uint32_t slots() const { return table_.slots(); }
  uint32_t max_slots() const { return table_.max_slots(); }
  // For a checkpoint: what the head holds beside series and their float chunks, each section below the limit
  // of a frame; and back. kCorruption when a section is malformed.
  std::vector<Section> CaptureSections() const;
  core::Status RestoreSection(const Section& section);

  uint64_t series_count() const { return series_count_.load(std::memory_order_relaxed); }
  uint64_t open_chunks() const { return open_chunks_.load(std::memory_order_relaxed); }
  TimestampMs min_time_ms() const { return min_time_ms_.load(std::memory_order_relaxed); }
  TimestampMs max_time_ms() const { return max_time_ms_.load(std::memory_order_relaxed); }
  // Of the samples that came in order, the time of the oldest one at or after `from_ms`; none: nullopt. Reads
  // the series that may have it.
  std::optional<TimestampMs> OldestTimeFrom(TimestampMs from_ms) const;
  // After a cut: no sample before this counts any more.
  void RaiseMinTime(TimestampMs time_ms);
  void FillStats(size_t top, Stats& stats) const;
  void FillCardinality(size_t top, CardinalityOrder order, TimestampMs now_ms, Cardinality& out) const;
  // To be called from time to time: what counts as new changes with it.
  void TurnRecent(TimestampMs now_ms);
  uint64_t SizeBytes() const;

 private:
  friend class HeadLoader;

  static constexpr uint32_t kStripes = 64;
  static constexpr uint32_t kStripeRun = 256;
  static constexpr size_t kMaxUndo = 4096;
  static constexpr size_t kPrefetchDistance = 8;  // samples ahead

  // The newest time of a series before a commit changed it.
  struct Undo {
    CommitTracker::Ticket ticket;
    TimestampMs former_time_ms;
    uint32_t slot;
  };
  struct alignas(64) Stripe {
    explicit Stripe(SlabMemory& memory) : arena(memory) {}

    mutable std::mutex mutex;
    ChunkArena arena;
    std::vector<Undo> undo;
    CommitTracker::Ticket newest_undo = 0;                                      // the highest ticket in it
    absl::flat_hash_map<uint32_t, std::unique_ptr<HistogramChunk>> histograms;  // open chunks by slot
    uint64_t histogram_bytes = 0;                                               // of these
    StartTimes start_times;
  };
  // Where chunks end: at multiples of the chunk range.
  struct ChunkWindow {
    TimestampMs begin_ms = 0;
    TimestampMs end_ms = 0;
    bool Contains(TimestampMs time_ms) const { return time_ms >= begin_ms && time_ms < end_ms; }
  };

  // What Read copies beside an open float chunk.
  struct OpenExtras {
    std::string histograms;  // the open chunk of histograms
    uint32_t samples = 0;    // in it
    std::vector<StartChange> start_changes;
    bool Covers(TimestampMs start_ms) const {
      return samples > 0 && ChunkStart(histograms.data()) <= start_ms;
    }
  };

  template <size_t... number>
  static std::array<Stripe, kStripes> MakeStripes(SlabMemory& memory, std::index_sequence<number...>) {
    return {{(static_cast<void>(number), Stripe(memory))...}};
  }

  static ChunkTail TailOf(const SeriesRecord& record);
  static void SetTail(SeriesRecord& record, const ChunkTail& tail);
  static void ClearRecord(SeriesRecord& record);
  // Notes that a series is in use in `epoch`, or leaves it noted to be so in a later one.
  static void NoteUse(SeriesRecord& record, DropEpochs::Epoch epoch) {
    auto mark = static_cast<uint16_t>(epoch);
    uint16_t held = record.used_in_epoch.load(std::memory_order_seq_cst);
    while (static_cast<int16_t>(static_cast<uint16_t>(mark - held)) > 0 &&
           !record.used_in_epoch.compare_exchange_weak(held, mark, std::memory_order_seq_cst)) {
    }
  }
  // Returns when a series has the samples that it had before a restart.
  void RequireSamples(uint32_t slot) const {
    if (is_restoring_.load(std::memory_order_acquire)) [[unlikely]]
      RequirePending({&slot, 1});
  }
  void RequirePending(std::span<const uint32_t> slots) const;
  // The slots of the series that match, which have been restored. The lock is let go of meanwhile.
  Bitmap SelectRestored(const std::vector<model::Matcher>& matchers, std::shared_lock<IndexMutex>& lock,
                        const model::StopCheck* check) const;
  static uint32_t StripeOf(uint32_t slot) { return slot / kStripeRun % kStripes; }
  ChunkWindow WindowOf(TimestampMs time_ms) const;
  model::AppendOutcome CheckLabels(const model::Labels& labels) const;
  // kOk, or the limit that lets no new series in.
  model::AppendOutcome CheckRoom();
  void AppendSample(Stripe& stripe, SeriesRecord& record, SeriesRef ref, const ChunkWindow& window,
                    TimestampMs time_ms, uint64_t bits);
  void CloseChunk(Stripe& stripe, SeriesRecord& record, SeriesRef ref);
  void CaptureMixedState(const Stripe& stripe, uint32_t slot, MixedStateWriter& writer) const;
  bool AppendMixed(Stripe& stripe, SeriesRecord& record, const MixedSample& sample);
  void AppendHistogram(Stripe& stripe, SeriesRecord& record, const MixedSample& sample);
  void CloseHistograms(Stripe& stripe, SeriesRecord& record, SeriesRef ref);
  static void CopyExtras(const Stripe& stripe, const SeriesRecord& record, uint32_t slot, OpenExtras& out);
  void DropOpenChunks(Stripe& stripe, SeriesRecord& record, uint32_t slot);
  void RestoreMixedSamples(std::span<const MixedSample> samples);
  // What follows needs the stripe's lock, but in recovery.
  bool RestoreState(SeriesRecord& record, Stripe& stripe, const SeriesState& state);
  void RestoreMixedState(SeriesRecord& record, Stripe& stripe, MixedState& state);
  // A section of an image about series of a page whose records are still being made, from slot `begin` on.
  core::Status RestorePageSection(const Section& section, uint32_t begin, std::span<SeriesRecord> records,
                                  Stripe& stripe);
  core::Status RestoreMixedSection(std::string_view bytes);
  core::Status RestoreStartTimes(std::string_view bytes);
  core::Status RestoreDrops(std::string_view bytes);
  void PruneUndo(Stripe& stripe);
  void RestoreSample(Stripe& stripe, SeriesRecord& record, SeriesRef ref, ChunkWindow& window,
                     TimestampMs time_ms, uint64_t bits);
  void PrefetchForRestore(std::span<const SeriesRef> refs, size_t place, uint32_t stripe_number);
  void PrefetchChunk(std::span<const SeriesRef> refs, size_t place, uint32_t stripe_number);
  void NoteTimes(TimestampMs min_ms, TimestampMs max_ms);
  void DropSlot(uint32_t slot);
  // Drops those of the slots that are `idle` and which nobody has used since `oldest_epoch`, and returns
  // their refs.
  std::vector<SeriesRef> DropUnused(std::span<const uint32_t> slots, DropEpochs::Epoch oldest_epoch,
                                    const std::function<bool(size_t place, SeriesRef)>& is_idle);
  bool IsSame(const HeadSeries& series) const {
    return table_.at(SlotOf(series.ref)).generation.load(std::memory_order_relaxed) ==
           GenerationOf(series.ref);
  }
  // Fills in what each series has, less what commits after the watermark have added.
  core::Status FillVisible(CommitTracker::Ticket watermark, model::PacedCheck& check,
                           std::vector<HeadSeries>& out) const;
  // Takes out those without samples that the reader could find.
  core::Status EraseEmpty(CommitTracker::Ticket watermark, TimestampMs in_order_from_ms, TimestampMs start_ms,
                          model::PacedCheck& check, std::vector<HeadSeries>& out) const;
  core::Status KeepFirst(size_t first, const Pause& pause, model::PacedCheck& check,
                         std::vector<HeadSeries>& out) const;
  void ReportDamage(SeriesRef ref, const core::Error& error) const;
  void ReadInOrder(const HeadSeries& series, TimestampMs start_ms, TimestampMs end_ms,
                   model::SampleColumns& out) const;
  void DropExtras(SeriesRef ref);
  bool Exists(SeriesRef ref) const;
  bool IsKnown(SeriesRef ref) const;
  void LoadPagesOf(std::span<const SeriesRef> refs) const;

  ChunkStore& chunks_;
  CommitTracker& commits_;
  StoreMetrics& metrics_;
  const core::Logger logger_;
  const Limits limits_;
  const DurationMs chunk_range_ms_;

  SeriesTable table_;
  mutable IndexMutex index_mutex_;
  LabelIndex index_;
  std::array<Stripe, kStripes> stripes_;
  OutOfOrderStore out_of_order_;
  HeadDeletions deletions_;
  ExemplarStore exemplars_;
  MetadataStore metadata_;
  std::atomic<uint64_t> series_count_ = 0;
  std::atomic<uint64_t> open_chunks_ = 0;
  std::atomic<TimestampMs> min_time_ms_;
  std::atomic<TimestampMs> max_time_ms_;
  std::atomic<CommitTracker::Ticket> forgotten_until_ = 0;
  mutable std::atomic<uint64_t> size_bytes_ = 0;  // as of the last SizeBytes
  std::atomic<uint64_t> room_checks_ = 0;
  uint64_t unknown_restored_ = 0;     // histograms found in recovery, of series that are not there
  uint64_t size_bytes_in_image_ = 0;  // what the image says that it will be
  std::atomic<bool> is_restoring_ = false;
  mutable std::shared_mutex pending_mutex_;  // who asks for samples holds it, shared
  std::unique_ptr<PendingSamples> pending_;
  std::jthread restorer_;  // last: it uses the rest
};

}  // namespace sextant::tsdb
