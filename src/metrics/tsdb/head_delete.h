// Deleting samples of the head. Private to this module.
#pragma once

#include <vector>

#include "core/result.h"
#include "metrics/tsdb/store.h"

namespace sextant::tsdb {

// Deletes the samples with start_ms <= time <= end_ms that matching series have in the head now, durably;
// those that come later stay. Returns how many series had any. Nothing may be cut from the head meanwhile
// (Maintenance's lock): the block would have what is deleted.
core::Result<uint64_t> DeleteFromHead(Store& store, const std::vector<model::Matcher>& matchers,
                                      TimestampMs start_ms, TimestampMs end_ms);

}  // namespace sextant::tsdb
