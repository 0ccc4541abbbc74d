// Users, API tokens and sessions in a SQLite file: what is written here is there after a crash.
//
//   users(id, login, email, name, password_hash, role, is_external, created_ms, updated_ms)
//   tokens(id, name, secret_hash, role, created_ms, expires_ms)
//   sessions(secret_hash, user_id, created_ms, seen_ms)
//
// Of passwords it has bcrypt's hash, of secrets SHA-256. `PRAGMA user_version` is 1. Calls may come from any
// thread, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
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
};

struct Token {
  int64_t id = 0;
  std::string name;
  std::string secret_hash;
  Role role = Role::kViewer;
  core::TimestampMs created_ms = 0;
  core::TimestampMs expires_ms = 0;  // 0: never
};

struct Session {
  std::string secret_hash;
  int64_t user_id = 0;
  core::TimestampMs created_ms = 0;
  core::TimestampMs seen_ms = 0;
};

class Store {
 public:
  // Opens or makes the file, readable by its owner only. Errors: kCorruption when it is no database of ours,
  // kIo otherwise.
  static core::Result<std::unique_ptr<Store>> Open(const std::string& path);

  core::Result<std::vector<User>> Users();
  core::Result<std::vector<Token>> Tokens();
  core::Result<std::vector<Session>> Sessions();

  // The new row's id. kAlreadyExists is the caller's to find out before.
  core::Result<int64_t> Add(const User& user);
  core::Result<int64_t> Add(const Token& token);
  core::Status Replace(const User& user);
  core::Status Put(const Session& session);
  // What is not there is fine. A user's sessions go with them.
  core::Status RemoveUser(int64_t id);
  core::Status RemoveToken(int64_t id);
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
