// file_sd: target groups in files that match patterns, read again whenever something in their folders
// changes. A file that cannot be read keeps its last good groups; why is logged and counted.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "config/discovery_config.h"
#include "metrics/discovery/discoverer.h"
#include "metrics/discovery/folder_watcher.h"

namespace sextant::discovery {

class FileDiscoverer : public Discoverer {
 public:
  // `watcher` must outlive the discoverer.
  FileDiscoverer(const Services& services, FolderWatcher& watcher, config::FileDiscoveryConfig config,
                 const std::string& set);
  ~FileDiscoverer() override;

  void Start(Sink sink) override;
  void Stop() override;

 private:
  void Look();
  void NoteTime(const std::string& path);

  FolderWatcher& watcher_;
  const config::FileDiscoveryConfig config_;
  const core::Logger logger_;
  core::Registry& registry_;
  core::Counter& read_errors_;
  Sink sink_;
  uint64_t watch_ = 0;  // 0: not started or stopped

  // Touched by the watcher's thread only, and by the destructor.
  std::map<std::string, size_t> group_counts_;  // of files, at their last good reading
};

// The contents of one such file, by its ending. Errors name file and line.
core::Result<std::vector<TargetGroup>> ReadTargetFile(const std::string& path);

}  // namespace sextant::discovery
