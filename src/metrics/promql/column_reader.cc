#include "metrics/promql/column_reader.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "metrics/promql/range_evaluation.h"

namespace sextant::promql {

namespace {

// What the floats of a batch may take in memory, and how many series it has at least and at most.
constexpr size_t kBatchBytes = 4 << 20;
constexpr size_t kFewestInBatch = 64;
constexpr size_t kMostInBatch = 8192;
// A batch never takes more than this for the sake of kFewestInBatch, nor for histograms, whose size shows
// only when they are read: the batches after a larger one are smaller.
constexpr size_t kMostBatchBytes = 64 << 20;
// Pieces of a batch per thread: enough of them that all threads end at about the same time.
constexpr size_t kPiecesPerThread = 4;
constexpr size_t kStepsOfInstant = 32;
// Whoever takes a column mostly goes along its values once, which is a fraction of a nanosecond for each.
constexpr size_t kStepsPerWork = 4;

using TakeBatch = std::function<core::Status(size_t, std::vector<Column>&)>;

int64_t FloatBytes(size_t columns, size_t steps) {
  return static_cast<int64_t>(columns * steps * sizeof(double));
}

// Bytes of a column's histograms. One that stands at several steps in a row is there once.
int64_t HistogramBytes(const Column& column) {
  auto bytes = static_cast<int64_t>(column.histograms.size() * sizeof(HistogramPtr));
  const model::FloatHistogram* previous = nullptr;
  for (const HistogramPtr& histogram : column.histograms) {
    if (!histogram || histogram.get() == previous) continue;
    previous = histogram.get();
    bytes += HistogramSampleSize(*histogram) * static_cast<int64_t>(sizeof(FloatPoint));
  }
  return bytes;
}

// A thread's share of a batch.
struct Piece {
  explicit Piece(QueryContext& whole) : context(whole, std::in_place), holding(context) {}

  QueryContext context;
  Holding holding;  // of the histograms in its columns
  SourcePtr source;
  core::Status status;
  int64_t took_ns = 0;
};

class ParallelReader {
 public:
  ParallelReader(SeriesSource& source, size_t steps, QueryContext& context, const std::vector<bool>& skips)
      : source_(source), steps_(steps), context_(context), skips_(skips), holding_(context) {}

  core::Status Run(const TakeBatch& take) {
    const size_t column_bytes = steps_ * sizeof(double);
    const size_t fewest =
        std::clamp(kMostBatchBytes / column_bytes, context_.parallel()->width(), kFewestInBatch);
    size_t batch = std::min(std::clamp(kBatchBytes / column_bytes, fewest, kMostInBatch), source_.size());
    SEXTANT_TRY(holding_.Add(0, FloatBytes(batch, steps_)));
    std::vector<Column> columns;
    for (size_t first = 0; first < source_.size(); first += columns.size()) {
      columns.resize(std::min(batch, source_.size() - first));
      SEXTANT_TRY(ReadBatch(first, columns));
      if (LetGoOfHistograms() > static_cast<int64_t>(kMostBatchBytes))
        batch = std::max<size_t>(1, columns.size() / 2);
      SEXTANT_TRY(take(first, columns));
    }
    return {};
  }

 private:
  core::Status ReadBatch(size_t first, std::vector<Column>& columns) {
    const size_t most = context_.parallel()->width() * kPiecesPerThread;
    const size_t count = std::min(most, columns.size());
    pieces_.clear();
    for (size_t i = 0; i < count; ++i) {
      pieces_.push_back(std::make_unique<Piece>(context_));
      pieces_[i]->source = source_.Fork(pieces_[i]->context);
    }
    has_failed_.store(false, std::memory_order_relaxed);
    const int64_t start_ns = context_.ProfiledNs();
    context_.parallel()->Run(count, [&](size_t i) {
      Piece& piece = *pieces_[i];
      const int64_t piece_start_ns = context_.ProfiledNs();
      size_t begin = columns.size() * i / count;
      size_t end = columns.size() * (i + 1) / count;
      piece.status = ReadPiece(piece, first, begin, end, columns);
      if (!piece.status) has_failed_.store(true, std::memory_order_relaxed);
      piece.took_ns = context_.ProfiledNs() - piece_start_ns;
    });
    context_.NoteSharedTime(start_ns - context_.ProfiledNs());
    // Also what a failure left undone is in order: the first one that failed counts.
    for (const std::unique_ptr<Piece>& piece : pieces_) {
      context_.Absorb(piece->context);
      context_.NoteSharedTime(piece->took_ns);
      SEXTANT_TRY(piece->status);
    }
    return context_.Check();
  }

  core::Status ReadPiece(Piece& piece, size_t first, size_t begin, size_t end, std::vector<Column>& columns) {
    for (size_t i = begin; i < end && !has_failed_.load(std::memory_order_relaxed); ++i) {
      if (!skips_.empty() && skips_[first + i]) continue;
      SEXTANT_TRY(piece.source->Read(first + i, columns[i]));
      SEXTANT_TRY(piece.context.Tick(QueryContext::kWorkOfSeries));
      if (columns[i].has_histograms()) SEXTANT_TRY(piece.holding.Add(0, HistogramBytes(columns[i])));
    }
    return {};
  }

  // The columns of a batch are handed over; returns what their histograms took.
  int64_t LetGoOfHistograms() {
    int64_t bytes = 0;
    for (const std::unique_ptr<Piece>& piece : pieces_) {
      bytes += piece->holding.bytes();
      piece->holding.Reset();
    }
    return bytes;
  }

  SeriesSource& source_;
  const size_t steps_;
  QueryContext& context_;
  const std::vector<bool>& skips_;
  Holding holding_;  // of floats
  std::vector<std::unique_ptr<Piece>> pieces_;
  std::atomic<bool> has_failed_ = false;
};

bool IsWorthSharing(const SeriesSource& source, size_t steps, QueryContext& context) {
  if (context.parallel() == nullptr || context.parallel()->width() < 2 || source.size() < 2) return false;
  if (source.size() < context.least_shared_work() / std::max(steps, kStepsOfInstant)) return false;
  QueryContext trial(context, std::in_place);
  return source.Fork(trial) != nullptr;
}

// Batches of several series, or, on one thread, of one; columns of skipped series are left as they are.
core::Status ReadBatches(SeriesSource& source, size_t steps, QueryContext& context, const TakeBatch& take,
                         const std::vector<bool>& skips) {
  if (IsWorthSharing(source, steps, context)) return ParallelReader(source, steps, context, skips).Run(take);
  Holding holding(context);
  SEXTANT_TRY(holding.Add(0, source.size() > 0 ? FloatBytes(1, steps) : 0));
  std::vector<Column> columns(1);
  for (size_t i = 0; i < source.size(); ++i) {
    if (!skips.empty() && skips[i]) continue;
    SEXTANT_TRY(source.Read(i, columns[0]));
    SEXTANT_TRY(context.Tick(QueryContext::kWorkOfSeries));
    SEXTANT_TRY(take(i, columns));
  }
  return {};
}

}  // namespace

core::Status ForEachColumn(SeriesSource& source, size_t steps, QueryContext& context,
                           const std::function<core::Status(size_t, Column&)>& take,
                           const std::vector<bool>& skips) {
  return ReadBatches(
      source, steps, context,
      [&](size_t first, std::vector<Column>& columns) -> core::Status {
        for (size_t i = 0; i < columns.size(); ++i) {
          if (!skips.empty() && skips[first + i]) continue;
          SEXTANT_TRY(context.Tick(steps / kStepsPerWork));
          SEXTANT_TRY(take(first + i, columns[i]));
        }
        return {};
      },
      skips);
}

core::Status ForEachBatch(SeriesSource& source, size_t steps, QueryContext& context, const TakeBatch& take) {
  return ReadBatches(source, steps, context, take, {});
}

}  // namespace sextant::promql
