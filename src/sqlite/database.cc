#include "sqlite/database.h"

#include <sqlite3.h>

namespace sextant::sqlite {

namespace {

using core::Code;
using core::Fail;

constexpr int kBusyTimeoutMs = 2'000;

}  // namespace

tl::unexpected<core::Error> Database::LastError() const {
  int code = sqlite3_errcode(db_);
  Code kind = code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? Code::kCorruption
              : code == SQLITE_FULL                           ? Code::kResourceExhausted
              : code == SQLITE_READONLY                       ? Code::kPermissionDenied
                                                              : Code::kIo;
  return Fail(kind, "{}: {}", name_, sqlite3_errmsg(db_));
}

core::Result<std::unique_ptr<Database>> Database::Open(const std::string& path, Format format) {
  sqlite3* opened = nullptr;
  int code = sqlite3_open_v2(path.c_str(), &opened,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  if (opened == nullptr) return Fail(Code::kResourceExhausted, "{}: out of memory", path);
  std::unique_ptr<Database> db(new Database(opened, std::move(format.name)));
  if (code != SQLITE_OK) return Fail(Code::kIo, "{}: {}", path, sqlite3_errmsg(opened));
  sqlite3_busy_timeout(opened, kBusyTimeoutMs);
  SEXTANT_TRY(db->Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"));
  int64_t version = 0;
  {
    Statement read(*db, "PRAGMA user_version");
    SEXTANT_ASSIGN(bool has_row, read.Step());
    if (has_row) version = read.Int(0);
  }
  if (version < 0 || version > format.version) {
    return Fail(Code::kCorruption, "{} has the format {}, this version reads {}", path, version,
                format.version);
  }
  for (; version < format.version; ++version) {
    const char* change = version == 0 ? format.schema : format.upgrades[static_cast<size_t>(version - 1)];
    std::string step = fmt::format("{} PRAGMA user_version = {};", change, version + 1);
    SEXTANT_TRY(db->InTransaction([&] { return db->Run(step.c_str()); }));
  }
  return db;
}

Database::~Database() { sqlite3_close(db_); }

core::Status Database::Run(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return LastError();
  return {};
}

// After a failed commit there may be nothing to roll back; the first failure is what counts.
void Database::RollBack() { sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr); }

Statement::Statement(Database& db, const char* sql) : db_(db) {
  sqlite3_prepare_v2(db.db_, sql, -1, &statement_, nullptr);
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::Bind(std::string_view text) {
  if (statement_ != nullptr)
    sqlite3_bind_text64(statement_, ++bound_, text.data() == nullptr ? "" : text.data(), text.size(),
                        SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement& Statement::Bind(int64_t number) {
  if (statement_ != nullptr) sqlite3_bind_int64(statement_, ++bound_, number);
  return *this;
}

core::Result<bool> Statement::Step() {
  if (statement_ == nullptr) return db_.LastError();
  int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return db_.LastError();
}

core::Status Statement::Run() {
  while (true) {
    SEXTANT_ASSIGN(bool has_row, Step());
    if (!has_row) return {};
  }
}

std::string Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr ? std::string()
                         : std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

}  // namespace sextant::sqlite
