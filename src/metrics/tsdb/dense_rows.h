// A row: some consecutive samples of one series as bytes, without their times, which are a column of their
// own that series share. Values, native histograms (a column for each bucket while their layout stays) and
// start times. docs/formats/block.md describes the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"
#include "model/storage.h"

namespace sextant::tsdb {

// Long enough that what a column has of its own does not count, short enough that a narrow query decodes
// little.
inline constexpr size_t kMaxRowSamples = 8192;

// How many samples from `begin` on make a good row: all up to a limit, fewer of large histograms.
size_t RowLength(const model::SampleColumns& samples, size_t begin);

// Appends the row of samples [begin, begin + count).
void EncodeRow(const model::SampleColumns& samples, size_t begin, size_t count, std::string& out);

// A row as it is stored: of its own, or as differences to the row `base`.
struct StoredRow {
  std::string_view bytes;
  std::string_view base;  // empty: none
};

// Appends the samples of a row whose places are in [begin, end) to `out`. `times_ms` are those of the whole
// row. kCorruption when the bytes are not such a row; `out` is as before then.
core::Status DecodeRow(const StoredRow& stored, std::span<const core::TimestampMs> times_ms, size_t begin,
                       size_t end, model::SampleColumns& out);

}  // namespace sextant::tsdb
