// A store's state on disk: a snapshot that is replaced as a whole, and a journal of what changed since, so
// that a killed process loses nothing and an upstream Alertmanager can read the snapshot.
//
//   DIR/NAME           the snapshot, in Alertmanager's own format
//   DIR/NAME.journal   "SXAJ" · u32 version (1) · records
//                      record: u32 size · u64 XXH64 (seed 0) of the bytes · the bytes (all integers little
//                      endian)
//
// A record is what a store merges in; doing so twice changes nothing, so that a crash between the new
// snapshot and the empty journal is harmless. A journal that ends in the middle of a record was cut by a
// crash: the rest is dropped. Owned and called by one thread at a time; it waits for the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/file.h"
#include "core/result.h"

namespace sextant::alerting {

class StateFile {
 public:
  // Touches nothing yet. `files` must outlive this.
  StateFile(core::FileSystem& files, const std::string& dir, const std::string& name);

  using Take = std::function<core::Status(std::string_view bytes)>;
  // Reads what is there: the snapshot if there is one, then each record. An error of `take_snapshot` puts the
  // snapshot aside as NAME.damaged, a damaged record ends the journal there; both are told through `warn`.
  // Errors are the file system's.
  core::Status Load(const Take& take_snapshot, const Take& take_record,
                    const std::function<void(const std::string& text)>& warn);

  // Adds records behind the journal; with `sync`, waits until they are on the device. After an error the
  // journal may lack them: replace the snapshot instead.
  core::Status Append(std::span<const std::string> records, bool sync);

  // Makes `snapshot` the state and empties the journal.
  core::Status Replace(std::string_view snapshot);

  uint64_t journal_bytes() const { return journal_bytes_; }

 private:
  core::Status OpenJournal();
  core::Status ReadJournal(const Take& take_record, const std::function<void(const std::string& text)>& warn);

  core::FileSystem& files_;
  const std::string dir_;
  const std::string snapshot_path_;
  const std::string journal_path_;
  std::unique_ptr<core::File> journal_;
  uint64_t journal_bytes_ = 0;  // of whole records, with the header
  bool is_torn_ = false;        // bytes of a failed write may follow the whole records
};

}  // namespace sextant::alerting
