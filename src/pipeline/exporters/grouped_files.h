// Files whose names have a part that comes with the data: "/var/log/*.json" and "shop" are
// "/var/log/shop.json".
//
// So many are open at once; the one that was not written to for longest is closed for another, and goes on at
// its end when it is needed again. A name that would lead out of the directory before the `*` is refused.
// Thread-safe.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/clock.h"
#include "core/file.h"
#include "pipeline/exporters/rotating_file.h"

namespace sextant::pipeline {

struct GroupedFilesOptions {
  std::string path;  // with one *
  size_t max_open_files = 100;
  bool appends = false;  // to what is there before a file is opened for the first time
  unsigned directory_permissions = 0755;
};

class GroupedFiles {
 public:
  // `fs` and `clock` outlive it.
  GroupedFiles(core::FileSystem& fs, const core::Clock& clock, GroupedFilesOptions options);

  // kInvalidArgument for a segment that makes no path below the directory.
  core::Status Write(std::string_view segment, std::string_view bytes);
  core::Status Sync();

 private:
  struct Open {
    std::string path;
    std::unique_ptr<RotatingFile> file;
  };
  using OpenList = std::list<Open>;

  core::Result<std::string> PathOf(std::string_view segment) const;
  core::Result<RotatingFile*> Find(const std::string& path);

  core::FileSystem& fs_;
  const core::Clock& clock_;
  const GroupedFilesOptions options_;
  const std::string prefix_;
  const std::string suffix_;
  std::mutex mutex_;
  OpenList open_;  // the last used first; guarded by mutex_, as all below
  std::map<std::string, OpenList::iterator> by_path_;
  std::set<std::string> seen_;  // paths that were opened before, and so go on at their end
};

}  // namespace sextant::pipeline
