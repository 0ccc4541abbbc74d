// The part of a data directory that Prometheus keeps beside its blocks (WAL, head chunk files, chunk
// snapshot): taken over when the store is opened, and given back when it is closed.
//
//   open:  what is there and not known yet ──► appended to the head like samples that come now
//   close: (with blocks in Prometheus' form) the head ──► a WAL that Prometheus starts on
//
// A note in the directory names the state of those files as we have last read or written them, so that a
// restart reads them again only when a Prometheus has been there since. After a give-back it says so: then
// the Prometheus that has been there knew all we had, and what it left replaces our own head.
//
// Private to this module; used by one thread, before the store is shared or after its last commit.
#pragma once

#include <memory>

#include "core/file.h"
#include "core/result.h"
#include "metrics/tsdb/store.h"

namespace sextant::tsdb {

// What is to be done with Prometheus' part of a directory.
enum class PrometheusHeadState {
  kNone,      // there is none, or it is known already
  kAdded,     // it is news beside what our own files hold
  kReplaces,  // it continues what we gave back, and our own files are outdated
};
core::Result<PrometheusHeadState> FindPrometheusHead(core::FileSystem& fs, const std::string& dir);

// Appends what is there to the open store, whose progress it reports, and notes that it is known. What is
// older than the newest block and came in order is in blocks already. Damaged stretches are skipped and
// logged.
core::Status ImportPrometheusHead(const std::shared_ptr<Store>& store);

// Replaces Prometheus' part of the directory by what the head holds.
core::Status ExportPrometheusHead(Store& store);

}  // namespace sextant::tsdb
