// Users, service accounts, API tokens and sessions in a SQLite file: what is written here is there after a
// crash.
//
//   users(id, login, email, name, password_hash, role, is_external, created_ms, updated_ms, is_disabled)
//   accounts(id, name, role, is_disabled, created_ms)
//   tokens(id, name, secret_hash, role, created_ms, expires_ms, account_id)
//   sessions(secret_hash, user_id, created_ms, seen_ms, id, rotated_ms, address, agent)
//   preferences(user_id, theme, home_uid, timezone)
//
// Of passwords it has bcrypt's hash, of secrets SHA-256. `PRAGMA user_version` is 2; a file of version 1 is
// brought there. Calls may come from any thread, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "sqlite/database.h"
#include "users/role.h"

namespace sextant::users {

struct User {
  int64_t id = 0;  // given by the store
  std::string login;
  std::string email;
  std::string name;
  std::string password_hash;  // empty: cannot log in by password
  Role role = Role::kViewer;
  bool is_external = false;  // came through a proxy
  core::TimestampMs created_ms = 0;
  core::TimestampMs updated_ms = 0;
  bool is_disabled = false;  // cannot get in
};

// Something that is no person and gets in by its tokens.
struct ServiceAccount {
  int64_t id = 0;  // given by the store
  std::string name;
  Role role = Role::kViewer;
  bool is_disabled = false;
  core::TimestampMs created_ms = 0;
};

// What a user wants; empty texts: as it comes.
struct Preferences {
  std::string theme;  // "light", "dark"
  std::string home_uid;
  std::string timezone;  // "utc", "browser"
};

struct Token {
  int64_t id = 0;
  std::string name;
  std::string secret_hash;
  Role role = Role::kViewer;
  core::TimestampMs created_ms = 0;
  core::TimestampMs expires_ms = 0;  // 0: never
  int64_t account_id = 0;            // of the service account whose role counts; 0: the token's own
};

struct Session {
  std::string secret_hash;
  int64_t user_id = 0;
  core::TimestampMs created_ms = 0;
  core::TimestampMs seen_ms = 0;
  int64_t id = 0;                    // names it where its secret must not be told
  core::TimestampMs rotated_ms = 0;  // when it got this secret
  std::string address;               // of who began it
  std::string agent;                 // User-Agent, likewise
};

class Store {
 public:
  // Opens or makes the file, readable by its owner only. Errors: kCorruption when it is no database of ours,
  // kIo otherwise.
  static core::Result<std::unique_ptr<Store>> Open(const std::string& path);

  core::Result<std::vector<User>> Users();
  core::Result<std::vector<Token>> Tokens();
  core::Result<std::vector<Session>> Sessions();
  core::Result<std::vector<ServiceAccount>> Accounts();
  // With the user's id.
  core::Result<std::vector<std::pair<int64_t, Preferences>>> AllPreferences();

  // The new row's id. kAlreadyExists is the caller's to find out before.
  core::Result<int64_t> Add(const User& user);
  core::Result<int64_t> Add(const Token& token);
  core::Result<int64_t> Add(const ServiceAccount& account);
  core::Status Replace(const User& user);
  core::Status Replace(const ServiceAccount& account);
  core::Status Put(const Session& session);
  // Gives a session another secret, in place of the one with this hash.
  core::Status Rotate(const std::string& old_hash, const Session& session);
  core::Status Put(int64_t user_id, const Preferences& preferences);
  // What is not there is fine. A user's sessions and preferences go with them, an account's tokens.
  core::Status RemoveUser(int64_t id);
  core::Status RemoveToken(int64_t id);
  core::Status RemoveAccount(int64_t id);
  // All or nothing.
  core::Status RemoveSessions(const std::vector<std::string>& secret_hashes);
  // Writes when they were seen, of those that are still there.
  core::Status TouchSessions(const std::vector<Session>& sessions);

 private:
  explicit Store(std::unique_ptr<sqlite::Database> db) : db_(std::move(db)) {}
  core::Result<int64_t> LastId();

  const std::unique_ptr<sqlite::Database> db_;
};

}  // namespace sextant::users
