// The layout at the start of a histogram chunk, shared by reader and writer.
#pragma once

#include "core/result.h"
#include "metrics/promfiles/bits.h"
#include "model/histogram.h"

namespace sextant::promfiles {

inline constexpr size_t kHistogramHeaderBytes = 3;

// Schema, zero threshold, spans and custom bounds.
void WriteLayout(BitWriter& writer, const model::FloatHistogram& layout);
// Fills the same fields; kCorruption when they contradict each other or claim more than the bytes could hold.
core::Status ReadLayout(BitReader& reader, model::FloatHistogram& layout);

}  // namespace sextant::promfiles
