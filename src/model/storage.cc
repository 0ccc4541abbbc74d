#include "model/storage.h"

namespace sextant::model {

std::string_view OutcomeText(AppendOutcome outcome) {
  switch (outcome) {
    case AppendOutcome::kOk:
      return "";
    case AppendOutcome::kUnknownRef:
      return "unknown series";
    case AppendOutcome::kOutOfOrder:
      return "out of order sample";
    case AppendOutcome::kTooOld:
      return "too old sample";
    case AppendOutcome::kDuplicateTimestamp:
      return "duplicate sample for timestamp";
    case AppendOutcome::kOutOfBounds:
      return "out of bounds";
    case AppendOutcome::kTooFarInFuture:
      return "too far in the future";
    case AppendOutcome::kSeriesLimit:
      return "the limit of active series is reached (--series.limit)";
    case AppendOutcome::kMemoryLimit:
      return "the memory for active series is used up (half of --memory.limit)";
    case AppendOutcome::kInvalidLabels:
      return "invalid or too large labels";
    case AppendOutcome::kInvalidHistogram:
      return "invalid native histogram";
    case AppendOutcome::kInvalidExemplar:
      return "exemplar label size exceeds 128 characters";
    case AppendOutcome::kOutOfOrderExemplar:
      return "out of order exemplar";
  }
  return "unknown outcome";
}

}  // namespace sextant::model
