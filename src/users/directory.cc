#include "users/directory.h"

#include <algorithm>

#include "users/names.h"
#include "users/secrets.h"

namespace sextant::users {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

// The line that a text must be.
bool IsPlain(std::string_view text) { return IsLine(text, Directory::kMaxNameBytes); }

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
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
  SEXTANT_ASSIGN(auto accounts, store_->Accounts());
  SEXTANT_ASSIGN(auto preferences, store_->AllPreferences());
  std::lock_guard lock(mutex_);
  for (User& user : users) {
    ids_by_login_[Lower(user.login)] = user.id;
    if (!user.email.empty()) ids_by_email_[Lower(user.email)] = user.id;
    users_[user.id] = std::move(user);
  }
  for (Token& token : tokens) tokens_[token.secret_hash] = std::move(token);
  for (ServiceAccount& account : accounts) accounts_[account.id] = std::move(account);
  for (auto& [user_id, wanted] : preferences) preferences_[user_id] = std::move(wanted);
  for (Session& session : sessions) {
    last_session_id_ = std::max(last_session_id_, session.id);
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
  auto is_admin = [](const User& one) { return one.role == Role::kAdmin && !one.is_disabled; };
  return is_admin(user) &&
         std::ranges::count_if(users_, [&](const auto& entry) { return is_admin(entry.second); }) == 1;
}

// A user who is there, with other fields than before.
Status Directory::ChangeUser(User user) {
  user.updated_ms = clock_.NowMs();
  SEXTANT_TRY(store_->Replace(user));
  std::lock_guard lock(mutex_);
  users_[user.id] = std::move(user);
  return {};
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
  return ChangeUser(std::move(*user));
}

Status Directory::Rename(int64_t id, std::string login, std::string email, std::string name) {
  if (login.empty()) login = email;
  if (login.empty() || !IsPlain(login))
    return Fail(Code::kInvalidArgument, "login must be a line of 1 to {} bytes", kMaxNameBytes);
  if (!IsPlain(email) || !IsPlain(name))
    return Fail(Code::kInvalidArgument, "email and name must be lines of at most {} bytes", kMaxNameBytes);
  std::lock_guard change(change_mutex_);
  std::optional<User> user = FindUser(id);
  if (!user) return Fail(Code::kNotFound, "user not found");
  {
    std::lock_guard lock(mutex_);
    for (const std::string& wanted : {Lower(login), Lower(email)}) {
      for (const auto* ids : {&ids_by_login_, &ids_by_email_}) {
        auto found = ids->find(wanted);
        if (!wanted.empty() && found != ids->end() && found->second != id)
          return Fail(Code::kAlreadyExists, "there is a user \"{}\" already", wanted);
      }
    }
  }
  User before = *user;
  user->login = std::move(login);
  user->email = std::move(email);
  user->name = std::move(name);
  SEXTANT_TRY(ChangeUser(*user));
  std::lock_guard lock(mutex_);
  ids_by_login_.erase(Lower(before.login));
  ids_by_email_.erase(Lower(before.email));
  ids_by_login_[Lower(user->login)] = id;
  if (!user->email.empty()) ids_by_email_[Lower(user->email)] = id;
  return {};
}

Status Directory::SetDisabled(int64_t id, bool is_disabled) {
  std::lock_guard change(change_mutex_);
  std::optional<User> user = FindUser(id);
  if (!user) return Fail(Code::kNotFound, "user not found");
  std::vector<std::string> ended;
  {
    std::lock_guard lock(mutex_);
    if (is_disabled && IsLastAdmin(*user))
      return Fail(Code::kInvalidArgument, "the last administrator must stay one");
    if (is_disabled) ended = HashesOf(id);
  }
  user->is_disabled = is_disabled;
  SEXTANT_TRY(ChangeUser(std::move(*user)));
  return RemoveSessions(ended);
}

Preferences Directory::PreferencesOf(int64_t user_id) const {
  std::lock_guard lock(mutex_);
  auto found = preferences_.find(user_id);
  return found == preferences_.end() ? Preferences() : found->second;
}

Status Directory::SetPreferences(int64_t user_id, Preferences preferences) {
  if (!IsOneOf(preferences.theme, {"", "light", "dark"}))
    return Fail(Code::kInvalidArgument, "theme must be light, dark or empty, not \"{}\"", preferences.theme);
  if (!IsOneOf(preferences.timezone, {"", "utc", "browser"}))
    return Fail(Code::kInvalidArgument, "timezone must be utc, browser or empty, not \"{}\"",
                preferences.timezone);
  if (!IsPlain(preferences.home_uid))
    return Fail(Code::kInvalidArgument, "homeDashboardUID must be a line of at most {} bytes", kMaxNameBytes);
  std::lock_guard change(change_mutex_);
  if (!FindUser(user_id)) return Fail(Code::kNotFound, "user not found");
  SEXTANT_TRY(store_->Put(user_id, preferences));
  std::lock_guard lock(mutex_);
  preferences_[user_id] = std::move(preferences);
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
  preferences_.erase(id);
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.session.user_id == id; });
  return {};
}

Status Directory::SetPassword(int64_t id, std::string password_hash, std::string_view kept_session) {
  std::string kept = HashOfSecret(kept_session);
  std::lock_guard change(change_mutex_);
  std::optional<User> user = FindUser(id);
  if (!user) return Fail(Code::kNotFound, "user not found");
  user->password_hash = std::move(password_hash);
  SEXTANT_TRY(ChangeUser(std::move(*user)));
  std::vector<std::string> ended;
  {
    std::lock_guard lock(mutex_);
    ended = HashesOf(id);
    std::erase(ended, PresentHash(kept));
  }
  return RemoveSessions(ended);
}

}  // namespace sextant::users
