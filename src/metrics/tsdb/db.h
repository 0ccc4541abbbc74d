// The metrics store: everything that was scraped or computed, from this second back to the retention, in one
// directory.
//
//   Append ──► Appender (a batch) ──Commit──► journal (one write) ──► head (open chunks in memory)
//                                                                        │ full chunks
//                                                                        ▼
//              blocks (immutable, 2 h each, mapped) ◄─── cut at 3 h ─── head chunk files
//
// The head keeps one small open chunk per series in memory; full chunks go to files and are read back when
// asked for. A checkpoint (all live series and their open chunks) replaces the journal from time to time, so
// that a restart reads the newest checkpoint and the journal after it. docs/formats/ describes every file.
//
// What Commit acknowledged survives kill -9; a power failure costs at most what was committed since the last
// sync (SyncPolicy, sync_interval_ms). Samples must come in ascending time per series and at most half a
// block behind the head's newest, except within the out-of-order window; a batch is visible to queries as a
// whole or not at all. Of two samples for one time in one batch, or from two appenders at once, the first one
// committed stays; the other is counted as out of order.
//
// Samples are floats or native histograms, and a series may change between them. A histogram that contradicts
// itself is refused. A float stale marker after a histogram becomes one of a histogram.
//
// All methods may be called from any thread. Appenders, queriers and the series sets they return must be gone
// before the Db is destroyed.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/result.h"
#include "model/commit_log.h"
#include "model/storage.h"

namespace sextant::tsdb {

using core::DurationMs;
using core::TimestampMs;

enum class SyncPolicy {
  kInterval,     // every sync_interval_ms
  kEveryCommit,  // before Commit returns
  kNever,        // left to the operating system
};

// What the store takes before it refuses new series (existing ones go on).
struct Limits {
  uint32_t max_series = 10'000'000;  // in the head
  uint32_t max_label_name_bytes = 1'024;
  uint32_t max_label_value_bytes = 16'384;
  uint32_t max_labels = 128;    // per series
  uint64_t max_head_bytes = 0;  // memory of series, index and open chunks; 0: no limit
  // Memory of samples in the out-of-order window; beyond it they are refused until a block takes them in. 0:
  // no limit.
  uint64_t max_out_of_order_bytes = 256 << 20;
};

// How blocks are written. Both forms are read, whatever is chosen.
enum class BlockForm {
  kDense,       // Sextant's own, in the folder blocks/
  kPrometheus,  // Prometheus', in the data directory itself
};

// In which of Prometheus' chunk encodings blocks of its form are written beside those that every Prometheus
// reads, and how large their parts grow. Blocks of that form that are merged keep the start times they have.
struct ChunkEncodings {
  bool xor2_floats = false;            // 4 (XOR2) for floats, with their start times, not 1 (XOR) without
  bool histogram_start_times = false;  // 5 and 6 for histograms that have start times, not 2 and 3 without
  uint32_t samples_per_chunk = 120;    // at most
  uint64_t segment_bytes = 512 << 20;  // a file of chunks is closed before it grows beyond this
};

// How far Db::Open has come with what it reads back: the numbers of the first, last and present file. May be
// read from any thread meanwhile.
struct ReplayProgress {
  enum class State { kWaiting, kInProgress, kDone };
  std::atomic<State> state = State::kWaiting;
  std::atomic<uint64_t> min = 0;
  std::atomic<uint64_t> max = 0;
  std::atomic<uint64_t> current = 0;
};

struct DbOptions {
  std::string dir;  // made when absent; one process at a time
  DurationMs retention_ms = 15LL * 24 * 3600 * 1000;
  // Of all files of the store; the blocks that end first go first; 0: no limit.
  uint64_t retention_bytes = 0;
  double retention_percentage = 0;  // the same, in percent of the file system; 0: no limit
  Limits limits;
  SyncPolicy sync_policy = SyncPolicy::kInterval;
  DurationMs sync_interval_ms = 5'000;
  // Samples further ahead of the clock are refused (kTooFarInFuture); 0: no limit.
  DurationMs max_future_ms = 10 * 60 * 1000;
  // How far behind the newest sample of the head a sample may be that is older than its series' newest; 0:
  // such samples are refused.
  DurationMs out_of_order_window_ms = 0;
  // From which share of the head's series on those whose newest sample is a stale marker are written to
  // blocks and leave the head, as Prometheus' stale_series_compaction_threshold; 0: they wait for the next
  // block.
  double stale_series_threshold = 0;
  // Before a sample that says since when it counts, a zero at that time (feature
  // created-timestamp-zero-ingestion), where the head still takes samples of that time and the series has no
  // newer one.
  bool adds_zeros_at_start = false;
  // How many exemplars are kept, the newest of all series; 0: none.
  uint64_t max_exemplars = 100'000;
  // Time that one block covers. Blocks are cut when the head spans one and a half of it.
  DurationMs block_range_ms = 2 * 3600 * 1000;
  // With kPrometheus, blocks of the other form are rewritten in the background. With kDense, Prometheus'
  // blocks stay what they are, also when they are merged with each other.
  BlockForm block_form = BlockForm::kDense;
  ChunkEncodings chunk_encodings;  // of blocks in Prometheus' form, also of snapshots
  // A JSON file that names the blocks which were copied elsewhere (Thanos' thanos.shipper.json): those that
  // were cut from the head, and all after them, are not merged before they stand there. Empty: none is waited
  // for.
  std::string upload_list_path;
  // Neighbouring blocks are merged into larger ones, up to this; 0: a tenth of the retention, at most 31
  // days.
  DurationMs max_block_range_ms = 0;
  // Writes no blocks: what would go to one is forgotten, so that only the journal and the newest samples are
  // there. For who only passes samples on.
  bool journal_only = false;
  // A journal file is closed at this size, and a checkpoint replaces the journal when it has grown by that of
  // the last checkpoint, at least by journal_checkpoint_bytes; or when it holds so many samples that a
  // restart would take long (maintenance.cc).
  uint64_t journal_segment_bytes = 32 << 20;
  uint64_t journal_checkpoint_bytes = 64 << 20;
  // More series than this stay in the checkpoint's image while the store is open already, and a journal with
  // more samples than this is replayed then: a series has what it had when it is asked for.
  uint64_t load_behind_series = 100'000;
  uint64_t replay_behind_samples = 256 << 10;
  // Sync, cut, retention and compaction on threads of the Db's own. Without them, the owner calls Maintain()
  // (tests).
  bool run_maintenance_thread = true;
  // Files of the journal that someone still has to read; null: none. They are kept beyond the next
  // checkpoint, up to 4 GiB.
  std::shared_ptr<const model::CommitLogHold> journal_hold;
  // Where Open says how far it is; null when nobody asks.
  std::shared_ptr<ReplayProgress> replay_progress;
};

// One line of a "top ten" list: a metric, label or pair, and how many.
struct StatCount {
  std::string name;
  uint64_t count = 0;
};

// What /api/v1/status/tsdb tells, of the head.
struct Stats {
  uint64_t series = 0;
  uint64_t label_pairs = 0;
  uint64_t chunks = 0;            // open and written, since the last cut
  uint64_t samples_appended = 0;  // since the start
  TimestampMs min_time_ms = 0;    // of the samples in the head; min > max when there are none
  TimestampMs max_time_ms = -1;
  uint64_t head_bytes = 0;  // memory of series, index and open chunks
  uint64_t blocks = 0;
  uint64_t blocks_bytes = 0;
  TimestampMs oldest_time_ms = 0;  // over blocks and head; min > max when empty
  std::vector<StatCount> series_by_metric;
  std::vector<StatCount> values_by_label;
  std::vector<StatCount> bytes_by_label;  // of the label's distinct values
  std::vector<StatCount> series_by_pair;  // "name=value"
};

// What the lists of a Cardinality are ordered by.
enum class CardinalityOrder {
  kSeries,   // how many there are now
  kCreated,  // how many were new in the last hour
};

// What the series in memory are made of: which metrics, labels and targets cost most, now and growing.
// `created` counts what came into being within `window_ms` and is still there.
struct Cardinality {
  struct Row {
    std::string name;   // a metric; a label's name; the job
    std::string value;  // of a label; the instance; empty for metrics
    uint64_t series = 0;
    uint64_t created = 0;
  };
  struct LabelRow {
    std::string name;
    uint64_t values = 0;  // distinct
    uint64_t created = 0;
    uint64_t value_bytes = 0;
  };

  uint64_t series = 0;
  uint64_t created = 0;
  DurationMs window_ms = 0;  // an hour, or the time since the start
  uint64_t label_pairs = 0;
  uint64_t head_bytes = 0;
  uint64_t max_series = 0;
  uint64_t max_head_bytes = 0;  // 0: no limit
  // Refused since the start because of either limit.
  uint64_t refused_by_series = 0;
  uint64_t refused_by_memory = 0;
  std::vector<Row> metrics;
  std::vector<Row> pairs;
  std::vector<Row> targets;
  std::vector<LabelRow> labels;
};

// What Export takes along.
struct ExportOptions {
  // The series that match one of these; without any, all.
  std::vector<std::vector<model::Matcher>> matcher_sets;
  TimestampMs start_ms = std::numeric_limits<TimestampMs>::min();  // start_ms <= time <= end_ms
  TimestampMs end_ms = std::numeric_limits<TimestampMs>::max();
  bool with_head = true;
  // Everything in these encodings. Without them, in those of the store, and whole Prometheus blocks as they
  // are.
  std::optional<ChunkEncodings> encodings = std::nullopt;
};

struct ExportCounts {
  uint64_t blocks = 0;
  uint64_t series = 0;  // added up over the blocks
  uint64_t samples = 0;
  uint64_t damages = 0;  // blocks and chunks that cannot be read and were left out
};

// A block that another one was made of.
struct BlockParentInfo {
  std::string name;
  TimestampMs start_ms = 0;
  TimestampMs end_ms = 0;
};

// A block that is served.
struct BlockInfo {
  std::string name;  // of its directory
  BlockForm form = BlockForm::kDense;
  TimestampMs start_ms = 0;  // it covers start <= time < end
  TimestampMs end_ms = 0;
  uint64_t series = 0;
  uint64_t samples = 0;
  uint64_t chunks = 0;
  uint64_t deletions = 0;
  uint64_t size_bytes = 0;
  uint32_t level = 1;  // how often its samples were written to a block
  bool is_out_of_order = false;
  bool is_stale_series = false;
  std::vector<std::string> sources;      // the blocks of level 1 that are in it, as far as known
  std::vector<BlockParentInfo> parents;  // likewise; Sextant's form does not tell
};

// What reading everything found.
struct VerifyReport {
  uint64_t blocks = 0;
  uint64_t series = 0;  // added up over the blocks
  uint64_t samples = 0;
  std::vector<std::string> damages;  // what cannot be read, with file and place
};

// A series' exemplars, ascending in time.
struct SeriesExemplars {
  model::Labels series;
  std::vector<model::Exemplar> exemplars;
};

class Db final : public model::Appendable, public model::Queryable, public model::CommitLog {
 public:
  // Opens (or makes) the store in options.dir and restores what was acknowledged. `fs`, `clock` and
  // `registry` must outlive it. Own metrics have Prometheus' names (prometheus_tsdb_*).
  //
  // Errors: kUnavailable when another process has the directory; kPermissionDenied or kResourceExhausted when
  // it cannot be written; kInvalidArgument for options that make no sense. Damaged files do not fail Open: a
  // torn journal tail is cut off, an unreadable block is set aside (renamed to *.damaged), of a damaged
  // checkpoint the intact part is taken, and the log says what was lost.
  static core::Result<std::unique_ptr<Db>> Open(core::FileSystem& fs, const core::Clock& clock,
                                                core::Logger logger, core::Registry& registry,
                                                DbOptions options);
  ~Db() override;  // closes

  std::unique_ptr<model::Appender> NewAppender() override;
  core::Result<std::unique_ptr<model::Querier>> NewQuerier(TimestampMs start_ms,
                                                           TimestampMs end_ms) const override;

  // The journal as a commit log. Its positions hold over restarts, unless Prometheus has written to the
  // directory meanwhile.
  std::unique_ptr<model::CommitLogReader> NewReader(model::CommitPosition from) override;
  model::CommitPosition End() const override;
  TimestampMs NewestTimeMs() const override;
  uint64_t SamplesTaken() const override;
  // The oldest time of which there may be samples; nothing when there are none.
  std::optional<TimestampMs> OldestTimeMs() const;

  // The exemplars with start_ms <= time <= end_ms of the series that all matchers of at least one set accept;
  // series in the order of their labels.
  std::vector<SeriesExemplars> Exemplars(TimestampMs start_ms, TimestampMs end_ms,
                                         const std::vector<std::vector<model::Matcher>>& matcher_sets) const;
  // What is known of metrics (of one, unless `metric` is empty): per metric its different metadata, each
  // once, at most `limit` metrics (0: no limit).
  std::map<std::string, std::vector<model::MetricMetadata>> Metadata(std::string_view metric,
                                                                     size_t limit = 0) const;

  // Options that may change while it runs; from the next appender on.
  void SetOutOfOrderWindow(DurationMs window_ms);
  void SetMaxExemplars(uint64_t max_exemplars);
  // From the next block on.
  void SetChunkEncodings(ChunkEncodings encodings);
  // From the next Maintain on.
  void SetStaleSeriesThreshold(double threshold);

  // Counts, and the `top` heaviest of each kind.
  core::Result<Stats> GetStats(size_t top = 10) const;
  // The same in more detail, with what is new.
  core::Result<Cardinality> GetCardinality(size_t top, CardinalityOrder order) const;

  // Does what is due: cuts blocks, applies retention, drops idle and stale series, replaces the journal by a
  // checkpoint, merges blocks. The maintenance threads do the same; tests may too. An error leaves everything
  // as it was, to be tried again.
  core::Status Maintain();
  // What is kept from now on; see DbOptions.
  void SetRetention(DurationMs retention_ms, uint64_t retention_bytes, double retention_percentage);
  // Deletes the samples with start_ms <= time <= end_ms of the series that match one of the sets, but none
  // that come later. Durable when it returns; the space is given back later (CleanTombstones).
  core::Status DeleteSeries(const std::vector<std::vector<model::Matcher>>& matcher_sets,
                            TimestampMs start_ms, TimestampMs end_ms);
  // Writes the blocks of which something was deleted anew.
  core::Status CleanTombstones();
  // Writes what there is into `dir`, which is made: blocks of Prometheus' form, as hard links where there are
  // such already, and, with the head, one block more. After an error `dir` is removed.
  core::Status Snapshot(const std::string& dir, bool with_head);
  // Writes chosen samples into `dir` of `target` (made when absent) as blocks of Prometheus' form. What
  // cannot be read is left out, logged and counted; a block is set aside.
  core::Result<ExportCounts> Export(core::FileSystem& target, const std::string& dir,
                                    const ExportOptions& options) const;
  // By start.
  std::vector<BlockInfo> Blocks() const;
  // Reads every sample of every block.
  core::Result<VerifyReport> Verify() const;
  // Makes everything committed so far durable against power failure.
  core::Status Sync();

  // Stops maintenance and compaction, writes a checkpoint (a quick restart) and syncs. Later commits fail
  // with kUnavailable; queries go on. May be called again.
  core::Status Close();

 private:
  class Impl;
  explicit Db(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace sextant::tsdb
