// Sessions of the directory.
#include <algorithm>

#include "users/directory.h"
#include "users/secrets.h"

namespace sextant::users {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

bool IsOver(const Session& session, SessionLimits limits, core::TimestampMs now_ms) {
  return now_ms - session.seen_ms >= limits.idle_ms || now_ms - session.created_ms >= limits.max_ms;
}

// Without control characters, and at most as long as is kept.
std::string Printable(std::string text) {
  if (text.size() > Directory::kMaxAgentBytes) text.resize(Directory::kMaxAgentBytes);
  std::erase_if(text, [](char c) { return c < 0x20 || c == 0x7f; });  // what is not ASCII goes too
  return text;
}

}  // namespace

// Which sessions must end for one more of this user.
std::vector<std::string> Directory::SessionsToMakeRoom(int64_t user_id) const {
  size_t of_user = 0;
  const Session* oldest = nullptr;
  const Session* oldest_of_user = nullptr;
  for (const auto& [hash, live] : sessions_) {
    const Session& session = live.session;
    if (oldest == nullptr || session.seen_ms < oldest->seen_ms) oldest = &session;
    if (session.user_id != user_id) continue;
    ++of_user;
    if (oldest_of_user == nullptr || session.seen_ms < oldest_of_user->seen_ms) oldest_of_user = &session;
  }
  if (of_user >= kMaxSessionsOfUser) return {oldest_of_user->secret_hash};
  if (sessions_.size() >= kMaxSessions) return {oldest->secret_hash};
  return {};
}

Result<std::string> Directory::BeginSession(int64_t user_id, SessionOrigin origin) {
  std::string secret = NewSecret();
  core::TimestampMs now_ms = clock_.NowMs();
  Session session{HashOfSecret(secret),
                  user_id,
                  now_ms,
                  now_ms,
                  0,
                  now_ms,
                  Printable(std::move(origin.address)),
                  Printable(std::move(origin.agent))};
  std::lock_guard change(change_mutex_);
  std::vector<std::string> ended;
  {
    std::lock_guard lock(mutex_);
    auto user = users_.find(user_id);
    if (user == users_.end()) return Fail(Code::kNotFound, "user not found");
    if (user->second.is_disabled) return Fail(Code::kPermissionDenied, "the user is disabled");
    ended = SessionsToMakeRoom(user_id);
    session.id = ++last_session_id_;
  }
  SEXTANT_TRY(RemoveSessions(ended));
  SEXTANT_TRY(store_->Put(session));
  std::lock_guard lock(mutex_);
  std::string hash = session.secret_hash;
  sessions_[std::move(hash)] = {std::move(session), now_ms};
  return secret;
}

const std::string& Directory::PresentHash(const std::string& hash) const {
  auto replaced = replaced_.find(hash);
  return replaced == replaced_.end() || clock_.NowMs() >= replaced->second.until_ms ? hash
                                                                                    : replaced->second.hash;
}

std::optional<User> Directory::FindSession(std::string_view secret, SessionLimits limits) {
  std::string hash = HashOfSecret(secret);
  core::TimestampMs now_ms = clock_.NowMs();
  std::lock_guard lock(mutex_);
  auto found = sessions_.find(PresentHash(hash));
  if (found == sessions_.end() || IsOver(found->second.session, limits, now_ms)) return std::nullopt;
  auto user = users_.find(found->second.session.user_id);
  if (user == users_.end() || user->second.is_disabled) return std::nullopt;
  found->second.session.seen_ms = now_ms;
  return user->second;
}

int64_t Directory::SessionId(std::string_view secret) const {
  std::string hash = HashOfSecret(secret);
  std::lock_guard lock(mutex_);
  auto found = sessions_.find(PresentHash(hash));
  return found == sessions_.end() ? 0 : found->second.session.id;
}

std::vector<Session> Directory::SessionsOf(int64_t user_id, SessionLimits limits) const {
  core::TimestampMs now_ms = clock_.NowMs();
  std::vector<Session> sessions;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [hash, live] : sessions_) {
      if (live.session.user_id == user_id && !IsOver(live.session, limits, now_ms))
        sessions.push_back(live.session);
    }
  }
  std::ranges::sort(sessions, [](const Session& a, const Session& b) {
    return std::tie(b.seen_ms, b.id) < std::tie(a.seen_ms, a.id);
  });
  return sessions;
}

Status Directory::EndSession(std::string_view secret) {
  std::string hash = HashOfSecret(secret);
  std::lock_guard change(change_mutex_);
  {
    std::lock_guard lock(mutex_);
    hash = PresentHash(hash);
  }
  return RemoveSessions({hash});
}

Status Directory::EndSessionOf(int64_t user_id, int64_t session_id) {
  std::lock_guard change(change_mutex_);
  std::string ended;
  {
    std::lock_guard lock(mutex_);
    auto found = std::ranges::find_if(sessions_, [&](const auto& entry) {
      const Session& session = entry.second.session;
      return session.user_id == user_id && session.id == session_id;
    });
    if (found == sessions_.end()) return Fail(Code::kNotFound, "user auth token not found");
    ended = found->first;
  }
  return RemoveSessions({ended});
}

std::vector<std::string> Directory::HashesOf(int64_t user_id) const {
  std::vector<std::string> hashes;
  for (const auto& [hash, live] : sessions_) {
    if (live.session.user_id == user_id) hashes.push_back(hash);
  }
  return hashes;
}

Status Directory::EndSessionsOf(int64_t user_id) {
  std::lock_guard change(change_mutex_);
  std::vector<std::string> ended;
  {
    std::lock_guard lock(mutex_);
    ended = HashesOf(user_id);
  }
  return RemoveSessions(ended);
}

Result<std::optional<std::string>> Directory::RotateSession(std::string_view secret,
                                                            core::DurationMs age_ms) {
  std::string hash = HashOfSecret(secret);
  core::TimestampMs now_ms = clock_.NowMs();
  std::lock_guard change(change_mutex_);
  Session session;
  {
    std::lock_guard lock(mutex_);
    auto found = sessions_.find(PresentHash(hash));
    if (found == sessions_.end()) return Fail(Code::kNotFound, "there is no such session");
    session = found->second.session;
  }
  // One that has just been given another secret has it from another of the browser's windows.
  if (session.secret_hash != hash || now_ms - session.rotated_ms < age_ms)
    return std::optional<std::string>();
  std::string fresh = NewSecret();
  session.secret_hash = HashOfSecret(fresh);
  session.rotated_ms = session.seen_ms = now_ms;
  SEXTANT_TRY(store_->Rotate(hash, session));
  std::lock_guard lock(mutex_);
  std::erase_if(replaced_, [&](const auto& entry) { return now_ms >= entry.second.until_ms; });
  replaced_[hash] = {session.secret_hash, now_ms + kOldSecretMs};
  sessions_.erase(hash);
  std::string present = session.secret_hash;
  sessions_[std::move(present)] = {std::move(session), now_ms};
  return std::optional(std::move(fresh));
}

// Under change_mutex_. They end at once, whatever the store says: it may only forget later.
Status Directory::RemoveSessions(const std::vector<std::string>& hashes) {
  {
    std::lock_guard lock(mutex_);
    for (const std::string& hash : hashes) sessions_.erase(hash);
  }
  return store_->RemoveSessions(hashes);
}

size_t Directory::session_count() const {
  std::lock_guard lock(mutex_);
  return sessions_.size();
}

Status Directory::Flush(SessionLimits limits) {
  core::TimestampMs now_ms = clock_.NowMs();
  std::lock_guard change(change_mutex_);
  std::vector<std::string> over;
  std::vector<Session> seen;
  {
    std::lock_guard lock(mutex_);
    for (auto& [hash, live] : sessions_) {
      if (IsOver(live.session, limits, now_ms)) {
        over.push_back(hash);
      } else if (live.session.seen_ms != live.written_seen_ms) {
        seen.push_back(live.session);
        live.written_seen_ms = live.session.seen_ms;
      }
    }
  }
  SEXTANT_TRY(RemoveSessions(over));
  return store_->TouchSessions(seen);
}

}  // namespace sextant::users
