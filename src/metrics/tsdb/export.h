// Blocks of Prometheus' form out of a store that goes on working: for snapshots and exports. Private to this
// module; Db has the interface.
#pragma once

#include <memory>
#include <string>

#include "metrics/tsdb/store.h"

namespace sextant::tsdb {

// Writes what is there now into `dir` of `target`. Whole Prometheus blocks become hard links where that is
// possible. A chunk that cannot be read is left out, logged and counted. kCancelled when the store is closed
// meanwhile.
core::Result<ExportCounts> ExportBlocks(const std::shared_ptr<Store>& store, core::FileSystem& target,
                                        const std::string& dir, const ExportOptions& options);

// Reads every sample of every block.
core::Result<VerifyReport> VerifyBlocks(Store& store);

}  // namespace sextant::tsdb
