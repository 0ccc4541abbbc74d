// Users, service accounts, tokens and sessions as requests ask for them: in memory, and every change in the
// store before it counts. When a session was last seen is written by Flush, now and then.
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

// Who begins a session, for its owner to recognise it by.
struct SessionOrigin {
  std::string address;
  std::string agent;  // User-Agent; cut at kMaxAgentBytes
};

class Directory {
 public:
  static constexpr size_t kMaxUsers = 10'000;
  static constexpr size_t kMaxTokens = 1'000;
  static constexpr size_t kMaxAccounts = 1'000;
  // Beyond, the one seen longest ago ends: of the same user, or of all.
  static constexpr size_t kMaxSessions = 10'000;
  static constexpr size_t kMaxSessionsOfUser = 50;
  static constexpr size_t kMaxNameBytes = 190;
  static constexpr size_t kMaxAgentBytes = 300;
  // How long a secret that was replaced still counts, for requests that were under way.
  static constexpr core::DurationMs kOldSecretMs = 60'000;

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
  // Other names for a user. kNotFound, kInvalidArgument, kAlreadyExists.
  core::Status Rename(int64_t id, std::string login, std::string email, std::string name);
  // A disabled user's sessions end. kNotFound; kInvalidArgument when no administrator would be left.
  core::Status SetDisabled(int64_t id, bool is_disabled);
  Preferences PreferencesOf(int64_t user_id) const;
  // kNotFound; kInvalidArgument for words that mean nothing.
  core::Status SetPreferences(int64_t user_id, Preferences preferences);
  // Ends the user's sessions, except the one with this secret.
  core::Status SetPassword(int64_t id, std::string password_hash, std::string_view kept_session);

  // Service accounts by id. Errors: kNotFound, kInvalidArgument (the name), kAlreadyExists,
  // kResourceExhausted.
  std::vector<ServiceAccount> Accounts() const;
  std::optional<ServiceAccount> FindAccount(int64_t id) const;
  core::Result<ServiceAccount> AddAccount(ServiceAccount account);
  core::Status ReplaceAccount(ServiceAccount account);
  core::Status RemoveAccount(int64_t id);  // with its tokens

  // Those of a service account, or with 0 those of none.
  std::vector<Token> Tokens(int64_t account_id = 0) const;
  // The token and its secret, which nobody can ask for again. `lifetime_ms` 0: for ever. With an account,
  // `role` does not matter; kNotFound when there is none.
  core::Result<std::pair<Token, std::string>> AddToken(std::string name, Role role,
                                                       core::DurationMs lifetime_ms, int64_t account_id = 0);
  // kNotFound, also for another account's.
  core::Status RemoveToken(int64_t id, int64_t account_id = 0);
  // With the role that counts. None when there is no such token, its time is over, or its account is
  // disabled.
  std::optional<Token> FindToken(std::string_view secret) const;

  // The new session's secret. kPermissionDenied when the user is disabled.
  core::Result<std::string> BeginSession(int64_t user_id, SessionOrigin origin = {});
  // Whose session it is, which is noted as seen now; none when there is none or its time is over.
  std::optional<User> FindSession(std::string_view secret, SessionLimits limits);
  core::Status EndSession(std::string_view secret);
  // The sessions of a user whose time is not over, the one seen last first.
  std::vector<Session> SessionsOf(int64_t user_id, SessionLimits limits) const;
  // kNotFound when the user has no such session.
  core::Status EndSessionOf(int64_t user_id, int64_t session_id);
  core::Status EndSessionsOf(int64_t user_id);
  // Another secret for a session whose own is older than `age_ms`; nothing when it is younger, or just was
  // replaced. kNotFound when there is no such session.
  core::Result<std::optional<std::string>> RotateSession(std::string_view secret, core::DurationMs age_ms);
  // The id of the session with this secret; 0 when there is none.
  int64_t SessionId(std::string_view secret) const;
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
  core::Status ChangeUser(User user);                        // under change_mutex_
  std::vector<std::string> HashesOf(int64_t user_id) const;  // of sessions, under mutex_
  // Of the session that the hash belongs or belonged to, its present one; under mutex_.
  const std::string& PresentHash(const std::string& hash) const;

  const std::unique_ptr<Store> store_;  // used under change_mutex_
  const core::Clock& clock_;
  std::mutex change_mutex_;  // one change at a time; taken before mutex_
  mutable std::mutex mutex_;
  std::map<int64_t, User> users_;                          // guarded by mutex_, as what follows
  std::unordered_map<std::string, int64_t> ids_by_login_;  // in lower case
  std::unordered_map<std::string, int64_t> ids_by_email_;  // likewise, where there is one
  std::map<int64_t, Preferences> preferences_;
  std::map<int64_t, ServiceAccount> accounts_;
  std::unordered_map<std::string, Token> tokens_;  // by hash
  struct LiveSession {
    Session session;
    core::TimestampMs written_seen_ms = 0;
  };
  std::unordered_map<std::string, LiveSession> sessions_;  // by hash
  struct Replaced {
    std::string hash;  // the present one
    core::TimestampMs until_ms = 0;
  };
  std::unordered_map<std::string, Replaced> replaced_;  // by the old hash
  int64_t last_session_id_ = 0;
};

}  // namespace sextant::users
