#include "users/directory.h"

#include <algorithm>

#include "users/secrets.h"

namespace sextant::users {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool IsPlain(std::string_view text) {
  return text.size() <= Directory::kMaxNameBytes &&
         std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool IsOver(const Session& session, SessionLimits limits, core::TimestampMs now_ms) {
  return now_ms - session.seen_ms >= limits.idle_ms || now_ms - session.created_ms >= limits.max_ms;
}

}  // namespace

Result<std::unique_ptr<Directory>> Directory::Open(const std::string& path, const core::Clock& clock) {
  SEXTANT_ASSIGN(auto store, Store::Open(path));
  std::unique_ptr<Directory> directory(new Directory(std::move(store), clock));
  SEXTANT_TRY(directory->Load());
  return directory;
}

Status Directory::Load() {
  SEXTANT_ASSIGN(auto users, store_->Users());
  SEXTANT_ASSIGN(auto tokens, store_->Tokens());
  SEXTANT_ASSIGN(auto sessions, store_->Sessions());
  std::lock_guard lock(mutex_);
  for (User& user : users) {
    ids_by_login_[Lower(user.login)] = user.id;
    if (!user.email.empty()) ids_by_email_[Lower(user.email)] = user.id;
    users_[user.id] = std::move(user);
  }
  for (Token& token : tokens) tokens_[token.secret_hash] = std::move(token);
  for (Session& session : sessions) {
    core::TimestampMs seen_ms = session.seen_ms;
    std::string hash = session.secret_hash;
    sessions_[std::move(hash)] = {std::move(session), seen_ms};
  }
  return {};
}

std::vector<User> Directory::Users() const {
  std::lock_guard lock(mutex_);
  std::vector<User> users;
  users.reserve(users_.size());
  for (const auto& [id, user] : users_) users.push_back(user);
  return users;
}

std::optional<User> Directory::FindUser(int64_t id) const {
  std::lock_guard lock(mutex_);
  auto found = users_.find(id);
  if (found == users_.end()) return std::nullopt;
  return found->second;
}

std::optional<User> Directory::FindUser(std::string_view login_or_email) const {
  std::string lower = Lower(login_or_email);
  std::lock_guard lock(mutex_);
  for (const auto* ids : {&ids_by_login_, &ids_by_email_}) {
    if (auto found = ids->find(lower); found != ids->end()) return users_.at(found->second);
  }
  return std::nullopt;
}

Result<User> Directory::AddUser(User user) {
  if (user.login.empty()) user.login = user.email;
  if (user.login.empty() || !IsPlain(user.login))
    return Fail(Code::kInvalidArgument, "login must be a line of 1 to {} bytes", kMaxNameBytes);
  if (!IsPlain(user.email) || !IsPlain(user.name))
    return Fail(Code::kInvalidArgument, "email and name must be lines of at most {} bytes", kMaxNameBytes);
  std::lock_guard change(change_mutex_);
  {
    std::lock_guard lock(mutex_);
    for (const std::string& name : {Lower(user.login), Lower(user.email)}) {
      if (!name.empty() && (ids_by_login_.contains(name) || ids_by_email_.contains(name)))
        return Fail(Code::kAlreadyExists, "there is a user \"{}\" already", name);
    }
    if (users_.size() >= kMaxUsers)
      return Fail(Code::kResourceExhausted, "there are {} users, which is the limit", kMaxUsers);
  }
  user.created_ms = user.updated_ms = clock_.NowMs();
  SEXTANT_ASSIGN(user.id, store_->Add(user));
  std::lock_guard lock(mutex_);
  ids_by_login_[Lower(user.login)] = user.id;
  if (!user.email.empty()) ids_by_email_[Lower(user.email)] = user.id;
  users_[user.id] = user;
  return user;
}

bool Directory::IsLastAdmin(const User& user) const {
  return user.role == Role::kAdmin && std::ranges::count_if(users_, [](const auto& entry) {
                                        return entry.second.role == Role::kAdmin;
                                      }) == 1;
}

Status Directory::SetRole(int64_t id, Role role) {
  std::lock_guard change(change_mutex_);
  std::optional<User> user = FindUser(id);
  if (!user) return Fail(Code::kNotFound, "user not found");
  {
    std::lock_guard lock(mutex_);
    if (role != Role::kAdmin && IsLastAdmin(*user))
      return Fail(Code::kInvalidArgument, "the last administrator must stay one");
  }
  user->role = role;
  user->updated_ms = clock_.NowMs();
  SEXTANT_TRY(store_->Replace(*user));
  std::lock_guard lock(mutex_);
  users_[id] = std::move(*user);
  return {};
}

Status Directory::RemoveUser(int64_t id) {
  std::lock_guard change(change_mutex_);
  std::optional<User> user = FindUser(id);
  if (!user) return Fail(Code::kNotFound, "user not found");
  {
    std::lock_guard lock(mutex_);
    if (IsLastAdmin(*user)) return Fail(Code::kInvalidArgument, "the last administrator must stay");
  }
  SEXTANT_TRY(store_->RemoveUser(id));
  std::lock_guard lock(mutex_);
  users_.erase(id);
  ids_by_login_.erase(Lower(user->login));
  ids_by_email_.erase(Lower(user->email));
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.session.user_id == id; });
  return {};
}

Status Directory::SetPassword(int64_t id, std::string password_hash, std::string_view kept_session) {
  std::string kept = HashOfSecret(kept_session);
  std::lock_guard change(change_mutex_);
  std::optional<User> user = FindUser(id);
  if (!user) return Fail(Code::kNotFound, "user not found");
  user->password_hash = std::move(password_hash);
  user->updated_ms = clock_.NowMs();
  SEXTANT_TRY(store_->Replace(*user));
  std::vector<std::string> ended;
  {
    std::lock_guard lock(mutex_);
    users_[id] = std::move(*user);
    for (const auto& [hash, live] : sessions_) {
      if (live.session.user_id == id && hash != kept) ended.push_back(hash);
    }
  }
  return RemoveSessions(ended);
}

std::vector<Token> Directory::Tokens() const {
  std::lock_guard lock(mutex_);
  std::vector<Token> tokens;
  for (const auto& [hash, token] : tokens_) tokens.push_back(token);
  std::ranges::sort(tokens, {}, &Token::id);
  return tokens;
}

Result<std::pair<Token, std::string>> Directory::AddToken(std::string name, Role role,
                                                          core::DurationMs lifetime_ms) {
  if (name.empty() || !IsPlain(name))
    return Fail(Code::kInvalidArgument, "name must be a line of 1 to {} bytes", kMaxNameBytes);
  std::lock_guard change(change_mutex_);
  {
    std::lock_guard lock(mutex_);
    if (std::ranges::any_of(tokens_, [&](const auto& entry) { return entry.second.name == name; }))
      return Fail(Code::kAlreadyExists, "there is a token \"{}\" already", name);
    if (tokens_.size() >= kMaxTokens)
      return Fail(Code::kResourceExhausted, "there are {} tokens, which is the limit", kMaxTokens);
  }
  std::string secret = NewSecret();
  Token token;
  token.name = std::move(name);
  token.secret_hash = HashOfSecret(secret);
  token.role = role;
  token.created_ms = clock_.NowMs();
  token.expires_ms = lifetime_ms == 0 ? 0 : token.created_ms + lifetime_ms;
  SEXTANT_ASSIGN(token.id, store_->Add(token));
  std::lock_guard lock(mutex_);
  tokens_[token.secret_hash] = token;
  return std::pair(std::move(token), std::move(secret));
}

Status Directory::RemoveToken(int64_t id) {
  std::lock_guard change(change_mutex_);
  {
    std::lock_guard lock(mutex_);
    if (std::ranges::none_of(tokens_, [&](const auto& entry) { return entry.second.id == id; }))
      return Fail(Code::kNotFound, "token not found");
  }
  SEXTANT_TRY(store_->RemoveToken(id));
  std::lock_guard lock(mutex_);
  std::erase_if(tokens_, [&](const auto& entry) { return entry.second.id == id; });
  return {};
}

std::optional<Token> Directory::FindToken(std::string_view secret) const {
  std::string hash = HashOfSecret(secret);
  std::lock_guard lock(mutex_);
  auto found = tokens_.find(hash);
  if (found == tokens_.end()) return std::nullopt;
  const Token& token = found->second;
  if (token.expires_ms != 0 && clock_.NowMs() >= token.expires_ms) return std::nullopt;
  return token;
}

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

Result<std::string> Directory::BeginSession(int64_t user_id) {
  std::string secret = NewSecret();
  core::TimestampMs now_ms = clock_.NowMs();
  Session session{HashOfSecret(secret), user_id, now_ms, now_ms};
  std::lock_guard change(change_mutex_);
  std::vector<std::string> ended;
  {
    std::lock_guard lock(mutex_);
    if (!users_.contains(user_id)) return Fail(Code::kNotFound, "user not found");
    ended = SessionsToMakeRoom(user_id);
  }
  SEXTANT_TRY(RemoveSessions(ended));
  SEXTANT_TRY(store_->Put(session));
  std::lock_guard lock(mutex_);
  std::string hash = session.secret_hash;
  sessions_[std::move(hash)] = {std::move(session), now_ms};
  return secret;
}

std::optional<User> Directory::FindSession(std::string_view secret, SessionLimits limits) {
  std::string hash = HashOfSecret(secret);
  core::TimestampMs now_ms = clock_.NowMs();
  std::lock_guard lock(mutex_);
  auto found = sessions_.find(hash);
  if (found == sessions_.end() || IsOver(found->second.session, limits, now_ms)) return std::nullopt;
  auto user = users_.find(found->second.session.user_id);
  if (user == users_.end()) return std::nullopt;
  found->second.session.seen_ms = now_ms;
  return user->second;
}

Status Directory::EndSession(std::string_view secret) {
  std::lock_guard change(change_mutex_);
  return RemoveSessions({HashOfSecret(secret)});
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
