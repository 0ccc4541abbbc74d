// The journal: one checked frame per commit, appended with one write(2), in numbered files of one directory.
// What Append acknowledged survives the process; what Sync acknowledged survives the machine. Replay walks
// the files in order.
//
// Thread-safe. Appends are put in order by one lock, which is held while a batch is encoded and written: that
// order is what the journal is. No reader waits for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/result.h"
#include "metrics/tsdb/db.h"
#include "metrics/tsdb/journal_batch.h"
#include "model/commit_log.h"

namespace sextant::tsdb {

struct JournalOptions {
  uint64_t segment_bytes = 32 << 20;
  bool sync_every_append = false;
  // Told how long each file took to be made durable, by the clock; null: nobody asks. Both outlive the
  // journal.
  const core::Clock* clock = nullptr;
  core::Summary* sync_seconds = nullptr;
};

class Journal {
 public:
  // Starts the file `first_number` in `dir`, which exists.
  static core::Result<std::unique_ptr<Journal>> Start(core::FileSystem& fs, std::string dir,
                                                      core::Logger logger, uint64_t first_number,
                                                      JournalOptions options);

  // Writes a batch. After a failure the batch is not in the journal, or at the end of a file where replay may
  // find it.
  core::Status Append(const std::vector<SeriesDefinition>& definitions, const SampleSpans& samples,
                      std::span<const Section> sections = {});

  // Waits until everything appended before is on the device.
  core::Status Sync();

  // Continues in a new file and returns its number.
  core::Result<uint64_t> Rotate();

  // Removes the files before `number`, except those from `hold` on: of these the newest are kept, up to
  // `max_held_bytes` together.
  core::Status RemoveBefore(uint64_t number, uint64_t hold = model::CommitLogHold::kNothing,
                            uint64_t max_held_bytes = 0);

  // Of the file that is written to, and where in it the next batch will stand.
  uint64_t file_number() const;
  model::CommitPosition End() const;

  // Bytes and float samples appended since the start or the last ResetSize.
  uint64_t size_bytes() const;
  uint64_t samples() const;
  void ResetSize();
  // How many columns of repeated batches are worth remembering.
  void set_max_columns(uint64_t max_columns);

 private:
  Journal(core::FileSystem& fs, std::string dir, core::Logger logger, JournalOptions options)
      : fs_(fs), dir_(std::move(dir)), logger_(std::move(logger)), options_(options) {}

  core::Status OpenFile(uint64_t number);
  core::Status SyncFile(core::File& file);
  core::Status WriteFrame();

  core::FileSystem& fs_;
  const std::string dir_;
  const core::Logger logger_;
  const JournalOptions options_;

  mutable std::mutex mutex_;
  BatchEncoder encoder_;
  std::string frame_;
  std::shared_ptr<core::File> file_;  // null after a failure that left it in an unknown state
  uint64_t file_number_ = 0;
  uint64_t file_bytes_ = 0;
  uint64_t size_bytes_ = 0;
  uint64_t samples_ = 0;
  std::vector<std::shared_ptr<core::File>> unsynced_files_;  // closed for appends
  bool has_unsynced_names_ = false;
};

// What a replay found.
struct ReplayResult {
  uint64_t next_number = 1;  // for the next file
  uint64_t files = 0;
  uint64_t batches = 0;
  uint64_t bytes = 0;
  uint64_t damaged_files = 0;
  uint64_t dropped_bytes = 0;  // after damage
  std::vector<std::unique_ptr<core::MappedFile>> mapped;
};

// Hands the payloads of the files from `first_number` on to `apply`, in order, each with its file's number;
// they stay where they are while `result` exists. A file ends where its frames end, or where `apply` fails; a
// torn end of the last file is cut off, damage elsewhere is logged and the rest of that file skipped.
// `progress`, if any, is told which file it is at. Fails only when a file cannot be read or cut at all.
core::Result<ReplayResult> ReplayJournal(
    core::FileSystem& fs, const std::string& dir, const core::Logger& logger, uint64_t first_number,
    const std::function<core::Status(uint64_t file, std::string_view payload)>& apply,
    ReplayProgress* progress = nullptr);

// "00000042", and back; 0 when a name is not such a number.
std::string NumberedName(uint64_t number);
uint64_t NumberOfName(std::string_view name);

}  // namespace sextant::tsdb
