// Users, tokens and sessions as requests ask for them: in memory, and every change in the store before it
// counts. When a session was last seen is written by Flush, now and then.
//
// Thread-safe. What only looks (Find…, Users, Tokens) never waits for the disk and may be called on I/O
// threads; what changes may not.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "users/store.h"

namespace sextant::users {

// How long sessions live: since they were last seen, and since they began.
struct SessionLimits {
  core::DurationMs idle_ms = 0;
  core::DurationMs max_ms = 0;
};

class Directory {
 public:
  static constexpr size_t kMaxUsers = 10'000;
  static constexpr size_t kMaxTokens = 1'000;
  // Beyond, the one seen longest ago ends: of the same user, or of all.
  static constexpr size_t kMaxSessions = 10'000;
  static constexpr size_t kMaxSessionsOfUser = 50;
  static constexpr size_t kMaxNameBytes = 190;

  static core::Result<std::unique_ptr<Directory>> Open(const std::string& path, const core::Clock& clock);

  // By id.
  std::vector<User> Users() const;
  std::optional<User> FindUser(int64_t id) const;
  // By login, or else by email; both without case.
  std::optional<User> FindUser(std::string_view login_or_email) const;

  // The user with id and times. kInvalidArgument for an unusable login or email, kAlreadyExists,
  // kResourceExhausted.
  core::Result<User> AddUser(User user);
  // kNotFound; kInvalidArgument when no administrator would be left.
  core::Status SetRole(int64_t id, Role role);
  core::Status RemoveUser(int64_t id);
  // Ends the user's sessions, except the one with this secret.
  core::Status SetPassword(int64_t id, std::string password_hash, std::string_view kept_session);

  std::vector<Token> Tokens() const;
  // The token and its secret, which nobody can ask for again. `lifetime_ms` 0: for ever.
  core::Result<std::pair<Token, std::string>> AddToken(std::string name, Role role,
                                                       core::DurationMs lifetime_ms);
  core::Status RemoveToken(int64_t id);
  // None when there is no such token, or its time is over.
  std::optional<Token> FindToken(std::string_view secret) const;

  // The new session's secret.
  core::Result<std::string> BeginSession(int64_t user_id);
  // Whose session it is, which is noted as seen now; none when there is none or its time is over.
  std::optional<User> FindSession(std::string_view secret, SessionLimits limits);
  core::Status EndSession(std::string_view secret);
  size_t session_count() const;

  // Ends sessions whose time is over and writes when the others were seen.
  core::Status Flush(SessionLimits limits);

 private:
  Directory(std::unique_ptr<Store> store, const core::Clock& clock)
      : store_(std::move(store)), clock_(clock) {}
  core::Status Load();
  bool IsLastAdmin(const User& user) const;                            // under mutex_
  std::vector<std::string> SessionsToMakeRoom(int64_t user_id) const;  // likewise
  core::Status RemoveSessions(const std::vector<std::string>& hashes);

  const std::unique_ptr<Store> store_;  // used under change_mutex_
  const core::Clock& clock_;
  std::mutex change_mutex_;  // one change at a time; taken before mutex_
  mutable std::mutex mutex_;
  std::map<int64_t, User> users_;                          // guarded by mutex_, as what follows
  std::unordered_map<std::string, int64_t> ids_by_login_;  // in lower case
  std::unordered_map<std::string, int64_t> ids_by_email_;  // likewise, where there is one
  std::unordered_map<std::string, Token> tokens_;          // by hash
  struct LiveSession {
    Session session;
    core::TimestampMs written_seen_ms = 0;
  };
  std::unordered_map<std::string, LiveSession> sessions_;  // by hash
};

}  // namespace sextant::users
