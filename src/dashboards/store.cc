#include "dashboards/store.h"

#include <sqlite3.h>

#include <string_view>

namespace sextant::dashboards {

namespace {

using core::Code;
using core::Fail;

constexpr int kFormat = 1;
constexpr int kBusyTimeoutMs = 2'000;

constexpr const char* kSchema =
    "CREATE TABLE folders(uid TEXT PRIMARY KEY, title TEXT NOT NULL, version INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE dashboards(uid TEXT PRIMARY KEY, folder_uid TEXT NOT NULL, title TEXT NOT NULL,"
    " version INTEGER NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,"
    " based_on TEXT NOT NULL, json TEXT NOT NULL);"
    "CREATE TABLE versions(uid TEXT NOT NULL, version INTEGER NOT NULL, saved_ms INTEGER NOT NULL,"
    " message TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY(uid, version));"
    "PRAGMA user_version = 1;";

tl::unexpected<core::Error> DbError(sqlite3* db) {
  int code = sqlite3_errcode(db);
  Code kind = code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? Code::kCorruption
              : code == SQLITE_FULL                           ? Code::kResourceExhausted
              : code == SQLITE_READONLY                       ? Code::kPermissionDenied
                                                              : Code::kIo;
  return Fail(kind, "dashboards' database: {}", sqlite3_errmsg(db));
}

// One prepared statement, bound from left to right.
class Statement {
 public:
  Statement(sqlite3* db, const char* sql) : db_(db) { sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr); }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Bind(std::string_view text) {
    if (statement_ != nullptr)
      sqlite3_bind_text64(statement_, ++bound_, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    return *this;
  }
  Statement& Bind(int64_t number) {
    if (statement_ != nullptr) sqlite3_bind_int64(statement_, ++bound_, number);
    return *this;
  }
  // The next row; false at the end.
  core::Result<bool> Step() {
    if (statement_ == nullptr) return DbError(db_);
    int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return DbError(db_);
  }
  core::Status Run() {
    SEXTANT_ASSIGN([[maybe_unused]] bool has_row, Step());
    return {};
  }
  std::string Text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return text == nullptr ? std::string()
                           : std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
  }
  int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }

 private:
  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

}  // namespace

core::Result<std::unique_ptr<Store>> Store::Open(const std::string& path) {
  sqlite3* db = nullptr;
  int code = sqlite3_open_v2(path.c_str(), &db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  if (db == nullptr) return Fail(Code::kResourceExhausted, "{}: out of memory", path);
  std::unique_ptr<Store> store(new Store(db));
  if (code != SQLITE_OK) return Fail(Code::kIo, "{}: {}", path, sqlite3_errmsg(db));
  sqlite3_busy_timeout(db, kBusyTimeoutMs);
  SEXTANT_TRY(store->Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"));
  int64_t format = 0;
  {
    Statement read(db, "PRAGMA user_version");
    SEXTANT_ASSIGN(bool has_row, read.Step());
    if (has_row) format = read.Int(0);
  }
  if (format == 0) {
    SEXTANT_TRY(store->InTransaction([&] { return store->Run(kSchema); }));
  } else if (format != kFormat) {
    return Fail(Code::kCorruption, "{} has the format {}, this version reads {}", path, format, kFormat);
  }
  return store;
}

Store::~Store() { sqlite3_close(db_); }

core::Status Store::Run(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return DbError(db_);
  return {};
}

template <typename Change>
core::Status Store::InTransaction(Change change) {
  SEXTANT_TRY(Run("BEGIN IMMEDIATE"));
  core::Status done = change();
  if (done) done = Run("COMMIT");
  // After a failed commit there may be nothing to roll back; the first failure is what counts.
  if (!done) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  return done;
}

core::Result<std::vector<StoredFolder>> Store::Folders() {
  Statement read(db_, "SELECT uid, title, version, created_ms, updated_ms FROM folders");
  std::vector<StoredFolder> folders;
  while (true) {
    SEXTANT_ASSIGN(bool has_row, read.Step());
    if (!has_row) return folders;
    folders.push_back({read.Text(0), read.Text(1), read.Int(2), read.Int(3), read.Int(4)});
  }
}

core::Result<std::vector<StoredDashboard>> Store::Dashboards() {
  Statement read(db_,
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
  Statement read(db_, "SELECT version, saved_ms, message FROM versions WHERE uid = ?1 ORDER BY version DESC");
  read.Bind(uid);
  std::vector<StoredVersion> versions;
  while (true) {
    SEXTANT_ASSIGN(bool has_row, read.Step());
    if (!has_row) return versions;
    versions.push_back({read.Int(0), read.Int(1), read.Text(2), ""});
  }
}

core::Result<StoredVersion> Store::Version(const std::string& uid, int64_t version) {
  Statement read(db_,
                 "SELECT version, saved_ms, message, json FROM versions WHERE uid = ?1 AND version = ?2");
  read.Bind(uid).Bind(version);
  SEXTANT_ASSIGN(bool has_row, read.Step());
  if (!has_row) return Fail(Code::kNotFound, "Dashboard version not found");
  return StoredVersion{read.Int(0), read.Int(1), read.Text(2), read.Text(3)};
}

core::Status Store::Put(const StoredDashboard& dashboard, const std::string& title,
                        const std::string& message) {
  return InTransaction([&]() -> core::Status {
    Statement put(db_,
                  "INSERT OR REPLACE INTO dashboards(uid, folder_uid, title, version, created_ms, updated_ms,"
                  " based_on, json) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    put.Bind(dashboard.uid).Bind(dashboard.folder_uid).Bind(title).Bind(dashboard.version);
    put.Bind(dashboard.created_ms).Bind(dashboard.updated_ms).Bind(dashboard.based_on).Bind(dashboard.json);
    SEXTANT_TRY(put.Run());
    Statement note(db_,
                   "INSERT OR REPLACE INTO versions(uid, version, saved_ms, message, json)"
                   " VALUES(?1, ?2, ?3, ?4, ?5)");
    note.Bind(dashboard.uid).Bind(dashboard.version).Bind(dashboard.updated_ms).Bind(message);
    note.Bind(dashboard.json);
    SEXTANT_TRY(note.Run());
    Statement forget(db_, "DELETE FROM versions WHERE uid = ?1 AND version <= ?2");
    return forget.Bind(dashboard.uid).Bind(dashboard.version - kKeptVersions).Run();
  });
}

core::Status Store::Put(const StoredFolder& folder) {
  Statement put(db_,
                "INSERT OR REPLACE INTO folders(uid, title, version, created_ms, updated_ms)"
                " VALUES(?1, ?2, ?3, ?4, ?5)");
  put.Bind(folder.uid).Bind(folder.title).Bind(folder.version).Bind(folder.created_ms);
  return put.Bind(folder.updated_ms).Run();
}

core::Status Store::RemoveDashboard(const std::string& uid) {
  return InTransaction([&]() -> core::Status {
    SEXTANT_TRY(Statement(db_, "DELETE FROM versions WHERE uid = ?1").Bind(uid).Run());
    return Statement(db_, "DELETE FROM dashboards WHERE uid = ?1").Bind(uid).Run();
  });
}

core::Status Store::RemoveFolder(const std::string& uid) {
  return InTransaction([&]() -> core::Status {
    SEXTANT_TRY(Statement(db_,
                          "DELETE FROM versions WHERE uid IN"
                          " (SELECT uid FROM dashboards WHERE folder_uid = ?1)")
                    .Bind(uid)
                    .Run());
    SEXTANT_TRY(Statement(db_, "DELETE FROM dashboards WHERE folder_uid = ?1").Bind(uid).Run());
    return Statement(db_, "DELETE FROM folders WHERE uid = ?1").Bind(uid).Run();
  });
}

}  // namespace sextant::dashboards
