#include "metrics/promql/column_reader.h"

#include <algorithm>
#include <atomic>
#include <memory>

namespace sextant::promql {

namespace {

// What a batch may take in memory, and how many series it has at least and at most.
constexpr size_t kBatchBytes = 4 << 20;
constexpr size_t kFewestInBatch = 64;
constexpr size_t kMostInBatch = 8192;
// Pieces of a batch per thread: enough of them that all threads end at about the same time.
constexpr size_t kPiecesPerThread = 4;
// Below this many series times steps (an instant counts for some) other threads cost more than they save.
constexpr size_t kLeastWork = 20'000;
constexpr size_t kStepsOfInstant = 32;

// A thread's share of a batch.
struct Piece {
  std::unique_ptr<QueryContext> context;
  SourcePtr source;
  core::Status status;
};

class ParallelReader {
 public:
  ParallelReader(SeriesSource& source, size_t steps, QueryContext& context, const std::vector<bool>& skips)
      : source_(source), steps_(steps), context_(context), skips_(skips), holding_(context) {}

  core::Status Run(const std::function<core::Status(size_t, std::vector<Column>&)>& take) {
    const size_t batch = std::min(
        std::clamp(kBatchBytes / (steps_ * sizeof(double)), kFewestInBatch, kMostInBatch), source_.size());
    SEXTANT_TRY(holding_.Add(0, static_cast<int64_t>(batch * steps_ * sizeof(double))));
    std::vector<Column> columns(batch);
    for (size_t first = 0; first < source_.size(); first += batch) {
      if (source_.size() - first < batch) columns.resize(source_.size() - first);
      SEXTANT_TRY(ReadBatch(first, columns));
      SEXTANT_TRY(take(first, columns));
    }
    return {};
  }

 private:
  core::Status ReadBatch(size_t first, std::vector<Column>& columns) {
    const size_t most = context_.parallel()->width() * kPiecesPerThread;
    const size_t count = std::min(most, columns.size());
    pieces_.clear();
    pieces_.resize(count);
    for (Piece& piece : pieces_) {
      piece.context = std::make_unique<QueryContext>(context_, std::in_place);
      piece.source = source_.Fork(*piece.context);
    }
    has_failed_.store(false, std::memory_order_relaxed);
    context_.parallel()->Run(count, [&](size_t i) {
      size_t begin = columns.size() * i / count;
      size_t end = columns.size() * (i + 1) / count;
      pieces_[i].status = ReadPiece(pieces_[i], first, begin, end, columns);
      if (!pieces_[i].status) has_failed_.store(true, std::memory_order_relaxed);
    });
    // Also what a failure left undone is in order: the first one that failed counts.
    for (Piece& piece : pieces_) {
      context_.Absorb(*piece.context);
      SEXTANT_TRY(piece.status);
    }
    return context_.Check();
  }

  core::Status ReadPiece(Piece& piece, size_t first, size_t begin, size_t end, std::vector<Column>& columns) {
    for (size_t i = begin; i < end && !has_failed_.load(std::memory_order_relaxed); ++i) {
      if (!skips_.empty() && skips_[first + i]) continue;
      SEXTANT_TRY(piece.source->Read(first + i, columns[i]));
      SEXTANT_TRY(piece.context->Tick(steps_));
    }
    return {};
  }

  SeriesSource& source_;
  const size_t steps_;
  QueryContext& context_;
  const std::vector<bool>& skips_;
  Holding holding_;
  std::vector<Piece> pieces_;
  std::atomic<bool> has_failed_ = false;
};

bool IsWorthSharing(const SeriesSource& source, size_t steps, QueryContext& context) {
  if (context.parallel() == nullptr || context.parallel()->width() < 2 || source.size() < 2) return false;
  if (source.size() < kLeastWork / std::max(steps, kStepsOfInstant)) return false;
  QueryContext trial(context, std::in_place);
  return source.Fork(trial) != nullptr;
}

}  // namespace

core::Status ForEachColumn(SeriesSource& source, size_t steps, QueryContext& context,
                           const std::function<core::Status(size_t, Column&)>& take,
                           const std::vector<bool>& skips) {
  return ForEachBatch(
      source, steps, context,
      [&](size_t first, std::vector<Column>& columns) -> core::Status {
        for (size_t i = 0; i < columns.size(); ++i) {
          if (!skips.empty() && skips[first + i]) continue;
          SEXTANT_TRY(take(first + i, columns[i]));
        }
        return {};
      },
      skips);
}

core::Status ForEachBatch(SeriesSource& source, size_t steps, QueryContext& context,
                          const std::function<core::Status(size_t, std::vector<Column>&)>& take,
                          const std::vector<bool>& skips) {
  if (IsWorthSharing(source, steps, context)) return ParallelReader(source, steps, context, skips).Run(take);
  std::vector<Column> columns(1);
  for (size_t i = 0; i < source.size(); ++i) {
    if (!skips.empty() && skips[i]) continue;
    SEXTANT_TRY(source.Read(i, columns[0]));
    SEXTANT_TRY(context.Tick(steps));
    SEXTANT_TRY(take(i, columns));
  }
  return {};
}

}  // namespace sextant::promql
