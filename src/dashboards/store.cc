#include "dashboards/store.h"

namespace sextant::dashboards {

namespace {

using core::Code;
using core::Fail;
using sqlite::Statement;

constexpr int kFormat = 1;

constexpr const char* kSchema =
    "CREATE TABLE folders(uid TEXT PRIMARY KEY, title TEXT NOT NULL, version INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE dashboards(uid TEXT PRIMARY KEY, folder_uid TEXT NOT NULL, title TEXT NOT NULL,"
    " version INTEGER NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,"
    " based_on TEXT NOT NULL, json TEXT NOT NULL);"
    "CREATE TABLE versions(uid TEXT NOT NULL, version INTEGER NOT NULL, saved_ms INTEGER NOT NULL,"
    " message TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY(uid, version));";

}  // namespace

core::Result<std::unique_ptr<Store>> Store::Open(const std::string& path) {
  SEXTANT_ASSIGN(auto db, sqlite::Database::Open(path, {"dashboards' database", kSchema, kFormat}));
  return std::unique_ptr<Store>(new Store(std::move(db)));
}

core::Result<std::vector<StoredFolder>> Store::Folders() {
  Statement read(*db_, "SELECT uid, title, version, created_ms, updated_ms FROM folders");
  std::vector<StoredFolder> folders;
  while (true) {
    SEXTANT_ASSIGN(bool has_row, read.Step());
    if (!has_row) return folders;
    folders.push_back({read.Text(0), read.Text(1), read.Int(2), read.Int(3), read.Int(4)});
  }
}

core::Result<std::vector<StoredDashboard>> Store::Dashboards() {
  Statement read(*db_,
                 "SELECT uid, folder_uid, json, version, created_ms, updated_ms, based_on FROM dashboards");
  std::vector<StoredDashboard> dashboards;
  while (true) {
    SEXTANT_ASSIGN(bool has_row, read.Step());
    if (!has_row) return dashboards;
    dashboards.push_back(
        {read.Text(0), read.Text(1), read.Text(2), read.Int(3), read.Int(4), read.Int(5), read.Text(6)});
  }
}

core::Result<std::vector<StoredVersion>> Store::Versions(const std::string& uid) {
  Statement read(*db_,
                 "SELECT version, saved_ms, message FROM versions WHERE uid = ?1 ORDER BY version DESC");
  read.Bind(uid);
  std::vector<StoredVersion> versions;
  while (true) {
    SEXTANT_ASSIGN(bool has_row, read.Step());
    if (!has_row) return versions;
    versions.push_back({read.Int(0), read.Int(1), read.Text(2), ""});
  }
}

core::Result<StoredVersion> Store::Version(const std::string& uid, int64_t version) {
  Statement read(*db_,
                 "SELECT version, saved_ms, message, json FROM versions WHERE uid = ?1 AND version = ?2");
  read.Bind(uid).Bind(version);
  SEXTANT_ASSIGN(bool has_row, read.Step());
  if (!has_row) return Fail(Code::kNotFound, "Dashboard version not found");
  return StoredVersion{read.Int(0), read.Int(1), read.Text(2), read.Text(3)};
}

core::Status Store::Put(const StoredDashboard& dashboard, const std::string& title,
                        const std::string& message) {
  return db_->InTransaction([&]() -> core::Status {
    Statement put(*db_,
                  "INSERT OR REPLACE INTO dashboards(uid, folder_uid, title, version, created_ms, updated_ms,"
                  " based_on, json) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    put.Bind(dashboard.uid).Bind(dashboard.folder_uid).Bind(title).Bind(dashboard.version);
    put.Bind(dashboard.created_ms).Bind(dashboard.updated_ms).Bind(dashboard.based_on).Bind(dashboard.json);
    SEXTANT_TRY(put.Run());
    Statement note(*db_,
                   "INSERT OR REPLACE INTO versions(uid, version, saved_ms, message, json)"
                   " VALUES(?1, ?2, ?3, ?4, ?5)");
    note.Bind(dashboard.uid).Bind(dashboard.version).Bind(dashboard.updated_ms).Bind(message);
    note.Bind(dashboard.json);
    SEXTANT_TRY(note.Run());
    Statement forget(*db_, "DELETE FROM versions WHERE uid = ?1 AND version <= ?2");
    return forget.Bind(dashboard.uid).Bind(dashboard.version - kKeptVersions).Run();
  });
}

core::Status Store::Put(const StoredFolder& folder) {
  Statement put(*db_,
                "INSERT OR REPLACE INTO folders(uid, title, version, created_ms, updated_ms)"
                " VALUES(?1, ?2, ?3, ?4, ?5)");
  put.Bind(folder.uid).Bind(folder.title).Bind(folder.version).Bind(folder.created_ms);
  return put.Bind(folder.updated_ms).Run();
}

core::Status Store::RemoveDashboard(const std::string& uid) {
  return db_->InTransaction([&]() -> core::Status {
    SEXTANT_TRY(Statement(*db_, "DELETE FROM versions WHERE uid = ?1").Bind(uid).Run());
    return Statement(*db_, "DELETE FROM dashboards WHERE uid = ?1").Bind(uid).Run();
  });
}

core::Status Store::RemoveFolder(const std::string& uid) {
  return db_->InTransaction([&]() -> core::Status {
    SEXTANT_TRY(Statement(*db_,
                          "DELETE FROM versions WHERE uid IN"
                          " (SELECT uid FROM dashboards WHERE folder_uid = ?1)")
                    .Bind(uid)
                    .Run());
    SEXTANT_TRY(Statement(*db_, "DELETE FROM dashboards WHERE folder_uid = ?1").Bind(uid).Run());
    return Statement(*db_, "DELETE FROM folders WHERE uid = ?1").Bind(uid).Run();
  });
}

}  // namespace sextant::dashboards
