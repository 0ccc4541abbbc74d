#include "metrics/tsdb/prometheus_head.h"

#include <absl/container/flat_hash_map.h>
#include <xxhash.h>

#include <algorithm>
#include <limits>

#include "metrics/promfiles/head_export.h"
#include "metrics/promfiles/head_import.h"
#include "metrics/tsdb/appender.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::FileInfo;
using core::FileSystem;
using core::JoinPath;
using core::Result;
using core::Status;
using model::AppendOutcome;

constexpr std::string_view kNoteName = "prometheus-head";
constexpr std::string_view kGivenBack = "given-back";
constexpr std::string_view kTakenOver = "taken-over";
constexpr std::string_view kAsideSuffix = ".replaced";
constexpr uint64_t kMaxNoteBytes = 4096;
constexpr size_t kBatchSamples = 16 << 10;

bool IsHeadPart(std::string_view name) {
  return name == "wal" || name == "wbl" || name == "chunks_head" ||
         (name.starts_with("chunk_snapshot.") && !name.ends_with(kAsideSuffix));
}

// The end of a file as a number: times are coarse, and logs grow in pages.
Result<uint64_t> HashOfEnd(FileSystem& fs, const std::string& path, uint64_t size_bytes) {
  constexpr uint64_t kEndBytes = 64 << 10;
  SEXTANT_ASSIGN(std::unique_ptr<core::File> file, fs.Open(path, core::OpenMode::kRead));
  std::string end(std::min(size_bytes, kEndBytes), '\0');
  SEXTANT_ASSIGN(size_t got, file->ReadAt(size_bytes - end.size(), end.data(), end.size()));
  return XXH3_64bits(end.data(), got);
}

// Names, sizes and times of Prometheus' files and the ends of the newest, as one number; 0: there are none.
Result<uint64_t> Fingerprint(FileSystem& fs, const std::string& dir) {
  std::string text;
  SEXTANT_ASSIGN(std::vector<FileInfo> entries, fs.List(dir));
  for (const FileInfo& entry : entries) {
    if (!entry.is_directory || !IsHeadPart(entry.name)) continue;
    std::string part = JoinPath(dir, entry.name);
    SEXTANT_ASSIGN(std::vector<FileInfo> files, fs.List(part));
    for (const FileInfo& file : files) {
      text += fmt::format("{}/{} {} {}\n", entry.name, file.name, file.size_bytes,
                          file.is_directory ? 0 : file.modified_ms);
      if (!file.is_directory) continue;
      SEXTANT_ASSIGN(std::vector<FileInfo> inner, fs.List(JoinPath(part, file.name)));
      for (const FileInfo& segment : inner)
        text += fmt::format("  {} {}\n", segment.name, segment.size_bytes);
    }
    if (files.empty() || files.back().is_directory) continue;
    SEXTANT_ASSIGN(uint64_t end, HashOfEnd(fs, JoinPath(part, files.back().name), files.back().size_bytes));
    text += fmt::format("  {:x}\n", end);
  }
  return text.empty() ? 0 : std::max<uint64_t>(1, XXH3_64bits(text.data(), text.size()));
}

std::string NoteText(uint64_t fingerprint, std::string_view what) {
  return fmt::format("{:016x} {}\n", fingerprint, what);
}

Status WriteNote(FileSystem& fs, const std::string& dir, std::string_view what) {
  SEXTANT_ASSIGN(uint64_t fingerprint, Fingerprint(fs, dir));
  return core::WriteFileAtomically(fs, JoinPath(dir, kNoteName), NoteText(fingerprint, what));
}

// Appends series after series in batches.
class HeadTaker final : public promfiles::HeadVisitor {
 public:
  explicit HeadTaker(std::shared_ptr<Store> store) : store_(std::move(store)) {}

  Status Series(promfiles::WalRef, const model::Labels& labels) override {
    labels_ = labels;
    ref_ = 0;
    known_until_ms_ = kNoTime;
    DropEpochs::Epoch epoch = store_->epochs.Acquire();
    if (SeriesRecord* record = store_->head.FindForUse(ref_, labels, epoch); record != nullptr) {
      known_until_ms_ = record->last_time_ms.load(std::memory_order_relaxed);
    }
    store_->epochs.Release(epoch);
    return {};
  }

  Status Metadata(const model::MetricMetadata& metadata) override {
    metadata_ = metadata;
    return {};
  }

  // What it deleted does not come.
  Status Tombstone(TimestampMs, TimestampMs) override { return {}; }

  Status Samples(const model::SampleColumns& samples) override {
    for (size_t i = 0; i < samples.size(); ++i) {
      if (samples.times_ms[i] <= known_until_ms_) continue;
      model::Sample sample{.time_ms = samples.times_ms[i], .value = samples.values[i]};
      if (!samples.histograms.empty()) sample.histogram = samples.histograms[i].get();
      if (!samples.start_times_ms.empty()) sample.start_ms = samples.start_times_ms[i];
      SEXTANT_TRY(Add(sample));
    }
    return {};
  }

  Status Exemplar(const model::Exemplar& exemplar) override {
    if (ref_ != 0) appender().AppendExemplar(ref_, labels_, exemplar);
    return {};
  }

  Status Flush() {
    if (appender_ == nullptr) return {};
    Status committed = appender_->Commit();
    appender_.reset();
    added_ = 0;
    return committed;
  }

  uint64_t refused() const { return refused_; }
  AppendOutcome refusal() const { return refusal_; }

 private:
  model::Appender& appender() {
    if (appender_ == nullptr) appender_ = std::make_unique<DbAppender>(store_);
    return *appender_;
  }

  Status Add(const model::Sample& sample) {
    model::AppendResult result = appender().AppendSample(ref_, labels_, sample);
    if (result.outcome != AppendOutcome::kOk) {
      ++refused_;
      refusal_ = result.outcome;
      return {};
    }
    bool is_first = ref_ != result.ref;
    ref_ = result.ref;
    if (is_first && !metadata_.type.empty()) appender().UpdateMetadata(ref_, labels_, metadata_);
    if (is_first) metadata_ = {};
    return ++added_ >= kBatchSamples ? Flush() : Status();
  }

  const std::shared_ptr<Store> store_;
  std::unique_ptr<model::Appender> appender_;
  size_t added_ = 0;  // in the present batch
  model::Labels labels_;
  SeriesRef ref_ = 0;
  TimestampMs known_until_ms_ = kNoTime;  // the series has what is up to here
  model::MetricMetadata metadata_;
  uint64_t refused_ = 0;
  AppendOutcome refusal_ = AppendOutcome::kOk;
};

// Samples behind the newest block are taken while this lives.
class OpenWindow {
 public:
  explicit OpenWindow(Store& store)
      : store_(store),
        former_ms_(store.out_of_order_window_ms.exchange(std::numeric_limits<DurationMs>::max() / 2)) {}
  ~OpenWindow() { store_.out_of_order_window_ms.store(former_ms_); }
  OpenWindow(const OpenWindow&) = delete;
  OpenWindow& operator=(const OpenWindow&) = delete;

 private:
  Store& store_;
  const DurationMs former_ms_;
};

void Report(const Store& store, const promfiles::HeadImportReport& report, const HeadTaker& taker) {
  store.logger.Info("took over what Prometheus had beside its blocks",
                    {{"series", report.series},
                     {"samples", report.samples},
                     {"out_of_order_samples", report.out_of_order_samples},
                     {"exemplars", report.exemplars}});
  if (store.options.block_form != BlockForm::kPrometheus) {
    store.logger.Info(
        "Prometheus' folders wal, wbl and chunks_head are no longer needed, unless Prometheus is to go on "
        "from "
        "where it stopped");
  }
  for (const std::string& warning : report.warnings) {
    store.logger.Warn("taking over Prometheus' files", {{"warning", warning}});
  }
  if (report.unknown_refs > 0 || report.unreadable_histograms > 0 || report.damages > 0) {
    store.logger.Warn("some of what Prometheus had could not be read",
                      {{"damaged_stretches", report.damages},
                       {"entries_of_unknown_series", report.unknown_refs},
                       {"unreadable_histograms", report.unreadable_histograms}});
  }
  if (taker.refused() > 0) {
    store.logger.Warn("some of Prometheus' samples were not taken",
                      {{"samples", taker.refused()}, {"last_reason", model::OutcomeText(taker.refusal())}});
  }
}

// Moves Prometheus' folders out of the way, or back.
Status MoveHeadParts(FileSystem& fs, const std::string& dir, bool aside) {
  SEXTANT_ASSIGN(std::vector<FileInfo> entries, fs.List(dir));
  for (const FileInfo& entry : entries) {
    std::string_view name = entry.name;
    bool is_aside = name.ends_with(kAsideSuffix);
    if (is_aside) name.remove_suffix(kAsideSuffix.size());
    if (!entry.is_directory || !IsHeadPart(name) || is_aside == aside) continue;
    std::string plain = JoinPath(dir, name);
    std::string moved = plain + std::string(kAsideSuffix);
    if (aside) {
      SEXTANT_TRY(core::RemoveAll(fs, moved));
      SEXTANT_TRY(fs.Rename(plain, moved));
    } else if (fs.Stat(plain)) {
      SEXTANT_TRY(core::RemoveAll(fs, moved));  // the new one was in place already
    } else {
      SEXTANT_TRY(fs.Rename(moved, plain));
    }
  }
  return fs.SyncDirectory(dir);
}

Status RemoveMovedParts(FileSystem& fs, const std::string& dir) {
  SEXTANT_ASSIGN(std::vector<FileInfo> entries, fs.List(dir));
  for (const FileInfo& entry : entries) {
    std::string_view name = entry.name;
    if (!name.ends_with(kAsideSuffix)) continue;
    name.remove_suffix(kAsideSuffix.size());
    if (IsHeadPart(name)) SEXTANT_TRY(core::RemoveAll(fs, JoinPath(dir, entry.name)));
  }
  return {};
}

Status WriteHead(Store& store) {
  promfiles::HeadExportOptions options;
  options.min_valid_ms = store.blocks.end_ms();
  // As in blocks: who asked for encodings with start times has a Prometheus that reads such records.
  ChunkEncodings encodings = store.blocks.chunk_encodings();
  options.float_start_times = encodings.xor2_floats;
  options.histogram_start_times = encodings.histogram_start_times;
  SEXTANT_ASSIGN(std::unique_ptr<promfiles::HeadExporter> exporter,
                 promfiles::HeadExporter::Create(store.fs, store.options.dir, options));
  absl::flat_hash_map<model::Labels, std::vector<model::Exemplar>> exemplars;
  for (SeriesExemplars& series :
       store.head.exemplars().Select(kNoTime, std::numeric_limits<TimestampMs>::max(), {{}})) {
    exemplars[series.series] = std::move(series.exemplars);
  }
  HeadSeries series;
  model::SampleColumns samples;
  promfiles::WalRef number = 0;  // Prometheus wants small ones
  for (SeriesRef ref : store.head.SortedRefs()) {
    if (!store.head.Describe(ref, series)) continue;
    series.in_order_from_ms = store.blocks.end_ms();
    samples.clear();
    store.head.Read(series, kNoTime, std::numeric_limits<TimestampMs>::max(), samples);
    if (samples.size() == 0) continue;
    SEXTANT_TRY(exporter->Series(++number, series.labels));
    if (auto metadata = store.head.metadata().Get(ref)) SEXTANT_TRY(exporter->Metadata(*metadata));
    SEXTANT_TRY(exporter->Samples(samples));
    auto found = exemplars.find(series.labels);
    if (found == exemplars.end()) continue;
    for (const model::Exemplar& exemplar : found->second) SEXTANT_TRY(exporter->Exemplar(exemplar));
  }
  return exporter->Finish();
}

}  // namespace

Result<PrometheusHeadState> FindPrometheusHead(FileSystem& fs, const std::string& dir) {
  // An exchange that a crash has interrupted: ours is the truth, and theirs comes back as it was.
  SEXTANT_TRY(MoveHeadParts(fs, dir, /*aside=*/false));
  SEXTANT_ASSIGN(uint64_t fingerprint, Fingerprint(fs, dir));
  if (fingerprint == 0) return PrometheusHeadState::kNone;
  auto note = core::ReadFile(fs, JoinPath(dir, kNoteName), kMaxNoteBytes);
  if (!note) {
    if (note.error().code() != Code::kNotFound) return tl::unexpected(note.error());
    return PrometheusHeadState::kAdded;
  }
  if (*note == NoteText(fingerprint, kGivenBack) || *note == NoteText(fingerprint, kTakenOver)) {
    return PrometheusHeadState::kNone;
  }
  return note->ends_with(fmt::format(" {}\n", kGivenBack)) ? PrometheusHeadState::kReplaces
                                                           : PrometheusHeadState::kAdded;
}

Status ImportPrometheusHead(const std::shared_ptr<Store>& store) {
  promfiles::HeadImportOptions options;
  options.min_valid_ms = store->blocks.end_ms();
  options.max_exemplars = store->options.max_exemplars;
  options.progress = [&](const promfiles::HeadImportProgress& progress) {
    if (ReplayProgress* asked = store->options.replay_progress.get(); asked != nullptr) {
      asked->min = progress.first_segment;
      asked->max = progress.last_segment;
      asked->current = progress.current_segment;
    }
    return true;
  };
  store->logger.Info("taking over Prometheus' WAL and head chunks", {{"dir", store->options.dir}});
  OpenWindow window(*store);
  HeadTaker taker(store);
  SEXTANT_ASSIGN(promfiles::HeadImportReport report,
                 promfiles::ImportHead(store->fs, store->options.dir, options, taker));
  SEXTANT_TRY(taker.Flush());
  SEXTANT_TRY(store->journal->Sync());
  Report(*store, report, taker);
  return WriteNote(store->fs, store->options.dir, kTakenOver);
}

Status ExportPrometheusHead(Store& store) {
  const std::string& dir = store.options.dir;
  auto in_context = core::AddContext("leaving the head to Prometheus in {}", dir);
  // Until everything is in its place, our own files are the truth whatever is found.
  SEXTANT_TRY(core::WriteFileAtomically(store.fs, JoinPath(dir, kNoteName), NoteText(0, kTakenOver))
                  .map_error(in_context));
  SEXTANT_TRY(MoveHeadParts(store.fs, dir, /*aside=*/true).map_error(in_context));
  if (Status written = WriteHead(store); !written) {
    if (Status back = MoveHeadParts(store.fs, dir, /*aside=*/false); !back) {
      store.logger.Error("Prometheus' folders could not be moved back", {{"error", back.error()}});
    }
    return written.map_error(in_context);
  }
  SEXTANT_TRY(WriteNote(store.fs, dir, kGivenBack).map_error(in_context));
  return RemoveMovedParts(store.fs, dir).map_error(in_context);
}

}  // namespace sextant::tsdb
