// Service accounts and tokens of the directory.
#include <algorithm>

#include "users/directory.h"
#include "users/names.h"
#include "users/secrets.h"

namespace sextant::users {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

std::vector<ServiceAccount> Directory::Accounts() const {
  std::lock_guard lock(mutex_);
  std::vector<ServiceAccount> accounts;
  accounts.reserve(accounts_.size());
  for (const auto& [id, account] : accounts_) accounts.push_back(account);
  return accounts;
}

std::optional<ServiceAccount> Directory::FindAccount(int64_t id) const {
  std::lock_guard lock(mutex_);
  auto found = accounts_.find(id);
  if (found == accounts_.end()) return std::nullopt;
  return found->second;
}

Result<ServiceAccount> Directory::AddAccount(ServiceAccount account) {
  if (account.name.empty() || !IsLine(account.name, kMaxNameBytes))
    return Fail(Code::kInvalidArgument, "name must be a line of 1 to {} bytes", kMaxNameBytes);
  std::lock_guard change(change_mutex_);
  {
    std::lock_guard lock(mutex_);
    if (std::ranges::any_of(accounts_, [&](const auto& entry) { return entry.second.name == account.name; }))
      return Fail(Code::kAlreadyExists, "there is a service account \"{}\" already", account.name);
    if (accounts_.size() >= kMaxAccounts)
      return Fail(Code::kResourceExhausted, "there are {} service accounts, which is the limit",
                  kMaxAccounts);
  }
  account.created_ms = clock_.NowMs();
  SEXTANT_ASSIGN(account.id, store_->Add(account));
  std::lock_guard lock(mutex_);
  accounts_[account.id] = account;
  return account;
}

Status Directory::ReplaceAccount(ServiceAccount account) {
  if (account.name.empty() || !IsLine(account.name, kMaxNameBytes))
    return Fail(Code::kInvalidArgument, "name must be a line of 1 to {} bytes", kMaxNameBytes);
  std::lock_guard change(change_mutex_);
  {
    std::lock_guard lock(mutex_);
    if (!accounts_.contains(account.id)) return Fail(Code::kNotFound, "service account not found");
    if (std::ranges::any_of(accounts_, [&](const auto& entry) {
          return entry.second.name == account.name && entry.first != account.id;
        })) {
      return Fail(Code::kAlreadyExists, "there is a service account \"{}\" already", account.name);
    }
  }
  SEXTANT_TRY(store_->Replace(account));
  std::lock_guard lock(mutex_);
  accounts_[account.id] = std::move(account);
  return {};
}

Status Directory::RemoveAccount(int64_t id) {
  std::lock_guard change(change_mutex_);
  if (!FindAccount(id)) return Fail(Code::kNotFound, "service account not found");
  SEXTANT_TRY(store_->RemoveAccount(id));
  std::lock_guard lock(mutex_);
  accounts_.erase(id);
  std::erase_if(tokens_, [&](const auto& entry) { return entry.second.account_id == id; });
  return {};
}

std::vector<Token> Directory::Tokens(int64_t account_id) const {
  std::lock_guard lock(mutex_);
  std::vector<Token> tokens;
  for (const auto& [hash, token] : tokens_) {
    if (token.account_id == account_id) tokens.push_back(token);
  }
  std::ranges::sort(tokens, {}, &Token::id);
  return tokens;
}

Result<std::pair<Token, std::string>> Directory::AddToken(std::string name, Role role,
                                                          core::DurationMs lifetime_ms, int64_t account_id) {
  if (name.empty() || !IsLine(name, kMaxNameBytes))
    return Fail(Code::kInvalidArgument, "name must be a line of 1 to {} bytes", kMaxNameBytes);
  std::lock_guard change(change_mutex_);
  {
    std::lock_guard lock(mutex_);
    if (account_id != 0 && !accounts_.contains(account_id))
      return Fail(Code::kNotFound, "service account not found");
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
  token.account_id = account_id;
  token.created_ms = clock_.NowMs();
  token.expires_ms = lifetime_ms == 0 ? 0 : token.created_ms + lifetime_ms;
  SEXTANT_ASSIGN(token.id, store_->Add(token));
  std::lock_guard lock(mutex_);
  tokens_[token.secret_hash] = token;
  return std::pair(std::move(token), std::move(secret));
}

Status Directory::RemoveToken(int64_t id, int64_t account_id) {
  auto is_it = [&](const auto& entry) {
    return entry.second.id == id && entry.second.account_id == account_id;
  };
  std::lock_guard change(change_mutex_);
  {
    std::lock_guard lock(mutex_);
    if (std::ranges::none_of(tokens_, is_it)) return Fail(Code::kNotFound, "token not found");
  }
  SEXTANT_TRY(store_->RemoveToken(id));
  std::lock_guard lock(mutex_);
  std::erase_if(tokens_, is_it);
  return {};
}

std::optional<Token> Directory::FindToken(std::string_view secret) const {
  std::string hash = HashOfSecret(secret);
  std::lock_guard lock(mutex_);
  auto found = tokens_.find(hash);
  if (found == tokens_.end()) return std::nullopt;
  Token token = found->second;
  if (token.expires_ms != 0 && clock_.NowMs() >= token.expires_ms) return std::nullopt;
  if (token.account_id == 0) return token;
  auto account = accounts_.find(token.account_id);
  if (account == accounts_.end() || account->second.is_disabled) return std::nullopt;
  token.role = account->second.role;
  return token;
}

}  // namespace sextant::users
