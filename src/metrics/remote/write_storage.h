// All remote write queues: turns the section remote_write of a configuration into queues. A new configuration
// stops and starts the ones that changed; they go on where they were.
//
// Apply and Stop must not be called at the same time as each other, nor from an executor or I/O thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "metrics/remote/write_queue.h"

namespace sextant::remote {

class WriteStorage {
 public:
  // `hold` says what the store must keep of its commit log; it is kept up to date.
  WriteStorage(WriteServices services, std::shared_ptr<model::CommitLogHold> hold);
  ~WriteStorage();  // stops

  // Makes these the queues. kInvalidArgument for relabelling that does not compile; nothing has changed then.
  core::Status Apply(const std::vector<config::RemoteWriteConfig>& configs,
                     const model::Labels& external_labels);

  // Ends all queues; before, what there is to send is sent, as long as that works, for at most `flush_ms`.
  void Stop(core::DurationMs flush_ms);

  // What the files in `data_dir` say: the first file of the commit log that queues still need, or
  // CommitLogHold::kNothing. For before the store is opened, which removes what nobody holds.
  static uint64_t FirstNeededFile(core::FileSystem& files, const std::string& data_dir);

 private:
  struct Running {
    std::string fingerprint;  // of the configuration
    std::shared_ptr<WriteQueue> queue;
  };

  void UpdateHold();
  void ScheduleUpdate();
  void RemoveFilesOfOthers();

  WriteServices services_;
  const std::shared_ptr<model::CommitLogHold> hold_;
  net::Timer timer_;
  std::mutex mutex_;
  std::vector<Running> queues_;  // guarded by mutex_
  bool is_stopped_ = false;      // likewise
};

}  // namespace sextant::remote
