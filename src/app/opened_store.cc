#include "app/opened_store.h"

#include <unistd.h>

#include <filesystem>

#include "app/services.h"

namespace sextant::app {

using core::Code;
using core::Result;
using core::Status;

Result<std::unique_ptr<ScratchDir>> ScratchDir::Make(core::FileSystem& fs, const std::string& root) {
  std::error_code error;
  std::filesystem::path folder(root);
  if (root.empty()) folder = std::filesystem::temp_directory_path(error);
  std::string path = (folder / "sextant-tsdb-XXXXXX").string();
  if (error || mkdtemp(path.data()) == nullptr)
    return core::Fail(Code::kIo, "no temporary directory can be made in {}", core::ParentPath(path));
  return std::unique_ptr<ScratchDir>(new ScratchDir(fs, std::move(path)));
}

ScratchDir::~ScratchDir() { [[maybe_unused]] Status removed = core::RemoveAll(fs_, path_); }

Result<std::unique_ptr<OpenedStore>> OpenedStore::Open(std::string dir, const std::string& log_level,
                                                       const std::string& scratch_root) {
  std::unique_ptr<OpenedStore> opened(new OpenedStore);
  while (dir.size() > 1 && dir.ends_with('/')) dir.pop_back();
  SEXTANT_ASSIGN(core::FileInfo info, opened->files_.Stat(dir));
  if (!info.is_directory) return core::Fail(Code::kInvalidArgument, "{} is not a directory", dir);
  SEXTANT_ASSIGN(opened->scratch_, ScratchDir::Make(opened->files_, scratch_root));
  opened->overlay_ = std::make_unique<core::OverlayFileSystem>(opened->files_, opened->scratch_->path());
  SEXTANT_ASSIGN(core::LogOptions log, MakeLogOptions({.level = log_level, .format = "logfmt"}));
  tsdb::DbOptions store;
  store.dir = dir;
  store.retention_ms = 0;
  store.sync_policy = tsdb::SyncPolicy::kNever;
  store.run_maintenance_thread = false;
  SEXTANT_ASSIGN(opened->db_, tsdb::Db::Open(*opened->overlay_, opened->clock_,
                                             core::Logger(opened->clock_, log), opened->registry_, store));
  return opened;
}

}  // namespace sextant::app
