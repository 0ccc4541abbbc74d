// A SQLite file behind results: what is committed is there after a crash.
//
//   SEXTANT_ASSIGN(auto db, Database::Open(path, {"users' database", kSchema, 1}));
//   SEXTANT_TRY(db->InTransaction([&] { return Statement(*db, "DELETE FROM t WHERE id = ?1").Bind(7).Run();
//   }));
//
// Calls may come from any thread, one at a time: the library sees to that. Transactions are the caller's to
// keep apart.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sextant::sqlite {

struct Format {
  std::string name;                        // in messages: "dashboards' database"
  const char* schema = nullptr;            // makes a new file's tables, as they were in version 1
  int64_t version = 1;                     // `PRAGMA user_version`; a file of a later one is refused
  std::vector<const char*> upgrades = {};  // from version 1 to 2, from 2 to 3, …: `version` - 1 of them
};

class Database {
 public:
  // Opens or makes the file. Errors: kCorruption when it is no database of this format, kIo otherwise.
  static core::Result<std::unique_ptr<Database>> Open(const std::string& path, Format format);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Statements without parameters and rows.
  core::Status Run(const char* sql);
  // All that `change` does (it returns a Status), or nothing of it.
  template <typename Change>
  core::Status InTransaction(Change change) {
    SEXTANT_TRY(Run("BEGIN IMMEDIATE"));
    core::Status done = change();
    if (done) done = Run("COMMIT");
    if (!done) RollBack();
    return done;
  }

 private:
  friend class Statement;
  Database(sqlite3* db, std::string name) : db_(db), name_(std::move(name)) {}
  void RollBack();
  // What the last call failed with.
  tl::unexpected<core::Error> LastError() const;

  sqlite3* const db_;  // closed by the destructor
  const std::string name_;
};

// One prepared statement, bound from left to right. Not for several threads.
class Statement {
 public:
  Statement(Database& db, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Bind(std::string_view text);
  Statement& Bind(int64_t number);
  // The next row; false at the end.
  core::Result<bool> Step();
  // To the end, without looking at rows.
  core::Status Run();
  // Of the current row.
  std::string Text(int column) const;
  int64_t Int(int column) const;

 private:
  Database& db_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

}  // namespace sextant::sqlite
