#include "users/store.h"

#include <sys/stat.h>

namespace sextant::users {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;
using sqlite::Statement;

constexpr int64_t kFormat = 2;

constexpr const char* kSchema =
    "CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, login TEXT NOT NULL UNIQUE,"
    " email TEXT NOT NULL, name TEXT NOT NULL, password_hash TEXT NOT NULL, role TEXT NOT NULL,"
    " is_external INTEGER NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL);"
    "CREATE TABLE tokens(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
    " secret_hash TEXT NOT NULL UNIQUE, role TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL);"
    "CREATE TABLE sessions(secret_hash TEXT PRIMARY KEY, user_id INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL) WITHOUT ROWID;";

constexpr const char* kToFormat2 =
    "ALTER TABLE users ADD COLUMN is_disabled INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE tokens ADD COLUMN account_id INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sessions ADD COLUMN id INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sessions ADD COLUMN rotated_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';"
    "UPDATE sessions SET rotated_ms = created_ms, id ="
    " (SELECT count(*) FROM sessions AS other WHERE other.secret_hash <= sessions.secret_hash);"
    "CREATE TABLE accounts(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
    " role TEXT NOT NULL, is_disabled INTEGER NOT NULL, created_ms INTEGER NOT NULL);"
    "CREATE TABLE preferences(user_id INTEGER PRIMARY KEY, theme TEXT NOT NULL, home_uid TEXT NOT NULL,"
    " timezone TEXT NOT NULL);";

Result<Role> RoleOf(const std::string& name) {
  auto role = ParseRole(name);
  if (!role) return Fail(Code::kCorruption, "users' database: unknown role \"{}\"", name);
  return *role;
}

}  // namespace

Result<std::unique_ptr<Store>> Store::Open(const std::string& path) {
  SEXTANT_ASSIGN(auto db, sqlite::Database::Open(path, {"users' database", kSchema, kFormat, {kToFormat2}}));
  // SQLite gives the files beside it the same mode.
  if (chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0) return core::FailErrno(errno, path);
  return std::unique_ptr<Store>(new Store(std::move(db)));
}

Result<std::vector<User>> Store::Users() {
  Statement read(*db_,
                 "SELECT id, login, email, name, password_hash, role, is_external, created_ms, updated_ms,"
                 " is_disabled FROM users");
  std::vector<User> users;
  while (true) {
    SEXTANT_ASSIGN(bool has_row, read.Step());
    if (!has_row) return users;
    SEXTANT_ASSIGN(Role role, RoleOf(read.Text(5)));
    users.push_back({read.Int(0), read.Text(1), read.Text(2), read.Text(3), read.Text(4), role,
                     read.Int(6) != 0, read.Int(7), read.Int(8), read.Int(9) != 0});
  }
}

Result<std::vector<Token>> Store::Tokens() {
  Statement read(*db_, "SELECT id, name, secret_hash, role, created_ms, expires_ms, account_id FROM tokens");
  std::vector<Token> tokens;
  while (true) {
    SEXTANT_ASSIGN(bool has_row, read.Step());
    if (!has_row) return tokens;
    SEXTANT_ASSIGN(Role role, RoleOf(read.Text(3)));
    tokens.push_back({read.Int(0), read.Text(1), read.Text(2), role, read.Int(4), read.Int(5), read.Int(6)});
  }
}

Result<std::vector<Session>> Store::Sessions() {
  Statement read(*db_,
                 "SELECT secret_hash, user_id, created_ms, seen_ms, id, rotated_ms, address, agent"
                 " FROM sessions");
  std::vector<Session> sessions;
  while (true) {
    SEXTANT_ASSIGN(bool has_row, read.Step());
    if (!has_row) return sessions;
    sessions.push_back({read.Text(0), read.Int(1), read.Int(2), read.Int(3), read.Int(4), read.Int(5),
                        read.Text(6), read.Text(7)});
  }
}

Result<std::vector<ServiceAccount>> Store::Accounts() {
  Statement read(*db_, "SELECT id, name, role, is_disabled, created_ms FROM accounts");
  std::vector<ServiceAccount> accounts;
  while (true) {
    SEXTANT_ASSIGN(bool has_row, read.Step());
    if (!has_row) return accounts;
    SEXTANT_ASSIGN(Role role, RoleOf(read.Text(2)));
    accounts.push_back({read.Int(0), read.Text(1), role, read.Int(3) != 0, read.Int(4)});
  }
}

Result<std::vector<std::pair<int64_t, Preferences>>> Store::AllPreferences() {
  Statement read(*db_, "SELECT user_id, theme, home_uid, timezone FROM preferences");
  std::vector<std::pair<int64_t, Preferences>> all;
  while (true) {
    SEXTANT_ASSIGN(bool has_row, read.Step());
    if (!has_row) return all;
    all.push_back({read.Int(0), {read.Text(1), read.Text(2), read.Text(3)}});
  }
}

Result<int64_t> Store::LastId() {
  Statement read(*db_, "SELECT last_insert_rowid()");
  SEXTANT_ASSIGN([[maybe_unused]] bool has_row, read.Step());
  return read.Int(0);
}

Result<int64_t> Store::Add(const User& user) {
  Statement add(*db_,
                "INSERT INTO users(login, email, name, password_hash, role, is_external, created_ms,"
                " updated_ms, is_disabled) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
  add.Bind(user.login).Bind(user.email).Bind(user.name).Bind(user.password_hash).Bind(RoleName(user.role));
  add.Bind(int64_t{user.is_external}).Bind(user.created_ms).Bind(user.updated_ms);
  SEXTANT_TRY(add.Bind(int64_t{user.is_disabled}).Run());
  return LastId();
}

Result<int64_t> Store::Add(const Token& token) {
  Statement add(*db_,
                "INSERT INTO tokens(name, secret_hash, role, created_ms, expires_ms, account_id)"
                " VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
  add.Bind(token.name).Bind(token.secret_hash).Bind(RoleName(token.role)).Bind(token.created_ms);
  SEXTANT_TRY(add.Bind(token.expires_ms).Bind(token.account_id).Run());
  return LastId();
}

Result<int64_t> Store::Add(const ServiceAccount& account) {
  Statement add(*db_, "INSERT INTO accounts(name, role, is_disabled, created_ms) VALUES(?1, ?2, ?3, ?4)");
  add.Bind(account.name).Bind(RoleName(account.role)).Bind(int64_t{account.is_disabled});
  SEXTANT_TRY(add.Bind(account.created_ms).Run());
  return LastId();
}

Status Store::Replace(const User& user) {
  Statement put(*db_,
                "UPDATE users SET email = ?1, name = ?2, password_hash = ?3, role = ?4, updated_ms = ?5,"
                " login = ?6, is_disabled = ?7 WHERE id = ?8");
  put.Bind(user.email).Bind(user.name).Bind(user.password_hash).Bind(RoleName(user.role));
  put.Bind(user.updated_ms).Bind(user.login).Bind(int64_t{user.is_disabled});
  return put.Bind(user.id).Run();
}

Status Store::Replace(const ServiceAccount& account) {
  Statement put(*db_, "UPDATE accounts SET name = ?1, role = ?2, is_disabled = ?3 WHERE id = ?4");
  put.Bind(account.name).Bind(RoleName(account.role)).Bind(int64_t{account.is_disabled});
  return put.Bind(account.id).Run();
}

Status Store::Put(const Session& session) {
  Statement put(*db_,
                "INSERT OR REPLACE INTO sessions(secret_hash, user_id, created_ms, seen_ms, id, rotated_ms,"
                " address, agent) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  put.Bind(session.secret_hash).Bind(session.user_id).Bind(session.created_ms).Bind(session.seen_ms);
  return put.Bind(session.id).Bind(session.rotated_ms).Bind(session.address).Bind(session.agent).Run();
}

Status Store::Rotate(const std::string& old_hash, const Session& session) {
  return db_->InTransaction([&]() -> Status {
    SEXTANT_TRY(Statement(*db_, "DELETE FROM sessions WHERE secret_hash = ?1").Bind(old_hash).Run());
    return Put(session);
  });
}

Status Store::Put(int64_t user_id, const Preferences& preferences) {
  Statement put(*db_,
                "INSERT OR REPLACE INTO preferences(user_id, theme, home_uid, timezone)"
                " VALUES(?1, ?2, ?3, ?4)");
  return put.Bind(user_id)
      .Bind(preferences.theme)
      .Bind(preferences.home_uid)
      .Bind(preferences.timezone)
      .Run();
}

Status Store::RemoveUser(int64_t id) {
  return db_->InTransaction([&]() -> Status {
    SEXTANT_TRY(Statement(*db_, "DELETE FROM sessions WHERE user_id = ?1").Bind(id).Run());
    SEXTANT_TRY(Statement(*db_, "DELETE FROM preferences WHERE user_id = ?1").Bind(id).Run());
    return Statement(*db_, "DELETE FROM users WHERE id = ?1").Bind(id).Run();
  });
}

Status Store::RemoveToken(int64_t id) {
  return Statement(*db_, "DELETE FROM tokens WHERE id = ?1").Bind(id).Run();
}

Status Store::RemoveAccount(int64_t id) {
  return db_->InTransaction([&]() -> Status {
    SEXTANT_TRY(Statement(*db_, "DELETE FROM tokens WHERE account_id = ?1").Bind(id).Run());
    return Statement(*db_, "DELETE FROM accounts WHERE id = ?1").Bind(id).Run();
  });
}

Status Store::RemoveSessions(const std::vector<std::string>& secret_hashes) {
  if (secret_hashes.empty()) return {};
  return db_->InTransaction([&]() -> Status {
    for (const std::string& hash : secret_hashes)
      SEXTANT_TRY(Statement(*db_, "DELETE FROM sessions WHERE secret_hash = ?1").Bind(hash).Run());
    return {};
  });
}

Status Store::TouchSessions(const std::vector<Session>& sessions) {
  if (sessions.empty()) return {};
  return db_->InTransaction([&]() -> Status {
    for (const Session& session : sessions) {
      Statement put(*db_, "UPDATE sessions SET seen_ms = ?1 WHERE secret_hash = ?2");
      SEXTANT_TRY(put.Bind(session.seen_ms).Bind(session.secret_hash).Run());
    }
    return {};
  });
}

}  // namespace sextant::users
